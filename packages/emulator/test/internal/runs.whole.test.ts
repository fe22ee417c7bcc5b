import { assert, describe, it } from "@effect/vitest"
import { size } from "../../../sdk/test/support/size.js"
import type { RunEntry } from "../../src/EmulatorLedger.js"
import * as Flows from "../../src/internal/flow/flows.js"
import * as Ids from "../../src/internal/store/ids.js"
import * as Runs from "../../src/internal/store/runs.js"
import { samples } from "../../src/samples.js"

const tree = Flows.make(samples).resolve({ org: "noukai", project: "samples", slug: "hello-world", version: undefined })

const entry = (executionId: string): RunEntry => ({
  executionId,
  flow: "noukai/samples/hello-world",
  flowId: "fl",
  trigger: "execute",
  status: "running",
  startedAt: 0,
  billedUsd: "0"
})

const session = (number: number) => `5d1c9f44-7a0b-4f5e-9a55-${String(number).padStart(12, "0")}`

const start = (runs: Runs.Runs, sessionId?: string): Runs.Run => {
  if (tree._tag === "Left") return assert.fail("no such flow")
  return runs.add({
    tree: tree.right,
    trigger: "execute",
    sessionId,
    size: 10,
    capture: "off",
    rowDelay: 0,
    status: "running",
    input: {
      message: "hi",
      messages: [],
      parameters: {},
      blockOverrides: {},
      trace: false
    }
  }, (id) => ({ ...entry(id) }))
}

const make = (limits: Partial<Runs.RunLimits> = {}) =>
  Runs.make({ runs: 100_000, bytes: 1e12, evicted: 1_000_000, sessionLag: 0, ...limits }, Ids.make(1))

describe("runs", () => {
  // one after the other all of these would be ten thousand million comparisons
  it("finds the sessions of very many runs, each by its id", () => {
    const count = size(100_000, 20_000)
    const runs = make()
    for (let number = 0; number < count; number++) start(runs, session(number))
    const lost: Array<number> = []
    for (let number = 0; number < count; number++) {
      const [only, ...rest] = runs.ofSession(session(number), 0)
      const isFound = only !== undefined && only.number === number && rest.length === 0 && runs.get(only.id) === only
      if (!isFound) lost.push(number)
    }
    assert.deepStrictEqual(lost, [])
    assert.deepStrictEqual(runs.ofSession(session(100_000), 0), [])
  })

  it("keeps the newest, and knows of each of the others that it was", () => {
    const runs = make({ runs: 10 })
    const ids = Array.from({ length: 5_000 }, (_, number) => start(runs, session(number % 100)).id)
    assert.deepStrictEqual([...runs.newestFirst()].map(({ id }) => id), ids.slice(-10).reverse())
    assert.deepStrictEqual([...runs.newestFirst(4_995)].map(({ number }) => number), [
      4_994,
      4_993,
      4_992,
      4_991,
      4_990
    ])
    for (const id of ids.slice(0, -10)) {
      assert.isUndefined(runs.get(id))
      const evicted = runs.evicted(id)!
      assert.strictEqual(evicted.trigger, "execute")
      assert.strictEqual(evicted.flow.ref, "noukai/samples/hello-world")
      assert.strictEqual(Runs.projectOf(evicted.flow), "noukai/samples")
    }
    for (const id of ids.slice(-10)) assert.isUndefined(runs.evicted(id))
    assert.strictEqual(runs.evictedCount(), 4_990)
    for (let number = 0; number < 100; number++) assert.isDefined(runs.evictedSession(session(number)))
    assert.deepStrictEqual(runs.ofSession(session(99), 0).map(({ number }) => number), [4_999])
    runs.reset()
    assert.isUndefined(runs.evicted(ids[0]!))
    assert.strictEqual(start(runs).id, ids[0])
  })

  it("does not know an id that it did not issue", () => {
    const runs = make({ runs: 1 })
    const [first] = [start(runs).id, start(runs).id]
    const other = `${first.slice(0, -1)}${first.endsWith("0") ? "1" : "0"}`
    for (const id of [other, first.toUpperCase(), "", "x", first.slice(0, 8)]) {
      assert.isUndefined(runs.get(id), id)
      assert.isUndefined(runs.evicted(id), id)
    }
    assert.isDefined(runs.evicted(first))
  })
})
