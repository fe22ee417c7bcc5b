import { assert, describe, it } from "@effect/vitest"
import { Cache, Effect, Fiber, TestClock } from "effect"
import { shared } from "../src/internal/shared.js"

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
})
