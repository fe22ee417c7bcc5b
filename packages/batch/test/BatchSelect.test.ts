/** Some rows of a batch, by patterns of their keys and by their states. */
import { Batch } from "@effect-noukai/batch"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { anyText } from "../../sdk/test/support/fuzz.js"
import { selecting } from "../src/internal/selection.js"
import { collect, echo, layer, type Row, rowsOf, runsOf } from "./support/batches.js"

const quick = { grace: 200, concurrency: 4 } as const

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

const source = rowsOf("a/1", "a/2", "b/1", "b/2", "c")

const batchOf = (id: string) =>
  Batch.make({
    id,
    flow: echo,
    key: (row: Row) => row.id,
    input: (row) => ({ message: row.id })
  })

describe.concurrent("rows that are selected", () => {
  it.live("are run, and the others stay pending for another run", () =>
    Effect.gen(function*() {
      const batch = batchOf("some")
      const select = { key: ["a*", "?"] }
      const plan = yield* Batch.plan(batch, source, { select })
      assert.deepStrictEqual([plan.added, plan.ready, plan.unselected], [5, 3, 2])
      const summary = yield* Batch.run(batch, source, { ...quick, select })
      assert.deepStrictEqual([
        summary.status,
        summary.isClean,
        summary.stop?.reason,
        summary.unselected,
        states(summary)
      ], [
        "incomplete",
        false,
        "unselected",
        2,
        { done: 3, pending: 2 }
      ])
      assert.strictEqual((yield* runsOf).length, 3)
      const next = yield* Batch.plan(batch, source, { select: { key: "b/1" } })
      assert.deepStrictEqual([next.known, next.ready, next.unselected, next.absent], [{ done: 3, pending: 1 }, 0, 1, 0])
      const hash = summary.definition?.hash
      const second = yield* Batch.run(batch, source, { ...quick, select: { key: "b/1" } })
      assert.deepStrictEqual([states(second), second.definition?.hash], [{ done: 4, pending: 1 }, hash])
      const rest = yield* Batch.run(batch, source, quick)
      assert.deepStrictEqual([rest.status, rest.isClean, rest.unselected], ["completed", true, 0])
      assert.strictEqual((yield* runsOf).length, 5)
    }).pipe(Effect.provide(layer())))

  it.live("may be none, and none of a state that is settled", () =>
    Effect.gen(function*() {
      const batch = batchOf("none")
      const none = yield* Batch.run(batch, source, { ...quick, select: { state: ["submitted", "uncertain"] } })
      assert.deepStrictEqual([states(none), none.unselected], [{ pending: 5 }, 5])
      assert.lengthOf(yield* runsOf, 0)
      const error = yield* Effect.flip(Batch.run(batch, source, { ...quick, select: { state: "failed" } }))
      assert.strictEqual(
        error.message,
        "Batch.run: select has the state failed, whose rows are settled: make them pending first, with a retry"
      )
      const pending = yield* Batch.run(batch, source, { ...quick, select: { state: "pending", key: "*1" } })
      assert.deepStrictEqual(states(pending), { done: 2, pending: 3 })
      const cancelled = yield* Batch.cancel("none")
      assert.strictEqual(cancelled, 3)
    }).pipe(Effect.provide(layer())))

  it.live("are retried and read", () =>
    Effect.gen(function*() {
      const batch = batchOf("read")
      yield* Batch.run(batch, source, { ...quick, budgetUsd: 0, maxCostPerRow: 1 })
      yield* Batch.cancel("read")
      const retried = yield* Batch.retry("read", { only: "cancelled", select: { key: "b/*" } })
      assert.strictEqual(retried, 2)
      assert.strictEqual(yield* Batch.retry("read", { only: "cancelled", select: { state: "failed" } }), 0)
      const keys = (select: Batch.RowSelection) =>
        Effect.map(collect(Batch.results("read", { select })), (rows) => rows.map(({ key }) => key))
      assert.deepStrictEqual(yield* keys({ state: "pending" }), ["b/1", "b/2"])
      assert.deepStrictEqual(yield* keys({ state: ["pending", "cancelled"], key: "*1" }), ["a/1", "b/1"])
      assert.deepStrictEqual(yield* keys({ key: "none" }), [])
      for (const select of [{ key: "" }, { key: 1 as never }, { state: "gone" as never }]) {
        const error = yield* Effect.flip(keys(select))
        assert.strictEqual(error._tag === "InvalidBatchError" && error.field, "select")
      }
      // rows that were never sent have no attempt to show
      assert.deepStrictEqual(yield* Batch.attempts("read", "b/1"), [])
    }).pipe(Effect.provide(layer())))
})

describe("a pattern of keys", () => {
  const fits = (key: string, text: string) =>
    Effect.runSync(Effect.map(selecting("test", { key }), (isSelected) => isSelected({ key: text, state: "done" })))

  it.each([
    ["a*", "a", true],
    ["a*", "ab/c\n d", true],
    ["a*", "ba", false],
    ["*.txt", "one.txt", true],
    ["*.txt", "one-txt", false],
    ["?", "😀", true],
    ["?", "ab", false],
    ["a?c", "abc", true],
    ["[ab]", "a", false],
    ["[ab]", "[ab]", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["\\", "\\", true],
    ["(a|b)+$^{2}", "(a|b)+$^{2}", true]
  ])("%s and the key %s: %s", (pattern, text, expected) => assert.strictEqual(fits(pattern, text), expected))

  it("is the key itself where each of its characters is escaped", () => {
    fc.assert(fc.property(anyText({ minLength: 1 }), fc.string(), (key, other) => {
      const escaped = Array.from(key, (char) => `\\${char}`).join("")
      return fits(escaped, key) && fits(escaped, other) === (key === other) && fits("*", key)
    }))
  })
})
