/** Rows whose run exists, or may exist, when a later request of theirs is refused. */
import { Batch, BatchSource } from "@effect-noukai/batch"
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { Tools } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { collect, echo, layer, numbered, type Row, rowsOf, runsOf } from "./support/batches.js"

const quick = { grace: 300, concurrency: 1 } as const

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

type Flow = NonNullable<EmulatorOptions["flows"]>[number]

/** A flow of two dollars: one is spent when it asks for its tool. */
const flow: Flow = {
  ref: "acme/test/tools",
  steps: [
    { kind: "template", id: "first", output: "{{message}}", costUsd: "1" },
    {
      kind: "tool",
      id: "asks",
      rounds: [[{ name: "weather" }]],
      output: "{{message}} {{tools.weather}}",
      costUsd: "1"
    }
  ]
}

const keyed = {
  operation: "execute" as const,
  key: (row: Row) => row.id,
  input: (row: Row) => ({ message: row.text ?? row.id })
}

const batch = Batch.make({
  ...keyed,
  id: "tools",
  flow: flow.ref,
  tools: Tools.handle(
    [{ type: "function", function: { name: "weather" } }],
    (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "rain" })))
  )
})

const faults = (script: readonly [string, ...Array<string>], repeat = false) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    yield* emulator.putFlows(flow)
    yield* emulator.addFaults({ match: { endpoint: "execute" }, script, repeat })
  })

const results = collect(Batch.results(batch, { withInput: true }))

describe.concurrent("a row whose run waits for tools", () => {
  for (const fault of ["401", "402", "404"]) {
    it.live(
      `goes on with its own text after a ${fault}, and is neither sent again nor forgotten`,
      () =>
        Effect.gen(function*() {
          yield* faults(["ok", "ok", "ok", fault])
          const rows = (text: string) => BatchSource.fromIterable<Row>([{ id: "row 1" }, { id: "row 2", text }])
          const stopped = yield* Batch.run(batch, rows("old"), { ...quick, cost: true })
          assert.deepStrictEqual([stopped.stop?.reason, states(stopped)], ["refused", { done: 1, uncertain: 1 }])
          yield* Batch.cancel("tools")
          assert.strictEqual(yield* Batch.retry("tools", { only: "cancelled" }), 0)
          const ended = yield* Batch.run(batch, rows("new"), { ...quick, cost: true })
          assert.deepStrictEqual([states(ended), ended.refused, ended.costUsd], [{ done: 2 }, 1, "4"])
          assert.deepStrictEqual(
            (yield* results).map(({ input, result }) => [input, result]),
            [[{ message: "row 1" }, "row 1 rain"], [{ message: "old" }, "old rain"]]
          )
          assert.strictEqual((yield* runsOf).length, 2)
        }).pipe(Effect.provide(layer()))
    )
  }

  it.live("goes on after a 429", () =>
    Effect.gen(function*() {
      yield* faults(["ok", "ok", "ok", "429:retry=1"])
      const ended = yield* Batch.run(batch, numbered(2), { ...quick, cost: true })
      assert.deepStrictEqual([states(ended), ended.costUsd], [{ done: 2 }, "4"])
      assert.strictEqual((yield* runsOf).length, 2)
    }).pipe(Effect.provide(layer())))

  it.live("goes on where its source does not have it any more", () =>
    Effect.gen(function*() {
      yield* faults(["ok", "ok", "ok", "402"])
      yield* Batch.run(batch, rowsOf("row 1", "row 2"), quick)
      const ended = yield* Batch.run(batch, rowsOf("row 1"), quick)
      assert.deepStrictEqual([ended.status, states(ended), ended.absent], ["completed", { done: 2 }, 0])
    }).pipe(Effect.provide(layer())))

  it.live("keeps its batch to its flow", () =>
    Effect.gen(function*() {
      yield* faults(["ok", "402"])
      yield* Batch.run(batch, numbered(1), quick)
      const other = Batch.make({ ...keyed, id: "tools", flow: echo })
      const error = yield* Effect.flip(Batch.run(other, numbered(1), quick))
      assert.strictEqual(error._tag, "BatchConflictError")
    }).pipe(Effect.provide(layer())))

  it.live("counts towards a budget where its next request is refused", () =>
    Effect.gen(function*() {
      yield* faults(["ok", "422"], true)
      const ended = yield* Batch.run(batch, numbered(10), { ...quick, budgetUsd: 3, maxCostPerRow: 2 })
      const runs = yield* runsOf
      const { billedUsd } = yield* Effect.flatMap(Emulator, ({ ledger }) => ledger)
      assert.deepStrictEqual([ended.stop?.reason, ended.costUsd], ["budget", billedUsd])
      assert.deepStrictEqual([states(ended).failed, runs.length], [2, 2])
      assert.deepStrictEqual(
        (yield* results).slice(0, 2).map(({ executionId }) => executionId),
        runs.map(({ executionId }) => executionId)
      )
    }).pipe(Effect.provide(layer())))
})

describe.concurrent("a row in doubt", () => {
  for (const fault of ["401", "429:retry=1"]) {
    it.live(`stays in doubt after a ${fault} at its session, and is not sent again`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["ok", "reset:late"] })
        yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["ok", "ok", "ok", fault] })
        const doubted = Batch.make({ ...keyed, id: "doubt", flow: echo })
        yield* Batch.run(doubted, numbered(2), quick)
        yield* Batch.cancel("doubt")
        assert.strictEqual(yield* Batch.retry("doubt", { only: "cancelled" }), 0)
        const ended = yield* Batch.run(doubted, numbered(2), quick)
        assert.deepStrictEqual(states(ended), { done: 2 })
        assert.strictEqual((yield* runsOf).length, 2)
      }).pipe(Effect.provide(layer({ capture: "full" }))))
  }
})
