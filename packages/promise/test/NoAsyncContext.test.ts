/** A runtime without `AsyncLocalStorage`: all works but scopes after the first `await`, so that a replay is refused. */
import type { RunningEmulator } from "@effect-noukai/emulator"
import type { Noukai } from "@effect-noukai/promise"
import { afterAll, afterEach, assert, beforeAll, beforeEach, it, vi } from "vitest"
import { collect, hello, startWorldEmulator, twoStep } from "./support/world.js"

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

let emulator: RunningEmulator
let client: typeof import("@effect-noukai/promise")
let noukai: Noukai

beforeAll(async () => {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never)
  // modules look for it once: these are not the ones of other files
  vi.resetModules()
  client = await import("@effect-noukai/promise")
  emulator = await startWorldEmulator()
  noukai = new client.Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
})

beforeEach(() => emulator.reset())

afterEach(() => vi.unstubAllEnvs())

afterAll(async () => {
  await noukai.close()
  await emulator.close()
  vi.restoreAllMocks()
  vi.resetModules()
})

/** Two runs, the second after an `await`. */
const twoRuns = async () => {
  await noukai.flow(hello).execute({ message: "one" })
  await noukai.flow(hello).execute({ message: "two" })
}

it("scopes: a replay is refused before its function runs, and nothing goes live", async () => {
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
  for (let n = 0; n < 2; n++) await noukai.flow(hello).execute({ message: "recorded", sessionId: session })
  const before = emulator.ledger()
  const error = await client.traceScope(twoRuns, { replaySessionId: session, client: noukai }).catch((error: unknown) =>
    error
  )
  assert.strictEqual(emulator.ledger().runsStarted, before.runsStarted)
  assert.strictEqual(emulator.ledger().requestsReceived, before.requestsReceived)
  assert.instanceOf(error, client.InvalidRequestError)
  assert.match((error as Error).message, /^traceScope: .*AsyncLocalStorage/)
})

it("with the gate off it is a capture, up to the first await", async () => {
  const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "false")
  await client.traceScope(twoRuns, { replaySessionId: session, client: noukai })
  assert.deepStrictEqual(emulator.ledger().runs.map(({ sessionId }) => typeof sessionId), ["string", "undefined"])
  assert.strictEqual(warnings.mock.calls.length, 1)
  warnings.mockRestore()
})

it("what needs no scope works", async () => {
  assert.strictEqual((await collect(noukai.flow(twoStep).steps({ message: "hi" }))).length, 2)
  await twoRuns()
  assert.strictEqual(emulator.ledger().runsStarted, 3)
})

it("a budget is refused before its function runs", async () => {
  let began = false
  const budget = new client.Budget({ limitUsd: 1, perRun: 1 })
  const run = budget.run(() => {
    began = true
  })
  const error = await run.then(() => undefined, (reason: unknown) => reason)
  assert.instanceOf(error, client.InvalidRequestError)
  assert.strictEqual(error.field, "runtime")
  assert.isFalse(began)
})
