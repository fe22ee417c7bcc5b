import { EmulatorError, samples, startEmulator } from "@effect-noukai/emulator"
import type { RunningEmulator } from "@effect-noukai/emulator"
import * as Sdk from "@noukai/sdk"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import type { Parsed } from "./client.js"

/** The client only knows `localhost:8080`, so its requests are sent on to the emulator's port. */
const liveFetch = globalThis.fetch

let emulator: RunningEmulator

beforeAll(async () => {
  emulator = await startEmulator({ flows: samples, organisations: { noukai: { capture: "full" } } })
  globalThis.fetch = (input, init) => {
    const url = new URL(typeof input === "string" ? input : input instanceof URL ? input.href : input.url)
    assert.strictEqual(url.host, "localhost:8080")
    return liveFetch(`${emulator.url}${url.pathname}${url.search}`, init)
  }
})

afterEach(() => emulator.reset())

afterAll(async () => {
  globalThis.fetch = liveFetch
  await emulator.close()
})

const client = () => new Sdk.Noukai({ apiKey: emulator.apiKey, env: "dev", maxRetries: 0 })

const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]

const toolHandler = (calls: ReadonlyArray<Parsed>) =>
  calls.map((call) => ({ role: "tool", tool_call_id: call.id as string, content: "sunny" }))

const answer = "The weather, as get_weather says: sunny"

describe("@noukai/sdk 0.3.0", () => {
  it("executes hello-world", async () => {
    const result = await client().flow("noukai/samples/hello-world").execute({ message: "hi" }) as Parsed
    assert.strictEqual(result.status, "completed")
    assert.strictEqual(result.result.text, "Hello! You said: hi")
    assert.strictEqual(result.blockCount, 1)
  })

  it("runs tools-enabled with a handler", async () => {
    const result = await client().flow("noukai/samples/tools-enabled").execute({
      message: "Lisbon?",
      tools,
      toolHandler
    }) as Parsed
    assert.strictEqual(result.result.text, answer)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("runs tools-enabled by hand", async () => {
    const paused = await client().flow("noukai/samples/tools-enabled").execute({ message: "Lisbon?", tools }) as Parsed
    assert.strictEqual(paused.status, "tool_calls_required")
    const result = await paused.resume({ toolResults: toolHandler(paused.toolCalls) })
    assert.strictEqual(result.result.text, answer)
  })

  it("streams two-step", async () => {
    const events: Array<Parsed> = []
    for await (const event of client().flow("noukai/samples/two-step").events({ message: "hi" })) events.push(event)
    assert.deepStrictEqual(
      events.map(({ stepIndex, type }) => stepIndex === undefined ? type : `${type} ${stepIndex}`),
      [
        "run_started",
        "step_started 0",
        "step_completed 0",
        "step_paused 0",
        "step_started 1",
        "step_output",
        "step_output",
        "step_completed 1",
        "flow_completed"
      ]
    )
    const steps: Array<string> = []
    for await (const step of client().flow("noukai/samples/two-step").steps({ message: "hi" })) steps.push(step.stepId)
    assert.deepStrictEqual(steps, ["classify", "answer"])
    assert.strictEqual(emulator.ledger().runsStarted, 2)
  })

  it("streams tools-enabled with a handler and by hand", async () => {
    const flow = client().flow("noukai/samples/tools-enabled")
    const handled: Array<Parsed> = []
    for await (const event of flow.events({ message: "Lisbon?", tools, toolHandler })) handled.push(event)
    assert.strictEqual(handled.at(-1).result.text, answer)
    const manual: Array<Parsed> = []
    for await (const event of flow.events({ message: "Lisbon?", tools }) as AsyncIterable<Parsed>) {
      manual.push(event)
      if (event.type === "tool_calls_required") await event.resume({ toolResults: toolHandler(event.toolCalls) })
    }
    assert.strictEqual(manual.at(-1).result.text, answer)
    assert.deepStrictEqual(emulator.ledger().steps.map((step) => step.outcome), [
      "paused",
      "completed",
      "paused",
      "completed"
    ])
  })

  it("submits a job, waits for it, and reads its traces", async () => {
    const flow = client().flow("noukai/samples/two-step")
    const job = await flow.executeAsync({ message: "hi" })
    const status = await job.wait({ timeout: 5_000, pollInterval: 10 }) as Parsed
    assert.strictEqual(status.status, "completed")
    assert.strictEqual(status.result.text, "About your order: hi")
    assert.strictEqual(((await job.poll()) as Parsed).status, "completed")

    const run = flow.run(job.executionId)
    const trace = await run.trace() as Parsed
    assert.strictEqual(trace.flowRun.id, job.executionId)
    assert.deepStrictEqual(trace.steps.map((step: Parsed) => step.costUsd), ["0.00031", "0.00090"])
    const latest = await run.stepTrace("answer") as Parsed
    assert.strictEqual(latest.attempt, 1)
    const all = await run.stepTrace("answer", { attempt: "all" }) as Parsed
    assert.strictEqual(all.attempts.length, 1)
    const live: Array<string> = []
    for await (const event of run.liveTrace()) live.push(event.type)
    assert.strictEqual(live.at(0), "run_started")
    assert.strictEqual(live.at(-1), "flow_completed")
  })

  it("captures a session and replays it without a run", async () => {
    const noukai = client()
    const program = async () => {
      const result = await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" }) as Parsed
      const steps: Array<Parsed> = []
      for await (const step of noukai.flow("noukai/samples/two-step").steps({ message: "hi" })) steps.push(step.output)
      return { sessionId: Sdk.currentSessionId(), result: result.result, steps: steps.filter(Boolean) }
    }
    const captured = await Sdk.traceScope(program)
    assert.deepStrictEqual(emulator.ledger().runs.map((run) => [run.trigger, run.sessionId]), [
      ["execute", captured.sessionId!],
      ["step", captured.sessionId!]
    ])
    process.env.NOUKAI_REPLAY_ENABLED = "true"
    try {
      const replayed = await Sdk.traceScope(program, {
        replaySessionId: captured.sessionId!,
        transport: noukai._transport
      })
      assert.deepStrictEqual(replayed, captured)
      assert.strictEqual(emulator.ledger().runsStarted, 2)
      const missing = await Sdk.traceScope(program, {
        replaySessionId: "00000000-0000-4000-8000-000000000000",
        transport: noukai._transport
      }).catch((error: unknown) => error)
      assert.instanceOf(missing, Sdk.ReplaySessionNotFoundError)
      emulator.expireSession(captured.sessionId!)
      const expired = await Sdk.traceScope(program, {
        replaySessionId: captured.sessionId!,
        transport: noukai._transport
      }).catch((error: unknown) => error)
      assert.instanceOf(expired, Sdk.ReplaySessionExpiredError)
    } finally {
      delete process.env.NOUKAI_REPLAY_ENABLED
    }
  })

  it("knows a flow by default org and project, by an object, by version and overrides", async () => {
    const noukai = new Sdk.Noukai({ apiKey: emulator.apiKey, env: "dev", org: "noukai", project: "samples" })
    const named = await noukai.flow("hello-world").execute({ message: "a" }) as Parsed
    assert.strictEqual(named.status, "completed")
    const object = await noukai.flow({ org: "acme", project: "spelling", slug: "grade-3" }).execute({
      message: "The cat sat.",
      parameters: { difficulty: "easy" },
      trace: true
    }) as Parsed
    assert.strictEqual(object.result.score, 10)
    const overridden = await noukai.flow("hello-world").execute({
      message: "a",
      blockOverrides: { greet: { output: "overridden" } },
      attachments: [{ kind: "url", url: "https://img.example.com/a.png", mime_type: "image/png" }]
    }) as Parsed
    assert.strictEqual(overridden.result, "overridden")
    emulator.putFlows({
      ref: "noukai/samples/versioned",
      steps: [{ kind: "template", id: "a", output: "draft" }],
      versions: { 1: { steps: [{ kind: "template", id: "a", output: "one" }] } }
    })
    const versioned = noukai.flow("versioned")
    assert.strictEqual(((await versioned.execute({ version: 1 })) as Parsed).result, "one")
    assert.strictEqual(((await versioned.execute({ version: 0 })) as Parsed).result, "draft")
    await noukai.close()
  })

  it("stops at its own limit of rounds, logs, and is aborted", async () => {
    const phases: Array<string> = []
    const noukai = new Sdk.Noukai({
      apiKey: emulator.apiKey,
      env: "dev",
      maxRetries: 0,
      onLog: (event) => phases.push(event.phase)
    })
    emulator.putFlows({
      ref: "noukai/samples/forever",
      steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "get_weather" }]], forever: true, output: 1 }]
    })
    const limit = await noukai.flow("noukai/samples/forever").execute({ tools, toolHandler, maxToolRounds: 2 })
      .catch((error: unknown) => error)
    assert.instanceOf(limit, Sdk.ToolCallLimitError)
    assert.deepStrictEqual(phases, ["request", "response", "request", "response", "request", "response"])
    emulator.addFaults({ script: ["delay:3600000"] })
    const abort = new AbortController()
    const aborted = noukai.flow("noukai/samples/hello-world").execute({ message: "a", signal: abort.signal })
      .catch((error: unknown) => error)
    abort.abort()
    assert.instanceOf(await aborted, Error)
  })

  it("finds an emulator at port 8080 by itself, or is told that the port is taken", async () => {
    const started = await startEmulator({ port: 8080 }).catch((error: unknown) => error)
    if (started instanceof EmulatorError) {
      assert.strictEqual(started.message, "Port 8080 of 127.0.0.1 is taken by another process.")
      return
    }
    const onDefaultPort = started as RunningEmulator
    const redirected = globalThis.fetch
    globalThis.fetch = liveFetch
    try {
      const result = await client().flow("noukai/samples/hello-world").execute({ message: "8080" }) as Parsed
      assert.strictEqual(result.result.text, "Hello! You said: 8080")
      assert.strictEqual(onDefaultPort.ledger().runsStarted, 1)
    } finally {
      globalThis.fetch = redirected
      await onDefaultPort.close()
    }
  })

  it("maps the error statuses", async () => {
    const execute = (fault: string) => {
      emulator.addFaults({ script: [fault] })
      return client().flow("noukai/samples/hello-world").execute({ message: "hi" }).then(
        () => undefined,
        (error: unknown) => error
      )
    }
    assert.instanceOf(await execute("401"), Sdk.AuthenticationError)
    assert.instanceOf(await execute("402"), Sdk.InsufficientCreditsError)
    assert.instanceOf(await execute("403"), Sdk.PermissionDeniedError)
    assert.instanceOf(await execute("404"), Sdk.FlowNotFoundError)
    const limited = await execute("429:retry=7")
    assert.instanceOf(limited, Sdk.RateLimitError)
    assert.strictEqual((limited as Sdk.RateLimitError).retryAfter, 7)
    assert.instanceOf(await execute("500"), Sdk.FlowExecutionError)
    assert.instanceOf(await execute("reset"), Sdk.APIConnectionError)
    assert.strictEqual(emulator.ledger().runsStarted, 0)
  })
})
