/** Many callers against a limit, who make their calls again by hand with `Noukai.retryable` (design: Retry). */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { FlowService, InvalidRequestError, Noukai, type NoukaiError, RateLimitError } from "@effect-noukai/sdk"
import { APIConnectionError, FlowExecutionError } from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Fiber, Layer, Schedule, TestClock } from "effect"
import { HandClock } from "./support/clock.js"

const callers = 1000

const perMinute = 60

/** The budget of one client: 500 tokens of which a retry takes 5, and what as many successes give back. */
const budgeted = (500 + callers) / 5

const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Goes on whenever each of the callers that are left is asleep, until none is. */
const untilDone = (clock: HandClock, left: () => number): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (left() > 0) {
      if (clock.sleeping >= left()) clock.wakeNext()
      yield* turn
    }
  })

const limited = Layer.provideMerge(
  Noukai.layerServices,
  Emulators.layer({
    organisations: { noukai: { rateLimit: { requests: perMinute, per: "1 minute" } } },
    // so that who sleeps waits for his turn, and not for an answer
    config: { connectTimeout: Duration.infinity, attemptTimeout: Duration.infinity }
  })
)

it.scopedLive(`${callers} callers against ${perMinute} a minute end with every run once, within the budget`, () => {
  const clock = new HandClock()
  let left = callers
  let byHand = 0
  const calling = (n: number) =>
    Effect.flatMap(FlowService, (flows) =>
      Effect.suspend(() => {
        byHand++
        return flows.execute("noukai/samples/hello-world", { message: `caller ${n}` })
      })).pipe(
        Effect.retry(Noukai.retryable),
        Effect.ensuring(Effect.sync(() => left--))
      )
  return Effect.gen(function*() {
    const emulator = yield* Emulator
    const fiber = yield* Effect.fork(
      Effect.forEach(Array.from({ length: callers }, (_, n) => n), calling, { concurrency: "unbounded" })
    )
    yield* untilDone(clock, () => left)
    const results = yield* Fiber.join(fiber)

    const { requests, runs } = yield* emulator.ledger
    assert.lengthOf(runs, callers)
    assert.strictEqual(new Set(results.map(({ executionId }) => executionId)).size, callers)
    assert.strictEqual(new Set(results.map(({ result }) => JSON.stringify(result))).size, callers)
    // what nobody asked for by hand, the client's budget has paid for
    assert.isAtMost(requests.length - byHand, budgeted)
  }).pipe(Effect.provide(limited), Effect.withClock(clock))
}, 120_000)

describe("Noukai.retryable", () => {
  const unchecked = { disableValidation: true }

  const limit = (retryAfter?: number, isRetryable = true) =>
    new RateLimitError({ method: "m", statusCode: 429, retryAfter, isRetryable }, unchecked)

  /** The waits after these errors, in milliseconds, for as long as it goes on. */
  const waits = (...errors: ReadonlyArray<unknown>) =>
    Effect.gen(function*() {
      const driver = yield* Schedule.driver(Noukai.retryable)
      const out: Array<number> = []
      for (const error of errors) {
        const fiber = yield* Effect.fork(Effect.exit(driver.next(error)))
        const before = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        yield* Effect.yieldNow()
        const [wake] = Chunk.toReadonlyArray(yield* TestClock.sleeps())
        if (wake !== undefined) yield* TestClock.setTime(wake)
        const exit = yield* Fiber.join(fiber)
        if (exit._tag === "Failure") return { out, ended: true }
        out.push((wake ?? before) - before)
      }
      return { out, ended: false }
    })

  it.effect("waits what the server says, 1 s as well as an hour", () =>
    Effect.map(waits(limit(1), limit(0.25), limit(19), limit(61), limit(3600)), ({ ended, out }) => {
      assert.deepStrictEqual(out, [1000, 250, 19_000, 61_000, 3_600_000])
      assert.isFalse(ended)
    }))

  it.effect("ends when it says more than an hour", () =>
    Effect.gen(function*() {
      for (const seconds of [3601, 100_000, Number.MAX_SAFE_INTEGER, Infinity]) {
        assert.deepStrictEqual(yield* waits(limit(seconds)), { out: [], ended: true })
      }
    }))

  it.effect("backs off with jitter where the server says nothing", () =>
    Effect.map(waits(limit(), limit(0), limit(NaN), limit(-1), limit(), limit()), ({ ended, out }) => {
      assert.isFalse(ended)
      const most = [1000, 4000, 16_000, 20_000, 20_000, 20_000]
      out.forEach((wait, k) => assert.isAtMost(wait, most[k]!))
      assert.strictEqual(new Set(out).size, out.length)
    }))

  const refused: ReadonlyArray<readonly [string, unknown]> = [
    ["a refusal that names a run", limit(1, false)],
    ["what may have run", new APIConnectionError({ method: "m", sent: "unknown", isRetryable: false }, unchecked)],
    ["a run that failed", new FlowExecutionError({ method: "m", isRetryable: false }, unchecked)],
    ["a call that is wrong", new InvalidRequestError({ method: "m", field: "f", reason: "r", isRetryable: false })],
    ["an error that is not ours", new Error("isRetryable")],
    ["something that only looks like ours", { _tag: "RateLimitError", isRetryable: true, retryAfter: 1 }],
    ["nothing", undefined]
  ]
  for (const [name, error] of refused) {
    it.effect(`ends on ${name}`, () =>
      Effect.map(waits(error), (outcome) => assert.deepStrictEqual(outcome, { out: [], ended: true })))
  }

  it.effect("goes on with what never left, and with a wait that ran out", () =>
    Effect.gen(function*() {
      const errors: ReadonlyArray<NoukaiError> = [
        new APIConnectionError({ method: "m", sent: "no", isRetryable: true }, unchecked),
        new FlowExecutionError({ method: "m", statusCode: 503, retryAfter: 3, isRetryable: true }, unchecked)
      ]
      const { ended, out } = yield* waits(...errors)
      assert.isFalse(ended)
      assert.strictEqual(out[1], 3000)
    }))

  it.effect("begins anew with each use", () =>
    Effect.gen(function*() {
      yield* waits(...Array.from({ length: 8 }, () => limit()))
      assert.isAtMost((yield* waits(limit())).out[0]!, 1000)
    }))
})
