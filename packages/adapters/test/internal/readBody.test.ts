import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Fiber, Option, TestClock } from "effect"
import { linger, type Pull, readBody } from "../../src/internal/relay/readBody.js"

/** Gives the parts, and then what `end` is. */
const pulls = (parts: ReadonlyArray<Uint8Array>, end: Pull = Effect.fail(Option.none())) => {
  const left = [...parts]
  const taken = { bytes: 0 }
  const pull: Pull = Effect.suspend(() => {
    const part = left.shift()
    if (part === undefined) return end
    taken.bytes += part.length
    return Effect.succeed(Chunk.of(part))
  })
  return { pull, taken }
}

const limits = { maxBytes: 100, timeout: "10 seconds" } as const

const bytes = (text: string) => new TextEncoder().encode(text)

describe("relays: reading", () => {
  it.effect.prop(
    "however it is cut, a body is its text",
    [fc.string({ unit: "grapheme" }), fc.nat(5)],
    ([text, size]) =>
      Effect.gen(function*() {
        const all = bytes(text)
        const parts: Array<Uint8Array> = []
        for (let at = 0; at < all.length; at += size + 1) parts.push(all.subarray(at, at + size + 1))
        const read = yield* readBody(pulls(parts).pull, undefined, { ...limits, maxBytes: all.length })
        assert.strictEqual(read, text)
      })
  )

  it.effect("no more than the part that goes over the limit is taken", () =>
    Effect.gen(function*() {
      const { pull, taken } = pulls(Array.from({ length: 100 }, () => new Uint8Array(30)))
      assert.strictEqual(yield* Effect.flip(readBody(pull, undefined, limits)), "BODY_TOO_LARGE")
      assert.strictEqual(taken.bytes, 120)
    }))

  it.effect("what is declared too long is not read; what is declared as nonsense is", () =>
    Effect.gen(function*() {
      const { pull, taken } = pulls([bytes("{}")])
      assert.strictEqual(yield* Effect.flip(readBody(pull, "101", limits)), "BODY_TOO_LARGE")
      assert.strictEqual(taken.bytes, 0)
      for (const nonsense of ["-1", "1e9", "", "100"]) {
        assert.strictEqual(yield* readBody(pulls([bytes("{}")]).pull, nonsense, limits), "{}")
      }
    }))

  it.effect("a body that breaks off, or is no UTF-8", () =>
    Effect.gen(function*() {
      const broken = pulls([bytes("{}")], Effect.fail(Option.some("reset")))
      assert.strictEqual(yield* Effect.flip(readBody(broken.pull, undefined, limits)), "INVALID_JSON")
      const cut = pulls([new Uint8Array([0x22, 0xc3])])
      assert.strictEqual(yield* Effect.flip(readBody(cut.pull, undefined, limits)), "INVALID_JSON")
    }))

  it.effect("the clock is for the whole body", () =>
    Effect.gen(function*() {
      const slow: Pull = Effect.delay(Effect.succeed(Chunk.of(bytes("x"))), "4 seconds")
      const fiber = yield* Effect.fork(Effect.flip(readBody(slow, undefined, limits)))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "BODY_TOO_SLOW")
    }))

  it.effect("the clock runs in an uninterruptible region, and a failed sibling ends the reading at once", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.flip(readBody(Effect.never, undefined, limits))))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "BODY_TOO_SLOW")
      const failing = Effect.delay(Effect.fail("sibling"), "1 second")
      const both = Effect.all([readBody(Effect.never, undefined, limits), failing], { concurrency: 2 })
      const ended = yield* Effect.fork(Effect.flip(both))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(ended), "sibling")
    }))
})

describe("reading on", () => {
  it.effect("to the end of the body, or where it breaks off", () =>
    Effect.gen(function*() {
      for (const end of [Effect.fail(Option.none()), Effect.fail(Option.some("reset"))]) {
        const { pull, taken } = pulls(Array.from({ length: 63 }, () => new Uint8Array(1024 * 1024)), end)
        assert.isTrue(yield* linger(pull))
        assert.strictEqual(taken.bytes, 63 * 1024 * 1024)
      }
    }))

  it.effect("64 MiB of it at most", () =>
    Effect.gen(function*() {
      const part = new Uint8Array(1024 * 1024)
      const { pull, taken } = pulls(Array.from({ length: 100 }, () => part))
      assert.isFalse(yield* linger(pull))
      assert.strictEqual(taken.bytes, 65 * 1024 * 1024)
    }))

  it.effect("2 seconds for a part, and 30 for all", () =>
    Effect.gen(function*() {
      const silent = yield* Effect.fork(Effect.uninterruptible(linger(Effect.never)))
      yield* TestClock.adjust("2 seconds")
      assert.isFalse(yield* Fiber.join(silent))

      let parts = 0
      const slow: Pull = Effect.delay(Effect.sync(() => Chunk.of(new Uint8Array(++parts))), "1500 millis")
      const endless = yield* Effect.fork(Effect.uninterruptible(linger(slow)))
      yield* TestClock.adjust("30 seconds")
      assert.isFalse(yield* Fiber.join(endless))
      assert.isAtMost(parts, 20)
    }))
})
