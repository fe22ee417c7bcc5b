import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Option, TestClock } from "effect"
import { Chunks } from "../../src/internal/page/chunks.js"
import { started, Stopped, type Writer } from "../../src/internal/page/stream.js"

const rules = { isContinued: false, heartbeat: Duration.seconds(15), timeout: undefined, release: Effect.void }

/** A program that writes more than may wait for a page, and the number of its writes. */
const writing = () => {
  const counts = { writes: 0 }
  const program = ({ outbox, room }: Writer) =>
    Effect.gen(function*() {
      for (; counts.writes < 40; counts.writes++) {
        if (!outbox.isGone) outbox.push("x".repeat(1_000))
        if (outbox.isFull) yield* room
      }
    })
  return { counts, program }
}

const turns = Effect.repeatN(Effect.yieldNow(), 200)

describe("the stream of a page that reads nothing", () => {
  it.effect("makes a run wait that stops with its page", () =>
    Effect.gen(function*() {
      const { counts, program } = writing()
      const { leave, next } = yield* started(new Chunks("names"), rules, program)
      yield* TestClock.adjust("1 hour")
      assert.isBelow(counts.writes, 20)
      assert.isAbove(Option.getOrThrow(yield* next).length, 16_000)
      yield* turns
      assert.isBelow(counts.writes, 40)
      yield* leave
      yield* turns
      assert.isBelow(counts.writes, 40)
      assert.deepStrictEqual(yield* next, Option.none())
    }))

  it.effect("ends after 5 seconds for a run that goes on without it", () =>
    Effect.gen(function*() {
      const { counts, program } = writing()
      const { next } = yield* started(new Chunks("names"), { ...rules, isContinued: true }, program)
      yield* TestClock.adjust("4 seconds")
      assert.isBelow(counts.writes, 20)
      yield* TestClock.adjust("1 second")
      yield* turns
      assert.strictEqual(counts.writes, 40)
      // no end of the stream is told, so that the page resumes
      assert.deepStrictEqual(yield* next, Option.none())
    }))
})

describe("the stream of a page", () => {
  it.effect("has a comment each 15 seconds, and ends in time", () =>
    Effect.gen(function*() {
      const released = yield* Deferred.make<boolean>()
      const { next } = yield* started(new Chunks("names"), {
        ...rules,
        timeout: Duration.minutes(1),
        release: Deferred.succeed(released, true)
      }, () => Effect.never)
      assert.deepStrictEqual(yield* next, Option.some(": keep-alive\n\n"))
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* next, Option.some(": keep-alive\n\n"))
      yield* TestClock.adjust("45 seconds")
      assert.match(Option.getOrThrow(yield* next), /\{\\"code\\":\\"TIMEOUT\\"\}"\}\n\ndata: \[DONE\]\n\n$/)
      assert.isTrue(yield* Deferred.await(released))
      assert.deepStrictEqual(yield* next, Option.none())
    }))

  it.effect("tells a code, also after a defect, and a cancellation", () =>
    Effect.gen(function*() {
      const told = (program: Effect.Effect<void, Stopped>) =>
        Effect.gen(function*() {
          const { cancel, next } = yield* started(new Chunks("names"), rules, () => program)
          yield* turns
          yield* cancel
          yield* turns
          return Option.getOrThrow(yield* next)
        })
      assert.include(yield* told(new Stopped({ code: "RUN_STOPPED" })), "RUN_STOPPED")
      assert.include(yield* told(Effect.die(new Error("planted"))), "INTERNAL_ERROR")
      assert.include(yield* told(Effect.never), "CANCELLED")
      assert.notInclude(yield* told(Effect.die(new Error("planted"))), "planted")
    }))
})
