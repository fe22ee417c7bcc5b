/** Clocks, aborts and limits over real sockets (docs/wire.md#time-limits, docs/wire.md#headers): each one fires alone, and the server sees the close. */
import { type ExecuteInput, NoukaiHttp } from "@effect-noukai/sdk"
import * as FlowService from "@effect-noukai/sdk/FlowService"
import * as NoukaiHttpModule from "@effect-noukai/sdk/NoukaiHttp"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Agent } from "undici"
import { clientFor } from "./support/client.js"
import { httpOf } from "./support/http.js"
import * as Wire from "./support/WireServer.js"

const done = { status: "completed", result: 1, flowId: "f", blockCount: 1 }

/** Runs a call that must time out when the test clock has moved on; the socket is real. */
const timesOut = (
  answer: Wire.Answer,
  options: ExecuteInput,
  moves: ReadonlyArray<`${number} ${"seconds" | "millis"}`>
) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(answer)
    const flows = yield* clientFor(server)
    const fiber = yield* Effect.fork(Effect.flip(flows.execute("a/b/c", { message: "hi", ...options })))
    yield* server.arrived(1)
    for (const move of moves.slice(0, -1)) {
      yield* TestClock.adjust(move)
      assert.isNull(fiber.unsafePoll())
    }
    yield* TestClock.adjust(moves.at(-1)!)
    const error = yield* Fiber.join(fiber)
    yield* server.allEnded
    assert.strictEqual(server.requests.length, 1)
    return error
  })

describe("attempt clock: one attempt, its body included", () => {
  it.scoped("fires at its instant while the server is silent; default 300 s", () =>
    Effect.gen(function*() {
      const error = yield* timesOut(Wire.silence, {}, ["299999 millis", "1 millis"])
      assert.strictEqual(error._tag, "APITimeoutError")
      assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "attempt")
      assert.strictEqual(error._tag === "APITimeoutError" && error.sent, "unknown")
      assert.isFalse(error.isRetryable)
      // the option, as a program sets it
      assert.include(error.message, "a/b/c: attemptTimeout passed")
    }))

  it.scoped("fires in a stalled body", () =>
    Effect.gen(function*() {
      const error = yield* timesOut(Wire.stallInBody("{\"status\":"), { attemptTimeout: "5 seconds" }, [
        "4 seconds",
        "1 seconds"
      ])
      assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "attempt")
    }))
})

describe("total clock: the whole call", () => {
  it.scoped("fires alone", () =>
    Effect.gen(function*() {
      const error = yield* timesOut(Wire.silence, { timeout: "7 seconds", attemptTimeout: Infinity }, [
        "6 seconds",
        "1 seconds"
      ])
      assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "total")
      assert.strictEqual(error._tag === "APITimeoutError" && error.sent, "unknown")
    }))

  it.effect("a call that is run again says what it sent itself, and not what the run before it sent", () =>
    Effect.gen(function*() {
      let runs = 0
      const flows = yield* FlowService.make.pipe(Effect.provideService(
        NoukaiHttp,
        NoukaiHttpModule.make(httpOf({
          execute: ({ progress }) => {
            if (runs++ > 0) return Effect.never
            progress.sent = "yes"
            return Effect.succeed({ status: "completed", result: 1, flowId: "f", blockCount: 1 })
          }
        }))
      ))
      const call = flows.execute("a/b/c", { timeout: "3 seconds" })
      yield* call
      const fiber = yield* Effect.fork(Effect.flip(call))
      yield* TestClock.adjust("3 seconds")
      assert.deepInclude({ ...(yield* Fiber.join(fiber)) }, { clock: "total", sent: "no", isRetryable: true })
    }))

  it.scoped("is on the client, and a call replaces it", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.silence)
      const flows = yield* clientFor(server, { timeout: "1 seconds" })
      const fiber = yield* Effect.fork(Effect.flip(flows.execute("a/b/c", { timeout: "3 seconds" })))
      yield* server.arrived(1)
      yield* TestClock.adjust("2 seconds")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "APITimeoutError")
    }))
})

describe("connect clock: until the request is on a socket", () => {
  it.scoped("fires at its instant while connecting hangs, with sent: no; default 10 s", () =>
    Effect.gen(function*() {
      let connecting = 0
      const dispatcher = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new Agent({
            connect: () => {
              connecting += 1
            }
          })
        ),
        (agent) => Effect.promise(() => agent.destroy())
      )
      const flows = yield* clientFor({ baseUrl: "http://127.0.0.1:1" }, { dispatcher, maxRetries: 0 })
      const fiber = yield* Effect.fork(Effect.flip(flows.execute("a/b/c", { message: "hi" })))
      while (connecting === 0) yield* Effect.yieldNow()
      yield* TestClock.adjust("9999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "APITimeoutError")
      assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "connect")
      assert.strictEqual(error._tag === "APITimeoutError" && error.sent, "no")
      assert.isTrue(error.isRetryable)
    }))
})

describe("interruption", () => {
  it.scopedLive("closes the socket while the server is silent", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.silence)
      const flows = yield* clientFor(server)
      const fiber = yield* Effect.fork(flows.execute("a/b/c", { message: "hi" }))
      yield* server.arrived(1)
      yield* Fiber.interrupt(fiber)
      yield* server.allEnded
    }))

  it.scopedLive("closes the socket in mid-body", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.stallInBody("{"))
      const flows = yield* clientFor(server)
      const fiber = yield* Effect.fork(flows.execute("a/b/c", { message: "hi" }))
      yield* server.arrived(1)
      yield* Fiber.interrupt(fiber)
      yield* server.allEnded
    }))

  it.scopedLive("the layer's end closes idle sockets", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, done))
      yield* Effect.scoped(Effect.flatMap(clientFor(server), (flows) => flows.execute("a/b/c", {})))
      yield* server.allClosed
    }))
})

describe("limits and redirects", () => {
  it.scopedLive("a body over the limit is an UnexpectedResponseError, and the socket closes", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve((response) => {
        response.writeHead(200)
        const more = (): void =>
          void (response.write("x".repeat(65_536)) ? setImmediate(more) : response.once("drain", more))
        more()
      })
      const flows = yield* clientFor(server, { maxResponseBytes: 1_000_000 })
      const error = yield* Effect.flip(flows.execute("a/b/c", {}))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      assert.include(error.message, "1000000 bytes")
      yield* server.allEnded
    }))

  it.scopedLive("headers: a redirect is not followed, and the key goes nowhere else", () =>
    Effect.gen(function*() {
      const other = yield* Wire.serve()
      const server = yield* Wire.serve(Wire.text(307, "", { location: `${other.baseUrl}/x` }))
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(flows.execute("a/b/c", {}))
      assert.strictEqual(error._tag, "FlowExecutionError")
      assert.strictEqual(error.statusCode, 307)
      assert.lengthOf(other.requests, 0)
    }))
})
