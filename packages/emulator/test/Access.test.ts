import { Emulator, samples } from "@effect-noukai/emulator"
import { layer, make } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, TestClock } from "effect"
import { call, clientOf, type Parsed, statusWith } from "./client.js"

const hello = "/seq/noukai/samples/hello-world/execute"

const keyA = "nk_test_aaaaaaaa_00000000000000000000000000000001"
const keyB = "nk_live_bbbbbbbb_00000000000000000000000000000002"
const revoked = "nk_live_cccccccc_00000000000000000000000000000003"

const withKeys = layer({
  keys: [
    { key: keyA, org: "noukai", project: "samples" },
    { key: keyB, org: "acme", project: "spelling" },
    { key: revoked, org: "noukai", project: "samples", revoked: true }
  ]
})

const statusOf = (key: string | null) =>
  call(async (client) => {
    const response = await client.request("POST", hello, { body: { message: "hi" }, key })
    return { status: response.status, headers: response.headers, json: await response.json() as Parsed }
  })

describe("access", () => {
  it.scoped("emulator: without a key table every key that begins with nk_ is let in", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* statusOf("nk_anything")).status, 200)
      for (const key of [null, "", "sk_1", "nk", "nk_ x"]) {
        const { headers, json, status } = yield* statusOf(key)
        assert.strictEqual(status, 401, `key ${key}`)
        assert.strictEqual(headers.get("www-authenticate"), "Bearer")
        assert.strictEqual(json.detail.code, "UNAUTHENTICATED")
        assert.match(headers.get("x-request-id") ?? "", /^req-/)
      }
    }).pipe(Effect.provide(layer())))

  it.scoped("servers-and-keys: a key table lets in listed keys only, each for its project", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* statusOf(keyA)).status, 200)
      assert.strictEqual((yield* statusOf("nk_other")).status, 401)
      assert.strictEqual((yield* statusOf(revoked)).status, 401)
      const other = yield* statusOf(keyB)
      assert.strictEqual(other.status, 403)
      assert.strictEqual(other.json.detail.code, "FORBIDDEN")
      const emulator = yield* Emulator
      yield* emulator.revokeKey(Redacted.make(keyA))
      assert.strictEqual((yield* statusOf(keyA)).status, 401)
      yield* emulator.reset
      assert.strictEqual((yield* statusOf(keyA)).status, 200)
    }).pipe(Effect.provide(withKeys)))

  it.scoped("the ledger shows no key", () =>
    Effect.gen(function*() {
      yield* statusOf(keyA)
      yield* statusOf("nk_secret_secret")
      const text = JSON.stringify(yield* (yield* Emulator).ledger)
      assert.notInclude(text, keyA)
      assert.notInclude(text, "secret")
      assert.include(text, "Bearer nk_test_***")
    }).pipe(Effect.provide(withKeys)))

  it.scoped("codes: an organisation without credits is refused before a run", () =>
    Effect.gen(function*() {
      const { json, status } = yield* statusOf("nk_a")
      assert.strictEqual(status, 402)
      assert.strictEqual(json.detail.code, "INSUFFICIENT_CREDITS")
      assert.strictEqual((yield* (yield* Emulator).ledger).runsStarted, 0)
    }).pipe(Effect.provide(layer({ organisations: { noukai: { credits: "0" } } }))))

  it.scoped("codes: credits that run out during a run fail it, and what ran is billed", () =>
    Effect.gen(function*() {
      const answer = yield* call((client) => client.post("/seq/noukai/samples/two-step/execute", { message: "hi" }))
      assert.strictEqual(answer.status, 402)
      assert.strictEqual(answer.json.detail.code, "CREDITS_EXHAUSTED")
      const ledger = yield* (yield* Emulator).ledger
      assert.strictEqual(ledger.billedUsd, "0.00031")
      assert.strictEqual(answer.json.detail.executionId, ledger.runs[0]!.executionId)
      yield* (yield* Emulator).putOrganisation("noukai", { credits: "1" })
      const again = yield* call((client) => client.post("/seq/noukai/samples/two-step/execute", { message: "hi" }))
      assert.strictEqual(again.status, 200)
    }).pipe(Effect.provide(layer({ organisations: { noukai: { credits: "0.001" } } }))))

  it.scoped("codes: billing that cannot be reached is a 503", () =>
    Effect.gen(function*() {
      const { json, status } = yield* statusOf("nk_a")
      assert.strictEqual(status, 503)
      assert.strictEqual(json.detail.code, "BILLING_UNAVAILABLE")
    }).pipe(Effect.provide(layer({ organisations: { noukai: { billing: false } } }))))

  it.scoped("headers: over a rate limit is a 429 with Retry-After, until the window is over", () =>
    Effect.gen(function*() {
      yield* statusOf("nk_a")
      yield* statusOf("nk_a")
      const { headers, json, status } = yield* statusOf("nk_a")
      assert.strictEqual(status, 429)
      assert.strictEqual(json.detail.code, "RATE_LIMIT")
      assert.strictEqual(headers.get("retry-after"), "60")
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual((yield* statusOf("nk_a")).headers.get("retry-after"), "1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* statusOf("nk_a")).status, 200)
    }).pipe(Effect.provide(layer({ organisations: { noukai: { rateLimit: { requests: 2, per: "1 minute" } } } }))))

  it.scoped("endpoints: other paths and methods are 404 and 405, with a request id", () =>
    Effect.gen(function*() {
      const emulator = yield* make({ flows: samples })
      const client = clientOf(emulator.baseUrl, emulator.apiKey)
      const rows: ReadonlyArray<[method: string, path: string, status: number]> = [
        ["GET", hello, 405],
        ["DELETE", hello, 405],
        ["POST", "/seq/noukai/samples/hello-world", 404],
        ["POST", "/seq/noukai/samples/hello-world/execute/", 404],
        ["POST", "/seq/noukai//hello-world/execute", 404],
        ["POST", "/seq/noukai/samples/hello-world/v1/v2/execute", 404],
        ["POST", "/seq/noukai/samples/%/execute", 404],
        ["POST", "/seq/noukai/samples/hello-world%2Fexecute", 404],
        ["POST", "/seq/noukai/samples/..%2Fsamples%2Fhello-world/execute", 404],
        ["GET", "/nothing", 404]
      ]
      for (const [method, path, status] of rows) {
        const response = yield* Effect.promise(() => client.request(method, path, method === "GET" ? {} : { body: {} }))
        assert.strictEqual(response.status, status, `${method} ${path}`)
        assert.match(response.headers.get("x-request-id") ?? "", /^req-/)
        yield* Effect.promise(() => response.text())
      }
    }))

  const named: ReadonlyArray<[headers: { readonly [name: string]: string }, status: number]> = [
    [{ host: "localhost:1" }, 200],
    [{ host: "Localhost" }, 200],
    [{ host: "[::1]:8080" }, 200],
    [{ host: "127.9.9.9:80" }, 200],
    [{ host: "evil.example" }, 403],
    [{ host: "evil.example:8080" }, 403],
    [{ host: "localhost.evil.example" }, 403],
    [{ host: "127.0.0.1.evil.example" }, 403],
    [{ host: "0.0.0.0" }, 403],
    [{ origin: "http://localhost:3000" }, 200],
    [{ origin: "https://127.0.0.1" }, 200],
    [{ origin: "http://[::1]:5173", "sec-fetch-site": "same-site" }, 200],
    [{ origin: "https://evil.example" }, 403],
    [{ origin: "https://localhost.evil.example" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "" }, 403],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "none" }, 200]
  ]
  for (const [headers, status] of named) {
    it.scoped(`on loopback ${JSON.stringify(headers)} is a ${status}, before anything else`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ script: ["503"] })
        const send = (method: string, path: string, more = {}, body = "{\"message\":\"hi\"}") =>
          Effect.promise(() => statusWith(emulator.baseUrl + path, { ...headers, ...more }, method, body))
        const authorization = `Bearer ${Redacted.value(emulator.apiKey)}`
        if (status === 403) {
          assert.strictEqual(yield* send("POST", hello), 403)
          assert.strictEqual(yield* send("POST", hello, { authorization, "x-noukai-emulator-fault": "500" }), 403)
          assert.strictEqual(yield* send("GET", "/flow-runs/none/trace", { authorization }, ""), 403)
          assert.strictEqual(yield* send("GET", "/nothing", { authorization }, ""), 403)
        }
        assert.deepStrictEqual((yield* emulator.ledger).requests.map((request) => [request.status, request.fault]), [
          ...Array.from({ length: status === 403 ? 4 : 0 }, () => [403, undefined])
        ])
        // the script has not moved
        assert.strictEqual(yield* statusOf("nk_a").pipe(Effect.map((answer) => answer.status)), 503)
        assert.strictEqual(yield* send("POST", hello, { authorization }), status)
      }).pipe(Effect.provide(layer())))
  }

  it.scoped("an emulator that others can reach takes any host", () =>
    Effect.gen(function*() {
      const { apiKey, port } = yield* make({ host: "0.0.0.0" })
      const url = `http://127.0.0.1:${port}/api/v1${hello}`
      const headers = { host: "emulator:8080", authorization: `Bearer ${Redacted.value(apiKey)}` }
      assert.strictEqual(yield* Effect.promise(() => statusWith(url, headers, "POST", "{\"message\":\"hi\"}")), 200)
    }))
})
