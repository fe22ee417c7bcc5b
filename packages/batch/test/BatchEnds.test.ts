/** How a batch ends: what is told of it, and what stops it at awkward moments. */
import { Batch, BatchSource } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { echoing, layer, numbered, type Row, runsOf } from "./support/batches.js"

const quick = { grace: 300 } as const

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

const priced = {
  flows: [{
    ref: "acme/test/priced",
    steps: [{ kind: "template" as const, id: "a", output: { said: "{{message}}" }, costUsd: "0.01" }]
  }]
}

describe("a batch", () => {
  it.live("whose rows are settled is completed, though its budget allows for no other one", () =>
    Effect.gen(function*() {
      const batch = echoing("spent", "acme/test/priced")
      const options = { ...quick, budgetUsd: 0.055, maxCostPerRow: 0.015 }
      const summary = yield* Batch.run(batch, numbered(5), options)
      assert.deepStrictEqual([summary.status, states(summary), summary.stop], ["completed", { done: 5 }, undefined])
      const again = yield* Batch.run(batch, numbered(5), options)
      assert.deepStrictEqual([again.status, again.stop], ["completed", undefined])
      const more = yield* Batch.run(batch, numbered(6), options)
      assert.deepStrictEqual([more.status, more.stop?.reason, states(more)], [
        "incomplete",
        "budget",
        { done: 5, pending: 1 }
      ])
    }).pipe(Effect.provide(layer(priced))))

  it.live("without rows is completed, with a budget of nothing too", () =>
    Effect.gen(function*() {
      const summary = yield* Batch.run(echoing("empty"), numbered(0), { ...quick, budgetUsd: 0, maxCostPerRow: 1 })
      assert.deepStrictEqual([summary.status, summary.rows], ["completed", 0])
    }).pipe(Effect.provide(layer())))

  it.live("of which no row can be run fails with the reason of the first, and sends nothing", () =>
    Effect.gen(function*() {
      const batch = Batch.make({
        id: "unusable",
        flow: "acme/test/echo",
        key: (row: Row) => row.id,
        input: (row) => {
          if (row.text === undefined) throw new Error("no text")
          return { message: row.text }
        }
      })
      const wrong: ReadonlyArray<readonly [ReadonlyArray<unknown>, string]> = [
        [[{}], "row 1: its key is"],
        [[{ id: "a" }, { id: "b" }], "row 1: it has no input: no text"],
        [[7, null], "row 1: its key is"]
      ]
      for (const [rows, reason] of wrong) {
        const source = BatchSource.fromIterable(rows)
        const error = yield* Effect.flip(Batch.run(batch, source, quick))
        assert(error._tag === "BatchSourceError")
        assert.isTrue(error.message.startsWith(reason), error.message)
        assert.isTrue(error.message.endsWith("; no other row of the source can be run either"), error.message)
        assert.isAbove((yield* Batch.plan(batch, source)).refusedCount + (yield* Batch.status("unusable")).rows, 0)
      }
      assert.strictEqual((yield* runsOf).length, 0)
      // one that can be run is enough
      const rows = [{ id: "a", text: "a" }, {}, { id: "c" }]
      const first = yield* Batch.run(batch, BatchSource.fromIterable<unknown>(rows), quick)
      assert.deepStrictEqual([first.status, first.isClean, first.refused], ["completed", false, 1])
      // and one that is done already
      const again = yield* Batch.run(batch, BatchSource.fromIterable<unknown>([{ id: "a", text: "a" }]), quick)
      assert.deepStrictEqual([again.status, again.refused], ["completed", 0])
    }).pipe(Effect.provide(layer())))

  it.live("is clean when all its rows are done, and none of its source was refused", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({ ref: "acme/test/flaky", steps: [{ kind: "fail", id: "a", code: "NO_LUCK" }] })
      const clean = (of: { readonly status: string; readonly isClean: boolean }) => [of.status, of.isClean]
      assert.deepStrictEqual(clean(yield* Batch.run(echoing("all"), numbered(2), quick)), ["completed", true])
      assert.deepStrictEqual(clean(yield* Batch.status("all")), ["completed", true])
      const twice = BatchSource.fromIterable<Row>([{ id: "a" }, { id: "a" }])
      assert.deepStrictEqual(clean(yield* Batch.run(echoing("twice"), twice, quick)), ["completed", false])
      const failing = echoing("failing", "acme/test/flaky")
      assert.deepStrictEqual(clean(yield* Batch.run(failing, numbered(1), quick)), ["completed", false])
      yield* Batch.retry("failing", { only: "failed" })
      assert.deepStrictEqual(clean(yield* Batch.status("failing")), ["incomplete", false])
      yield* emulator.addFaults({ match: { endpoint: "jobs" }, script: ["500"] })
      const doubt = yield* Batch.run(echoing("doubt"), numbered(1), quick)
      assert.deepStrictEqual([...clean(doubt), doubt.states.reported, doubt.refused], ["completed", false, 1, 0])
    }).pipe(Effect.provide(layer())))

  it.live("that is interrupted waits no longer than it may", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: "acme/test/endless",
        steps: [{ kind: "template", id: "a", output: {}, duration: "1 hour" }]
      })
      const batch = echoing("endless", "acme/test/endless")
      const running = yield* Effect.fork(Batch.run(batch, numbered(3), { ...quick, stopWithin: 50 }))
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      yield* Fiber.interrupt(running)
      const status = yield* Batch.status("endless")
      assert.deepStrictEqual([status.status, status.stop?.reason], ["incomplete", "interrupted"])
      assert.strictEqual(status.states.submitted + status.states.intent + status.states.pending, 3)
    }).pipe(Effect.provide(layer())), 10_000)

  it.live("that is cancelled while it is planned runs nothing", () =>
    Effect.gen(function*() {
      const batch = echoing("early")
      const rows = Stream.concat(
        Stream.make<[Row]>({ id: "a" }),
        Stream.fromEffect(Effect.as(Effect.orDie(Batch.cancel("early")), { id: "b" }))
      )
      const summary = yield* Batch.run(batch, BatchSource.fromStream(rows), quick)
      assert.deepStrictEqual([summary.status, states(summary)], ["cancelled", { cancelled: 2 }])
      assert.strictEqual((yield* runsOf).length, 0)
      // wanted once more, it runs what is new
      const next = yield* Batch.run(batch, numbered(1), quick)
      assert.deepStrictEqual([next.status, states(next)], ["completed", { cancelled: 2, done: 1 }])
    }).pipe(Effect.provide(layer())))

  it.live("that is cancelled leaves nothing pending, though a row comes back", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "jobs" }, script: ["delay:300,429:retry=1"], repeat: true })
      const batch = echoing("back")
      const running = yield* Effect.fork(Batch.run(batch, numbered(2), { grace: 5000, adopt: false }))
      yield* emulator.awaitEvent((event) => event.type === "RequestReceived")
      yield* Batch.cancel("back")
      const summary = yield* Fiber.join(running)
      assert.deepStrictEqual([summary.status, states(summary)], ["cancelled", { cancelled: 2 }])
    }).pipe(Effect.provide(layer())))

  it.live("takes odd keys, each as it is", () =>
    Effect.gen(function*() {
      const keys = ["__proto__", "constructor", "🙂", "%_'\"\\", "x".repeat(1024), " "]
      const batch = Batch.make({
        id: "__proto__",
        flow: "acme/test/echo",
        key: (key: string) => key,
        input: (key) => ({ message: key.slice(0, 5) })
      })
      const summary = yield* Batch.run(batch, BatchSource.fromIterable([...keys, "y".repeat(1025)]), quick)
      assert.deepStrictEqual([states(summary), summary.refused], [{ done: 6 }, 1])
      assert.strictEqual((yield* runsOf).length, 6)
    }).pipe(Effect.provide(layer())))
})
