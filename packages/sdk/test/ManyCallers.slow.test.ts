/** Many callers against a limit, who make their calls again by hand with `Noukai.retryable` (design: Retry). */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { FlowService, InvalidRequestError, Noukai, type NoukaiError, RateLimitError } from "@effect-noukai/sdk"
import * as Flows from "@effect-noukai/sdk/FlowService"
import { APIConnectionError, FlowExecutionError } from "@effect-noukai/sdk/NoukaiError"
import { layerTransport } from "@effect-noukai/sdk/NoukaiHttp"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Fiber, Layer, Schedule, TestClock } from "effect"
import type { HttpTransport, TextResponse } from "../src/internal/http/HttpTransport.js"
import { config } from "./support/client.js"
import { HandClock } from "./support/clock.js"
import { size } from "./support/size.js"

const perMinute = 60

/** The budget of one client: 500 tokens of which a retry takes 5, and what as many successes give back. */
const budgetOf = (callers: number): number => (500 + callers) / 5

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

/** So many callers at once, each with a message of its own: their results, and how many calls they made by hand. */
const calling = (clock: HandClock, callers: number) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    let left = callers
    let byHand = 0
    const call = (n: number) =>
      Effect.suspend(() => {
        byHand++
        return flows.execute("noukai/samples/hello-world", { message: `caller ${n}` })
      }).pipe(
        Effect.retry(Noukai.retryable),
        Effect.ensuring(Effect.sync(() => left--))
      )
    const fiber = yield* Effect.fork(
      Effect.forEach(Array.from({ length: callers }, (_, n) => n), call, { concurrency: "unbounded" })
    )
    yield* untilDone(clock, () => left)
    return { results: yield* Fiber.join(fiber), byHand }
  })

/** So that who sleeps waits for his turn, and not for an answer. */
const withoutClocks = { connectTimeout: Duration.infinity, attemptTimeout: Duration.infinity }

const many = size(1000, 300)

it.live(`${many} callers against ${perMinute} a minute end with every run once, within the budget`, () => {
  const clock = new HandClock()
  const runs: Array<string> = []
  let requests = 0
  let window = { endsAt: 0, used: 0 }
  const answer = (status: number, body: unknown, headers: Record<string, string> = {}): TextResponse => ({
    status,
    text: JSON.stringify(body),
    header: (name) => headers[name]
  })
  const transport: HttpTransport = {
    send: ({ body = "" }) =>
      Effect.sync(() => {
        requests++
        const now = clock.unsafeCurrentTimeMillis()
        if (window.endsAt <= now) window = { endsAt: now + 60_000, used: 0 }
        if (window.used === perMinute) {
          return answer(429, { detail: { code: "RATE_LIMIT" } }, {
            "retry-after": String(Math.ceil((window.endsAt - now) / 1000))
          })
        }
        window.used++
        return answer(200, {
          status: "completed",
          result: body,
          flowId: "f",
          blockCount: 1,
          executionId: `ex-${runs.push(body)}`
        })
      }),
    open: () => Effect.dieMessage("no streams here"),
    pause: (ms) => Effect.as(Effect.sleep(ms), true)
  }
  const layer = Flows.layer.pipe(
    Layer.provide(layerTransport(() => Effect.succeed(transport))),
    Layer.provide(config({ baseUrl: "http://127.0.0.1:1/api/v1", ...withoutClocks }))
  )
  return Effect.gen(function*() {
    const { byHand, results } = yield* calling(clock, many)
    assert.lengthOf(runs, many)
    assert.strictEqual(new Set(runs).size, many)
    assert.strictEqual(new Set(results.map(({ executionId }) => executionId)).size, many)
    assert.isAtLeast(clock.unsafeCurrentTimeMillis(), (Math.ceil(many / perMinute) - 1) * 60_000)
    // retries that no caller made by hand are paid from the client's budget
    assert.isAtMost(requests - byHand, budgetOf(many))
  }).pipe(Effect.provide(layer), Effect.withClock(clock))
})

it.scopedLive("100 callers over sockets, against the ledger of the emulator", () => {
  const clock = new HandClock()
  const layer = Layer.provideMerge(
    Noukai.layerServices,
    Emulators.layer({
      organisations: { noukai: { rateLimit: { requests: perMinute, per: "1 minute" } } },
      config: withoutClocks
    })
  )
  return Effect.gen(function*() {
    const { byHand, results } = yield* calling(clock, 100)
    const { requests, runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
    assert.lengthOf(runs, 100)
    assert.strictEqual(new Set(results.map(({ result }) => JSON.stringify(result))).size, 100)
    assert.isAtMost(requests.length - byHand, budgetOf(100))
  }).pipe(Effect.provide(layer), Effect.withClock(clock))
})

describe("Noukai.retryable", () => {
  const unchecked = { disableValidation: true }

  const limit = (retryAfter?: number, isRetryable = true) =>
    new RateLimitError(
      { method: "m", statusCode: 429, ...(retryAfter === undefined ? undefined : { retryAfter }), isRetryable },
      unchecked
    )

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
