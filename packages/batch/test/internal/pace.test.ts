/** Turns of a rate, on the clock of a database that is 5 s ahead. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, TestClock } from "effect"
import * as Pace from "../../src/internal/drive/pace.js"
import type { LiveRow } from "../../src/internal/ledger/rows.js"

/** A pace of 10 turns in a second, from a database that answers after `answers.after` milliseconds. */
const made = (isAnsweredAtOnce = true) => {
  const alarm = Effect.unsafeMakeLatch()
  const answers = { after: 0, taken: 0 }
  let next = 0
  const pace = Pace.make({
    rate: 10,
    alarm,
    isAnsweredAtOnce,
    turns: (count) =>
      Effect.gen(function*() {
        const now = (yield* Clock.currentTimeMillis) + 5000
        const at = Math.max(next, now)
        next = at + 100 * count
        answers.taken += count
        yield* Effect.sleep(answers.after)
        return { at, now }
      })
  })
  return { alarm, answers, pace }
}

const row = (id: number, intentAt = 0) => ({ id, intentAt }) as LiveRow

const now = Clock.currentTimeMillis

describe("a turn", () => {
  it.effect("follows the one before by the interval, on the clock of the process", () =>
    Effect.gen(function*() {
      const { pace } = made()
      const sent: Array<number> = []
      const sending = Effect.map(now, (at) => void sent.push(at))
      for (const id of [1, 2, 3]) yield* Effect.fork((yield* pace.take(1)).turn(0, row(id))(sending))
      yield* TestClock.adjust(250)
      assert.deepStrictEqual(sent, [0, 100, 200])
    }))

  it.effect("is lost when it is more than 30 ms late, and another one is taken", () =>
    Effect.gen(function*() {
      const { answers, pace } = made()
      const [late, later] = [yield* pace.take(1), yield* pace.take(1)]
      yield* TestClock.adjust(129)
      // the second one is 29 ms late
      assert.strictEqual(yield* later.turn(0, row(2))(now), 129)
      assert.strictEqual(answers.taken, 2)
      const fiber = yield* Effect.fork(late.turn(0, row(1))(now))
      yield* TestClock.adjust(200)
      assert.strictEqual(yield* Fiber.join(fiber), 200)
      assert.strictEqual(answers.taken, 3)
    }))

  it.effect("is not lost when the database was slow to say it", () =>
    Effect.gen(function*() {
      const { answers, pace } = made()
      yield* pace.take(1)
      answers.after = 80
      const asked = yield* Effect.fork(pace.take(1))
      yield* TestClock.adjust(80)
      const fiber = yield* Effect.fork((yield* Fiber.join(asked)).turn(0, row(1))(now))
      yield* TestClock.adjust(50)
      assert.strictEqual(yield* Fiber.join(fiber), 100)
    }))

  it.effect("is given to rows that are claimed early enough to be looked up before it", () =>
    Effect.gen(function*() {
      const { pace } = made()
      for (let id = 1; id <= 100; id++) {
        const { turn } = yield* pace.take(1)
        const fiber = yield* Effect.fork(turn(0, row(id, (yield* now) - 150))(Effect.void))
        yield* TestClock.adjust(100)
        yield* Fiber.join(fiber)
      }
      const at = yield* now
      assert.closeTo(at - (yield* pace.take(1)).claimAt, 300, 5)
    }))
})

describe("rows on their way", () => {
  it.effect("are few at first, and more as their answers come", () =>
    Effect.gen(function*() {
      const { alarm, pace } = made()
      const rooms: Array<number> = []
      let id = 0
      for (let round = 0; round < 4; round++) {
        rooms.push(pace.room())
        const fibers = []
        for (let free = pace.room(); free > 0; free--) {
          const { turn } = yield* pace.take(1)
          fibers.push(yield* Effect.fork(turn(0, row(++id, yield* now))(Effect.sleep(1000))))
        }
        assert.strictEqual(pace.room(), 0)
        alarm.unsafeClose()
        yield* TestClock.adjust(5000)
        yield* Fiber.joinAll(fibers)
        // it is open
        yield* alarm.await
      }
      assert.strictEqual(rooms[0], 2)
      assert.isAbove(rooms[3]!, 2)
    }))

  it("are not counted where answers come when the runs end", () => {
    assert.strictEqual(made(false).pace.room(), Infinity)
  })
})
