import { EmulatorError, type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import { cases } from "@effect-noukai/emulator/Conformance"
import type { FileFlow } from "@effect-noukai/emulator/Flow"
import * as Sdk from "@noukai/sdk"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import type { Parsed } from "./client.js"
import { publishedNames } from "./support/publishedApi.js"
import * as Watched from "./support/watchedSdk.js"

/** The client only knows `localhost:8080`, so its requests are sent on to the emulator's port. */
const liveFetch = globalThis.fetch

let emulator: RunningEmulator

const userAgents = new Set<string>()

/** The bodies that cross the wire have types of their own. */
const noteBodies = async (path: string, init: RequestInit | undefined, response: Response): Promise<void> => {
  if (typeof init?.body !== "string") return
  const body: unknown = JSON.parse(init.body)
  if (path.endsWith("/execute")) Watched.note("ExecuteRequest", body)
  if (path.endsWith("/step")) Watched.note("StepRequest", body)
  if (path.endsWith("/jobs") && response.ok) Watched.note("JobAccepted", await response.clone().json())
}

beforeAll(async () => {
  globalThis.fetch = async (input, init) => {
    const url = new URL(typeof input === "string" ? input : input instanceof URL ? input.href : input.url)
    assert.strictEqual(url.host, "localhost:8080")
    userAgents.add(new Headers(init?.headers).get("user-agent") ?? "none")
    const response = await liveFetch(`${emulator.url}${url.pathname}${url.search}`, init)
    await noteBodies(url.pathname, init, response)
    return response
  }
})

afterAll(() => {
  globalThis.fetch = liveFetch
})

const client = (options: Sdk.NoukaiOptions = {}) =>
  Watched.newNoukai({ apiKey: emulator.apiKey, env: "dev", maxRetries: 0, ...options })

const failure = (promise: PromiseLike<unknown>): Promise<Parsed> =>
  Promise.resolve(promise).then(() => assert.fail("it succeeded"), (error: unknown) => error)

const collected = async (events: AsyncIterable<unknown>): Promise<ReadonlyArray<Parsed>> => {
  const all: Array<Parsed> = []
  for await (const event of events) all.push(event)
  return all
}

const replaying = async <A>(f: () => Promise<A>): Promise<A> => {
  process.env.NOUKAI_REPLAY_ENABLED = "true"
  try {
    return await f()
  } finally {
    delete process.env.NOUKAI_REPLAY_ENABLED
  }
}

const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

/** Shows every option in what it gives. */
const everything: FileFlow = {
  ref: "noukai/samples/everything",
  steps: [],
  versions: {
    3: {
      steps: [
        { kind: "template", id: "first", output: { label: "{{parameters.tone}}" } },
        {
          kind: "tool",
          id: "ask",
          rounds: [[{ name: "get_weather" }]],
          output: "{{message}}: {{steps.first.output.label}}, {{tools.get_weather}}"
        }
      ]
    }
  }
}

const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]

const toolHandler = (calls: ReadonlyArray<Parsed>) =>
  calls.map((call) => ({ role: "tool", tool_call_id: call.id as string, content: "sunny" }))

const answer = "The weather, as get_weather says: sunny"

describe.each(["hosted", "documented"] as const)("@noukai/sdk 0.3.0, %s streams", (streamOutputs) => {
  const isHosted = streamOutputs === "hosted"

  beforeAll(async () => {
    emulator = await startEmulator({
      flows: samples,
      organisations: { noukai: { capture: "full" } },
      streamOutputs
    })
  })

  afterEach(() => emulator.reset())

  afterAll(() => emulator.close())

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
        ...(isHosted ? ["step_output"] : []),
        "step_completed 0",
        "step_paused 0",
        "step_started 1",
        "step_output",
        "step_output",
        ...(isHosted ? ["step_output"] : []),
        "step_completed 1",
        "flow_completed"
      ]
    )
    // it knows the documented carriers alone
    assert.strictEqual(events.at(-1).result?.text, isHosted ? undefined : "About your order: hi")
    const steps: Array<Parsed> = []
    for await (const step of client().flow("noukai/samples/two-step").steps({ message: "hi" })) steps.push(step)
    assert.deepStrictEqual(steps.map(({ stepId }) => stepId), ["classify", "answer"])
    assert.deepStrictEqual(steps.map(({ output }) => output === undefined), [isHosted, isHosted])
    const sent = emulator.ledger().requests.map(({ body }) => (JSON.parse(body) as Parsed).accumulatedOutputs)
    assert.deepStrictEqual(sent.at(-1), isHosted ? {} : { classify: { label: "order", about: "hi" } })
    assert.deepStrictEqual(emulator.ledger().runs.map(({ status }) => status), ["completed", "completed"])
    assert.strictEqual(emulator.ledger().runsStarted, 2)
  })

  it("streams tools-enabled with a handler and by hand", async () => {
    const flow = client().flow("noukai/samples/tools-enabled")
    const handled: Array<Parsed> = []
    for await (const event of flow.events({ message: "Lisbon?", tools, toolHandler })) handled.push(event)
    const texts = isHosted ? { result: undefined, shown: answer } : { result: answer, shown: undefined }
    const shown = (events: ReadonlyArray<Parsed>) => ({
      result: events.at(-1).result?.text,
      shown: events.find(({ type }) => type === "step_output")?.outputContext.text
    })
    assert.deepStrictEqual(shown(handled), texts)
    const manual: Array<Parsed> = []
    for await (const event of flow.events({ message: "Lisbon?", tools }) as AsyncIterable<Parsed>) {
      manual.push(event)
      if (event.type === "tool_calls_required") await event.resume({ toolResults: toolHandler(event.toolCalls) })
    }
    assert.deepStrictEqual(shown(manual), texts)
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
      return { sessionId: Watched.currentSessionId(), result: result.result, steps: steps.filter(Boolean) }
    }
    const steps = [{ label: "order", about: "hi" }, { text: "About your order: hi" }]
    const captured = await Watched.traceScope(program)
    assert.deepStrictEqual(captured.steps, isHosted ? [] : steps)
    assert.deepStrictEqual(emulator.ledger().runs.map((run) => [run.trigger, run.sessionId]), [
      ["execute", captured.sessionId!],
      ["step", captured.sessionId!]
    ])
    process.env.NOUKAI_REPLAY_ENABLED = "true"
    try {
      const replayed = await Watched.traceScope(program, {
        replaySessionId: captured.sessionId!,
        transport: noukai._transport
      })
      // what was recorded is the same in either shape
      assert.deepStrictEqual(replayed, { ...captured, steps })
      assert.strictEqual(emulator.ledger().runsStarted, 2)
      const missing = await Watched.traceScope(program, {
        replaySessionId: "00000000-0000-4000-8000-000000000000",
        transport: noukai._transport
      }).catch((error: unknown) => error)
      assert.instanceOf(missing, Sdk.ReplaySessionNotFoundError)
      emulator.expireSession(captured.sessionId!)
      const expired = await Watched.traceScope(program, {
        replaySessionId: captured.sessionId!,
        transport: noukai._transport
      }).catch((error: unknown) => error)
      assert.instanceOf(expired, Sdk.ReplaySessionExpiredError)
    } finally {
      delete process.env.NOUKAI_REPLAY_ENABLED
    }
  })

  it("knows a flow by default org and project, by an object, by version and overrides", async () => {
    const noukai = client({ org: "noukai", project: "samples" })
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
    const noukai = client({ onLog: (event) => phases.push(event.phase) })
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

  const options = () => ({
    message: "Lisbon",
    parameters: { tone: "dry" },
    blockOverrides: { first: { output: { label: "very {{parameters.tone}}" } } },
    tools,
    toolChoice: "auto",
    toolHandler,
    maxToolRounds: 3,
    trace: true,
    version: 3,
    timeout: 5_000,
    signal: new AbortController().signal,
    sessionId
  })

  it("every option of execute, steps and events does what it is for", async () => {
    emulator.putFlows(everything)
    const flow = client().flow("noukai/samples/everything")
    const attachments = [{ kind: "url", url: "https://img.example.com/a.png", mime_type: "image/png" }]
    const done = await flow.execute({ ...options(), attachments }) as Parsed
    assert.strictEqual(done.result, "Lisbon: very dry, sunny")
    const steps = await collected(flow.steps({ ...options(), inputOverrides: { first: { label: "replaced" } } }))
    assert.deepStrictEqual(
      steps.filter(({ type }) => type === "step_completed").map(({ output }) => output),
      isHosted ? [undefined, undefined] : [{ label: "very dry" }, "Lisbon: replaced, sunny"]
    )
    const events = await collected(
      flow.events({ ...options(), runRemaining: true, inputOverrides: { first: { label: "replaced" } } })
    )
    assert.isFalse(events.some(({ type }) => type === "step_paused"))
    assert.isTrue(
      events.some(({ inputContext, inputData, type }) =>
        type === "step_input" && (isHosted ? inputContext : inputData).message === "Lisbon"
      )
    )
    const said = events.findLast(({ type }) => type === (isHosted ? "step_output" : "flow_completed"))
    assert.strictEqual(isHosted ? said.outputContext : said.result, "Lisbon: replaced, sunny")
    assert.strictEqual(events.at(-1).type, "flow_completed")
    const { runs } = emulator.ledger()
    assert.deepStrictEqual(runs.map(({ trigger, sessionId: of }) => [trigger, of]), [
      ["execute", sessionId],
      ["step", sessionId],
      ["step", sessionId]
    ])
  })

  it("a pause keeps the session id that the call was given", async () => {
    const paused = await client({ sessionId }).flow("noukai/samples/tools-enabled").execute({
      message: "Lisbon?",
      tools
    }) as Parsed
    assert.strictEqual(paused.sessionId, sessionId)
  })

  it("every option of a job, of its polls and of its traces is taken", async () => {
    const { timeout, signal } = options()
    emulator.putFlows({
      ref: "noukai/samples/queued",
      capture: "full",
      steps: [],
      versions: {
        2: {
          steps: [{
            kind: "loop",
            id: "each",
            over: ["x", "y"],
            steps: [{
              kind: "template",
              id: "in",
              output: { said: "{{message}} {{parameters.tone}} {{loop.item}}" },
              model: "example-model",
              tokens: { prompt: 1, completion: 2 },
              costUsd: "0.1"
            }]
          }]
        }
      }
    })
    const flow = client().flow("noukai/samples/queued")
    const job = await flow.executeAsync({
      message: "hi",
      parameters: { tone: "dry" },
      blockOverrides: { in: { model: "other-model" } },
      trace: true,
      version: 2,
      timeout,
      signal,
      sessionId
    })
    const status = await job.wait({ timeout, pollInterval: 10, signal }) as Parsed
    assert.strictEqual(status.status, "completed")
    assert.strictEqual((await job.poll({ timeout, signal })).executionId, job.executionId)
    const run = flow.run(job.executionId)
    const trace = await run.trace({ timeout, signal })
    assert.strictEqual(trace.flowRun.triggerType, "job")
    const step = await run.stepTrace("in", { attempt: 1, loopIndex: 1, timeout, signal }) as Parsed
    assert.strictEqual(step.loopIndex, 1)
    assert.deepStrictEqual(step.outputContext, { said: "hi dry y" })
    assert.deepStrictEqual(emulator.ledger().runs.map(({ trigger, sessionId: of }) => [trigger, of]), [
      ["job", sessionId]
    ])
  })

  it("a step that fails twice and then succeeds has three attempts, each of which can be read", async () => {
    emulator.putFlows({
      ref: "noukai/samples/flaky",
      steps: [{
        kind: "template",
        id: "a",
        output: { ok: true },
        failsFirst: { times: 2, code: "BUSY", message: "later" }
      }]
    })
    const flow = client().flow("noukai/samples/flaky")
    const done = await flow.execute() as Parsed
    assert.deepStrictEqual(done.result, { ok: true })
    const run = flow.run(done.executionId)
    const all = await run.stepTrace("a", { attempt: "all" }) as Parsed
    assert.deepStrictEqual(
      all.attempts.map(({ attempt, errorContext, status }: Parsed) => [attempt, status, errorContext]),
      [
        [1, "failed", { code: "BUSY", message: "later" }],
        [2, "failed", { code: "BUSY", message: "later" }],
        [3, "completed", null]
      ]
    )
    assert.deepStrictEqual(await run.stepTrace("a", { attempt: 2 }), all.attempts[1])
    assert.deepStrictEqual(await run.stepTrace("a", { attempt: "latest" }), all.attempts[2])
    assert.deepStrictEqual(await run.stepTrace("a"), all.attempts[2])
    assert.deepStrictEqual((await run.trace()).steps as Parsed, all.attempts)
  })

  it("a failed run is a result, a step_error and a failed job", async () => {
    emulator.putFlows({
      ref: "noukai/samples/failing",
      steps: [{ kind: "fail", id: "a", name: "A", code: "MODEL_REFUSED", message: "refused" }]
    })
    const flow = client().flow("noukai/samples/failing")
    assert.strictEqual((await flow.execute() as Parsed).status, "failed")
    const last = (await collected(flow.events())).at(-1)
    assert.deepInclude(last.error, { code: "MODEL_REFUSED", message: "refused" })
    const status = await (await flow.executeAsync()).wait({ pollInterval: 10 })
    assert.strictEqual(status.status, "failed")
    assert.include(status.error, "refused")
  })

  it("execute: with legacyFields its events have what older servers sent", async () => {
    const current = emulator
    emulator = await startEmulator({ flows: [...samples, everything], legacyFields: true, streamOutputs })
    try {
      const events = await collected(client().flow("noukai/samples/two-step").events({ message: "hi" }))
      assert.strictEqual(events[0].runId, events[0].executionId)
      assert.strictEqual(events.find(({ type }) => type === "step_paused").stepId, "classify")
      const asked = await collected(client().flow("noukai/samples/everything").events(options()))
      assert.strictEqual(asked.at(-1).type, "flow_completed")
      const flow = client().flow("noukai/samples/tools-enabled")
      for await (const event of flow.events({ message: "Lisbon?", tools }) as AsyncIterable<Parsed>) {
        if (event.type !== "tool_calls_required") continue
        assert.strictEqual(event.runId, event.executionId)
        await event.resume({ toolResults: toolHandler(event.toolCalls) })
      }
    } finally {
      await emulator.close()
      emulator = current
    }
  })

  it("scopes: the mode and the id of the scope one is in, and none outside", async () => {
    assert.isNull(Watched.currentScope())
    assert.isNull(Watched.currentSessionId())
    const noukai = client()
    const inside = await Watched.traceScope(async () => {
      await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" })
      return Watched.currentScope()
    })
    assert.strictEqual(inside?.mode, "capture")
    assert.strictEqual(emulator.ledger().runs[0]!.sessionId, inside!.sessionId)
    assert.strictEqual(await Watched.traceScope(() => Watched.currentScope()?.mode, { capture: false }), "normal")
  })

  it("a replay that asks for more, or for less, than was recorded; and sessions that cannot be replayed", async () => {
    const noukai = client()
    // it takes calls of one flow that follow each other for calls at once, and says so
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {})
    const hello = () => noukai.flow("noukai/samples/hello-world").execute({ message: "hi", sessionId })
    const replay = (f: () => Promise<unknown>, replaySessionId = sessionId) =>
      failure(Watched.traceScope(f, { replaySessionId, transport: noukai._transport }))
    await hello()
    await replaying(async () => {
      const once = () => noukai.flow("noukai/samples/hello-world").execute({ message: "hi" })
      assert.instanceOf(await replay(() => once().then(once)), Sdk.ReplayMissError)
      assert.instanceOf(await replay(async () => "nothing"), Sdk.ReplayLeftoverError)
      assert.instanceOf(await replay(once, "mine"), Sdk.ReplayInvalidSessionError)
      emulator.addFaults({ match: { endpoint: "session" }, script: ["403"] })
      assert.instanceOf(await replay(once), Sdk.ReplayForbiddenError)
      emulator.putOrganisation("noukai", { capture: "metadata_only" })
      const other = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c02"
      await noukai.flow("noukai/samples/two-step").execute({ message: "hi", sessionId: other })
      emulator.putOrganisation("noukai", { capture: "full" })
      assert.instanceOf(await replay(once, other), Sdk.ReplayNoSnapshotsError)
    })
    warn.mockRestore()
  })

  it("./adapters/express captures a request, replays it, and answers what cannot be replayed", async () => {
    const noukai = client()
    const middleware = Watched.expressMiddleware({ client: noukai })
    const serve = (headers: Record<string, string>) =>
      new Promise<{ readonly status: number; readonly body: Parsed; readonly session: string | undefined }>(
        (resolve) => {
          const sent: Record<string, string> = {}
          let status = 200
          const response = {
            headersSent: false,
            setHeader: (name: string, value: string) => void (sent[name.toLowerCase()] = value),
            status: (code: number) => {
              status = code
              return response
            },
            json: (body: unknown) => {
              response.writeHead(status)
              resolve({ status, body, session: sent["x-noukai-session"] })
            },
            writeHead: (..._: Array<unknown>): unknown => undefined
          }
          middleware({ headers }, response, async (done) => {
            const { result } = await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" }) as Parsed
            response.json(result) // it hands over its own callback, which a real application takes for an error
            ;(done as () => void)()
          })
        }
      )
    const captured = await serve({})
    assert.strictEqual(captured.session, emulator.ledger().runs[0]!.sessionId)
    await replaying(async () => {
      const replayed = await serve({ "x-noukai-replay": captured.session! })
      assert.deepInclude(replayed, { status: 200, body: { text: "Hello! You said: hi" } })
      assert.strictEqual(emulator.ledger().runsStarted, 1)
      const unknown = await serve({ "x-noukai-replay": "00000000-0000-4000-8000-000000000000" })
      assert.strictEqual(unknown.status, 404)
      assert.strictEqual(unknown.body.error, "replay_session_not_found")
    })
  })

  it("./adapters/nextjs captures a request, replays it, and answers what cannot be replayed", async () => {
    const noukai = client()
    const handle = Watched.nextHandler(async () => {
      const { result } = await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" }) as Parsed
      return Response.json(result)
    }, { client: noukai })
    const serve = (headers: Record<string, string>) => handle(new Request("http://app.example/", { headers }))
    const captured = await serve({})
    const session = captured.headers.get("x-noukai-session")
    assert.strictEqual(session, emulator.ledger().runs[0]!.sessionId)
    await replaying(async () => {
      const replayed = await serve({ "x-noukai-replay": session! })
      assert.deepStrictEqual(await replayed.json(), await captured.json())
      assert.strictEqual(emulator.ledger().runsStarted, 1)
      assert.strictEqual((await serve({ "x-noukai-replay": "mine" })).status, 400)
    })
  })

  it("options of the client: a timeout, a signal, logged payloads, disposal", async () => {
    const logged: Array<Parsed> = []
    const abort = new AbortController()
    const noukai = client({
      timeout: 5_000,
      signal: abort.signal,
      logPayloads: true,
      onLog: (event) => logged.push(event)
    })
    await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" })
    assert.strictEqual(logged[0].requestBody.message, "hi")
    assert.match(logged[1].requestId, /^req-/)
    emulator.addFaults({ script: ["delay:3600000", "delay:3600000"] })
    const late = await failure(noukai.flow("noukai/samples/hello-world").execute({ message: "hi", timeout: 20 }))
    assert.instanceOf(late, Sdk.APITimeoutError)
    const aborted = failure(noukai.flow("noukai/samples/hello-world").execute({ message: "hi" }))
    abort.abort()
    assert.instanceOf(await aborted, Error)
    await noukai[Symbol.asyncDispose]()
    assert.match([...userAgents][0]!, new RegExp(`^@noukai/sdk@${Watched.VERSION()} `))
  })

  it("codes: every code that it knows is one that a case of the conformance suite gets", () => {
    const covered = new Set(cases.flatMap(({ rows }) => rows))
    const codes = Object.values(Watched.ServerErrorCode())
    assert.isAtLeast(codes.length, 20)
    assert.deepStrictEqual(codes.filter((code) => !covered.has(`codes ${code}`)), [])
  })

  it("finds an emulator at port 8080 by itself, or is told that the port is taken", async () => {
    const started = await startEmulator({ port: 8080 }).catch((error: unknown) => error)
    if (started instanceof EmulatorError) {
      assert.strictEqual(
        started.message,
        "Port 8080 of 127.0.0.1 is taken by another process. Choose another one: `port`, or --port."
      )
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

describe("@noukai/sdk 0.3.0", () => {
  /** The names that no use of it can reach. */
  const unreachable: ReadonlyMap<string, string> = new Map([
    ["ReplayDisabledError", "declared, never raised"],
    ["ExecuteRequest.version", "in the path, never in the body"],
    ["JobAccepted.sessionId", "declared, never set"]
  ])

  it("every export, method, option and field of its published types has been used or given above", () => {
    const names = publishedNames()
    assert.isAtLeast(names.length, 250)
    assert.deepStrictEqual(names.filter((name) => !Watched.seenNames.has(name) && !unreachable.has(name)), [])
    assert.deepStrictEqual([...unreachable.keys()].filter((name) => Watched.seenNames.has(name)), [])
  })
})
