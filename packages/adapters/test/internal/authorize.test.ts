import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, TestClock } from "effect"
import { authorized } from "../../src/internal/relay/authorize.js"

const limit = Duration.seconds(10)

/** A check that never ends, and the exit of its interruption. */
const endless = Effect.map(Deferred.make<Exit.Exit<unknown>>(), (ended) => ({
  judge: authorized(() => Effect.onExit(Effect.never, (exit) => Deferred.succeed(ended, exit)), limit),
  ended: Deferred.await(ended)
}))

describe("the clock of authorize", () => {
  it.effect("refuses the caller and ends the check, in an uninterruptible region too", () =>
    Effect.gen(function*() {
      for (const region of [Effect.interruptible, Effect.uninterruptible] as const) {
        const { ended, judge } = yield* endless
        const fiber = yield* Effect.fork(region(Effect.flip(judge({}, {}))))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).status, 403)
        assert.isTrue(Exit.isInterrupted(yield* ended))
      }
    }))

  it.effect("does not keep a request whose sibling fails", () =>
    Effect.gen(function*() {
      const { ended, judge } = yield* endless
      const failing = Effect.delay(Effect.fail("sibling"), "1 second")
      const fiber = yield* Effect.fork(Effect.flip(Effect.all([judge({}, {}), failing], { concurrency: 2 })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "sibling")
      assert.isTrue(Exit.isInterrupted(yield* ended))
    }))

  it.effect("a caller that is interrupted in an uninterruptible region has its answer", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const verdict = yield* Deferred.make<boolean>()
      const answer = yield* Deferred.make<unknown, unknown>()
      const judge = authorized(
        () => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(verdict)),
        limit
      )
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.intoDeferred(judge({}, {}), answer)))
      yield* Deferred.await(begun)
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(verdict, true)
      assert.isTrue(yield* Deferred.await(answer))
    }))
})
