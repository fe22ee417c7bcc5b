/** Bodies of requests that no client of Noukai sends. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import * as FC from "effect/FastCheck"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { brokenBytes, brokenJson, fuzzAsync, fuzzTimeout } from "../../../sdk/test/support/fuzz.js"
import type { Parsed } from "../client.js"

const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } }]

const asked = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "tc_1", type: "function", function: { name: "get_weather", arguments: "{}" } }]
}

const fresh = {
  message: "hi",
  parameters: { a: [1, { b: null }] },
  blockOverrides: { greet: { output: "{{message}}" } },
  attachments: [{ kind: "url", url: "https://img.example.com/a.png", mime_type: "image/png", filename: "a.png" }],
  toolChoice: { type: "function", function: { name: "get_weather" } },
  tools,
  trace: true
}

const resume = {
  executionId: "{{paused}}",
  pausedAtStep: "assistant",
  iterationsUsed: 1,
  accumulatedOutputs: {},
  toolCallMessages: [asked, { role: "tool", tool_call_id: "tc_1", content: "sunny" }]
}

const step = {
  ...fresh,
  stepIndex: 0,
  accumulatedOutputs: {},
  inputOverrides: {},
  runRemaining: true,
  iterationsUsed: 0
}

const laterStep = { ...resume, executionId: "{{stepped}}", stepIndex: 0, tools, runRemaining: true }

const messages = {
  messages: [{ role: "user", content: "a" }, asked, { role: "tool", toolCallId: "tc_1", content: "b" }]
}

const rules = { rules: [{ match: { endpoint: "trace", nth: 1 }, script: ["ok", "503", "cut:e3"] }] }

const flows = { flows: [{ ref: "acme/fuzz/new", steps: [{ kind: "template", id: "a", output: "{{message}}" }] }] }

const requests: ReadonlyArray<readonly [path: string, body: unknown]> = [
  ["/api/v1/seq/noukai/samples/hello-world/execute", fresh],
  ["/api/v1/seq/noukai/samples/hello-world/execute", messages],
  ["/api/v1/seq/noukai/samples/tools-enabled/execute", { ...fresh, attachments: [] }],
  ["/api/v1/seq/noukai/samples/tools-enabled/execute", resume],
  ["/api/v1/seq/noukai/samples/tools-enabled/step", step],
  ["/api/v1/seq/noukai/samples/tools-enabled/step", laterStep],
  ["/api/v1/seq/noukai/samples/hello-world/jobs", {
    message: "hi",
    callbackUrl: "https://a.example",
    callbackEvents: []
  }],
  ["/_emulator/faults", rules],
  ["/_emulator/flows", flows],
  ["/_emulator/organisations", { organisations: { acme: { credits: "1", capture: "full" } } }]
]

let emulator: RunningEmulator

beforeAll(async () => {
  emulator = await startEmulator()
})

afterAll(() => emulator.close())

const post = (path: string, body: BodyInit) =>
  fetch(emulator.url + path, { method: "POST", headers: { authorization: `Bearer ${emulator.apiKey}` }, body })

/** Runs that wait for the results of their tool. */
const paused = async (): Promise<{ readonly paused: string; readonly stepped: string }> => {
  const execute = await post(
    "/api/v1/seq/noukai/samples/tools-enabled/execute",
    JSON.stringify({ message: "a", tools })
  )
  const stepped = await post("/api/v1/seq/noukai/samples/tools-enabled/step", JSON.stringify({ message: "a", tools }))
  return {
    paused: (await execute.json() as Parsed).executionId,
    stepped: /"executionId":"([^"]+)"/.exec(await stepped.text())![1]!
  }
}

describe("any body", () => {
  it("is answered, or refused in one of the shapes of errors; the emulator goes on", async () => {
    const body = FC.constantFrom(...requests).chain(([path, valid]) =>
      FC.tuple(FC.constant(path), brokenBytes(brokenJson(FC.constant(valid))))
    )
    await fuzzAsync(body, 100, async ([path, bytes]) => {
      await emulator.reset()
      const text = new TextDecoder().decode(bytes)
      const ids = text.includes("{{paused}}") || text.includes("{{stepped}}") ? await paused() : undefined
      const sent = ids === undefined
        ? new Blob([new Uint8Array(bytes)])
        : text.replace("{{paused}}", ids.paused).replace("{{stepped}}", ids.stepped)
      const response = await post(path, sent)
      const answer = await response.text()
      assert.match(response.headers.get("x-request-id") ?? "", /^req-/)
      assert.isBelow(response.status, 500, answer)
      if (response.status < 400) return
      const { detail } = JSON.parse(answer) as Parsed
      assert.isTrue(Array.isArray(detail) || typeof detail.code === "string", answer)
    })
    assert.notProperty({}, "polluted")
    const well = await post("/api/v1/seq/noukai/samples/hello-world/execute", JSON.stringify({ message: "hi" }))
    assert.strictEqual(well.status, 200)
  }, fuzzTimeout)

  it("with a kind of step that has no text is a 400 of the control endpoint", async () => {
    const step = "{\"kind\":{\"toString\":1,\"valueOf\":null},\"id\":\"a\"}"
    const response = await post("/_emulator/flows", `{"flows":[{"ref":"a/b/c","steps":[${step}]}]}`)
    assert.strictEqual(response.status, 400)
    assert.strictEqual((await response.json() as Parsed).detail.code, "BAD_REQUEST")
  })
})
