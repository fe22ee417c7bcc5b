/** Forwarding of a relay, on the wire (docs/wire.md#relays). */
import * as RelayServer from "@effect-noukai/adapters/Relay"
import { NoukaiHttp, NoukaiRecord, NoukaiReplay, TraceScope } from "@effect-noukai/sdk"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import type * as LogHook from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Layer, Logger, LogLevel, Option } from "effect"
import { known } from "../src/internal/core/makeError.js"
import { answering } from "./support/answering.js"
import { httpFor, plantedKey } from "./support/client.js"
import { folder } from "./support/folder.js"
import { body, cassette, execution, failedStep, sessionId } from "./support/sessions.js"
import { collecting, type Opened } from "./support/tracer.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/support/answer"

const pinned = (answers: ReadonlyArray<Wire.Answer>, options: RelayServer.ForwardOptions = {}, config: Options = {}) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const http = yield* httpFor(server, config)
    const pinned = yield* RelayServer.forward(flow, options)
    const forward = (request: RelayServer.ForwardRequest) => Effect.provideService(pinned(request), NoukaiHttp, http)
    return { server, http, forward }
  })

const completed = { status: "completed", result: { text: "hi" }, flowId: "fl", blockCount: 1 }

describe("Relay.forward", () => {
  it.scopedLive("relays: one POST to the pinned flow and version, under the server's key, with the body as it is", () =>
    Effect.gen(function*() {
      const { forward, server } = yield* pinned([Wire.json(200, completed)], { version: 3 })
      const sent = { message: "hi", flow: "evil/evil/evil", version: "draft", nothing: null, trace: true }
      const response = yield* forward({ body: sent })
      assert.deepStrictEqual(response, { status: 200, text: JSON.stringify(completed) })
      assert.lengthOf(server.requests, 1)
      const [request] = server.requests
      assert.strictEqual(request!.path, "/api/v1/seq/acme/support/answer/v3/execute")
      assert.strictEqual(request!.headers.authorization, `Bearer ${plantedKey}`)
      assert.strictEqual(request!.body, JSON.stringify(sent))
      assert.notProperty(request!.headers, "x-session-id")
      assert.notProperty(request!.headers, "traceparent")
    }))

  it.scopedLive("relays: every status is an answer, its text verbatim, and is asked for once", () =>
    Effect.gen(function*() {
      const answers: ReadonlyArray<readonly [number, string]> = [
        [200, "{\"big\": 12345678901234567890, \"status\":\"surprise\"}"],
        [302, "<a>elsewhere</a>"],
        [401, "{\"detail\":\"no\"}"],
        [429, "{}"],
        [500, "<html>"],
        [503, ""]
      ]
      const { forward, server } = yield* pinned(
        answers.map(([status, text]) => Wire.text(status, text, { location: "http://example.org/" })),
        {},
        { retryPost: true, maxRetries: 3 }
      )
      for (const [status, text] of answers) {
        assert.deepStrictEqual(yield* forward({ body: {} }), { status, text })
      }
      assert.lengthOf(server.requests, answers.length)
    }))

  it.scopedLive("relays: a broken connection and a clock are failures, and nothing is sent again", () =>
    Effect.gen(function*() {
      const { forward, server } = yield* pinned(
        [Wire.reset, Wire.silence],
        { attemptTimeout: "100 millis" },
        { retryPost: true, maxRetries: 3 }
      )
      const broken = yield* Effect.flip(forward({ body: {} }))
      assert.strictEqual(broken._tag, "APIConnectionError")
      const late = yield* Effect.flip(forward({ body: {} }))
      assert.strictEqual(late._tag === "APITimeoutError" && late.clock, "attempt")
      assert.lengthOf(server.requests, 2)
    }))

  it.scopedLive("interruption closes the socket", () =>
    Effect.gen(function*() {
      const { forward, server } = yield* pinned([Wire.silence])
      const fiber = yield* Effect.fork(forward({ body: {} }))
      yield* server.arrived(1)
      yield* Fiber.interrupt(fiber)
      yield* server.allEnded
    }))

  it.scopedLive("relays: trace context goes along; one that no header can carry fails before anything is sent", () =>
    Effect.gen(function*() {
      const { forward, server } = yield* pinned([Wire.json(200, completed)])
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      yield* forward({ body: {}, traceparent, tracestate: "a=1" })
      assert.strictEqual(server.requests[0]!.headers.traceparent, traceparent)
      assert.strictEqual(server.requests[0]!.headers.tracestate, "a=1")
      const error = yield* Effect.flip(forward({ body: {}, tracestate: "a=1\r\nx-evil: 1" }))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.lengthOf(server.requests, 1)
    }))

  it.scopedLive("spans: where spans are traced, the forwarded run is part of the trace that the request brought", () =>
    Effect.gen(function*() {
      const { opened, tracer } = collecting()
      const { forward, server } = yield* pinned([Wire.json(200, { ...completed, executionId: "ex-1" })])
      const traceId = "0af7651916cd43dd8448eb211c80319c"
      const request = { body: {}, traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: "a=1" }
      yield* Effect.withTracer(forward(request), tracer)
      const [{ attributes, span }] = opened as [Opened]
      assert.lengthOf(opened, 1)
      assert.strictEqual(span.name, "noukai.flow.execute")
      assert.strictEqual(Option.getOrUndefined(span.parent)?.spanId, "b7ad6b7169203331")
      assert.strictEqual(server.requests[0]!.headers.traceparent, `00-${traceId}-${span.spanId}-01`)
      assert.strictEqual(server.requests[0]!.headers.tracestate, "a=1")
      assert.deepStrictEqual(Object.fromEntries(attributes), {
        "noukai.org": "acme",
        "noukai.project": "support",
        "noukai.flow.slug": "answer",
        "noukai.flow.version": "production",
        "noukai.execution_id": "ex-1",
        "noukai.flow.status": "completed",
        "noukai.flow.id": "fl",
        "http.response.status_code": 200,
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "noukai",
        "gen_ai.agent.name": flow,
        "gen_ai.agent.id": "fl",
        "gen_ai.agent.version": "production",
        "server.address": "127.0.0.1",
        "server.port": Number(new URL(server.baseUrl).port)
      })
    }))

  it.scopedLive("spans: error.type is the code of a response, else the error of its status", () =>
    Effect.gen(function*() {
      const answers = [
        [Wire.json(200, completed), undefined],
        [Wire.json(402, { detail: { code: "CREDITS_EXHAUSTED", message: "m" } }), "CREDITS_EXHAUSTED"],
        [Wire.json(402, { detail: { code: plantedKey } }), "InsufficientCreditsError"],
        [Wire.json(200, { status: "failed", result: { code: "MODEL_DOWN", message: "m" } }), "MODEL_DOWN"],
        [Wire.json(200, { status: "failed", result: "broken" }), "FlowExecutionError"],
        [Wire.text(200, "<html>"), "UnexpectedResponseError"],
        [Wire.reset, "APIConnectionError"]
      ] as const
      const { forward } = yield* pinned(answers.map(([answer]) => answer), {}, { maxRetries: 0 })
      for (const [, expected] of answers) {
        const { opened, tracer } = collecting()
        yield* Effect.either(Effect.withTracer(forward({ body: {} }), tracer))
        const [{ attributes }] = opened as [Opened]
        assert.strictEqual(attributes.get("error.type"), expected)
        assert.strictEqual(attributes.get("gen_ai.agent.name"), flow)
      }
    }))

  it.scopedLive("spans: a span that is open already goes before the trace that the request brought", () =>
    Effect.gen(function*() {
      const { opened, tracer } = collecting()
      const { forward } = yield* pinned([Wire.text(500, "<html>")])
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      yield* forward({ body: {}, traceparent }).pipe(Effect.withSpan("server"), Effect.withTracer(tracer))
      const [server, run] = opened as [Opened, Opened]
      assert.strictEqual(Option.getOrUndefined(run.span.parent)?.spanId, server.span.spanId)
      assert.strictEqual(run.attributes.get("http.response.status_code"), 500)
    }))

  it.scopedLive("scopes: a fresh run belongs to the session of the scope, one that goes on to the one it has", () =>
    Effect.gen(function*() {
      const { forward, server } = yield* pinned([Wire.json(200, completed), Wire.json(200, completed)])
      const scoped = TraceScope.withSession(sessionId)
      yield* scoped(forward({ body: { message: "hi" } }))
      yield* scoped(forward({ body: { executionId: "ex", pausedAtStep: "a", toolCallMessages: [] } }))
      assert.strictEqual(server.requests[0]!.headers["x-session-id"], sessionId)
      assert.notProperty(server.requests[1]!.headers, "x-session-id")
    }))

  it.scopedLive("log-events: neither log hook nor logger see bodies or the key, even where payloads are logged", () => {
    const events: Array<LogHook.LogEvent> = []
    const lines: Array<string> = []
    const logger = Logger.make(({ annotations, message }) => {
      lines.push(JSON.stringify([message, [...annotations]]))
    })
    return Effect.gen(function*() {
      const { forward } = yield* pinned([Wire.json(200, { echoed: plantedKey }), Wire.reset], {}, {
        log: (event) => events.push(event),
        logPayloads: true
      })
      const response = yield* forward({ body: { message: "secret of the user" } })
      assert.notInclude(response.text, plantedKey)
      yield* Effect.flip(forward({ body: { message: "secret of the user" } }))
      assert.deepStrictEqual(events.map(({ phase }) => phase), ["request", "response", "request", "error"])
      assert.lengthOf(lines, 4)
      const told = JSON.stringify([events, lines])
      for (const secret of ["secret of the user", "echoed", plantedKey]) assert.notInclude(told, secret)
    }).pipe(
      Logger.withMinimumLogLevel(LogLevel.Debug),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
  })

  it.scopedLive("scopes: in a replay nothing goes live: recorded results, recorded failures, misses", () =>
    Effect.gen(function*() {
      const { forward, http, server } = yield* pinned(
        [Wire.json(
          200,
          body(
            execution("answer", "execute", "recorded"),
            execution("answer", "execute", null, {
              status: "failed",
              errorAtStep: "a",
              steps: [failedStep("a", { code: "BOOM", message: "no" })]
            })
          )
        )],
        {},
        { replayEnabled: true }
      )
      const replayed = TraceScope.replay(sessionId)(Effect.gen(function*() {
        return [
          yield* forward({ body: { message: "x" } }),
          yield* forward({ body: { message: "x" } }),
          yield* Effect.flip(forward({ body: {} }))
        ] as const
      }))
      const [first, second, miss] = yield* Effect.provideService(replayed, NoukaiHttp, http)
      assert.strictEqual(first.status, 200)
      assert.strictEqual(JSON.parse(first.text).status, "completed")
      assert.deepStrictEqual(
        { status: second.status, run: JSON.parse(second.text).status, result: JSON.parse(second.text).result },
        { status: 200, run: "failed", result: { code: "BOOM", message: "no" } }
      )
      assert.strictEqual(miss._tag, "ReplayMissError")
      assert.deepStrictEqual(server.requests.map(({ method }) => method), ["GET"])
    }))

  it.effect("a service that only decodes is asked to execute", () =>
    Effect.gen(function*() {
      const forward = yield* RelayServer.forward(flow)
      const response = yield* forward({ body: { message: "hi" } })
      assert.strictEqual(response.status, 200)
      assert.include(JSON.parse(response.text), { status: "completed", result: "recorded" })
    }).pipe(Effect.provide(NoukaiReplay.fromCassette(cassette(execution("answer", "execute", "recorded"))))))

  it.scopedLive("relays: through a recording, live and replayed, the body is the one that came, as JSON", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/cassette.json`
      const sent = { ...completed, blockCount: "1", model: "m-1", flowId: null }
      const live = answering({ status: 200, body: JSON.stringify(sent) })
      const forwarded = Effect.flatMap(RelayServer.forward(flow, {}), (pinned) => pinned({ body: { message: "hi" } }))
      for (const mode of ["all", "none"] as const) {
        const { text } = yield* Effect.provide(forwarded, NoukaiRecord.toFile(path, { mode, live }))
        assert.deepStrictEqual(JSON.parse(text), sent)
      }
    }))

  it.scopedLive("relays: through a recording, live and replayed, every status is an answer", () =>
    Effect.gen(function*() {
      const answers = [400, 401, 402, 403, 404, 409, 422, 429, 500, 503].map((status) => ({
        status,
        text: JSON.stringify({ detail: { code: `CODE_${status}`, message: "no" } }),
        requestId: `req-${status}`,
        ...(status === 429 || status === 503 ? { retryAfter: "7" } : undefined)
      }))
      const { http, server } = yield* pinned(
        answers.map(({ requestId, retryAfter, status, text }) =>
          Wire.text(status, text, { "x-request-id": requestId, ...known({ "retry-after": retryAfter }) })
        ),
        {},
        { maxRetries: 0 }
      )
      const path = `${yield* folder}/cassette.json`
      const live = Layer.succeed(NoukaiHttp, http)
      const forwarded = Effect.flatMap(
        RelayServer.forward(flow),
        (forward) => Effect.forEach(answers, ({ status }) => forward({ body: { message: String(status) } }))
      )
      for (const mode of ["all", "none"] as const) {
        assert.deepStrictEqual(yield* Effect.provide(forwarded, NoukaiRecord.toFile(path, { mode, live })), answers)
      }
      assert.lengthOf(server.requests, answers.length)
    }))

  it.scopedLive("relays: through a recording, a broken connection stays a failure", () =>
    Effect.gen(function*() {
      const { http } = yield* pinned([(response) => response.socket!.destroy()], {}, { maxRetries: 0 })
      const live = Layer.succeed(NoukaiHttp, http)
      const path = `${yield* folder}/cassette.json`
      const forwarded = Effect.flatMap(RelayServer.forward(flow), (forward) => forward({ body: { message: "hi" } }))
      for (const mode of ["all", "none"] as const) {
        const error = yield* Effect.flip(Effect.provide(forwarded, NoukaiRecord.toFile(path, { mode, live })))
        assert.strictEqual(error._tag, "APIConnectionError")
      }
    }))

  it.effect("scopes: a capture around it that knows nothing of a replayed session does not name another one", () =>
    Effect.gen(function*() {
      const forward = yield* RelayServer.forward(flow)
      const replayed = Effect.provide(
        forward({ body: { message: "hi" } }),
        NoukaiReplay.fromCassette(cassette(execution("answer", "execute", "recorded")))
      )
      const response = yield* TraceScope.capture(replayed)
      assert.include(JSON.parse(response.text), { status: "completed", result: "recorded" })
    }))

  it.effect("addresses: a wrong flow, version or clock is refused when it is pinned", () =>
    Effect.gen(function*() {
      const wrong = (ref: string, options: RelayServer.ForwardOptions = {}) =>
        Effect.flip(RelayServer.forward(ref, options))
      assert.strictEqual((yield* wrong("a/b")).field, "flow")
      assert.strictEqual((yield* wrong("../x/y")).field, "flow.org")
      assert.strictEqual((yield* wrong(flow, { version: -1 })).field, "version")
      assert.strictEqual((yield* wrong(flow, { attemptTimeout: -1 })).field, "attemptTimeout")
      assert.isTrue(Either.isRight(RelayServer.forward("bare", {}, { org: "acme", project: "support" })))
    }))
})
