import { assert, describe, it } from "@effect/vitest"
import { Cache, Effect, Fiber, Option, TestClock } from "effect"
import { shared, sharedSuccess } from "../src/internal/shared.js"

describe("a shared read", () => {
  it.effect("goes on for other readers if the one that began it goes away", () =>
    Effect.gen(function*() {
      let lookups = 0
      const cache = yield* Cache.make({
        capacity: 1,
        timeToLive: "1 minute",
        lookup: (key: string) => Effect.as(Effect.delay(Effect.sync(() => lookups++), "1 second"), key)
      })
      const gone = yield* Effect.fork(shared(cache)("one"))
      yield* Effect.yieldNow()
      const other = yield* Effect.fork(shared(cache)("one"))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(gone)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(other), "one")
      assert.strictEqual(lookups, 1)
    }))

  it.effect("that failed is not kept, also if its reader went away", () =>
    Effect.gen(function*() {
      let lookups = 0
      const cache = yield* Cache.make({
        capacity: 1,
        timeToLive: "1 minute",
        lookup: (_: string) =>
          Effect.delay(
            Effect.suspend(() => ++lookups === 3 ? Effect.succeed(lookups) : Effect.fail(lookups)),
            "1 second"
          )
      })
      const read = sharedSuccess(cache)("one")
      const gone = yield* Effect.fork(read)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(gone)
      yield* TestClock.adjust("1 second")
      const failed = yield* Effect.fork(Effect.flip(read))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(failed), 2)
      const found = yield* Effect.fork(read)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(found), yield* read], [3, 3])
    }))

  it.effect("that hangs is not joined after 15 seconds, and another one begins", () =>
    Effect.gen(function*() {
      let lookups = 0
      const cache = yield* Cache.make({
        capacity: 1,
        timeToLive: "1 minute",
        lookup: (_: string) => Effect.suspend(() => ++lookups === 1 ? Effect.never : Effect.succeed(lookups))
      })
      const read = shared(cache)("one")
      const hanging = yield* Effect.fork(read)
      yield* TestClock.adjust("15 seconds")
      const joined = yield* Effect.fork(read)
      yield* Effect.yieldNow()
      assert.strictEqual(lookups, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([yield* read, lookups], [2, 2])
      assert.deepStrictEqual([yield* Fiber.poll(hanging), yield* Fiber.poll(joined)].map(Option.isNone), [true, true])
    }))

  it.effect("that may hang is left by its own reader's patience", () =>
    Effect.gen(function*() {
      let lookups = 0
      const cache = yield* Cache.make({
        capacity: 1,
        timeToLive: "1 minute",
        lookup: (_: string) => Effect.suspend(() => ++lookups === 1 ? Effect.never : Effect.succeed(lookups))
      })
      const read = sharedSuccess(cache, 2_000)("one")
      yield* Effect.fork(read)
      yield* TestClock.adjust("2001 millis")
      assert.strictEqual(yield* read, 2)
    }))
})
