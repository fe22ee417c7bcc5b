/** The log hook (docs/wire.md#log-events). */
import type { LogEvent } from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Schedule } from "effect"
import { clientFor, plantedKey } from "./support/client.js"
import * as Wire from "./support/WireServer.js"

const body = { status: "completed", result: "secret-result", flowId: "f", blockCount: 1 }

const ok = Wire.json(200, body, { "X-Request-ID": "req-1" })

const path = "/seq/a/b/c/execute"

const hooked = (answers: ReadonlyArray<Wire.Answer>, options: { logPayloads?: boolean } = {}) =>
  Effect.gen(function*() {
    const events: Array<LogEvent> = []
    const server = yield* Wire.serve(...answers)
    const flows = yield* clientFor(server, {
      ...options,
      retry: Schedule.recurs(1),
      log: (event) => events.push(event)
    })
    yield* Effect.either(flows.execute("a/b/c", { message: "secret-input", retryPost: true }))
    return events
  })

it.scopedLive("request and response, without bodies", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* hooked([ok]), [
      { phase: "request", method: "POST", path, attempt: 0 },
      { phase: "response", method: "POST", path, attempt: 0, statusCode: 200, requestId: "req-1" }
    ])
  }))

it.scopedLive("bodies only on request", () =>
  Effect.gen(function*() {
    const [request, response] = yield* hooked([ok], { logPayloads: true })
    assert.strictEqual(request?.phase === "request" && request.requestBody, `{"message":"secret-input","trace":false}`)
    assert.strictEqual(response?.phase === "response" && response.responseBody, JSON.stringify(body))
  }))

it.scopedLive("retry before the wait, error for what gave no response", () =>
  Effect.gen(function*() {
    const events = yield* hooked([Wire.json(503, {}, { "X-Request-ID": "req-2" }), Wire.reset])
    assert.deepStrictEqual(events.map((event) => event.phase), ["request", "response", "retry", "request", "error"])
    assert.deepStrictEqual(events[2], {
      phase: "retry",
      method: "POST",
      path,
      attempt: 1,
      delay: 0,
      statusCode: 503,
      requestId: "req-2"
    })
    assert.strictEqual(events[4]?.phase === "error" && events[4].error, "APIConnectionError")
  }))

it.scopedLive("no header and no key in any event", () =>
  Effect.gen(function*() {
    const events = yield* hooked([
      Wire.text(500, `echo ${plantedKey}`),
      Wire.json(200, { ...body, result: plantedKey })
    ], {
      logPayloads: true
    })
    assert.notInclude(JSON.stringify(events), plantedKey)
    assert.notInclude(JSON.stringify(events).toLowerCase(), "authorization")
  }))

describe("a throwing hook", () => {
  it.scopedLive("that is async never breaks a call either", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const server = yield* Wire.serve(ok)
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logged.push(message)))
      yield* Effect.gen(function*() {
        const flows = yield* clientFor(server, { log: () => Promise.reject(new Error("hook")) as never })
        yield* flows.execute("a/b/c", {})
        yield* Effect.yieldNow()
      }).pipe(Effect.provide(logger))
      assert.lengthOf(logged, 1)
    }))

  it.scopedLive("never breaks a call, and is reported once", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const server = yield* Wire.serve(ok, ok)
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logged.push(message)))
      yield* Effect.gen(function*() {
        const flows = yield* clientFor(server, {
          log: () => {
            throw new Error("hook")
          }
        })
        assert.strictEqual((yield* flows.execute("a/b/c", {})).result, "secret-result")
        assert.strictEqual((yield* flows.execute("a/b/c", {})).result, "secret-result")
        yield* Effect.yieldNow()
      }).pipe(Effect.provide(logger))
      assert.lengthOf(logged, 1)
      assert.match(String(logged[0]), /log hook threw/)
    }))
})
