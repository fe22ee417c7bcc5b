/** Numbers that JavaScript cannot hold: a relay passes them on with the digits that came. */
import { createRelayRoute } from "@effect-noukai/adapters/nextjs"
import { boundAndParseBody, forwardToFlow, resolveBounds } from "@effect-noukai/adapters/relay"
import { sessions } from "@effect-noukai/adapters/web"
import { startEmulator } from "@effect-noukai/emulator"
import { createRelayFlow, Noukai } from "@effect-noukai/promise"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { relays, traced } from "./support/relays.js"
import { startUpstream, text, type Upstream } from "./support/upstream.js"

const big = "12345678901234567890"
const values = `{"id":${big},"list":[0.12345678901234567890,1e400,-0,{"deep":-98765432109876543210.50}],"few":1.5}`
const body = `{"message":"hi","parameters":${values},"toolCallMessages":[{"role":"user","content":${big}}]}`
const ended = `{"status":"completed","result":${values},"flowId":"fl","blockCount":1}`

let upstream: Upstream

beforeAll(async () => {
  upstream = await startUpstream()
})

afterEach(() => void vi.unstubAllEnvs())

afterAll(() => upstream.close())

describe("numbers that JavaScript cannot hold", () => {
  for (const { name, start } of [...relays, ...traced]) {
    it(`${name}: go to Noukai and come back as they were`, async () => {
      const app = await start({ port: upstream.port, flow: "acme/support/agent", authorize: () => true })
      upstream.script(text(200, ended), text(422, `{"detail":{"id":${big}}}`))
      for (const answer of [ended, `{"detail":{"id":${big}}}`]) {
        const response = await fetch(`${app.url}/agent/execute`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body
        })
        assert.strictEqual(await response.text(), answer)
        assert.strictEqual(upstream.received.at(-1)?.body, body)
      }
      await app.close()
    })
  }

  for (const { name, start } of relays) {
    it(`${name}: are in a call of a tool and in its result, of a Promise client without a key`, async () => {
      const app = await start({ port: upstream.port, flow: "acme/support/agent", authorize: () => true })
      const flow = createRelayFlow({ url: `${app.url}/agent/execute` })
      const given = `{\\"id\\":${big},\\"of\\":[-0,1e400]}`
      const call = `{"id":"c1","type":"function","function":{"name":"find","arguments":"${given}"}}`
      const asked = `{"role":"assistant","content":null,"tool_calls":[${call}],"trace_number":${big}}`
      upstream.script(
        text(
          200,
          `{"status":"tool_calls_required","executionId":"e1","pausedAtStep":"ask","iterationsUsed":1,"toolCallMessages":[${asked}],"toolCalls":[${call}],"accumulatedOutputs":{"a":${big}},"flowId":"fl","blockCount":1}`
        ),
        text(200, ended)
      )
      const seen: Array<string> = []
      await flow.execute({
        message: "hi",
        tools: [{ type: "function", function: { name: "find", parameters: { type: "object" } } }],
        toolHandler: (calls) =>
          calls.map((one) => {
            seen.push(one.function.arguments)
            return { role: "tool", tool_call_id: one.id, content: one.function.arguments }
          })
      })
      assert.deepStrictEqual(seen, [`{"id":${big},"of":[-0,1e400]}`])
      const sent = upstream.received.at(-1)?.body ?? ""
      assert.include(sent, asked)
      assert.include(sent, `"content":"${given}"`)
      await app.close()
    })
  }

  it("the parts of a relay keep them, also of a payload that was copied", async () => {
    const client = new Noukai({ apiKey: "nk_test_relay", env: "dev", port: upstream.port })
    const parsed = boundAndParseBody(body, resolveBounds())
    if (!("payload" in parsed)) return assert.fail("it was rejected")
    const config = { client, org: "acme", project: "support", slug: "agent" }
    for (const payload of [parsed.payload, { ...parsed.payload }]) {
      upstream.script(text(200, ended))
      const outcome = await forwardToFlow(config, payload)
      assert.strictEqual(upstream.received.at(-1)?.body, body)
      assert.strictEqual(outcome.text, ended)
      assert.deepStrictEqual(outcome, { status: 200, body: JSON.parse(ended) as unknown } as never)
    }
    upstream.script(text(503, "<p>"))
    assert.strictEqual((await forwardToFlow(config, {})).text, "{\"detail\":\"UPSTREAM_NON_JSON\"}")
    await client.close()
  })

  it("a replay through the relay answers with them", async () => {
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    const emulator = await startEmulator({
      flows: [{ ref: "acme/support/agent", steps: [{ kind: "template", id: "say", output: "{{parameters}}" }] }],
      organisations: { acme: { capture: "full" } }
    })
    const client = new Noukai({ apiKey: "nk_test_relay", env: "dev", port: emulator.port })
    const route = createRelayRoute({ client, flow: "acme/support/agent", authorize: () => true })
    const handle = sessions((request: Request) => route(request), { client })
    const ask = (headers: Record<string, string> = {}) =>
      handle(
        new Request("http://localhost/agent/execute", {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: `{"message":"hi","parameters":${values}}`
        })
      )
    const captured = await ask()
    const live = await captured.text()
    assert.include(live, `"result":${values}`)
    const replayed = await ask({ "x-noukai-replay": captured.headers.get("x-noukai-session") ?? "" })
    assert.include(await replayed.text(), `"result":${values}`)
    await client.close()
    await emulator.close()
  })
})
