/** Event streams over real sockets: bytes, clocks, and that a stream that is left leaves nothing behind. */
import { Emulator } from "@effect-noukai/emulator"
import { layer as emulatorLayer } from "@effect-noukai/emulator/Emulator"
import {
  APIConnectionError,
  APITimeoutError,
  type EventsInput,
  FlowService,
  InvalidRequestError,
  Noukai,
  RateLimitError,
  UnexpectedResponseError
} from "@effect-noukai/sdk"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import type { LogEvent } from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Layer, Logger, Schedule, Stream, Supervisor, TestClock } from "effect"
import type { ServerResponse } from "node:http"
import { clientFor, plantedKey } from "./support/client.js"
import { sleepingUntil } from "./support/clock.js"
import * as Frames from "./support/eventFrames.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/support/greet"

const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

const typesOf = (events: ReadonlyArray<{ readonly type: string }>) => events.map(({ type }) => type)

const run = (answers: ReadonlyArray<Wire.Answer>, input: EventsInput = {}, options: Options = {}) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const flows = yield* clientFor(server, options)
    const seen: Array<string> = []
    const end = yield* Effect.either(Stream.runForEach(
      flows.events(flow, { message: "hi", ...input }),
      ({ type }) => Effect.sync(() => seen.push(type))
    ))
    return { server, seen, error: end._tag === "Left" ? end.left : undefined }
  })

describe("an output that nests too deeply to be sent with the next step", () => {
  for (const [shape, event] of [["documented", "output"], ["hosted", "outputData"]] as const) {
    for (const depth of [7_000, 20_000]) {
      it.scopedLive(`${depth} levels, in the ${shape} shape: fails with the place of the run, and sends nothing`, () =>
        Effect.gen(function*() {
          const json = `${"{\"a\":".repeat(depth)}1${"}".repeat(depth)}`
          const frames = event === "output"
            ? [`event: step_completed\ndata: {"stepId":"a","output":${json}}\n\n`]
            : [
              `event: step_output\ndata: {"stepId":"a","outputData":${json}}\n\n`,
              Frames.frame("step_completed", { stepId: "a" })
            ]
          const answer = Frames.events(Frames.runStarted, Frames.stepStarted("a"), ...frames, Frames.stepPaused(1))
          for (const only of ["events", "steps"] as const) {
            const server = yield* Wire.serve(answer)
            const flows = yield* clientFor(server)
            const stream: Stream.Stream<unknown, CallError> = flows[only](flow, {
              message: "hi",
              heal: Schedule.recurs(2)
            })
            const error = yield* Effect.flip(Stream.runDrain(stream))
            assert.instanceOf(error, InvalidRequestError)
            assert.strictEqual(error.field, "accumulatedOutputs")
            assert.isFalse(error.isRetryable)
            assert.deepInclude(error.cursor, { executionId: "ex-1", stepIndex: 1, lastStepId: "a" })
            assert.hasAllKeys(error.cursor?.outputs, ["a"])
            assert.lengthOf(server.requests, 1)
            // what is stored of an error does not hold it
            assert.notProperty(JSON.parse(JSON.stringify(error)), "cursor")
          }
        }))
    }
  }
})

describe("on the wire", () => {
  it.scopedLive("headers, addresses: path, headers and session of every request", () =>
    Effect.gen(function*() {
      const { error, seen, server } = yield* run(Frames.twoSteps, {
        version: 3,
        sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01",
        headers: { "x-team": "support", accept: "application/json", authorization: "Bearer other" }
      })
      assert.isUndefined(error)
      assert.strictEqual(seen.at(-1), "flow_completed")
      assert.strictEqual(server.requests.length, 2)
      for (const { headers, method, path } of server.requests) {
        assert.strictEqual(method, "POST")
        assert.strictEqual(path, "/api/v1/seq/acme/support/greet/v3/step")
        assert.strictEqual(headers.accept, "text/event-stream")
        assert.strictEqual(headers["content-type"], "application/json")
        assert.strictEqual(headers.authorization, `Bearer ${plantedKey}`)
        assert.strictEqual(headers["x-noukai-api-version"], "2026-05-31")
        assert.strictEqual(headers["x-session-id"], "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01")
        assert.strictEqual(headers["x-team"], "support")
      }
    }))

  it.scopedLive("frames: the content type is not looked at, and the last frame needs no blank line", () =>
    Effect.gen(function*() {
      const { error, seen } = yield* run([
        Wire.text(200, `\uFEFF${Frames.runStarted}${Frames.flowCompleted(1)}`.replaceAll("\n", "\r\n").trimEnd(), {
          "content-type": "text/plain"
        })
      ])
      assert.isUndefined(error)
      assert.deepStrictEqual(seen, ["run_started", "flow_completed"])
    }))

  it.scopedLive("an error before the stream is mapped whole, and is not sent again", () =>
    Effect.gen(function*() {
      const { error, server } = yield* run([
        Wire.json(429, { detail: { code: "RATE_LIMIT", message: "Slow down." } }, {
          "retry-after": "42",
          "x-request-id": "req-9"
        })
      ])
      assert.instanceOf(error, RateLimitError)
      assert.deepInclude({ ...error }, {
        retryAfter: 42,
        code: "RATE_LIMIT",
        detail: "Slow down.",
        requestId: "req-9",
        method: "FlowService.events"
      })
      assert.strictEqual(error.cursor?.stepIndex, 0)
      assert.strictEqual(server.requests.length, 1)
    }))

  it.scopedLive("an error body that breaks off still tells its status", () =>
    Effect.gen(function*() {
      const { error } = yield* run([(response) => {
        response.writeHead(402, { "content-length": "1000" })
        response.write("{\"detail\":", () => response.socket!.destroy())
      }])
      assert.strictEqual(error?._tag, "InsufficientCreditsError")
    }))

  it.scopedLive("an event over the limit is a typed error that quotes nothing of it", () =>
    Effect.gen(function*() {
      const { error, seen } = yield* run(
        [Frames.events(Frames.runStarted, Frames.stepOutput("a", "secret".repeat(1000)), Frames.flowCompleted(1))],
        {},
        { maxFrameBytes: 1024 }
      )
      assert.instanceOf(error, UnexpectedResponseError)
      assert.match(error.reason, /longer than 1024/)
      assert.isFalse(JSON.stringify(error).includes("secret"))
      assert.deepStrictEqual(seen, ["run_started"])
      assert.strictEqual(error.cursor?.executionId, "ex-1")
    }))

  it.scopedLive("an event that the run depends on and that cannot be read ends the stream with the cursor", () =>
    Effect.gen(function*() {
      const { error, seen, server } = yield* run([
        Frames.open([Frames.runStarted, Frames.stepStarted("a"), "event: step_completed\ndata: {\"stepId\":\n\n"])
      ], { heal: Schedule.recurs(3) })
      assert.instanceOf(error, UnexpectedResponseError)
      assert.strictEqual(error.reason, "an event step_completed is not a JSON object")
      assert.deepStrictEqual(seen, ["run_started", "step_started"])
      assert.strictEqual(error.cursor?.stepIndex, 0)
      assert.strictEqual(error.requestId, "req-1")
      yield* server.allEnded
      assert.strictEqual(server.requests.length, 1)
    }))

  it.scopedLive("any other that cannot be read is dropped with a warning", () => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      warnings.push(`${logLevel.label} ${String(message)}`)
    })
    return Effect.gen(function*() {
      const { error, seen } = yield* run([
        Frames.events(
          Frames.runStarted,
          "event: step_output\ndata: {\"secret\"\n\n",
          "event: step_dreamt\ndata: {\"x\":1}\n\n",
          Frames.flowCompleted(1)
        )
      ])
      assert.isUndefined(error)
      assert.deepStrictEqual(seen, ["run_started", "unknown", "flow_completed"])
      assert.strictEqual(warnings.length, 1)
      assert.match(warnings[0]!, /^WARN .*step_output is not a JSON object/)
      assert.notInclude(warnings[0]!, "secret")
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.scopedLive("a body that ends in the middle of an event was cut, and heals", () =>
    Effect.gen(function*() {
      const { error, seen, server } = yield* run([
        Frames.events(
          Frames.runStarted,
          Frames.stepStarted("classify"),
          Frames.stepCompleted("classify").slice(0, -20)
        ),
        ...Frames.twoSteps
      ], { heal: Schedule.recurs(1) })
      assert.isUndefined(error)
      assert.strictEqual(seen.filter((type) => type === "step_completed").length, 2)
      assert.strictEqual(server.requests.length, 3)
    }))

  it.scopedLive("log-events: the log hook sees each request and response of a stream, its break, and no response body", () =>
    Effect.gen(function*() {
      const events: Array<LogEvent> = []
      const { error } = yield* run(
        [
          Frames.twoSteps[0],
          Frames.open([Frames.stepStarted("answer")], (response) => response.socket!.resetAndDestroy())
        ],
        {},
        { log: (event) => events.push(event), logPayloads: true }
      )
      assert.instanceOf(error, APIConnectionError)
      const info = { method: "POST", path: "/seq/acme/support/greet/step", attempt: 0, streaming: true }
      assert.deepStrictEqual(events.map(({ phase }) => phase), ["request", "response", "request", "response", "error"])
      for (const event of events) assert.deepInclude({ ...event } as object, info)
      assert.deepInclude(events[1], { statusCode: 200, requestId: "req-1" })
      assert.property(events[0], "requestBody")
      for (const event of events) assert.notProperty(event, "responseBody")
      assert.deepInclude(events[4], { error: "APIConnectionError" })
    }))

  it.scopedLive("retries: what never left is sent again as the policy says; nothing else is", () =>
    Effect.gen(function*() {
      const events: Array<LogEvent> = []
      const closed = yield* Effect.scoped(Wire.serve())
      const flows = yield* clientFor(closed, { log: (event) => events.push(event), retry: Schedule.recurs(2) })
      const error = yield* Effect.flip(collect(flows.events(flow, { message: "hi" })))
      assert.instanceOf(error, APIConnectionError)
      assert.strictEqual(error.sent, "no")
      assert.isTrue(error.isRetryable)
      assert.deepStrictEqual(events.flatMap((event) => event.phase === "request" ? event.attempt : []), [0, 1, 2])
      const reset = yield* run([Wire.reset], {}, { retry: Schedule.recurs(2), retryPost: true })
      assert.instanceOf(reset.error, APIConnectionError)
      assert.strictEqual(reset.error.sent, "unknown")
      assert.strictEqual(reset.server.requests.length, 1)
    }))
})

describe("clocks", () => {
  const timesOut = (
    answer: Wire.Answer,
    input: EventsInput,
    instant: number
  ) =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(answer)
      const flows = yield* clientFor(server)
      const fiber = yield* Effect.fork(Effect.flip(collect(flows.events(flow, { message: "hi", ...input }))))
      yield* server.arrived(1)
      yield* sleepingUntil(instant)
      yield* TestClock.adjust(instant - 1)
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(fiber)
      yield* server.allEnded
      assert.instanceOf(error, APITimeoutError)
      return error
    })

  it.scoped("first byte: a server that is silent; default 300 s", () =>
    Effect.gen(function*() {
      const error = yield* timesOut(Wire.silence, {}, 300_000)
      assert.strictEqual(error.clock, "firstByte")
      assert.strictEqual(error.sent, "unknown")
      assert.isUndefined(error.executionId)
    }))

  it.scoped("idle: a half-open connection after the first events; default 300 s", () =>
    Effect.gen(function*() {
      const error = yield* timesOut(Frames.open([Frames.runStarted]), { firstByteTimeout: "1 minute" }, 300_000)
      assert.strictEqual(error.clock, "idle")
      assert.strictEqual(error.sent, "yes")
      assert.strictEqual(error.executionId, "ex-1")
      assert.strictEqual(error.cursor?.executionId, "ex-1")
    }))

  it.scoped("idle: per call, and healed", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Frames.open([Frames.runStarted]), ...Frames.twoSteps)
      const flows = yield* clientFor(server)
      const fiber = yield* Effect.fork(
        collect(flows.events(flow, { message: "hi", idleTimeout: "5 seconds", heal: Schedule.recurs(1) }))
      )
      yield* server.arrived(1)
      yield* sleepingUntil(5000)
      yield* TestClock.adjust(5000)
      const events = yield* Fiber.join(fiber)
      assert.strictEqual(events.at(-1)?.type, "flow_completed")
      assert.strictEqual(server.requests.length, 3)
    }))

  it.scoped("a slow drip is not idle; only the total clock ends it", () =>
    Effect.gen(function*() {
      const response = yield* Deferred.make<ServerResponse>()
      const server = yield* Wire.serve(
        Frames.open([Frames.runStarted], (open) => Effect.runFork(Deferred.succeed(response, open)))
      )
      const flows = yield* clientFor(server)
      const fiber = yield* Effect.fork(
        Effect.flip(collect(flows.events(flow, { message: "hi", idleTimeout: "5 seconds", timeout: "1 minute" })))
      )
      const open = yield* Deferred.await(response)
      yield* sleepingUntil(5000)
      const drip = Frames.stepStarted("a").slice(0, 14)
      for (let second = 4; second < 60; second += 4) {
        yield* TestClock.adjust("4 seconds")
        open.write(drip[second / 4 - 1]!)
        yield* sleepingUntil(second * 1000 + 5000)
      }
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("4 seconds")
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, APITimeoutError)
      assert.strictEqual(error.clock, "total")
      yield* server.allEnded
    }))

  it.scoped("a clock that is none is refused before anything is sent", () =>
    Effect.gen(function*() {
      for (const field of ["firstByteTimeout", "idleTimeout", "connectTimeout"]) {
        const { error, server } = yield* run([], { [field]: "soon" })
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.strictEqual(server.requests.length, 0)
      }
    }))
})

describe("leaving", () => {
  const held = Frames.open([Frames.runStarted, Frames.stepStarted("a"), Frames.stepOutput("a", 1)])

  /** No fiber that `effect` forked outlives it. */
  const leavesNoFiber = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      const supervisor = yield* Supervisor.track
      const result = yield* Effect.supervised(effect, supervisor)
      assert.deepStrictEqual(yield* supervisor.value, [])
      return result
    })

  it.scopedLive("after one event: the socket is closed when the stream has ended, and no fiber is left", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(held)
      const flows = yield* clientFor(server)
      const events = yield* leavesNoFiber(collect(Stream.take(flows.events(flow, { message: "hi" }), 1)))
      assert.deepStrictEqual(typesOf(events), ["run_started"])
      yield* server.allEnded
    }))

  it.scopedLive("by interruption", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(held)
      const flows = yield* clientFor(server)
      yield* leavesNoFiber(Effect.gen(function*() {
        const reached = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(Stream.runForEach(
          flows.events(flow, { message: "hi" }),
          ({ type }) => type === "step_output" ? Deferred.succeed(reached, undefined) : Effect.void
        ))
        yield* Deferred.await(reached)
        yield* Fiber.interrupt(fiber)
      }))
      yield* server.allEnded
    }))

  it.scopedLive("by interruption before anything has come", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.silence)
      const flows = yield* clientFor(server)
      const fiber = yield* Effect.fork(collect(flows.events(flow, { message: "hi" })))
      yield* server.arrived(1)
      yield* Fiber.interrupt(fiber)
      yield* server.allEnded
    }))

  it.scopedLive("by a consumer that fails", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(held)
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(
        leavesNoFiber(Stream.runForEach(flows.events(flow, { message: "hi" }), () => Effect.fail("enough")))
      )
      assert.strictEqual(error, "enough")
      yield* server.allEnded
    }))

  it.scopedLive("in the second request", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Frames.twoSteps[0], held)
      const flows = yield* clientFor(server)
      const events = yield* leavesNoFiber(
        collect(Stream.takeUntil(flows.events(flow, { message: "hi" }), ({ type }) => type === "step_output"))
      )
      assert.strictEqual(events.length, 6)
      yield* server.allEnded
    }))

  it.scopedLive("a consumer that stops stops the server's writing, and then misses nothing", () =>
    Effect.gen(function*() {
      const parts = 512
      const part = Frames.stepOutput("a", "x".repeat(64 * 1024))
      let written = 0
      const server = yield* Wire.serve(Frames.open([Frames.runStarted], (response) => {
        const more = (): void => {
          while (written < parts) {
            written++
            if (!response.write(part)) return void response.once("drain", more)
          }
          response.end(Frames.flowCompleted(1))
        }
        more()
      }))
      const flows = yield* clientFor(server)
      const stopped = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const seen: Array<string> = []
      const fiber = yield* Effect.fork(Stream.runForEach(flows.events(flow, { message: "hi" }), ({ type }) => {
        seen.push(type)
        return seen.length === 2
          ? Effect.zipRight(Deferred.succeed(stopped, undefined), Deferred.await(goOn))
          : Effect.void
      }))
      yield* Deferred.await(stopped)
      // the server has time to write as long as it answers others
      for (let before = -1; before !== written;) {
        before = written
        for (let i = 0; i < 25; i++) yield* Effect.promise(() => fetch(server.baseUrl).then((other) => other.text()))
      }
      assert.strictEqual(seen.length, 2)
      // as much as the buffers of both sockets hold, and no more
      assert.isBelow(written, parts / 2)
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(fiber)
      assert.strictEqual(written, parts)
      assert.deepStrictEqual(seen, [
        "run_started",
        ...Array.from({ length: parts }, () => "step_output"),
        "flow_completed"
      ])
    }))

  it.scopedLive("the terminal event ends a response that the server holds open", () =>
    Effect.gen(function*() {
      const { error, seen, server } = yield* run([Frames.open([Frames.runStarted, Frames.flowCompleted(1)])])
      assert.isUndefined(error)
      assert.deepStrictEqual(seen, ["run_started", "flow_completed"])
      yield* server.allEnded
    }))

  /** Answers with frames, and ends the response when told to. */
  const endedLater = (...frames: ReadonlyArray<string>) => {
    let response: ServerResponse | undefined
    return {
      answer: Frames.open(frames, (opened) => {
        response = opened
      }),
      end: Effect.async<void>((resume) => {
        response!.end(() => resume(Effect.void))
      })
    }
  }

  const turns = Effect.replicateEffect(
    Effect.async<void>((resume) => {
      setImmediate(() => resume(Effect.void))
    }),
    5
  )

  it.scopedLive("after the terminal event the connection serves the next run, once its response has ended", () =>
    Effect.gen(function*() {
      const ports = new Set<number | undefined>()
      const first = endedLater(Frames.runStarted, Frames.flowCompleted(1))
      const second = endedLater(Frames.runStarted, Frames.stepError("a"))
      const seen = (answer: Wire.Answer): Wire.Answer => (response, request) => {
        ports.add(response.socket?.remotePort)
        answer(response, request)
      }
      const server = yield* Wire.serve(
        seen(first.answer),
        seen(second.answer),
        seen(Frames.events(Frames.flowCompleted(1)))
      )
      const flows = yield* clientFor(server)
      for (const { end } of [first, second]) {
        yield* collect(flows.events(flow, { message: "hi" }))
        yield* end
        yield* turns
      }
      yield* collect(flows.events(flow, { message: "hi" }))
      assert.lengthOf(server.requests, 3)
      assert.strictEqual(ports.size, 1)
    }))

  it.effect("the emulator's step is interrupted, and nothing more runs or is billed", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const emulator = yield* Emulator
      const events = yield* leavesNoFiber(
        collect(Stream.takeUntil(flows.events("acme/slow/flow", { message: "hi" }), (event) =>
          event.type === "step_started" && event.stepIndex === 1))
      )
      assert.deepStrictEqual(typesOf(events), [
        "run_started",
        "step_started",
        "step_output",
        "step_completed",
        "step_paused",
        "step_started"
      ])
      yield* emulator.awaitEvent((event) =>
        event.type === "RequestEnded" && event.outcome === "client"
      )
      const { requestsReceived, runsStarted, steps } = yield* emulator.ledger
      assert.strictEqual(runsStarted, 1)
      assert.strictEqual(requestsReceived, 2)
      assert.deepStrictEqual(steps.map(({ billedUsd, outcome, stepId }) => [stepId, outcome, billedUsd]), [
        ["quick", "completed", "0.1"],
        ["endless", "interrupted", "0"]
      ])
    }).pipe(Effect.provide(Layer.provideMerge(
      Noukai.layerServices,
      emulatorLayer({
        flows: [{
          ref: "acme/slow/flow",
          steps: [
            { kind: "template", id: "quick", output: "done", costUsd: "0.1" },
            { kind: "function", id: "endless", run: () => Effect.never, costUsd: "0.1" }
          ]
        }]
      })
    ))))
})
