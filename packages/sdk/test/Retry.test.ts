/** Retries (docs/wire.md#retries): a POST is sent twice by consent only; what a caller sees counts requests on the wire. */
import { JobService, RunService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Duration, Effect, FastCheck, Fiber, Schedule, TestClock } from "effect"
import * as Retry from "../src/internal/http/retry.js"
import * as E from "../src/NoukaiError.js"
import { clientFor, servicesFor } from "./support/client.js"
import { sleepingUntil } from "./support/clock.js"
import * as Wire from "./support/WireServer.js"

const done = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1 })

describe("a POST is never sent twice by itself", () => {
  const rows: ReadonlyArray<readonly [string, Wire.Answer, string]> = [
    ["503", Wire.json(503, {}, { "Retry-After": "0" }), "FlowExecutionError"],
    ["500", Wire.json(500, {}), "FlowExecutionError"],
    ["408", Wire.json(408, {}), "FlowExecutionError"],
    [
      "429 of another kind",
      Wire.json(429, { detail: { code: "KEY_LIMIT" } }, { "Retry-After": "0" }),
      "RateLimitError"
    ],
    ["reset", Wire.reset, "APIConnectionError"],
    ["truncated body", Wire.truncated("{\"status\":\"comp"), "APIConnectionError"],
    ["HTML", Wire.text(200, "<html>"), "UnexpectedResponseError"]
  ]
  for (const [name, answer, tag] of rows) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(answer, done)
        const flows = yield* clientFor(server, { retry: Schedule.recurs(3) })
        const error = yield* Effect.flip(flows.execute("a/b/c", { message: "hi" }))
        assert.strictEqual(error._tag, tag)
        assert.strictEqual(server.requests.length, 1)
      }))
  }

  it.scoped("attempt clock", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.silence, done)
      const flows = yield* clientFor(server, { retry: Schedule.recurs(3) })
      const fiber = yield* Effect.fork(Effect.flip(flows.execute("a/b/c", { attemptTimeout: "1 seconds" })))
      yield* server.arrived(1)
      yield* TestClock.adjust("1 minutes")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "APITimeoutError")
      assert.strictEqual(server.requests.length, 1)
    }))

  it.scopedLive("says whether the request was sent", () =>
    Effect.gen(function*() {
      const reset = yield* Wire.serve(Wire.reset)
      const cut = yield* Wire.serve(Wire.truncated("{"))
      const sent = (server: { readonly baseUrl: string }) =>
        Effect.gen(function*() {
          const flows = yield* clientFor(server, { maxRetries: 0 })
          const error = yield* Effect.flip(flows.execute("a/b/c", {}))
          return error._tag === "APIConnectionError" ? error.sent : error._tag
        })
      assert.strictEqual(yield* sent(reset), "unknown")
      assert.strictEqual(yield* sent(cut), "yes")
      assert.strictEqual(yield* sent({ baseUrl: "http://127.0.0.1:1" }), "no")
    }))
})

describe("a POST that never left, or by consent", () => {
  it.scopedLive("refused: tried again once by default, and the schedule is the caller's", () =>
    Effect.gen(function*() {
      const attempts: Array<number> = []
      const flows = yield* clientFor({ baseUrl: "http://127.0.0.1:1" }, {
        retry: Schedule.recurs(2),
        log: (event) => event.phase === "request" && attempts.push(event.attempt)
      })
      const error = yield* Effect.flip(flows.execute("a/b/c", {}))
      assert.strictEqual(error._tag === "APIConnectionError" && error.sent, "no")
      assert.isTrue(error.isRetryable)
      assert.match(error.message, /; nothing was sent; to start an emulator there: npx noukai-emulator --port 1$/)
      assert.deepStrictEqual(attempts, [0, 1, 2])
    }))

  it.scopedLive("retryPost sends it again, with the same bytes", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(503, {}), Wire.reset, done)
      const flows = yield* clientFor(server, { retry: Schedule.recurs(2) })
      yield* flows.execute("a/b/c", { message: "hi", retryPost: true })
      assert.strictEqual(server.requests.length, 3)
      assert.strictEqual(new Set(server.requests.map((request) => request.body)).size, 1)
    }))

  it.scopedLive("an attempt that may have arrived is not forgotten when the next one never left", () =>
    Effect.gen(function*() {
      const server = yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* Wire.serve(Wire.reset)
        const flows = yield* clientFor(server, { retry: Schedule.spaced("1 seconds"), retryPost: true })
        const fiber = yield* Effect.fork(Effect.flip(flows.execute("a/b/c", { retry: Schedule.recurs(1) })))
        yield* server.arrived(1)
        return { server, fiber }
      }))
      const error = yield* Fiber.join(server.fiber)
      assert.notStrictEqual(error._tag === "APIConnectionError" ? error.sent : "no", "no")
    }))
})

it.scopedLive("after an attempt that may have run, no error is retryable, whatever it is", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(Wire.reset, Wire.json(429, {}))
    const flows = yield* clientFor(server, { retry: Schedule.recurs(1) })
    const error = yield* Effect.flip(flows.execute("a/b/c", { retryPost: true }))
    assert.strictEqual(error._tag, "RateLimitError")
    assert.isFalse(error.isRetryable)
  }))

describe("Retry-After", () => {
  it.scoped("up to 20 s is waited, even if the schedule is shorter", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(429, {}, { "Retry-After": "20" }), done)
      const flows = yield* clientFor(server, { retry: Schedule.recurs(1) })
      const fiber = yield* Effect.fork(flows.execute("a/b/c", { retryPost: true }))
      yield* server.arrived(1)
      while ((yield* TestClock.sleeps()).pipe(Chunk.isEmpty)) yield* Effect.yieldNow()
      yield* TestClock.adjust("19999 millis")
      assert.strictEqual(server.requests.length, 1)
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
      assert.strictEqual(server.requests.length, 2)
    }))

  it.scopedLive("longer fails at once", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(429, {}, { "Retry-After": "21" }), done)
      const flows = yield* clientFor(server, { retry: Schedule.recurs(5) })
      const error = yield* Effect.flip(flows.execute("a/b/c", { retryPost: true }))
      assert.strictEqual(error._tag === "RateLimitError" && error.retryAfter, 21)
      assert.strictEqual(server.requests.length, 1)
    }))
})

describe("a read that is told to wait", () => {
  const tooLong: ReadonlyArray<readonly [header: string, seconds: (retryAfter: number) => boolean]> = [
    ["20.001", (seconds) => seconds === 20.001],
    ["21", (seconds) => seconds === 21],
    ["100000", (seconds) => seconds === 100_000],
    ["9".repeat(400), (seconds) => seconds > 1e9 && Number.isFinite(seconds)],
    ["Fri, 31 Dec 9999 23:59:59 GMT", (seconds) => seconds > 1e9 && Number.isFinite(seconds)]
  ]
  for (const status of [429, 503]) {
    for (const [header, isWhole] of tooLong) {
      it.scopedLive(`${status}, ${header.slice(0, 30)}: longer than 20 s fails at once and says how long`, () =>
        Effect.gen(function*() {
          const server = yield* Wire.serve(Wire.json(status, {}, { "Retry-After": header }), Wire.json(200, {}))
          const runs = Context.get(yield* servicesFor(server, { retry: Schedule.recurs(5) }), RunService)
          const error = yield* Effect.flip(runs.summary("a/b/c", "ex-1"))
          assert.strictEqual(error._tag, status === 429 ? "RateLimitError" : "FlowExecutionError")
          assert.isTrue("retryAfter" in error && isWhole(error.retryAfter!))
          assert.strictEqual(server.requests.length, 1)
        }))
    }

    it.scoped(`${status}: a job is polled again after a minute, however long it is told to wait`, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(
          Wire.json(status, {}, { "Retry-After": "100000" }),
          Wire.json(200, { status: "completed", result: 1 })
        )
        const jobs = Context.get(yield* servicesFor(server), JobService)
        const job = yield* jobs.attach("a/b/c", "ex-1")
        const waiting = yield* Effect.fork(job.result({ timeout: Duration.infinity }))
        yield* sleepingUntil(60_000)
        yield* TestClock.adjust("1 minutes")
        assert.strictEqual(yield* Fiber.join(waiting), 1)
        assert.strictEqual(server.requests.length, 2)
      }))
  }
})

describe("the default schedule", () => {
  const error = new E.APIConnectionError({ method: "m", sent: "no", isRetryable: true })

  const waits = (maxRetries: number) =>
    Effect.gen(function*() {
      const next = Retry.backoffDriver(Retry.backoff(maxRetries))
      const out: Array<number> = []
      for (let k = 0; k <= maxRetries; k++) {
        const delay = yield* next(error)
        if (delay === undefined) break
        out.push(delay)
        yield* TestClock.adjust(Duration.millis(delay))
      }
      return out
    })

  it.effect.prop(
    "retry k waits anything up to min(20 s, 1 s × 4^k), and there are exactly maxRetries",
    { maxRetries: FastCheck.integer({ min: 0, max: 8 }) },
    ({ maxRetries }) =>
      Effect.map(waits(maxRetries), (delays) => {
        assert.lengthOf(delays, maxRetries)
        delays.forEach((delay, k) => {
          assert.isAtLeast(delay, 0)
          assert.isAtMost(delay, Math.min(20_000, 1000 * 4 ** k))
        })
      })
  )

  it("what is transient", () => {
    const read = { isPost: false, isFresh: false, retryPost: false }
    const post = { isPost: true, isFresh: true, retryPost: false }
    const status = (statusCode: number) => new E.FlowExecutionError({ method: "m", statusCode, isRetryable: false })
    for (const code of [408, 500, 502, 503, 504]) assert.isTrue(Retry.shouldRetry(status(code), read))
    for (const code of [300, 400, 409, 410, 413, 422, 501]) {
      assert.isFalse(Retry.shouldRetry(status(code), read))
    }
    assert.isTrue(Retry.shouldRetry(error, post))
    assert.isFalse(Retry.shouldRetry(new E.APIConnectionError({ ...error, sent: "unknown" }), post))
  })
})
