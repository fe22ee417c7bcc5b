import { type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import { createHmac } from "node:crypto"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type Parsed, statusWith } from "./client.js"

const hello = "/api/v1/seq/noukai/samples/hello-world"

let emulator: RunningEmulator

beforeEach(async () => {
  emulator = await startEmulator()
})

afterEach(() => emulator.close())

const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(emulator.url + path, {
    method,
    headers: { authorization: `Bearer ${emulator.apiKey}`, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  return { status: response.status, json: await response.json() as Parsed }
}

const execute = () => send("POST", `${hello}/execute`, { message: "hi" })

const withHost = (headers: Record<string, string>) => statusWith(`${emulator.url}/_emulator/ledger`, headers)

describe("/_emulator", () => {
  it("says what it is, without a key", async () => {
    const response = await fetch(`${emulator.url}/_emulator`)
    assert.deepStrictEqual(await response.json(), { name: "noukai-emulator", baseUrl: emulator.baseUrl })
    assert.match(response.headers.get("x-request-id") ?? "", /^req-/)
  })

  it("proves that it knows its nonce, without sending it", async () => {
    const path = "/_emulator/proof?challenge=a%20challenge"
    assert.strictEqual((await send("GET", path)).status, 404)
    await emulator.close()
    emulator = await startEmulator({ nonce: "a secret" })
    const { json, status } = await send("GET", path)
    const proof = createHmac("sha256", "a secret").update("a challenge").digest("hex")
    assert.deepStrictEqual([status, json], [200, { proof }])
    assert.notStrictEqual((await send("GET", "/_emulator/proof")).json.proof, proof)
    assert.strictEqual((await send("GET", path, undefined, { origin: emulator.url })).status, 403)
  })

  it("gives the ledger, which does not count its readers", async () => {
    await execute()
    await send("GET", "/_emulator/ledger")
    const { json } = await send("GET", "/_emulator/ledger")
    assert.strictEqual(json.requestsReceived, 1)
    assert.strictEqual(json.runsStarted, 1)
    assert.deepStrictEqual(json, JSON.parse(JSON.stringify(emulator.ledger())))
  })

  it("resets", async () => {
    await execute()
    assert.strictEqual((await send("POST", "/_emulator/reset")).status, 200)
    assert.strictEqual((await send("GET", "/_emulator/ledger")).json.runsStarted, 0)
  })

  it("adds and clears faults", async () => {
    await send("POST", "/_emulator/faults", { rules: [{ match: { endpoint: "execute" }, script: ["503", "503"] }] })
    assert.strictEqual((await execute()).status, 503)
    await send("DELETE", "/_emulator/faults")
    assert.strictEqual((await execute()).status, 200)
    const wrong = await send("POST", "/_emulator/faults", { rules: [{ script: ["explode"] }] })
    assert.strictEqual(wrong.status, 400)
    assert.include(wrong.json.detail.message, "\"explode\" is not a fault")
    const unknown = await send("POST", "/_emulator/faults", {
      rules: [{ match: { endpoint: "submit" }, script: ["503"] }]
    })
    assert.strictEqual(unknown.status, 400)
    assert.include(unknown.json.detail.message, "must be one of execute, step, submitJob")
  })

  it("adds, replaces and removes flows", async () => {
    const flow = { ref: "noukai/samples/hello-world", steps: [{ kind: "template", id: "a", output: "new" }] }
    await send("POST", "/_emulator/flows", { flows: [flow] })
    assert.strictEqual((await execute()).json.result, "new")
    const wrong = await send("POST", "/_emulator/flows", { flows: [{ ...flow, steps: [{ kind: "x" }] }] })
    assert.strictEqual(wrong.status, 400)
    const mistake = await send("POST", "/_emulator/flows", { flows: [{ ...flow, production: 3 }] })
    assert.include(mistake.json.detail.message, "there is no version 3")
    await send("DELETE", "/_emulator/flows/noukai/samples/hello-world")
    assert.strictEqual((await execute()).status, 404)
  })

  it("sets credits, revokes keys, expires sessions, cancels jobs", async () => {
    await send("POST", "/_emulator/organisations", { organisations: { noukai: { credits: "0" } } })
    assert.strictEqual((await execute()).status, 402)
    await send("POST", "/_emulator/organisations", { organisations: { noukai: {} } })
    const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
    await send("POST", `${hello}/execute`, { message: "a" }, { "x-session-id": id })
    await send("POST", `/_emulator/sessions/${id}/expire`)
    assert.strictEqual((await send("GET", `/api/v1/seq/sessions/${id}`)).status, 410)
    emulator.putFlows({
      ref: "acme/test/slow",
      steps: [{ kind: "template", id: "a", output: 1, duration: "1 hour" }]
    })
    const job = await send("POST", "/api/v1/seq/acme/test/slow/jobs", {})
    assert.strictEqual((await send("POST", `/_emulator/jobs/${job.json.executionId}/cancel`)).status, 200)
    assert.strictEqual((await send("POST", `/_emulator/jobs/${job.json.executionId}/cancel`)).status, 404)
    await send("POST", "/_emulator/keys/revoke", { key: emulator.apiKey })
    assert.strictEqual((await execute()).status, 401)
  })

  it("takes ten thousand of what can be set, and replaces what is there", async () => {
    const full = 10_000
    const said = (answer: { readonly status: number; readonly json: Parsed }) => [
      answer.status,
      answer.json.detail?.message
    ]
    const flows = Array.from({ length: full }, (_, index) => ({ ref: `a/b/f${index}`, steps: [] }))
    emulator.putFlows(...flows.slice(4))
    assert.match(
      String(said(await send("POST", "/_emulator/flows", { flows: [{ ref: "a/b/other", steps: [] }] }))),
      /^400,There are 10000 flows/
    )
    assert.strictEqual((await send("POST", "/_emulator/flows", { flows: [flows[9]] })).status, 200)
    for (let index = 0; index < full; index++) emulator.revokeKey(`nk_${index}`)
    assert.match(
      String(said(await send("POST", "/_emulator/keys/revoke", { key: "nk_other" }))),
      /^400,There are 10000 revoked keys/
    )
    for (let index = 0; index < full; index++) emulator.putOrganisation(`o${index}`, {})
    const organisations = (org: string) => send("POST", "/_emulator/organisations", { organisations: { [org]: {} } })
    assert.match(String(said(await organisations("other"))), /^400,There are 10000 organisations/)
    assert.strictEqual((await organisations("o1")).status, 200)
    const rules = Array.from({ length: full }, () => ({ script: ["ok"] }))
    assert.strictEqual((await send("POST", "/_emulator/faults", { rules })).status, 200)
    assert.match(
      String(said(await send("POST", "/_emulator/faults", { rules: [{ script: ["ok"] }] }))),
      /^400,There are 10000 fault rules/
    )
    // one that is used up makes room
    await execute()
    assert.strictEqual((await send("POST", "/_emulator/faults", { rules: [{ script: ["ok"] }] })).status, 200)
  })

  it("refuses pages of browsers and foreign host names", async () => {
    assert.strictEqual(await withHost({}), 200)
    for (const host of ["localhost:1", "LOCALHOST", "[::1]:8080", "127.1.2.3"]) {
      assert.strictEqual(await withHost({ host }), 200, host)
    }
    assert.strictEqual(await withHost({ host: "evil.example" }), 403)
    assert.strictEqual(await withHost({ origin: "http://localhost:3000" }), 403)
    assert.strictEqual(await withHost({ "sec-fetch-site": "cross-site" }), 403)
  })

  it("answers 404 to what it does not know, and is off when asked", async () => {
    assert.strictEqual((await send("GET", "/_emulator/nothing")).status, 404)
    assert.strictEqual((await send("PUT", "/_emulator/reset")).status, 404)
    const closed = await startEmulator({ flows: samples, control: false })
    const response = await fetch(`${closed.url}/_emulator`)
    assert.strictEqual(response.status, 404)
    await response.text()
    await closed.close()
  })
})
