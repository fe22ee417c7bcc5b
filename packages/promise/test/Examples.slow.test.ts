/** The programs of the README. */
import { type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import { APIConnectionError, type FlowCursor, Noukai } from "@effect-noukai/promise"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { size } from "../../sdk/test/support/size.js"
import { answerAll } from "./examples/budget.js"
import * as effects from "./examples/effects.js"
import { run } from "./examples/errors.js"
import * as jobs from "./examples/jobs.js"
import { grade } from "./examples/quickStart.js"
import { ask } from "./examples/relay.js"
import { gradeEach } from "./examples/rows.js"
import * as scopes from "./examples/scopes.js"
import * as stored from "./examples/stored.js"
import * as streams from "./examples/streams.js"
import * as tools from "./examples/tools.js"
import { scoreOrValue } from "./examples/typedErrors.js"
import * as typedFlow from "./examples/typedFlow.js"
import * as typedLibraries from "./examples/typedLibraries.js"
import { ask as askTyped } from "./examples/typedTool.js"
import { startRelay } from "./support/relay.js"
import { resultOf } from "./support/world.js"

let emulator: RunningEmulator
let noukai: Noukai

beforeAll(async () => {
  emulator = await startEmulator({ flows: samples, organisations: { noukai: { capture: "full" } } })
  noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})

afterAll(async () => {
  await noukai.close()
  await emulator.close()
})

it("the quick start", async () => {
  const { fetch } = globalThis
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => fetch(url.replace(":8080", `:${emulator.port}`), init))
  vi.stubEnv("NOUKAI_API_KEY", emulator.apiKey)
  vi.stubEnv("NOUKAI_ENV", "dev")
  assert.propertyVal(await grade("The cat sat."), "score", 8)
})

it("a stored pause is answered, and a cut stream goes on or tells where", async () => {
  const saved: Array<string> = []
  const paused = await stored.ask(noukai, { save: async (text) => void saved.push(text) })
  assert.strictEqual(paused.status, "tool_calls_required")
  const done = await stored.answer(noukai, saved[0]!, "18 °C")
  assert.include(JSON.stringify(resultOf(done)), "18 °C")

  const whole = await stored.watch(noukai)
  emulator.addFaults({ match: { endpoint: "step" }, script: ["ok", "401"] })
  const cut = await stored.watch(noukai)
  assert.isTrue(typeof cut === "object" && cut !== null && "goOnFrom" in cut)
  assert.deepStrictEqual(await stored.watch(noukai, (cut as { goOnFrom: FlowCursor }).goOnFrom), whole)
})

it("5,000 rows, each paid once, although the process stops in their middle", async () => {
  const essays = Array.from({ length: size(5_000, 100) }, (_, n) => ({ id: `essay-${n}`, text: `The cat sat ${n}.` }))
  const half = essays.length / 2
  const stopping = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
  const before = emulator.ledger().runsStarted
  const first = gradeEach(stopping, essays).catch((error: unknown) => error)
  await vi.waitUntil(() => emulator.ledger().runsStarted - before >= half, { timeout: 150_000 })
  await stopping.close()
  assert.instanceOf(await first, APIConnectionError)
  assert.isBelow(emulator.ledger().runsStarted - before, essays.length)
  const grades = await gradeEach(noukai, essays)
  assert.sameMembers([...grades.keys()], essays.map(({ id }) => id))
  assert.strictEqual(emulator.ledger().runsStarted - before, essays.length)
}, 400_000)

it("tools, with a handler and by hand", async () => {
  const handled = await tools.withHandler(noukai)
  assert.deepStrictEqual(resultOf(handled), { text: "The weather, as get_weather says: 18 °C in Lisbon" })
  assert.strictEqual((await tools.byHand(noukai)).status, "completed")
})

it("streams", async () => {
  const lines: Array<string> = []
  await streams.watch(noukai, (line) => lines.push(line))
  assert.strictEqual(lines.at(-1), `done: {"text":"About your order: Where is A17?"}`)
  assert.deepStrictEqual(Object.keys(await streams.outputs(noukai)), ["classify", "answer"])
})

it("a budget", async () => {
  const questions = ["one", "two", "three", "four"]
  assert.deepStrictEqual(await answerAll(noukai, questions, "0.005"), { refused: 2, spentUsd: "0.00242" })
})

it("jobs", async () => {
  const executionId = await jobs.submit(noukai)
  assert.deepStrictEqual(await jobs.collect(noukai, executionId), { text: "About your order: long" })
  assert.strictEqual(await jobs.cost(noukai, executionId), "0.00121")
})

it("errors", async () => {
  const { signal } = new AbortController()
  assert.strictEqual((await run(noukai, signal) as { status: string }).status, "completed")
  emulator.addFaults({ script: ["429:retry=30", "502:BYOK_KEY_REJECTED", "reset"] })
  assert.strictEqual(await run(noukai, signal), "try again in 30 s")
  assert.strictEqual(await run(noukai, signal), "check the key")
  assert.strictEqual(await run(noukai, signal), "a run may exist, and may be billed")
  assert.strictEqual(await run(noukai, AbortSignal.abort()), "the caller left")
})

it("scopes", async () => {
  const { results, sessionId } = await scopes.captured(noukai)
  const runs = emulator.ledger().runsStarted
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
  assert.deepStrictEqual(await scopes.replayed(noukai, sessionId), results)
  assert.strictEqual(emulator.ledger().runsStarted, runs)
})

it("a relay", async () => {
  const relay = await startRelay(emulator, "noukai/samples/hello-world")
  assert.deepStrictEqual(await ask(relay.url, "hi"), { text: "Hello! You said: hi" })
  await relay.close()
})

it("the Effect side", async () => {
  vi.stubEnv("NOUKAI_API_KEY", emulator.apiKey)
  const client = await effects.overRuntime()
  await client.close()
  const sessionId = await Effect.runPromise(effects.handler(noukai))
  assert.isString(sessionId)
  assert.strictEqual(emulator.ledger().runs.at(-1)!.sessionId, sessionId)
})

it("typed flows and tools", async () => {
  assert.strictEqual(await typedFlow.score(noukai, "The cat sat."), 8)
  const answered = await askTyped(noukai)
  assert.include(answered.status === "completed" && answered.result.text, "18 °C in Lisbon")
  for (const flow of typedLibraries.flows(noukai)) {
    const done = await flow.execute({ message: "The cat sat." })
    assert.deepStrictEqual(done.status === "completed" && done.result.score, 9)
  }
  assert.lengthOf(typedLibraries.tools, 4)
})

it("errors of typed flows", async () => {
  const runs = emulator.ledger().runsStarted
  const message = "flow.execute acme/spelling/grade-3: invalid parameters: at difficulty: "
  assert.include(await scoreOrValue(noukai, "medium"), message)
  assert.strictEqual(emulator.ledger().runsStarted, runs)
  assert.propertyVal((await scoreOrValue(noukai, "hard") as { paid: unknown }).paid, "score", 8)
})
