/** The relay server with the keyless client (docs/wire.md#relays): tools, codes, capture and replay. */
import { noukaiRelayHandler, sessions } from "@effect-noukai/adapters/express"
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { createRelayFlow, Noukai } from "@effect-noukai/promise"
import express from "express"
import { afterAll, afterEach, assert, beforeAll, beforeEach, expect, it, vi } from "vitest"
import { listen } from "./support/listen.js"
import type { RunningApp } from "./support/world.js"

let emulator: RunningEmulator
let client: Noukai
let app: RunningApp

beforeAll(async () => {
  emulator = await startEmulator({
    flows: [{
      ref: "acme/support/agent",
      steps: [{
        kind: "tool",
        id: "lookup",
        rounds: [[{ name: "find_order", arguments: { id: "{{message}}" } }], [{ name: "find_order", arguments: {} }]],
        output: { state: "{{tools.find_order}}" }
      }]
    }],
    organisations: { acme: { capture: "full" } }
  })
})

afterAll(() => emulator.close())

beforeEach(async () => {
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
  await emulator.reset()
  client = new Noukai({ apiKey: "nk_test_anything", env: "dev", port: emulator.port })
  const server = express()
  server.use(sessions({ client }))
  server.post(
    "/agent/execute",
    noukaiRelayHandler({
      client,
      flow: "acme/support/agent",
      authorize: (request) => {
        if (request.headers["x-login"] !== "ada") {
          throw Object.assign(new Error("no"), { status: 401, detail: "LOG_IN" })
        }
        return true
      }
    })
  )
  app = await listen(server, () => client.close())
})

afterEach(async () => {
  await app.close()
  vi.unstubAllEnvs()
})

const flow = (login: string) =>
  createRelayFlow({
    url: `${app.url}/agent/execute`,
    fetch: (url, init) =>
      fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), "x-login": login } })
  })

const tools = [{ type: "function", function: { name: "find_order", parameters: { type: "object" } } }]

it("relays: the tool loop runs through the relay, in one run", async () => {
  const asked: Array<string> = []
  const relayed = flow("ada")
  const result = await relayed.execute({
    message: "A17",
    tools,
    toolHandler: (calls) =>
      calls.map((call) => {
        asked.push(call.function.arguments)
        return { tool_call_id: call.id, content: `shipped ${asked.length}` }
      })
  })
  expect(result).toMatchObject({ status: "completed", result: { state: "shipped 2" } })
  assert.deepStrictEqual(asked, ["{\"id\":\"A17\"}", "{}"])
  assert.strictEqual(emulator.ledger().runsStarted, 1)
})

for (
  const [name, content, place] of [
    ["a map", () => new Map([["state", "shipped"]]), ""],
    ["NaN", () => ({ weight: [NaN] }), ".weight[0]"],
    ["a forgotten await", () => ({ state: Promise.resolve("shipped") }), ".state"],
    ["a response", () => Response.json("shipped"), ""],
    ["a function", () => ({ of: () => 1 }), ".of"]
  ] satisfies ReadonlyArray<readonly [string, () => unknown, string]>
) {
  it(`relays: a tool that answers with ${name} is refused in the page, and its run does not go on`, async () => {
    const error = await flow("ada").execute({
      message: "A17",
      tools,
      toolHandler: (calls) => calls.map(({ id }) => ({ tool_call_id: id, content: content() as never }))
    }).catch((error: unknown) => error)
    const [run, ...others] = emulator.ledger().runs
    assert.isEmpty(others)
    expect(error).toMatchObject({
      name: "InvalidRequestError",
      field: `tools.find_order.result${place}`,
      executionId: run?.executionId
    })
    assert.deepStrictEqual(emulator.ledger().requests.map(({ endpoint }) => endpoint), ["execute"])
  })
}

it("relays: a code of the relay is the code of the error", async () => {
  const relayed = flow("bob")
  const error = await relayed.execute({ message: "A17" }).catch((error) => error)
  expect(error).toMatchObject({ name: "AuthenticationError", statusCode: 401, code: "LOG_IN" })
  assert.strictEqual(emulator.ledger().runsStarted, 0)
})

it("a refusal of the server's key is logged there, and the page can wait as long as Noukai wants", async () => {
  const lines: Array<string> = []
  vi.spyOn(console, "warn").mockImplementation((line) => void lines.push(String(line)))
  emulator.addFaults({ script: ["402", "429:retry=7"] })
  const errors = [1, 2].map(() => flow("ada").execute({ message: "A17" }).catch((error: unknown) => error))
  expect(await Promise.all(errors)).toMatchObject([
    { name: "InsufficientCreditsError" },
    { name: "RateLimitError", retryAfter: 7 }
  ])
  vi.restoreAllMocks()
  assert.match(
    lines.join("\n"),
    /relay: acme\/support\/agent: Noukai answered with status 402 \(code \w+, request \S+\)/
  )
  assert.lengthOf(lines, 2)
})

it("10: what goes through the relay is captured and replayed with the request", async () => {
  const ask = (headers: Record<string, string> = {}) =>
    fetch(`${app.url}/agent/execute`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-login": "ada", ...headers },
      body: JSON.stringify({ message: "A17" })
    })
  emulator.putFlows({
    ref: "acme/support/agent",
    steps: [{ kind: "template", id: "say", output: "said: {{message}}" }]
  })
  const captured = await ask()
  const session = captured.headers.get("x-noukai-session") ?? ""
  expect(await captured.json()).toMatchObject({ status: "completed", result: "said: A17" })
  assert.deepStrictEqual(emulator.ledger().runs.map((run) => run.sessionId), [session])
  const replayed = await ask({ "x-noukai-replay": session })
  expect(await replayed.json()).toMatchObject({ status: "completed", result: "said: A17" })
  assert.strictEqual(emulator.ledger().runsStarted, 1)
})
