import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { fromHttpClient } from "../../../src/internal/http/httpClient.js"
import * as RawServer from "./RawServer.js"
import { assertNoSecret, key, sendRequest, transportSuite, under } from "./transportSuite.js"

const build = (layer: Layer.Layer<HttpClient.HttpClient>): Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, HttpClient.HttpClient))

const nodeClient = build(
  Layer.provide(NodeHttpClient.layerWithoutAgent, NodeHttpClient.makeAgentLayer({ keepAlive: true }))
)

transportSuite({
  name: "HttpClient over node:http",
  make: Effect.flatMap(nodeClient, fromHttpClient),
  seesSocket: false,
  endsWithScope: false,
  noticesCutOfClosing: true,
  decodes: true,
  leavesOut: 1
})

/** Keeps the spans that ended. */
const recording = () => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        spanId: "00000000000000a1",
        traceId: "000000000000000000000000000000b2",
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes,
        links,
        sampled: true,
        kind,
        end: () => {},
        attribute: (attribute, value) => attributes.set(attribute, value),
        event: () => {},
        addLinks: () => {}
      }
      spans.push(span)
      return span
    },
    context: (f) => f()
  })
  return { spans, tracer }
}

describe("fromHttpClient", () => {
  for (
    const [name, client] of [
      ["node:http", nodeClient],
      ["fetch", build(FetchHttpClient.layer)],
      ["undici", build(NodeHttpClient.layerUndici)]
    ] as const
  ) {
    it.scopedLive(`headers: over ${name} a redirect is not followed`, () =>
      Effect.gen(function*() {
        const server = yield* RawServer.make()
        const other = yield* RawServer.make()
        const transport = yield* fromHttpClient(yield* client)
        const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
        yield* connection.write(RawServer.response("moved", `HTTP/1.1 307 Moved\r\nLocation: ${other.origin}/x`))
        assert.strictEqual((yield* Fiber.join(fiber)).status, 307)
        assert.strictEqual(other.connections(), 0)
      }))

    it.scopedLive(`over ${name} the platform opens no span, which would hold the request, and sends no tracing header of its own`, () =>
      Effect.gen(function*() {
        const { spans, tracer } = recording()
        const server = yield* RawServer.make()
        const transport = yield* fromHttpClient(yield* client)
        const { connection, fiber, request } = yield* under(
          server,
          transport.send(sendRequest(server.origin)).pipe(Effect.withSpan("outer"), Effect.withTracer(tracer))
        )
        assert.include(request, key)
        assert.notMatch(request, /traceparent|tracestate|b3/i)
        yield* connection.write(RawServer.response("{}"))
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(spans.map((span) => span.name), ["outer"])
      }))

    it.scopedLive(`over ${name} a refused connection has a reason and no secret`, () =>
      Effect.gen(function*() {
        const { port } = yield* Effect.scoped(RawServer.make())
        const transport = yield* fromHttpClient(yield* client)
        const error = yield* Effect.flip(transport.send(sendRequest(`http://127.0.0.1:${port}`)))
        assert.deepInclude(error, {
          _tag: "ConnectionFailure",
          reason: `connect ECONNREFUSED 127.0.0.1:${port}`,
          sent: "unknown"
        })
        assertNoSecret(error)
      }))
  }

  it.scopedLive("keeps the caller's options of the platform's fetch, redirects excepted", () =>
    Effect.gen(function*() {
      const calls: Array<RequestInit | undefined> = []
      const client = yield* build(FetchHttpClient.layer)
      const transport = yield* fromHttpClient(client)
      yield* transport.send(sendRequest("http://127.0.0.1:1")).pipe(
        Effect.provideService(FetchHttpClient.RequestInit, { credentials: "omit", redirect: "follow" }),
        Effect.provideService(FetchHttpClient.Fetch, (_, init) => {
          calls.push(init)
          return Promise.resolve(new Response("{}"))
        })
      )
      assert.strictEqual(calls[0]?.redirect, "manual")
      assert.strictEqual(calls[0]?.credentials, "omit")
    }))

  it.scopedLive("a client that filters statuses still gives the response", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const transport = yield* fromHttpClient(HttpClient.filterStatusOk(yield* nodeClient))
      const { connection, fiber } = yield* under(server, transport.send(sendRequest(server.origin)))
      yield* connection.write(RawServer.response("{\"error\":1}", "HTTP/1.1 402 Payment Required"))
      const response = yield* Fiber.join(fiber)
      assert.strictEqual(response.status, 402)
      assert.strictEqual(response.text, "{\"error\":1}")
    }))

  it.scopedLive("a request that cannot be made was not sent", () =>
    Effect.gen(function*() {
      const transport = yield* fromHttpClient(yield* nodeClient)
      const error = yield* Effect.flip(transport.send(sendRequest("http://127.0.0.1:99999")))
      assert.deepInclude(error, { _tag: "ConnectionFailure", sent: "no" })
      assertNoSecret(error)
    }))

  it.scopedLive("takes a fake that answers from memory", () =>
    Effect.gen(function*() {
      const client = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response(`"${request.method} ${request.url}"`)))
      )
      const transport = yield* fromHttpClient(client)
      const response = yield* transport.send(sendRequest("http://fake", { path: "/x" }))
      assert.strictEqual(response.text, "\"POST http://fake/x\"")
    }))
})
