import type { Run } from "@effect-noukai/studio/RunsApi"
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { emptyList, missingPage, pageSize, type RunList, withChange, withPage } from "../../page/src/runList.js"

const run = (index: number, status = "completed"): Run => ({
  id: `run-${index}`,
  flow: "a/b/c",
  status,
  startedAt: index
})

/** A server with its runs, newest first. */
const pageOf = (runs: ReadonlyArray<Run>, offset: number, limit = pageSize) => ({
  runs: [...runs].reverse().slice(offset, offset + limit),
  total: runs.length
})

/** Reads all that the reader sees, as the page does. */
const filled = (list: RunList, server: ReadonlyArray<Run>): RunList => {
  for (;;) {
    const page = missingPage(list, 0, list.rows.length - 1)
    if (page === undefined) return list
    list = withPage(list, pageOf(server, page.offset, page.limit), page.offset)
  }
}

describe("runList", () => {
  it("reads the rows in view a page at a time, also after new runs have come", () => {
    const server = Array.from({ length: 350 }, (_, index) => run(index))
    let list = withPage(emptyList(""), pageOf(server, 0), 0)
    assert.deepStrictEqual(missingPage(list, 0, 20), undefined)
    for (let index = 350; index < 360; index++) {
      server.push(run(index))
      list = withChange(list, { runs: [server.at(-1)!], gone: [], total: server.length }).list
    }
    assert.strictEqual(list.rows.length, 360)
    assert.isDefined(missingPage(list, 300, 340))
    assert.deepStrictEqual(filled(list, server).rows, server)
  })

  it("a run that changes stays in its place, and one that leaves makes the list doubtful only if it was not known", () => {
    const server = Array.from({ length: 250 }, (_, index) => run(index, "running"))
    let list = withPage(emptyList(""), pageOf(server, 0), 0)
    const changed = withChange(list, { runs: [run(240, "failed")], gone: [], total: 250 })
    assert.isFalse(changed.isInDoubt)
    assert.strictEqual(changed.list.rows[240]!.status, "failed")
    list = changed.list
    const known = withChange(list, { runs: [], gone: ["run-245"], total: 249 })
    assert.isFalse(known.isInDoubt)
    assert.strictEqual(known.list.rows.length, 249)
    assert.isTrue(withChange(list, { runs: [], gone: ["run-3"], total: 249 }).isInDoubt)
    // a run that was not loaded is not a new one
    assert.strictEqual(withChange(list, { runs: [run(2, "failed")], gone: [], total: 250 }).list.rows.length, 250)
  })

  it("is the list of the server after any changes, once it was read again where it is in doubt", () => {
    const step = FastCheck.oneof(
      FastCheck.record({ kind: FastCheck.constant("new" as const), count: FastCheck.integer({ min: 1, max: 30 }) }),
      FastCheck.record({ kind: FastCheck.constant("change" as const), at: FastCheck.nat() }),
      FastCheck.record({ kind: FastCheck.constant("gone" as const), at: FastCheck.nat() })
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.nat(400), FastCheck.array(step, { maxLength: 30 }), (count, steps) => {
        const server = Array.from({ length: count }, (_, index) => run(index))
        let next = count
        let list = withPage(emptyList(""), pageOf(server, 0), 0)
        for (const one of steps) {
          const runs: Array<Run> = []
          const gone: Array<string> = []
          if (one.kind === "new") { for (let nth = 0; nth < one.count; nth++) runs.push(run(next++)) }
          const at = one.kind === "new" || server.length === 0 ? -1 : one.at % server.length
          if (one.kind === "change" && at !== -1) server[at] = { ...server[at]!, status: "failed" }
          if (one.kind === "change" && at !== -1) runs.push(server[at]!)
          else if (one.kind === "gone" && at !== -1) gone.push(server.splice(at, 1)[0]!.id)
          else server.push(...runs)
          const changed = withChange(list, { runs, gone, total: server.length })
          list = changed.isInDoubt ? withPage(changed.list, pageOf(server, 0), 0) : changed.list
        }
        assert.deepStrictEqual(filled(list, server).rows, server)
      }),
      { numRuns: 200 }
    )
  })
})
