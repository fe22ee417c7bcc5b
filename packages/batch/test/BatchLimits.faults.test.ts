/** Rates, budgets, pauses, and rows of which it is not known whether they ran. */
import { Batch } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { collect, echoing, layer, ledgerFile, numbered, onFile, requestsTo, runsOf } from "./support/batches.js"

const quick = { grace: 300 } as const

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

/** The times at which rows were submitted, in milliseconds, in their order. */
const submissions = Effect.map(
  requestsTo("submitJob"),
  (requests) =>
    requests.filter(({ method }) => method === "POST").map(({ receivedAt }) => receivedAt).sort((a, b) => a - b)
)

/** A ledger of its own, each time. */
const layerOfLedger = () => Layer.unwrapScoped(Effect.map(ledgerFile, onFile))

const priced = {
  flows: [{
    ref: "acme/test/priced",
    steps: [{ kind: "template" as const, id: "a", output: { said: "{{message}}" }, costUsd: "0.01" }]
  }]
}

describe.concurrent("a rate", () => {
  it.live("is kept by the rows that begin", () =>
    Effect.gen(function*() {
      yield* Batch.run(echoing("rate"), numbered(40), { ...quick, rate: 50 })
      const times = yield* submissions
      assert.strictEqual(times.length, 40)
      // the turns of 800 ms: rows that come late come together with others, and never begin early
      assert.isAtLeast(times[39]! - times[0]!, 500)
    }).pipe(Effect.provide(layer())))
})

describe.concurrent("a budget", () => {
  it.live("is never exceeded, and ends the batch as incomplete", () =>
    Effect.gen(function*() {
      const batch = echoing("budget", "acme/test/priced")
      const options = { ...quick, budgetUsd: 0.105, maxCostPerRow: 0.02 }
      const summary = yield* Batch.run(batch, numbered(40), options)
      assert.deepStrictEqual([summary.status, summary.stop?.reason], ["incomplete", "budget"])
      const runs = yield* runsOf
      const emulator = yield* Emulator
      const { billedUsd } = yield* emulator.ledger
      assert.strictEqual(summary.costUsd, billedUsd)
      assert.isAtMost(Number(billedUsd), 0.105)
      assert.isAtLeast(runs.length, 8)
      assert.strictEqual(summary.states.done + summary.states.pending, 40)
      const more = yield* Batch.run(batch, numbered(40), { ...options, budgetUsd: 10 })
      assert.deepStrictEqual([more.status, more.states.done, more.costUsd], ["completed", 40, "0.4"])
    }).pipe(Effect.provide(layer(priced))))

  it.live("counts what was reserved where a cost is not known", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["404"], repeat: true })
      const batch = echoing("unknown", "acme/test/priced")
      const summary = yield* Batch.run(batch, numbered(10), { ...quick, budgetUsd: 0.1, maxCostPerRow: 0.02 })
      assert.deepStrictEqual([summary.stop?.reason, summary.states.done, summary.costUsd], ["budget", 5, "0.1"])
    }).pipe(Effect.provide(layer(priced))))

  it.live("is not asked for: costs are read for the asking", () =>
    Effect.gen(function*() {
      const batch = echoing("cost", "acme/test/priced")
      const without = yield* Batch.run(batch, numbered(2), quick)
      assert.strictEqual(without.costUsd, undefined)
      const summary = yield* Batch.run(batch, numbered(5), { ...quick, cost: true })
      assert.strictEqual(summary.costUsd, "0.03")
      assert.deepStrictEqual(
        (yield* collect(Batch.results(batch))).map(({ costUsd }) => costUsd),
        [undefined, undefined, "0.01", "0.01", "0.01"]
      )
    }).pipe(Effect.provide(layer(priced))))
})

describe.concurrent("a refusal for now", () => {
  it.live("pauses all rows for as long as the server says", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({
        match: { endpoint: "submitJob" },
        script: ["ok", "429:retry=1", "429:retry=1", "429:retry=1"]
      })
      const batch = echoing("paused")
      const summary = yield* Batch.run(batch, numbered(8), { ...quick, concurrency: 4 })
      assert.deepStrictEqual(states(summary), { done: 8 })
      const times = yield* submissions
      const gap = Math.max(...times.slice(1).map((time, index) => time - times[index]!))
      assert.isAtLeast(gap, 700)
      assert.strictEqual((yield* runsOf).length, 8)
    }).pipe(Effect.provide(layer())))
})

describe.concurrent("a poll that is refused for now", () => {
  it.live("keeps all rows from polling for as long as the server says", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "pollJob" }, script: ["ok", "ok", "ok", "ok", "429:retry=1"] })
      const summary = yield* Batch.run(echoing("polls", "acme/test/lasting"), numbered(4), { ...quick, concurrency: 4 })
      assert.deepStrictEqual(states(summary), { done: 4 })
      const polls = yield* requestsTo("pollJob")
      const refused = polls.find(({ status }) => status === 429)!
      const early = polls.filter(({ receivedAt }) =>
        receivedAt > refused.receivedAt && receivedAt < refused.receivedAt + 1000
      )
      // those of the other rows may be under way when the answer arrives
      assert.isAtMost(early.length, 3)
    }).pipe(Effect.provide(layer({
      flows: [{
        ref: "acme/test/lasting",
        steps: [{ kind: "template", id: "a", output: { said: "{{message}}" }, duration: "2 seconds" }]
      }]
    }))))
})

describe.concurrent("a row that may have run", () => {
  it.live("is found again when its answer was lost, and not run a second time", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({
        match: { endpoint: "submitJob" },
        script: ["ok", "reset:late", "cut:b5", "reset:late"]
      })
      const summary = yield* Batch.run(echoing("lost"), numbered(10), { ...quick, concurrency: 1 })
      assert.deepStrictEqual(states(summary), { done: 10 })
      assert.strictEqual((yield* runsOf).length, 10)
    }).pipe(Effect.provide(layer())))

  it.live("is run when it is absent after the grace, and sessions can be looked up", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["ok", "500", "reset"] })
      const batch = echoing("absent")
      const summary = yield* Batch.run(batch, numbered(6), { ...quick, concurrency: 1 })
      assert.deepStrictEqual(states(summary), { done: 6 })
      assert.strictEqual((yield* runsOf).length, 6)
      const attempts = (yield* collect(Batch.results(batch))).map(({ attempt }) => attempt)
      // a row in doubt keeps the only slot, and is the next to be sent
      assert.deepStrictEqual(attempts, [1, 3, 1, 1, 1, 1])
    }).pipe(Effect.provide(layer())))

  it.live("is reported where no run of the batch was found through its session", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["500", "500", "500"] })
      const batch = echoing("canary")
      const summary = yield* Batch.run(batch, numbered(3), { ...quick, concurrency: 3 })
      assert.deepStrictEqual(states(summary), { reported: 3 })
      const [row] = yield* collect(Batch.results(batch))
      assert.strictEqual(row!.error?.kind, "RunNotFound")
      const refused = yield* Effect.flip(Batch.retry("canary", { only: "reported" } as never))
      assert.strictEqual(refused._tag, "InvalidBatchError")
      assert.strictEqual(yield* Batch.retry("canary", { only: "reported", acceptDoubleRuns: true }), 3)
      assert.deepStrictEqual(states(yield* Batch.run(batch, numbered(3), quick)), { done: 3 })
    }).pipe(Effect.provide(layer())))

  it.live("twice is reported, with both runs", () =>
    Effect.gen(function*() {
      const batch = echoing("twice", "acme/test/slow")
      // two ledgers at the same moment, each of which looks before the other one has sent
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["delay:1500", "delay:1500"] })
      const one = yield* Effect.fork(Effect.provide(Batch.run(batch, numbered(1), { grace: 5000 }), layerOfLedger()))
      const other = yield* Effect.fork(Effect.provide(Batch.run(batch, numbered(1), { grace: 5000 }), layerOfLedger()))
      yield* Fiber.join(one)
      yield* Fiber.join(other)
      assert.strictEqual((yield* runsOf).length, 2)
      const third = yield* Effect.provide(
        Effect.zipRight(Batch.run(batch, numbered(1), { grace: 5000 }), collect(Batch.results(batch))),
        layerOfLedger()
      )
      assert.deepStrictEqual([third[0]!.state, third[0]!.error?.kind], ["reported", "AmbiguousRun"])
      assert.sameMembers([...third[0]!.error!.executionIds!], (yield* runsOf).map(({ executionId }) => executionId))
      assert.strictEqual((yield* runsOf).length, 2)
    }).pipe(Effect.provide(layer())))
})
