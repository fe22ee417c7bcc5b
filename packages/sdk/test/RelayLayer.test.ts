/** Flows without a key, through a relay (13). */
import { Flow, FlowService, TraceScope } from "@effect-noukai/sdk"
import * as Relay from "@effect-noukai/sdk/Relay"
import { handle } from "@effect-noukai/sdk/Tools"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Either, Fiber, Layer, Schema, Stream } from "effect"
import * as Wire from "./support/WireServer.js"

const done = { status: "completed", result: { text: "ok" }, flowId: "fl_1", blockCount: 2, executionId: "ex-1" }

const paused = {
  status: "tool_calls_required",
  executionId: "ex-1",
  pausedAtStep: "triage",
  iterationsUsed: 1,
  toolCallMessages: [{
    role: "assistant",
    content: null,
    tool_calls: [{ id: "tc_1", type: "function", function: { name: "look", arguments: "{}" } }]
  }],
  toolCalls: [{ id: "tc_1", type: "function", function: { name: "look", arguments: "{}" } }],
  accumulatedOutputs: {},
  flowId: "fl_1",
  blockCount: 2
}

const relay = (server: Wire.WireServer, options: Partial<Relay.Options> = {}) =>
  Effect.map(
    Layer.build(Relay.layer({ url: server.baseUrl.replace("/api/v1", "/agent/execute"), ...options })),
    (context) => Context.get(context, FlowService)
  )

const agent = "acme/support/agent"

const failure = (status: number, body: unknown) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(Wire.json(status, body))
    const flows = yield* relay(server)
    return yield* Effect.flip(flows.execute(agent, { message: "hi" }))
  })

describe("Relay.layer", () => {
  it.scopedLive("relays: posts to the relay's URL without a key or a header of ours", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, done))
      const flows = yield* relay(server)
      const result = yield* flows.execute(agent, { message: "hi", parameters: { tone: "dry" } })
      assert.deepStrictEqual(result.result, { text: "ok" })
      const { body, headers, method, path } = server.requests[0]!
      assert.strictEqual(`${method} ${path}`, "POST /agent/execute")
      assert.strictEqual(body, `{"message":"hi","parameters":{"tone":"dry"},"trace":false}`)
      const { accept: _, "accept-encoding": coding, ...rest } = headers
      assert.strictEqual(coding, "identity")
      assert.deepStrictEqual(Object.keys(rest).sort(), ["connection", "content-length", "content-type", "host"])
      assert.strictEqual(headers["content-type"], "application/json")
    }))

  it.scopedLive("sends the caller's own login, but for the content type", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, done))
      const flows = yield* relay(server, { headers: { Authorization: "Bearer mine", "Content-Type": "text/plain" } })
      yield* flows.execute(agent, { message: "hi" })
      assert.strictEqual(server.requests[0]!.headers.authorization, "Bearer mine")
      assert.strictEqual(server.requests[0]!.headers["content-type"], "application/json")
    }))

  it.scopedLive("keeps the query of the URL", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, done))
      const flows = yield* relay(server, { url: server.baseUrl.replace("/api/v1", "/run?tenant=7") })
      yield* flows.execute(agent, { message: "hi" })
      assert.strictEqual(server.requests[0]!.path, "/run?tenant=7")
    }))

  it.scopedLive("tool-results: runs the tool loop", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, paused), Wire.json(200, done))
      const flows = yield* relay(server)
      const tools = handle(
        [{ type: "function", function: { name: "look" } }],
        (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "seen" })))
      )
      const result = yield* flows.execute(agent, { message: "hi", tools })
      assert.strictEqual(result.status, "completed")
      assert.deepStrictEqual(JSON.parse(server.requests[1]!.body).toolCallMessages, [
        ...paused.toolCallMessages,
        { role: "tool", tool_call_id: "tc_1", content: "seen" }
      ])
    }))

  it.scopedLive("decodes the result through the flow's schema", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, done), Wire.json(200, { ...done, result: 1 }))
      const flows = yield* relay(server)
      const Agent = Flow.make(agent, { result: Schema.Struct({ text: Schema.String }) })
      assert.strictEqual((yield* flows.execute(Agent, { message: "hi" })).result.text, "ok")
      const error = yield* Effect.flip(flows.execute(Agent, { message: "hi" }))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
    }))

  it.scopedLive("another flow than the pinned one is refused before anything is sent", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve()
      const flows = yield* relay(server, { flow: agent })
      const error = yield* Effect.flip(flows.execute("acme/support/other", { message: "hi" }))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "flow")
      assert.strictEqual(server.requests.length, 0)
    }))

  it.scopedLive("without a name for its flow, the first one that is run is the pinned one", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, done), Wire.json(200, done))
      const flows = yield* relay(server)
      yield* flows.execute(agent, { message: "hi" })
      yield* flows.execute({ org: "acme", project: "support", slug: "agent" }, { message: "hi" })
      const error = yield* Effect.flip(flows.execute("acme/support/other", { message: "hi" }))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.strictEqual(server.requests.length, 2)
    }))

  it.scopedLive("relays: version and session id are refused, steps, events and runs once per key too", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve()
      const flows = yield* relay(server)
      const errors = yield* Effect.all([
        Effect.flip(flows.execute(agent, { message: "hi", version: 3 })),
        Effect.flip(flows.execute(agent, { message: "hi", sessionId: "s" })),
        Effect.flip(TraceScope.capture(flows.execute(agent, { message: "hi" }))),
        Effect.flip(Stream.runDrain(flows.events(agent, { message: "hi" }))),
        Effect.flip(Stream.runDrain(flows.steps(agent, { message: "hi" }))),
        Effect.flip(flows.executeOnce("key", agent, { message: "hi" }))
      ])
      assert.deepStrictEqual(
        errors.map((error) => error._tag === "InvalidRequestError" ? error.field : error._tag),
        ["version", "sessionId", "sessionId", "relay", "relay", "relay"]
      )
      assert.strictEqual(server.requests.length, 0)
    }))

  const codes: ReadonlyArray<readonly [status: number, code: string, tag: string]> = [
    [400, "INVALID_JSON", "FlowExecutionError"],
    [403, "FORBIDDEN", "PermissionDeniedError"],
    [413, "BODY_TOO_LARGE", "FlowExecutionError"],
    [413, "TOO_MANY_MESSAGES", "FlowExecutionError"],
    [502, "UPSTREAM_UNAVAILABLE", "FlowExecutionError"]
  ]
  for (const [status, code, tag] of codes) {
    it.scopedLive(`relays: ${status} ${code} is a ${tag} with that code`, () =>
      Effect.map(failure(status, { detail: code }), (error) => {
        assert.strictEqual(error._tag, tag)
        assert.strictEqual(error.statusCode, status)
        assert.strictEqual(error.code, code)
        assert.strictEqual(error.detail, code)
      }))
  }

  it.scopedLive("the upstream's own errors come through", () =>
    Effect.map(
      failure(402, { detail: { code: "INSUFFICIENT_CREDITS", message: "No credits." } }),
      (error) => {
        assert.strictEqual(error._tag, "InsufficientCreditsError")
        assert.strictEqual(error.code, "INSUFFICIENT_CREDITS")
        assert.strictEqual(error.detail, "No credits.")
      }
    ))

  it.scopedLive("a 2xx that is no object is an UnexpectedResponseError", () =>
    Effect.map(failure(200, ["no", "run"]), (error) => assert.strictEqual(error._tag, "UnexpectedResponseError")))

  it.scopedLive("a post that may have arrived is not repeated, and a broken connection is typed", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.reset)
      const flows = yield* relay(server)
      const error = yield* Effect.flip(flows.execute(agent, { message: "hi" }))
      assert.strictEqual(error._tag === "APIConnectionError" && error.sent, "unknown")
      assert.strictEqual(server.requests.length, 1)
    }))

  it.scopedLive("interruption closes the connection", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.silence)
      const flows = yield* relay(server)
      const fiber = yield* Effect.fork(flows.execute(agent, { message: "hi" }))
      yield* server.arrived(1)
      yield* Fiber.interrupt(fiber)
      yield* server.allEnded
    }))

  const urls: ReadonlyArray<readonly [url: string, why: string]> = [
    ["/agent/execute", "absolute"],
    ["ftp://example.com/x", "http"],
    ["https://me:secret@example.com/x", "password"],
    ["https://example.com/x#y", "fragment"]
  ]
  for (const [url, why] of urls) {
    it.scopedLive(`the URL ${url} is refused when the layer is built`, () =>
      Effect.map(Effect.either(Layer.build(Relay.layer({ url }))), (built) => {
        assert.isTrue(Either.isLeft(built))
        if (Either.isLeft(built)) {
          assert.strictEqual(built.left.field, "url")
          assert.include(built.left.reason, why)
        }
      }))
  }
})
