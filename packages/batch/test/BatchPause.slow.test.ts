/** Batches that are paused by another process, and go on when they are resumed and run again. */
import { Batch, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { client, echoing, ledgerFile, numbered, onFile, type Row, runsOf } from "./support/batches.js"

const quick = { grace: 200, concurrency: 2 } as const

const slow = "acme/test/slow"

const inRequests = Batch.make({
  id: "paused",
  flow: slow,
  operation: "execute",
  key: (row: Row) => row.id,
  input: (row) => ({ message: row.id })
})

/** A ledger as another process has it. */
const elsewhere = <A, E>(path: string, effect: Effect.Effect<A, E, BatchStore>) =>
  Effect.provide(effect, Layer.fresh(BatchStore.layerFile(path)))

const started = (count: number) =>
  Effect.flatMap(Emulator, (emulator) => {
    let left = count
    return emulator.awaitEvent((event) => event.type === "RunStarted" && --left === 0)
  })

describe.concurrent("a batch that is paused", () => {
  for (const batch of [echoing("paused", slow), inRequests]) {
    it.live(
      `begins no more rows, lets those in flight end, and goes on later: ${batch.recovery}`,
      () =>
        Effect.gen(function*() {
          const path = yield* ledgerFile
          const run = Effect.provide(Batch.run(batch, numbered(12), quick), onFile(path))
          const running = yield* Effect.fork(run)
          yield* started(4)
          yield* elsewhere(path, Batch.pause("paused"))
          const summary = yield* Fiber.join(running)
          assert.deepStrictEqual([summary.status, summary.stop?.reason], ["paused", "paused"])
          const { done, pending } = summary.states
          assert.strictEqual(done + pending, 12)
          assert.isTrue(done >= 4 && pending > 0, `${done} are done`)
          assert.strictEqual((yield* runsOf).length, done)
          // a process that is started again does not undo it
          const again = yield* run
          assert.deepStrictEqual([again.status, again.states.pending, again.plan.known.pending], [
            "paused",
            pending,
            pending
          ])
          assert.strictEqual((yield* runsOf).length, done)
          yield* elsewhere(path, Batch.resume("paused"))
          const left = yield* elsewhere(path, Batch.status("paused"))
          assert.deepStrictEqual([left.status, left.stop], ["incomplete", undefined])
          const last = yield* run
          assert.deepStrictEqual([last.status, last.isClean, last.states.done], ["completed", true, 12])
          assert.strictEqual((yield* runsOf).length, 12)
        }).pipe(Effect.scoped, Effect.provide(client()))
    )
  }

  it.live("stays completed, or cancelled, where it was", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      yield* Effect.gen(function*() {
        const missing = yield* Effect.flip(Batch.pause("ended"))
        assert.strictEqual(missing._tag, "BatchNotFoundError")
        yield* Batch.run(echoing("ended"), numbered(2), quick)
        yield* Batch.pause("ended")
        assert.strictEqual((yield* Batch.status("ended")).status, "completed")
        assert.strictEqual((yield* Batch.run(echoing("ended"), numbered(3), quick)).states.done, 3)
        yield* Batch.cancel("ended")
        yield* Batch.pause("ended")
        assert.strictEqual((yield* Batch.status("ended")).status, "cancelled")
        yield* Batch.resume("ended")
        assert.strictEqual((yield* Batch.status("ended")).status, "cancelled")
      }).pipe(Effect.provide(onFile(path)))
    }).pipe(Effect.scoped, Effect.provide(client())))

  it.live("is paused after its end where rows are to be run again", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      yield* Effect.gen(function*() {
        const batch = echoing("again", "acme/test/fails")
        assert.strictEqual((yield* Batch.run(batch, numbered(2), quick)).status, "completed")
        yield* Batch.retry("again", { only: "failed" })
        yield* Batch.pause("again")
        const paused = yield* Batch.run(batch, numbered(2), quick)
        assert.deepStrictEqual([paused.status, paused.states.pending], ["paused", 2])
        assert.lengthOf(yield* runsOf, 2)
      }).pipe(Effect.provide(onFile(path)))
    }).pipe(Effect.scoped, Effect.provide(client())))

  it.live("can be cancelled, and is not cancelled by a run", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      yield* Effect.gen(function*() {
        const batch = echoing("both")
        const poor = { ...quick, budgetUsd: 0, maxCostPerRow: 1 }
        assert.strictEqual((yield* Batch.run(batch, numbered(3), poor)).stop?.reason, "budget")
        yield* Batch.pause("both")
        const paused = yield* Batch.run(batch, numbered(3), quick)
        assert.deepStrictEqual([paused.status, paused.states.pending], ["paused", 3])
        assert.strictEqual(yield* Batch.cancel("both"), 3)
        assert.strictEqual((yield* Batch.status("both")).status, "cancelled")
        assert.lengthOf(yield* runsOf, 0)
      }).pipe(Effect.provide(onFile(path)))
    }).pipe(Effect.scoped, Effect.provide(client())))
})
