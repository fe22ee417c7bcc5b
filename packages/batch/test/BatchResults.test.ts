/** Results of a batch, and the files and comparisons that are made of them. */
import { Batch, BatchReport } from "@effect-noukai/batch"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { folder } from "../../sdk/test/support/folder.js"
import { collect, echoing, layer, numbered, requestsTo, type Row, rowsOf } from "./support/batches.js"

const quick = { grace: 300 } as const

const measured = "acme/test/measured"

const flows = [{
  ref: measured,
  steps: [
    { kind: "template" as const, id: "a", output: 1, duration: "30 millis", tokens: { prompt: 7, completion: 2 } },
    { kind: "template" as const, id: "b", output: { said: "{{message}}" }, tokens: { prompt: 5, completion: 1 } }
  ]
}, { ref: "acme/test/free", steps: [{ kind: "template" as const, id: "a", output: 1 }] }]

describe("the results of a batch", () => {
  it.scopedLive("have the version, the time, and the tokens where costs are read, which take no request more", () =>
    Effect.gen(function*() {
      yield* Batch.run(echoing("timed", measured), rowsOf("one"), quick)
      const [timed] = yield* collect(Batch.results("timed"))
      assert.strictEqual(timed!.version, "production")
      assert.isAtLeast(timed!.durationMs!, 30)
      assert.isFalse("tokens" in timed! || "input" in timed!)
      assert.strictEqual((yield* requestsTo("trace")).length, 0)

      yield* Batch.run(echoing("priced", measured), rowsOf("one", "two"), { ...quick, cost: true })
      const rows = yield* collect(Batch.results("priced"))
      for (const { durationMs, tokens } of rows) {
        assert.deepStrictEqual(tokens, { prompt: 12, completion: 3, total: 15 })
        assert.isAtLeast(durationMs!, 30)
      }
      assert.strictEqual((yield* requestsTo("trace")).length, 2)
      yield* Batch.run(echoing("free", "acme/test/free"), rowsOf("one"), { ...quick, cost: true })
      assert.isFalse("tokens" in (yield* collect(Batch.results("free")))[0]!)
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("have the input where it is wanted, in both orders", () =>
    Effect.gen(function*() {
      yield* Batch.run(echoing("b"), numbered(3), quick)
      for (const order of ["input", "done"] as const) {
        const rows = yield* collect(Batch.results("b", { order, withInput: true }))
        assert.deepStrictEqual(rows.map(({ input }) => input).sort(), [
          { message: "row 1" },
          { message: "row 2" },
          { message: "row 3" }
        ])
      }
    }).pipe(Effect.provide(layer())))

  it.scopedLive("in a folder come with a manifest that names the flow, the version and the definition", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const draft = Batch.make({
        id: "b",
        flow: "acme/test/echo",
        version: "draft",
        key: (row: Row) => row.id,
        input: ({ id }) => ({ message: id })
      })
      yield* Batch.run(draft, numbered(1), quick)
      const summary = yield* Batch.status("b")
      yield* BatchReport.toFolder(path, { rows: Batch.results("b"), summary })
      const { definition, flow, version } = JSON.parse(
        yield* Effect.promise(() => readFile(join(path, "manifest.json"), "utf8"))
      )
      assert.deepStrictEqual([flow, version, definition], ["acme/test/echo", "draft", {
        hash: summary.definition!.hash
      }])
    }).pipe(Effect.provide(layer())))
})
