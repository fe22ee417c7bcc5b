/** The parts of a relay as Promises, and the option names of `@noukai/sdk`. */
import * as Express from "@effect-noukai/adapters/express"
import * as NextJs from "@effect-noukai/adapters/nextjs"
import * as FlowRelay from "@effect-noukai/adapters/relay"
import { APIConnectionError, Noukai, NoukaiError } from "@effect-noukai/promise"
import * as FC from "effect/FastCheck"
import express from "express"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import { listen } from "./support/listen.js"
import { completed, startUpstream, text, type Upstream } from "./support/upstream.js"

let upstream: Upstream
let client: Noukai

beforeAll(async () => {
  upstream = await startUpstream()
  client = new Noukai({ apiKey: "nk_test_relay", env: "dev", port: upstream.port, maxRetries: 3 })
})

afterEach(() => upstream.script())

afterAll(async () => {
  await client.close()
  await upstream.close()
})

const config = (): FlowRelay.FlowRelayConfig => ({ client, org: "acme", project: "support", slug: "agent" })

const outcomeOf = (run: Promise<unknown>): Promise<unknown> => run.catch((error: unknown) => error)

describe("resolveBounds", () => {
  it("has the defaults of a relay", () => {
    const defaults = { maxBodyBytes: 262_144, maxMessages: 40 }
    assert.deepStrictEqual(FlowRelay.resolveBounds(), defaults)
    assert.deepStrictEqual(FlowRelay.resolveBounds({ maxMessages: 2 }), { ...defaults, maxMessages: 2 })
    assert.strictEqual(FlowRelay.DEFAULT_RELAY_PATH, "/agent/execute")
  })

  it("refuses a bound that limits nothing", () => {
    for (const value of [NaN, -1, 1.5, "9"]) {
      assert.throws(() => FlowRelay.resolveBounds({ maxBodyBytes: value as number }), /maxBodyBytes/)
    }
  })
})

describe("boundAndParseBody", () => {
  const parse = (raw: string, bounds?: FlowRelay.RelayBounds) =>
    FlowRelay.boundAndParseBody(raw, FlowRelay.resolveBounds(bounds))
  const rejected = (status: number, detail: string) => ({ reject: { status, detail } })

  it("takes objects, and blank text as an empty one", () => {
    for (const raw of ["", " \n", "{}"]) assert.deepStrictEqual(parse(raw), { payload: {} })
    assert.deepStrictEqual(parse(" {\"message\":\"hi\"} "), { payload: { message: "hi" } })
  })

  it("rejects too much, by bytes and before it parses", () => {
    assert.deepStrictEqual(parse("ééé", { maxBodyBytes: 5 }), rejected(413, "BODY_TOO_LARGE"))
    assert.deepStrictEqual(parse("{}", { maxBodyBytes: 2 }), { payload: {} })
    for (const list of ["messages", "toolCallMessages"]) {
      const raw = JSON.stringify({ [list]: [1, 2] })
      assert.deepStrictEqual(parse(raw, { maxMessages: 1 }), rejected(413, "TOO_MANY_MESSAGES"))
      assert.property(parse(raw, { maxMessages: 2 }), "payload")
    }
  })

  it("rejects what is not a JSON object", () => {
    for (const raw of ["[]", "7", "null", "{", "\"{}\"", `{"a":${"[".repeat(70)}${"]".repeat(70)}}`]) {
      assert.deepStrictEqual(parse(raw), rejected(400, "INVALID_JSON"))
    }
    FC.assert(
      FC.property(FC.string(), (raw) => {
        const parsed = parse(raw)
        assert.isTrue("payload" in parsed || parsed.reject.detail === "INVALID_JSON")
      }),
      { numRuns: 50 }
    )
  })
})

describe("forwardToFlow", () => {
  it("sends one POST with the body and the trace context", async () => {
    const before = upstream.received.length
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    const headers = FlowRelay.extractTraceHeaders({ traceparent, tracestate: "a=1", authorization: "mine" })
    const outcome = await FlowRelay.forwardToFlow({ ...config(), version: 3 }, { message: "hi", extra: [1] }, headers)
    assert.deepStrictEqual(outcome, { status: 200, body: JSON.parse(completed) as unknown })
    const [request, ...rest] = upstream.received.slice(before)
    assert.lengthOf(rest, 0)
    assert.deepInclude({ ...request }, {
      method: "POST",
      path: "/api/v1/seq/acme/support/agent/v3/execute",
      body: "{\"message\":\"hi\",\"extra\":[1]}"
    })
    assert.deepInclude(request!.headers, { authorization: "Bearer nk_test_relay", traceparent, tracestate: "a=1" })
  })

  it("resolves with any status, and sends nothing again", async () => {
    const before = upstream.received.length
    upstream.script(text(429, "{\"detail\":\"slow\"}"), text(503, "<p>"), text(200, "7"), text(200, "[1]"))
    const unreadable = { detail: "UPSTREAM_NON_JSON" }
    assert.deepStrictEqual(
      [
        await FlowRelay.forwardToFlow(config(), {}),
        await FlowRelay.forwardToFlow(config(), {}),
        await FlowRelay.forwardToFlow(config(), {}),
        await FlowRelay.forwardToFlow(config(), {})
      ],
      [
        { status: 429, body: { detail: "slow" } },
        { status: 503, body: unreadable },
        { status: 200, body: unreadable },
        { status: 200, body: [1] }
      ]
    )
    assert.strictEqual(upstream.received.length - before, 4)
  })

  it("rejects without a response, and for a wrong flow or version", async () => {
    upstream.script((response) => response.socket?.destroy())
    assert.instanceOf(await outcomeOf(FlowRelay.forwardToFlow(config(), {})), APIConnectionError)
    const before = upstream.received.length
    for (const wrong of [{ version: 1.5 }, { slug: "" }, { org: "a/b" }]) {
      const error = await outcomeOf(FlowRelay.forwardToFlow({ ...config(), ...wrong }, {}))
      assert.instanceOf(error, NoukaiError)
      assert.strictEqual((error as Error).name, "InvalidRequestError")
    }
    assert.strictEqual(upstream.received.length, before)
  })
})

describe("extractTraceHeaders", () => {
  it("keeps a valid trace context alone, of both kinds of headers", () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    const given = { traceparent, tracestate: "a=1", cookie: "c" }
    const kept = { traceparent, tracestate: "a=1" }
    assert.deepStrictEqual(FlowRelay.extractTraceHeaders(given), kept)
    assert.deepStrictEqual(FlowRelay.extractTraceHeaders(new Headers(given)), kept)
    assert.deepStrictEqual(FlowRelay.extractTraceHeaders({ traceparent: "00-1", tracestate: "a=1" }), {})
    assert.deepStrictEqual(FlowRelay.extractTraceHeaders({ traceparent: [traceparent] }), {})
    assert.deepStrictEqual([...FlowRelay.TRACE_CONTEXT_HEADERS], Object.keys(kept))
  })
})

describe("authRejectionResponse", () => {
  it("has the status and the detail of the error, and never its message", () => {
    const cases: ReadonlyArray<readonly [unknown, number, string]> = [
      [Object.assign(new Error("secret"), { status: 401, detail: "LOG_IN" }), 401, "LOG_IN"],
      [Object.assign(new Error("secret"), { statusCode: 429, detail: 7 }), 429, "FORBIDDEN"],
      [{ status: "401", statusCode: 402, detail: "PAY" }, 402, "PAY"],
      [Object.assign(new Error("secret"), { status: 200 }), 403, "FORBIDDEN"],
      [new Error("secret"), 403, "FORBIDDEN"],
      [new NoukaiError("secret", { statusCode: 401 }), 403, "FORBIDDEN"],
      [Object.defineProperty({}, "status", { get: () => assert.fail("secret") }), 403, "FORBIDDEN"],
      ["secret", 403, "FORBIDDEN"],
      [undefined, 403, "FORBIDDEN"]
    ]
    for (const [error, status, detail] of cases) {
      assert.deepStrictEqual(FlowRelay.authRejectionResponse(error), { status, detail })
    }
  })
})

describe("org, project, slug and bounds of a handler", () => {
  const named = () => ({ client, org: "acme", project: "support", slug: "agent", authorize: () => true as const })
  const body = JSON.stringify({ messages: [1, 2] })
  const post = (request: (init: RequestInit) => Promise<Response>) =>
    request({ method: "POST", headers: { "content-type": "application/json" }, body })

  it("run the flow within the bounds, in a route", async () => {
    const before = upstream.received.length
    const route = (more: object) => NextJs.createRelayRoute({ ...named(), ...more })
    const send = (more: object) => post((init) => route(more)(new Request("http://localhost/agent/execute", init)))
    assert.strictEqual((await send({})).status, 200)
    assert.strictEqual(upstream.received[before]!.path, "/api/v1/seq/acme/support/agent/execute")
    assert.strictEqual((await send({ bounds: { maxMessages: 1 } })).status, 413)
    assert.strictEqual((await send({ bounds: { maxBodyBytes: 5 } })).status, 413)
    assert.strictEqual((await send({ bounds: { maxMessages: 1 }, maxMessages: 2 })).status, 200)
    assert.strictEqual(upstream.received.length - before, 2)
  })

  it("run the flow in Express", async () => {
    const before = upstream.received.length
    const server = express()
    server.post("/agent/execute", Express.noukaiRelayHandler({ ...named(), bounds: { maxMessages: 5 }, version: 2 }))
    const app = await listen(server, () => Promise.resolve())
    const response = await post((init) => fetch(`${app.url}/agent/execute`, init))
    assert.deepStrictEqual(await response.json(), JSON.parse(completed))
    assert.deepStrictEqual(upstream.received.slice(before).map(({ path }) => path), [
      "/api/v1/seq/acme/support/agent/v2/execute"
    ])
    await app.close()
  })

  it("are refused when they are wrong, or beside flow", () => {
    const both = { ...named(), flow: "a/b/c" } as unknown as Parameters<typeof NextJs.createRelayRoute>[0]
    assert.throws(() => NextJs.createRelayRoute(both), /give either flow, or org, project and slug/)
    for (const wrong of [{ slug: "" }, { bounds: { maxMessages: NaN } }, { version: -1 }]) {
      assert.throws(() => NextJs.createRelayRoute({ ...named(), ...wrong }), /invalid (flow|maxMessages|version|slug)/)
    }
  })
})
