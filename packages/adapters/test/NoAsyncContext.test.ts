/** A runtime without `AsyncLocalStorage`: a replay would go live after the first `await`, so that there is none. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import type { Noukai } from "@effect-noukai/promise"
import { afterAll, assert, beforeAll, expect, it, vi } from "vitest"

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

let emulator: RunningEmulator
let client: Noukai
let sessions: typeof import("@effect-noukai/adapters/web").sessions

beforeAll(async () => {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never)
  // modules look for it once: these are not the ones of other files
  vi.resetModules()
  const { Noukai } = await import("@effect-noukai/promise")
  sessions = (await import("@effect-noukai/adapters/web")).sessions
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
  emulator = await startEmulator({
    flows: [{ ref: "acme/support/answer", steps: [{ kind: "template", id: "say", output: "{{message}}" }] }],
    organisations: { acme: { capture: "full" } }
  })
  client = new Noukai({ apiKey: "nk_test_anything", env: "dev", port: emulator.port })
})

afterAll(async () => {
  await client.close()
  await emulator.close()
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  vi.resetModules()
})

const handler = () =>
  sessions(async (request: Request) => {
    const message = await request.text()
    const run = await client.flow("acme/support/answer").execute({ message })
    return Response.json(run.status === "completed" ? run.result : run.status)
  }, { client })

const ask = (headers: Record<string, string> = {}) =>
  handler()(new Request("http://app/", { method: "POST", body: "hi", headers }))

it("scopes: a replay is refused, and nothing goes live", async () => {
  await client.flow("acme/support/answer").execute({ message: "recorded", sessionId: session })
  const before = emulator.ledger()
  const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
  const response = await ask({ "x-noukai-replay": session })
  expect([response.status, await response.json()]).toEqual([
    500,
    { error: "replay_error", message: expect.any(String) }
  ])
  assert.match(String(warnings.mock.calls), /no AsyncLocalStorage/)
  warnings.mockRestore()
  assert.strictEqual(emulator.ledger().requestsReceived, before.requestsReceived)
})

it("what is no replay is answered as ever", async () => {
  const response = await ask()
  assert.deepStrictEqual([response.status, await response.json()], [200, "hi"])
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "false")
  const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
  assert.strictEqual((await ask({ "x-noukai-replay": session })).status, 200)
  assert.strictEqual(warnings.mock.calls.length, 1)
})
