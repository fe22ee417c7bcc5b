import type { Turns } from "@effect-noukai/adapters/Page"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Outbox } from "../../src/internal/page/outbox.js"
import { hold, keep, newest, release, turnsInProcess } from "../../src/internal/page/turns.js"

const store = Effect.map(Effect.clock, (clock) => turnsInProcess(() => clock.unsafeCurrentTimeMillis()))

const by = (turns: Turns, holder: string, turn = "1") => ({ turns, chat: "c", turn, holder })

describe("the turns of a process", () => {
  it.effect("are held by one at a time, until the lease ends", () =>
    Effect.gen(function*() {
      const turns = yield* store
      assert.isUndefined(turns.latest("c"))
      assert.isTrue(yield* hold(by(turns, "a")))
      assert.isFalse(yield* hold(by(turns, "b")))
      assert.isFalse(yield* hold(by(turns, "b", "2")))
      assert.deepStrictEqual(turns.latest("c"), { turn: "1", held: true })
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(turns.latest("c"), { turn: "1", held: false })
      assert.isTrue(yield* hold(by(turns, "b", "2")))
      // the one before cannot let go of it
      yield* release(by(turns, "a"))
      assert.deepStrictEqual(turns.latest("c"), { turn: "2", held: true })
      yield* release(by(turns, "b", "2"))
      assert.deepStrictEqual(turns.latest("c"), { turn: "2", held: false })
    }))

  it.effect("are kept while they run, and lost to another one once", () =>
    Effect.gen(function*() {
      const turns = yield* store
      yield* hold(by(turns, "a"))
      const keeping = yield* Effect.fork(keep(by(turns, "a")))
      yield* TestClock.adjust("10 minutes")
      assert.isFalse(yield* hold(by(turns, "b")))
      assert.deepStrictEqual(turns.latest("c"), { turn: "1", held: true })
      yield* release(by(turns, "a"))
      assert.isTrue(yield* hold(by(turns, "b")))
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(keeping)
    }))

  it.effect("outlast a store that fails for a while, and do not wait for one that hangs", () =>
    Effect.gen(function*() {
      let calls = 0
      const turns: Turns = {
        latest: () => undefined,
        claim: () => calls++ === 1 ? Promise.reject(new Error("no database")) : calls < 4
      }
      const keeping = yield* Effect.fork(keep(by(turns, "a")))
      for (let beat = 0; beat < 5; beat++) {
        yield* TestClock.adjust("20 seconds")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      yield* Fiber.join(keeping)
      const hanging = yield* Effect.fork(Effect.flip(hold(by({ ...turns, claim: () => new Promise(() => {}) }, "a"))))
      yield* TestClock.adjust("10 seconds")
      assert.include(String((yield* Fiber.join(hanging)).reason), "has not answered")
    }))
})

/** A store that answers a claim of a turn when it is told to. */
const lateStore = (turns: Turns) => {
  const waiting: Array<() => void> = []
  const late: Turns = {
    latest: turns.latest,
    claim: (claim) =>
      claim.lease === 0
        ? turns.claim(claim)
        : new Promise((resolve) => waiting.push(() => resolve(turns.claim(claim))))
  }
  const answers = Effect.promise(async () => {
    for (const answer of waiting.splice(0)) answer()
    await new Promise((resolve) => setImmediate(resolve))
  })
  return { late, answers }
}

describe("a claim that is granted late", () => {
  it.effect("is given back if nobody waits for it", () =>
    Effect.gen(function*() {
      const turns = yield* store
      const { answers, late } = lateStore(turns)
      const refused = yield* Effect.fork(Effect.flip(hold(by(late, "a"))))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(refused)
      yield* answers
      assert.deepStrictEqual(turns.latest("c"), { turn: "1", held: false })
      // a turn that ends while its lease is renewed
      const keeping = yield* Effect.fork(keep(by(late, "b")))
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.interrupt(keeping)
      yield* release(by(late, "b"))
      yield* answers
      assert.deepStrictEqual(turns.latest("c"), { turn: "1", held: false })
    }))

  it.effect("is kept by a turn that goes on", () =>
    Effect.gen(function*() {
      const turns = yield* store
      const { answers, late } = lateStore(turns)
      yield* hold(by(turns, "a"))
      yield* Effect.fork(keep(by(late, "a")))
      yield* TestClock.adjust("30 seconds")
      yield* answers
      yield* TestClock.adjust("40 seconds")
      assert.deepStrictEqual(turns.latest("c"), { turn: "1", held: true })
    }))
})

describe("the newest turn of a chat", () => {
  const from = (found: unknown) => newest({ latest: () => found as undefined, claim: () => true }, "c")

  it.effect("may be a row of a database, or null", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* from(null))
      assert.deepStrictEqual(yield* from({ turn: "1", held: 1, other: 2 }), { turn: "1", held: true })
      for (const wrong of ["1", { turn: 1, held: true }, 5, []]) {
        assert.include(String((yield* Effect.flip(from(wrong))).reason), "must return { turn, held }")
      }
    }))
})

describe("the text of a response", () => {
  it.effect("is taken as it comes, and makes the writer wait", () =>
    Effect.gen(function*() {
      const outbox = new Outbox()
      const first = yield* Effect.fork(outbox.take)
      yield* Effect.yieldNow()
      outbox.push("a")
      assert.deepStrictEqual(yield* Fiber.join(first), Option.some("a"))
      outbox.push("x".repeat(20_000))
      const room = yield* Effect.fork(outbox.room)
      yield* Effect.yieldNow()
      assert.isTrue(outbox.isFull)
      outbox.push("y")
      assert.strictEqual(Option.getOrThrow(yield* outbox.take).length, 20_001)
      yield* Fiber.join(room)
      outbox.push("last")
      outbox.end()
      assert.deepStrictEqual(yield* outbox.take, Option.some("last"))
      assert.deepStrictEqual(yield* outbox.take, Option.none())
    }))

  it.effect("is dropped when the page has left, and nobody waits", () =>
    Effect.gen(function*() {
      const outbox = new Outbox()
      outbox.push("x".repeat(20_000))
      const room = yield* Effect.fork(outbox.room)
      yield* Effect.yieldNow()
      outbox.leave()
      yield* Fiber.join(room)
      outbox.push("x".repeat(20_000))
      assert.isFalse(outbox.isFull)
      assert.deepStrictEqual(yield* outbox.take, Option.none())
    }))
})
