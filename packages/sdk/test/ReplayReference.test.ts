/** Sessions that `@noukai/sdk` 0.3.0 captured replay here, and sessions captured here replay there. */
import { type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import { FlowService, NoukaiConfig, NoukaiReplay, ReplayCassette, Tools, TraceScope } from "@effect-noukai/sdk"
import { layerServices } from "@effect-noukai/sdk/Noukai"
import { make as makeConfig } from "@effect-noukai/sdk/NoukaiConfig"
import * as Reference from "@noukai/sdk"
import { Chunk, Effect, Layer, Redacted, Stream } from "effect"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it, vi } from "vitest"

/** The reference only knows `localhost:8080`, so its requests are sent on to the emulator's port. */
const liveFetch = globalThis.fetch

let emulator: RunningEmulator

beforeAll(() => {
  globalThis.fetch = (input, init) => {
    const url = new URL(typeof input === "string" ? input : input instanceof URL ? input.href : input.url)
    assert.strictEqual(url.host, "localhost:8080")
    return liveFetch(`${emulator.url}${url.pathname}${url.search}`, init)
  }
})

beforeEach(() => {
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
})

afterEach(() => {
  vi.unstubAllEnvs()
})

afterAll(() => {
  globalThis.fetch = liveFetch
})

const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }] as const

interface Seen {
  readonly result: unknown
  readonly tools: unknown
  readonly steps: ReadonlyArray<readonly [stepId: string, output: unknown]>
  readonly final: unknown
  readonly failedStep: unknown
}

type Loose = ReturnType<typeof JSON.parse>

/** The same calls, in their words. */
const theirs = async (): Promise<Seen> => {
  const noukai = client()
  const done = await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" }) as Loose
  const withTools = await noukai.flow("noukai/samples/tools-enabled").execute({
    message: "Lisbon?",
    tools: [...tools],
    toolHandler: (calls: ReadonlyArray<Loose>) =>
      calls.map((call) => ({ role: "tool", tool_call_id: call.id as string, content: "sunny" }))
  }) as Loose
  const steps: Array<readonly [string, unknown]> = []
  for await (const step of noukai.flow("noukai/samples/two-step").steps({ message: "hi" }) as AsyncIterable<Loose>) {
    steps.push([step.stepId, step.output])
  }
  let final: unknown
  for await (const event of noukai.flow("noukai/samples/two-step").events({ message: "hi" }) as AsyncIterable<Loose>) {
    if (event.type === "flow_completed") final = event.result
  }
  let failedStep: unknown
  for await (const event of noukai.flow("noukai/samples/failing").events({}) as AsyncIterable<Loose>) {
    if (event.type === "step_error") failedStep = event.stepId
  }
  return { result: done.result, tools: withTools.result, steps, final, failedStep }
}

/** The same calls, in ours. */
const ours = Effect.gen(function*() {
  const flows = yield* FlowService
  const done = yield* flows.execute("noukai/samples/hello-world", { message: "hi" })
  const withTools = yield* flows.execute("noukai/samples/tools-enabled", {
    message: "Lisbon?",
    tools: Tools.handle(tools, (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "sunny" }))))
  })
  const steps = yield* Stream.runCollect(flows.steps("noukai/samples/two-step", { message: "hi" }))
  const events = yield* Stream.runCollect(flows.events("noukai/samples/two-step", { message: "hi" }))
  const failing = yield* Stream.runCollect(flows.events("noukai/samples/failing", {}))
  const seen: Seen = {
    result: done.result,
    tools: withTools.result,
    steps: Chunk.toReadonlyArray(steps).map(({ output, stepId }) => [stepId, output] as const),
    final: Chunk.toReadonlyArray(events).flatMap((event) => event.type === "flow_completed" ? [event.result] : [])[0],
    failedStep: Chunk.toReadonlyArray(failing).flatMap((e) => e.type === "step_error" ? [e.stepId] : [])[0]
  }
  return seen
})

const client = () => new Reference.Noukai({ apiKey: emulator.apiKey, env: "dev", maxRetries: 0 })

const config = Layer.suspend(() =>
  Layer.effect(
    NoukaiConfig,
    makeConfig({ apiKey: Redacted.make(emulator.apiKey), baseUrl: `${emulator.url}/api/v1`, replayEnabled: true })
  )
)

const live = Layer.provide(layerServices, config)

const outputs = {
  steps: [
    ["classify", { label: "order", about: "hi" }],
    ["answer", { text: "About your order: hi" }]
  ] as const,
  final: { text: "About your order: hi" }
}

describe.each(["hosted", "documented"] as const)("streams in the %s shape", (streamOutputs) => {
  beforeAll(async () => {
    emulator = await startEmulator({
      flows: [...samples, {
        ref: "noukai/samples/failing",
        steps: [{ kind: "template", id: "a", output: 1 }, { kind: "fail", id: "b", code: "X", message: "it broke" }]
      }],
      organisations: { noukai: { capture: "full" } },
      streamOutputs
    })
  })

  afterEach(() => emulator.reset())

  afterAll(() => emulator.close())

  it("captured there, replayed here", async () => {
    const captured = await Reference.traceScope(async () => ({
      id: Reference.currentSessionId()!,
      seen: await theirs()
    }))
    // it knows the documented carriers alone
    if (streamOutputs === "hosted") {
      assert.deepStrictEqual([captured.seen.steps.map(([, output]) => output), captured.seen.final], [
        [undefined, undefined],
        undefined
      ])
    }
    const seen: Seen = { ...captured.seen, ...outputs }
    const { requestsReceived, runsStarted } = emulator.ledger()
    assert.strictEqual(runsStarted, 5)
    const scoped = await Effect.runPromise(Effect.provide(TraceScope.replay(captured.id)(ours), live))
    assert.deepStrictEqual(scoped, seen)
    const layered = await Effect.runPromise(
      Effect.provide(
        Effect.zipLeft(ours, ReplayCassette.verify),
        Layer.provide(NoukaiReplay.fromSession(captured.id), config)
      )
    )
    assert.deepStrictEqual(layered, seen)
    assert.strictEqual(emulator.ledger().runsStarted, runsStarted)
    assert.strictEqual(emulator.ledger().requestsReceived, requestsReceived + 2)
  })

  it("captured here, replayed there", async () => {
    const captured = await Effect.runPromise(
      Effect.provide(TraceScope.capture(Effect.zip(TraceScope.currentSessionId, ours)), live)
    )
    const { requestsReceived, runsStarted } = emulator.ledger()
    assert.strictEqual(runsStarted, 5)
    const replayed = await Reference.traceScope(theirs, {
      replaySessionId: captured[0]!,
      transport: client()._transport
    })
    assert.deepInclude(captured[1], outputs)
    assert.deepStrictEqual(replayed, captured[1])
    assert.strictEqual(emulator.ledger().runsStarted, runsStarted)
    assert.strictEqual(emulator.ledger().requestsReceived, requestsReceived + 1)
  })
})
