/** The relay server (docs/wire.md#relays) and its abuse: one suite, on every framework, over real sockets. */
import { Effect, Option } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, expect, it, type TestContext, vi } from "vitest"
import { deal, share } from "../../sdk/test/support/size.js"
import { rawConnection } from "./support/rawRequest.js"
import { afterParsers, relays, type RelaySetup } from "./support/relays.js"
import { completed, startUpstream, text, type Upstream } from "./support/upstream.js"
import { plantedKey, type RunningApp } from "./support/world.js"

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

class User {
  readonly id = 1
}

/** The warnings about `authorize`, wherever they are written. */
const warnings = () => {
  const lines: Array<string> = []
  const push = (...line: ReadonlyArray<unknown>) => {
    const text = line.map(String).join(" ")
    if (text.includes("authorize")) lines.push(text)
  }
  vi.spyOn(console, "warn").mockImplementation(push)
  return { lines, push: (text: string) => push(text) }
}

let upstream: Upstream
let app: RunningApp | undefined

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {})
})

beforeAll(async () => {
  upstream = await startUpstream()
})

afterAll(() => upstream.close())

afterEach(async () => {
  await app?.close()
  app = undefined
  upstream.script()
  vi.restoreAllMocks()
})

for (const [at, framework] of [...relays, ...afterParsers].entries()) {
  const isAfterParsers = afterParsers.includes(framework)

  const isDealt = isAfterParsers ? deal(at, 4, 1) : deal(at, relays.length, 1)

  const rule: (name: string, test: () => Promise<void>) => void = (name, test) => {
    if (isDealt()) it(name, test)
  }

  /** The framework's share of the rows that test the same code on every framework. */
  const dealt = <A>(rows: ReadonlyArray<A>): ReadonlyArray<A> => share(rows, at, 4)

  describe(framework.name, () => {
    const start = async (setup: Partial<RelaySetup> = {}): Promise<void> => {
      app = await framework.start({
        port: upstream.port,
        flow: "acme/support/agent",
        authorize: () => true,
        ...setup
      })
    }

    const post = (body: BodyInit, headers: Record<string, string> = {}, path = "/agent/execute") =>
      fetch(`${app?.url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
        redirect: "manual"
      })

    /** The requests that were sent upstream meanwhile. */
    const during = async <A>(f: () => Promise<A>) => {
      const before = upstream.received.length
      const result = await f()
      return { result, sent: upstream.received.slice(before) }
    }

    const refused = async (request: () => Promise<Response>, status: number, detail: string) => {
      const { result, sent } = await during(request)
      assert.deepStrictEqual([result.status, await result.text()], [status, JSON.stringify({ detail })])
      assert.match(result.headers.get("content-type") ?? "", /^application\/json/)
      assert.strictEqual(result.headers.get("cache-control"), "no-store")
      assert.lengthOf(sent, 0)
    }

    rule("runs the pinned flow with the key of the server, and answers what Noukai answers", async () => {
      await start({ version: 7 })
      const { result, sent } = await during(() => post("{ \"message\": \"hi\" }"))
      assert.strictEqual(result.status, 200)
      assert.strictEqual(await result.text(), completed)
      assert.lengthOf(sent, 1)
      assert.deepInclude(sent[0], {
        method: "POST",
        path: "/api/v1/seq/acme/support/agent/v7/execute",
        body: "{\"message\":\"hi\"}"
      })
      assert.strictEqual(sent[0]!.headers.authorization, `Bearer ${plantedKey}`)
    })

    rule("without a version it is production, the plain path", async () => {
      await start()
      const { sent } = await during(() => post("{}"))
      assert.deepStrictEqual(sent.map(({ path }) => path), ["/api/v1/seq/acme/support/agent/execute"])
    })

    rule("2: an empty body is an empty object", async () => {
      await start()
      const { result, sent } = await during(() => fetch(`${app?.url}/agent/execute`, { method: "POST" }))
      assert.strictEqual(result.status, 200)
      assert.deepStrictEqual(sent.map(({ body }) => body), ["{}"])
    })

    rule("nothing that a request says changes the flow, the version or the host", async () => {
      await start()
      const attempts = {
        flow: "evil/evil/evil",
        org: "evil",
        project: "evil",
        slug: "../../keys",
        version: "draft",
        url: "http://127.0.0.1:1/",
        baseUrl: "http://127.0.0.1:1/",
        apiKey: "nk_test_evil"
      }
      const { sent } = await during(() =>
        post(
          JSON.stringify(attempts),
          { "x-original-url": "/evil", "x-http-method-override": "GET", "x-forwarded-host": "evil.example" },
          "/agent/execute?flow=evil/evil/evil&version=draft"
        )
      )
      assert.lengthOf(sent, 1)
      assert.strictEqual(sent[0]!.path, "/api/v1/seq/acme/support/agent/execute")
      assert.strictEqual(sent[0]!.method, "POST")
      assert.match(sent[0]!.headers.host ?? "", new RegExp(`^(localhost|127\\.0\\.0\\.1):${upstream.port}$`))
    })

    rule("keys of the prototype go on as the keys that they are, and change nothing here", async () => {
      const seen: Array<unknown> = []
      await start({ authorize: (_, body) => seen.push([body.admin, Object.getPrototypeOf(body)]) > 0 })
      const body = "{\"__proto__\":{\"admin\":true},\"constructor\":{\"prototype\":{\"admin\":true}}}"
      const { sent } = await during(() => post(body))
      // a parser in front may have an opinion of its own
      if (!isAfterParsers) assert.deepStrictEqual(sent.map(({ body }) => body), [body])
      assert.deepStrictEqual(seen, [[undefined, Object.prototype]])
      assert.notProperty({}, "admin")
    })

    rule("no header of a request goes on, but for the trace context", async () => {
      await start()
      const smuggled = {
        authorization: "Bearer nk_test_mine",
        cookie: "session=1",
        "x-noukai-api-version": "1999-01-01",
        "x-session-id": "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01",
        "x-request-id": "mine",
        "x-noukai-emulator-fault": "503",
        "x-noukai-replay": "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01",
        "proxy-authorization": "Basic x",
        "accept-language": "pt",
        "x-anything": "1",
        baggage: "user=1",
        traceparent,
        tracestate: "a=1,b=2"
      }
      const { sent } = await during(() => post("{}", smuggled))
      const { host: _, ...headers } = sent[0]!.headers
      assert.deepStrictEqual(Object.keys(headers).sort(), [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-noukai-api-version"
      ])
      assert.strictEqual(headers.authorization, `Bearer ${plantedKey}`)
      assert.notStrictEqual(headers["x-noukai-api-version"], "1999-01-01")
      assert.strictEqual(headers.traceparent, traceparent)
      assert.strictEqual(headers.tracestate, "a=1,b=2")
    })

    rule("a trace context that is none stays here", async () => {
      await start()
      const none = ["", "nonsense", traceparent.toUpperCase(), `${traceparent}, ${traceparent}`, "00-0-0-01"]
      for (const bad of dealt(none)) {
        const { sent } = await during(() => post("{}", { traceparent: bad, tracestate: "a=1" }))
        assert.notProperty(sent[0]!.headers, "traceparent")
        assert.notProperty(sent[0]!.headers, "tracestate")
      }
    })

    rule("1: a body that says it is too long is 413 BODY_TOO_LARGE", async () => {
      await start()
      await refused(() => post(JSON.stringify({ message: "x".repeat(262_144) })), 413, "BODY_TOO_LARGE")
      const fits = JSON.stringify({ message: "x".repeat(262_144 - 14) })
      assert.strictEqual(fits.length, 262_144)
      assert.strictEqual((await post(fits)).status, 200)
    })

    rule("2: what is no JSON object is 400 INVALID_JSON", async () => {
      await start()
      const bodies: ReadonlyArray<BodyInit> = ["[]", "\"text\"", "null", "1", "true"]
      const unparsable: ReadonlyArray<BodyInit> = [
        "{",
        "{\"a\":1,}",
        "<html>",
        "{} {}",
        new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
        "\u0000"
      ]
      // a parser in front refuses these itself
      for (const body of isAfterParsers ? ["[]"] : dealt([...bodies, ...unparsable])) {
        await refused(() => post(body), 400, "INVALID_JSON")
      }
    })

    rule("2: deep JSON is 400 INVALID_JSON, and what only looks deep is not", async () => {
      await start({ maxBodyBytes: 1_000_000 })
      const deep = (depth: number) => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`
      for (const depth of share([65, 1000, 5000], at, 3)) await refused(() => post(deep(depth)), 400, "INVALID_JSON")
      const { result, sent } = await during(() => post(deep(64)))
      assert.strictEqual(result.status, 200)
      assert.strictEqual(sent[0]!.body, deep(64))
      const text = JSON.stringify({ message: `\\"${"[{".repeat(1000)}` })
      assert.strictEqual((await post(text)).status, 200)
    })

    rule("3: more than 40 messages are 413 TOO_MANY_MESSAGES", async () => {
      await start()
      const list = (length: number) => Array.from({ length }, () => ({ role: "user", content: "hi" }))
      for (const field of ["messages", "toolCallMessages"]) {
        await refused(() => post(JSON.stringify({ [field]: list(41) })), 413, "TOO_MANY_MESSAGES")
        assert.strictEqual((await post(JSON.stringify({ [field]: list(40) }))).status, 200)
      }
    })

    rule(
      "what is declared as something else than JSON is 415: a page of another site may send it unasked",
      async () => {
        await start()
        for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
          await refused(() => post("{\"a\":1}", { "content-type": type }), 415, "UNSUPPORTED_MEDIA_TYPE")
        }
        for (const type of ["application/json; charset=utf-8", "Application/JSON", "application/vnd.noukai+json"]) {
          assert.strictEqual((await post("{\"a\":1}", { "content-type": type })).status, 200)
        }
      }
    )

    rule(
      "4: authorize sees the request and the parsed body, after the limits and before anything is sent",
      async () => {
        const seen: Array<unknown> = []
        await start({
          maxMessages: 1,
          authorize: (authorization, body) => {
            seen.push([authorization, body, upstream.received.length])
            return true
          }
        })
        const before = upstream.received.length
        await post("[]")
        await post("{\"messages\":[1,2]}")
        assert.lengthOf(seen, 0)
        await post("{\"message\":\"hi\"}", { authorization: "Bearer caller" })
        assert.deepStrictEqual(seen, [["Bearer caller", { message: "hi" }, before]])
        assert.lengthOf(upstream.received, before + 1)
      }
    )

    rule("4: whatever authorize throws is a refusal, and its message is not shown", async () => {
      const thrown = dealt<readonly [unknown, number, string]>([
        [new Error("the secret reason"), 403, "FORBIDDEN"],
        ["text", 403, "FORBIDDEN"],
        [undefined, 403, "FORBIDDEN"],
        [null, 403, "FORBIDDEN"],
        [Object.assign(new Error("no"), { status: 401 }), 401, "FORBIDDEN"],
        [Object.assign(new Error("no"), { status: 402, detail: "PAY_FIRST" }), 402, "PAY_FIRST"],
        [{ statusCode: 429, detail: "SLOW_DOWN" }, 429, "SLOW_DOWN"],
        [{ status: "401", statusCode: 418, detail: 7 }, 418, "FORBIDDEN"],
        [{ status: 200, detail: "FINE" }, 403, "FORBIDDEN"],
        [{ status: 302, detail: "ELSEWHERE" }, 403, "FORBIDDEN"],
        [{ status: 403.5, detail: "HALF" }, 403, "FORBIDDEN"],
        [{ detail: "a row of a table" }, 403, "FORBIDDEN"]
      ])
      const errors = thrown.map(([error]) => error)
      await start({
        authorize: () => {
          throw errors.shift()
        }
      })
      for (const [, status, detail] of thrown) await refused(() => post("{}"), status, detail)
    })

    rule("4: something thrown whose properties throw is 403", async () => {
      const trap = () => {
        throw new Error("the secret reason")
      }
      const revoked = Proxy.revocable({}, {})
      revoked.revoke()
      const with401 = (name: string) =>
        Object.defineProperty({ status: 401, detail: "LOG_IN" }, name, { get: trap, configurable: true })
      const thrown = dealt<readonly [unknown, number, string]>([
        [with401("status"), 403, "FORBIDDEN"],
        [with401("detail"), 403, "FORBIDDEN"],
        [with401("statusCode"), 403, "FORBIDDEN"],
        // not looked at
        [with401("cause"), 401, "LOG_IN"],
        [new Proxy(new Error("x"), { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap }), 403, "FORBIDDEN"],
        [new Proxy({}, { get: (_, name) => name === "status" ? 401 : trap() }), 403, "FORBIDDEN"],
        [revoked.proxy, 403, "FORBIDDEN"],
        [Object.create(null), 403, "FORBIDDEN"],
        [Object.defineProperty(new Error("x"), "name", { get: trap }), 403, "FORBIDDEN"],
        [Object.defineProperty({}, "_tag", { get: trap }), 403, "FORBIDDEN"],
        [{ status: 401, detail: { toJSON: trap } }, 401, "FORBIDDEN"]
      ])
      const left = thrown.flatMap(([error]) => [
        () => Promise.reject(error),
        () => {
          throw error
        }
      ])
      await start({ authorize: () => left.shift()?.() })
      for (const [, status, detail] of thrown.flatMap((row) => [row, row])) {
        await refused(() => post("{}"), status, detail)
      }
    })

    rule("4: `true` and an object let a caller pass, now or later", async () => {
      const verdicts = dealt<unknown>([
        true,
        {},
        { id: 1 },
        new User(),
        Object.create(null),
        Object.freeze({ admin: false }),
        new Map(),
        new Date(0)
      ])
      const left = verdicts.flatMap((verdict) => [verdict, Promise.resolve(verdict)])
      await start({ authorize: () => left.shift() })
      for (const verdict of verdicts.flatMap((verdict) => [verdict, verdict])) {
        assert.deepStrictEqual([verdict, (await post("{}")).status], [verdict, 200])
      }
    })

    rule("4: `false` refuses, now or later, and says nothing", async () => {
      const warned = warnings()
      const left = [() => false, async () => false, () => Promise.reject({ status: 401, detail: "LOG_IN" })]
      await start({ authorize: () => left.shift()?.(), onLog: warned.push })
      await refused(() => post("{}"), 403, "FORBIDDEN")
      await refused(() => post("{}"), 403, "FORBIDDEN")
      await refused(() => post("{}"), 401, "LOG_IN")
      assert.deepStrictEqual(warned.lines, [])
    })

    rule("4: whatever else it gives refuses, with a warning that says what to give", async () => {
      const given = dealt<readonly [unknown, string]>([
        [null, "null"],
        [0, "a number"],
        [1, "a number"],
        [NaN, "a number"],
        ["", "a string"],
        ["my-secret", "a string"],
        [1n, "a bigint"],
        [Symbol("x"), "a symbol"],
        [() => true, "a function"],
        [User, "a function"],
        [[], "an array"],
        [[{ id: 1 }], "an array"],
        [new Error("my-secret"), "an error"],
        [new Response(null, { status: 401 }), "a response"],
        [new Boolean(true), "a boxed primitive"],
        [new String("my-secret"), "a boxed primitive"],
        [Option.none(), "an Effect"],
        [Effect.succeed(true), "an Effect"]
      ])
      const left = given.flatMap(([value]) => [value, Promise.resolve(value)])
      const warned = warnings()
      await start({ authorize: () => left.shift(), onLog: warned.push })
      for (const [, kind] of given.flatMap((row) => [row, row])) {
        const before = warned.lines.length
        await refused(() => post("{}"), 403, "FORBIDDEN")
        assert.lengthOf(warned.lines, before + 1)
        assert.include(warned.lines[before], `authorize returned ${kind},`)
        assert.include(warned.lines[before], "return true or an object")
        assert.notInclude(warned.lines[before], "my-secret")
      }
    })

    rule("4: one that returns nothing refuses every caller, and says so once", async () => {
      const warned = warnings()
      await start({ authorize: () => undefined, onLog: warned.push })
      for (let n = 0; n < 3; n++) await refused(() => post("{}"), 403, "FORBIDDEN")
      assert.lengthOf(warned.lines, 1)
      assert.include(warned.lines[0], "authorize returned undefined, and the request was refused; return true")
    })

    rule("4: an authorize that hangs is a refusal", async () => {
      await start({ authorize: () => new Promise(() => {}), authorizeTimeout: "50 millis" })
      await refused(() => post("{}"), 403, "FORBIDDEN")
    })

    rule("5: Noukai is asked once, and what is no answer is 502 UPSTREAM_UNAVAILABLE", async () => {
      await start()
      upstream.script(
        (response) => response.socket?.resetAndDestroy(),
        (response) => response.socket?.end(),
        (response) => {
          response.writeHead(200, { "content-length": "100" })
          response.write("{", () => response.socket?.destroy())
        }
      )
      const asked = async (): Promise<number> => {
        const { result, sent } = await during(() => post("{}"))
        assert.deepStrictEqual(
          [result.status, await result.text()],
          [502, "{\"detail\":\"UPSTREAM_UNAVAILABLE\"}"]
        )
        return sent.length
      }
      for (let n = 0; n < 3; n++) assert.strictEqual(await asked(), 1)
      await app?.close()
      await start({ timeout: "50 millis" })
      upstream.script(() => {})
      assert.isAtMost(await asked(), 1)
    })

    rule("5: nobody there is 502 UPSTREAM_UNAVAILABLE", async () => {
      const gone = createServer()
      await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve))
      const { port } = gone.address() as AddressInfo
      await new Promise((resolve) => gone.close(resolve))
      await start({ port })
      await refused(() => post("{}"), 502, "UPSTREAM_UNAVAILABLE")
    })

    rule("6: the status and the bytes of the answer come back unchanged, asked for once", async () => {
      await start()
      const answers = dealt<readonly [number, string]>([
        [200, "{ \"b\": 12345678901234567890.10, \"a\" : \"\\u00e9\", \"a\": 2 }\n"],
        [400, "{\"detail\":{\"code\":\"MISSING_MESSAGE\"}}"],
        [401, "{\"detail\":\"no\"}"],
        [402, "{}"],
        [409, "{\"detail\":{}}"],
        [429, "{\"detail\":\"slow down\"}"],
        [500, "{\"detail\":\"oops\"}"],
        [503, "{}"]
      ])
      for (const [status, body] of answers) {
        upstream.script(text(status, body, { "retry-after": "1", "set-cookie": "a=1", "x-internal": "1" }))
        const { result, sent } = await during(() => post("{}"))
        assert.deepStrictEqual([result.status, await result.text()], [status, body])
        assert.strictEqual(result.headers.get("retry-after"), "1")
        for (const header of ["set-cookie", "x-internal"]) assert.isNull(result.headers.get(header))
        assert.lengthOf(sent, 1)
      }
    })

    rule("6: an answer that is no JSON object is UPSTREAM_NON_JSON with its status", async () => {
      await start()
      const answers = dealt<readonly [number, string]>([
        [200, "<html>login</html>"],
        [200, ""],
        [200, "[]"],
        [200, "null"],
        [502, "<html>bad gateway</html>"],
        [302, "elsewhere"]
      ])
      for (const [status, body] of answers) {
        upstream.script(text(status, body, { location: `http://127.0.0.1:${upstream.port}/stolen` }))
        const { result, sent } = await during(() => post("{}"))
        assert.deepStrictEqual(
          [result.status, await result.text()],
          [status, "{\"detail\":\"UPSTREAM_NON_JSON\"}"]
        )
        assert.isNull(result.headers.get("location"))
        assert.lengthOf(sent, 1)
      }
    })

    rule("6: 204, 205 and 304 have no body", async () => {
      await start()
      for (const status of [204, 205, 304]) {
        upstream.script((response) => response.writeHead(status).end())
        const response = await post("{}")
        assert.deepStrictEqual([response.status, await response.text()], [status, ""])
      }
    })

    rule("the key is taken out of an answer that repeats it", async () => {
      await start()
      upstream.script(text(500, JSON.stringify({ detail: `Bearer ${plantedKey} is wrong` })))
      const body = await (await post("{}")).text()
      assert.notInclude(body, plantedKey)
      assert.include(body, "is wrong")
    })

    rule("neither the key nor a body is logged, not even with payloads", async () => {
      const logged: Array<string> = []
      for (const method of ["log", "info", "warn", "error", "debug"] as const) {
        vi.spyOn(console, method).mockImplementation((...line) => void logged.push(line.map(String).join(" ")))
      }
      await start({
        onLog: (line) => logged.push(line),
        authorize: (_, body) => {
          if (body.refuse === true) throw new Error(`refused ${JSON.stringify(body)}`)
          return true
        }
      })
      upstream.script(text(200, "{\"echo\":\"answer-secret\"}"), (response) => response.socket?.resetAndDestroy())
      for (const refuse of [false, false, true]) {
        await (await post(JSON.stringify({ message: "body-secret", refuse }))).text()
      }
      await expect.poll(() => logged.some((line) => line.includes("relay:"))).toBe(true)
      for (const secret of ["body-secret", "answer-secret", plantedKey]) assert.notInclude(logged.join("\n"), secret)
    })

    rule("a caller that leaves ends the request upstream", async () => {
      await start()
      upstream.script(() => {})
      const before = upstream.received.length
      const controller = new AbortController()
      const response = fetch(`${app?.url}/agent/execute`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
        signal: controller.signal
      })
      await expect.poll(() => upstream.received.length).toBe(before + 1)
      controller.abort()
      await expect(response).rejects.toThrow()
      await expect.poll(() => upstream.open()).toBe(0)
    })

    if (!isAfterParsers) {
      rule("other methods are 405", async () => {
        await start()
        for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
          const { result, sent } = await during(() => fetch(`${app?.url}/agent/execute`, { method }))
          assert.deepStrictEqual([result.status, result.headers.get("allow")], [405, "POST"])
          assert.lengthOf(sent, 0)
        }
      })

      rule("2: a compressed body is 400 INVALID_JSON", async () => {
        await start()
        const headers = { "content-encoding": "gzip" }
        await refused(() => post(new Uint8Array(gzipSync("{\"message\":\"hi\"}")), headers), 400, "INVALID_JSON")
      })

      rule("a connection is kept after an answer", async () => {
        await start()
        const before = upstream.received.length
        const request = [
          "POST /agent/execute HTTP/1.1",
          "Host: localhost",
          "Content-Type: application/json",
          "Content-Length: 2",
          "",
          "{}"
        ].join("\r\n")
        const connection = await rawConnection(app!.url, request.split("\r\n").slice(0, 4))
        connection.socket.write("{}")
        await expect.poll(connection.soFar).toContain(completed)
        connection.socket.write(request)
        await expect.poll(() => connection.soFar().split(completed).length).toBe(3)
        assert.lengthOf(upstream.received, before + 2)
        connection.socket.destroy()
      })

      rule("requests that contradict themselves about their length have nothing sent", async () => {
        await start()
        const before = upstream.received.length
        const smuggled: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
          [["Content-Length: 2", "Transfer-Encoding: chunked"], "2\r\n{}\r\n0\r\n\r\n"],
          [["Content-Length: 2", "Content-Length: 3"], "{} "],
          [["Content-Length: 99999999999999999999"], "{}"],
          [["Transfer-Encoding: chunked"], "zz\r\n{}\r\n0\r\n\r\n"]
        ]
        for (const [headers, body] of smuggled) {
          const connection = await rawConnection(app!.url, [
            "POST /agent/execute HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            ...headers
          ])
          connection.socket.write(body)
          assert.match(await connection.response, /^HTTP\/1.1 400 /)
        }
        assert.lengthOf(upstream.received, before)
      })

      rule("a caller that leaves in mid-body has nothing sent", async () => {
        await start()
        const before = upstream.received.length
        const connection = await rawConnection(app!.url, [
          "POST /agent/execute HTTP/1.1",
          "Host: localhost",
          "Content-Type: application/json",
          "Content-Length: 100"
        ])
        connection.socket.write("{\"message\":")
        connection.socket.end()
        await connection.response
        assert.strictEqual((await post("{}")).status, 200)
        assert.lengthOf(upstream.received, before + 1)
      })
    }
  })
}

// the server waits for what is still on its way, and these wait together
for (const framework of relays) {
  describe.concurrent(framework.name, () => {
    const start = async ({ onTestFinished }: TestContext, setup: Partial<RelaySetup> = {}): Promise<RunningApp> => {
      const app = await framework.start({
        port: upstream.port,
        flow: "acme/support/agent",
        authorize: () => true,
        ...setup
      })
      onTestFinished(app.close)
      return app
    }

    it("1: a body is cut off where it becomes too long, though it never ends", async (context) => {
      const app = await start(context)
      const before = upstream.received.length
      const connection = await rawConnection(app.url, [
        "POST /agent/execute HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked"
      ])
      const part = "x".repeat(64 * 1024)
      for (let n = 0; n < 5; n++) connection.socket.write(`${part.length.toString(16)}\r\n${part}\r\n`)
      await context.expect.poll(connection.soFar).toContain("{\"detail\":\"BODY_TOO_LARGE\"}")
      assert.match(connection.soFar(), /^HTTP\/1.1 413 /)
      connection.socket.on("error", () => {})
      await connection.response
      assert.lengthOf(upstream.received, before)
    })

    it("a body that is too slow is 408, and its connection is closed", async (context) => {
      const app = await start(context, { bodyTimeout: "100 millis" })
      const before = upstream.received.length
      const connection = await rawConnection(app.url, [
        "POST /agent/execute HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        "Content-Length: 100"
      ])
      connection.socket.write("{\"message\":")
      assert.match(await connection.response, /^HTTP\/1.1 408 [^]*\{"detail":"BODY_TOO_SLOW"\}/)
      assert.lengthOf(upstream.received, before)
    })
  })
}
