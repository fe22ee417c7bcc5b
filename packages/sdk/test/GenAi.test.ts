/** The GenAI conventions of OpenTelemetry, in what a collector receives (docs/guides/observability.md). */
import { Emulator, type Flow } from "@effect-noukai/emulator"
import { layer as emulatorLayer, type Options } from "@effect-noukai/emulator/Emulator"
import { toSpans } from "@effect-noukai/report/TraceSpans"
import { FlowService, Noukai, Tools, TraceScope } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, FastCheck as fc, Layer, Schema, Stream } from "effect"
import { clientFor, plantedKey } from "./support/client.js"
import { type CollectedSpan, exported } from "./support/collector.js"
import * as Frames from "./support/eventFrames.js"
import { executeOnce, setup } from "./support/once.js"
import { sessionId } from "./support/sessions.js"
import { collecting } from "./support/tracer.js"
import { step } from "./support/traces.js"
import * as Wire from "./support/WireServer.js"

const steps: Flow["steps"] = [
  {
    kind: "template",
    id: "answer",
    output: { text: "you said {{message}}" },
    model: "small",
    tokens: { prompt: 12, completion: 3 },
    costUsd: "0.25"
  },
  { kind: "tool", id: "ask", rounds: [[{ name: "find", arguments: { id: "secret-argument" } }]], output: "x" }
]

const flows: ReadonlyArray<Flow> = [
  { ref: "acme/test/whole", steps },
  {
    ref: "acme/test/failing",
    steps: [steps[0]!, { kind: "fail", id: "b", code: "MODEL_DOWN", message: "secret-text" }]
  }
]

const declared = { type: "function", function: { name: "find", description: "Finds a thing" } } as const

class Absent extends Data.TaggedError("Absent")<{ readonly message: string }> {}

const found = Tools.handle(
  [declared],
  (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: { found: "secret-result" } })))
)

const failing = Tools.handle([declared], () => Effect.fail(new Absent({ message: "secret-failure" })))

const world = (config: Options["config"]) =>
  Layer.provideMerge(Noukai.layerServices, emulatorLayer({ flows, capture: "full", config }))

const run = (ref: string, input: object = {}) =>
  Effect.flatMap(FlowService, (service) => service.execute(ref, { message: "secret-message", ...input }))

const spanOf = (spans: ReadonlyArray<CollectedSpan>, name: string) => {
  const span = spans.find((one) => one.name === name)
  assert(span !== undefined, `${name} in ${spans.map((one) => one.name).join(", ")}`)
  return span
}

const client = 3

const internal = 1

const conventional = (attributes: CollectedSpan["attributes"]) =>
  Object.fromEntries(
    Object.entries(attributes).filter(([key]) => /^(?:gen_ai|server|error)\./.test(key)).sort()
  )

const seconds = Array.from({ length: 14 }, (_, power) => 0.01 * 2 ** power)

/** The labels to expect: a worker in which 100 values of a label were seen has one name for all others. */
const labelsOf = (
  expected: { readonly [key: string]: unknown },
  { attributes }: { readonly attributes: { readonly [key: string]: unknown } }
) =>
  Object.fromEntries(
    Object.entries(expected).map(([key, value]) => [
      key,
      ["other", "_OTHER"].includes(String(attributes[key])) ? attributes[key] : value
    ])
  )

const thousands = Array.from({ length: 14 }, (_, power) => 4 ** power)

describe("in a collector", () => {
  it.scopedLive("a run is invoke_agent, a model step chat, a tool execute_tool", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* Emulator
      const { exit, spans } = yield* exported("kinds", run("acme/test/whole", { tools: found, sessionId }))
      assert.isTrue(Exit.isSuccess(exit))
      const agent = spanOf(spans, "noukai.flow.execute")
      assert.strictEqual(agent.kind, client)
      const { "gen_ai.agent.id": agentId, ...others } = conventional(agent.attributes)
      assert.strictEqual(agentId, agent.attributes["noukai.flow.id"])
      assert.deepStrictEqual(others, {
        "gen_ai.agent.name": "acme/test/whole",
        "gen_ai.agent.version": "production",
        "gen_ai.conversation.id": sessionId,
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "noukai",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "server.address": new URL(baseUrl).hostname,
        "server.port": Number(new URL(baseUrl).port)
      })
      assert.strictEqual(agent.attributes["session.id"], sessionId)
      const model = spanOf(spans, "noukai.flow.step")
      assert.strictEqual(model.kind, internal)
      assert.deepStrictEqual(conventional(model.attributes), {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "noukai",
        "gen_ai.request.model": "small",
        "gen_ai.response.model": "small",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3
      })
      const tool = spanOf(spans, "execute_tool find")
      assert.strictEqual(tool.kind, internal)
      const { "gen_ai.tool.call.id": callId, ...ofTool } = conventional(tool.attributes)
      assert.isString(callId)
      assert.deepStrictEqual(ofTool, {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Finds a thing"
      })
      assert.strictEqual(spanOf(spans, "noukai.agent.round").attributes["noukai.agent.round_index"], 0)
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scopedLive("metrics are in seconds and in tokens, with the buckets of the conventions", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* Emulator
      const server = {
        "server.address": new URL(baseUrl).hostname,
        "server.port": new URL(baseUrl).port
      }
      const own = "metrics"
      const { points } = yield* exported(own, run("acme/test/whole", { tools: found }))
      const named = (name: string) => points.filter((point) => point.name === name)
      const chat = {
        collected: `collected ${own}`,
        unit: "{token}",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "noukai",
        "gen_ai.agent.name": "acme/test/whole",
        "gen_ai.request.model": "small",
        "gen_ai.response.model": "small",
        ...server
      }
      const [duration, ...more] = named("gen_ai.client.operation.duration")
      assert.lengthOf(more, 0)
      assert.deepInclude(duration, { unit: "s", count: 1, explicitBounds: seconds })
      assert.isBelow(duration!.sum!, 30)
      const agent = {
        collected: `collected ${own}`,
        unit: "s",
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "noukai",
        "gen_ai.agent.name": "acme/test/whole",
        ...server
      }
      assert.deepStrictEqual(duration!.attributes, labelsOf(agent, duration!))
      const [ofTool] = named("gen_ai.execute_tool.duration")
      assert.deepInclude(ofTool, { unit: "s", count: 1, explicitBounds: seconds })
      const tool = { "gen_ai.tool.name": "find", "gen_ai.tool.type": "function" }
      assert.deepInclude(ofTool!.attributes, labelsOf(tool, ofTool!))
      for (const [type, tokens] of [["input", 12], ["output", 3]] as const) {
        const [sum] = named(`gen_ai.client.inference.usage.${type}_tokens`)
        assert.deepInclude(sum, { unit: "{token}", asDouble: tokens })
        assert.deepStrictEqual(sum!.attributes, labelsOf({ ...chat, "gen_ai.token.modality": "unknown" }, sum!))
        const usage = named("gen_ai.client.token.usage").find(({ attributes }) =>
          attributes["gen_ai.token.type"] === type
        )
        assert.deepInclude(usage, { unit: "{token}", count: 1, sum: tokens, explicitBounds: thousands })
        assert.deepStrictEqual(usage!.attributes, labelsOf({ ...chat, "gen_ai.token.type": type }, usage!))
      }
      assert.lengthOf(named("noukai_execution_duration_ms"), 1)
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scopedLive("payloads are messages, arguments and results where they are on, and nowhere else", () =>
    Effect.gen(function*() {
      const { spans } = yield* exported("payloads", run("acme/test/whole", { tools: found }))
      const model = spanOf(spans, "noukai.flow.step").attributes
      assert.deepStrictEqual(JSON.parse(String(model["gen_ai.input.messages"])), [
        { role: "user", parts: [{ type: "text", content: "secret-message" }] }
      ])
      assert.deepStrictEqual(JSON.parse(String(model["gen_ai.output.messages"])), [{
        role: "assistant",
        parts: [{ type: "text", content: JSON.stringify({ text: "you said secret-message" }) }],
        finish_reason: "stop"
      }])
      const tool = spanOf(spans, "execute_tool find").attributes
      assert.deepStrictEqual(JSON.parse(String(tool["gen_ai.tool.call.arguments"])), { id: "secret-argument" })
      assert.deepStrictEqual(JSON.parse(String(tool["gen_ai.tool.call.result"])), { found: "secret-result" })
    }).pipe(Effect.provide(world({ stepSpans: "payloads" }))))

  it.scopedLive("nothing of a payload is told where payloads are off", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const streamed = Stream.runDrain(service.events("acme/test/whole", { message: "secret-message", tools: found }))
      const reported = run("acme/test/whole", { tools: failing, onToolFailure: "report" })
      const body = Effect.zipRight(Effect.zipRight(run("acme/test/whole", { tools: found }), reported), streamed)
      const { exit, text } = yield* exported("quiet", body)
      assert.isTrue(Exit.isSuccess(exit))
      assert.include(text, "gen_ai.operation.name")
      assert.notInclude(text, "secret-")
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scopedLive("a run that failed has the code of its step as error.type, in its span and in the duration", () =>
    Effect.gen(function*() {
      const { points, spans, text } = yield* exported("failed", run("acme/test/failing"))
      const agent = spanOf(spans, "noukai.flow.execute")
      assert.deepInclude(agent.attributes, { "error.type": "MODEL_DOWN", "noukai.flow.status": "failed" })
      assert.isDefined(agent.attributes["gen_ai.agent.id"])
      assert.deepStrictEqual(
        spans.filter(({ name }) => name === "noukai.flow.step").map(({ attributes }) => attributes["error.type"]),
        [undefined, "MODEL_DOWN"]
      )
      const [duration] = points.filter(({ name }) => name === "gen_ai.client.operation.duration")
      assert.deepInclude(duration!.attributes, labelsOf({ "error.type": "MODEL_DOWN" }, duration!))
      assert.notInclude(text, plantedKey)
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scopedLive("a run whose cost is limited has the tag of its error as error.type", () =>
    Effect.gen(function*() {
      const { spans } = yield* exported("limited", run("acme/test/whole", { maxCostUsd: "0.1", tools: found }))
      assert.strictEqual(spanOf(spans, "noukai.flow.execute").attributes["error.type"], "CostLimitError")
    }).pipe(Effect.provide(world({}))))

  it.scopedLive("a tool that fails has the tag of its error; the run that it ends has it, too", () =>
    Effect.gen(function*() {
      const { points, spans } = yield* exported(
        "tools",
        Effect.zipRight(
          Effect.exit(run("acme/test/whole", { tools: failing })),
          run("acme/test/whole", { tools: failing, onToolFailure: "report" })
        )
      )
      const types = (name: string) =>
        spans.filter((span) => span.name === name).map(({ attributes }) => attributes["error.type"])
      assert.deepStrictEqual(types("execute_tool find"), ["Absent", "Absent"])
      assert.deepStrictEqual(types("noukai.agent.round"), ["Absent", undefined])
      assert.deepStrictEqual(types("noukai.flow.execute"), ["Absent", undefined])
      const [duration] = points.filter(({ name }) => name === "gen_ai.execute_tool.duration")
      assert.deepInclude(duration, { count: 2 })
      assert.deepInclude(duration!.attributes, labelsOf({ "error.type": "Absent" }, duration!))
    }).pipe(Effect.provide(world({}))))

  it.scopedLive("a run that is only read again is not counted", () =>
    Effect.gen(function*() {
      const body = Effect.zipRight(executeOnce("row", "acme/test/echo"), executeOnce("row", "acme/test/echo"))
      const counts = yield* Effect.scoped(exported("reused", body))
      assert.isTrue(Exit.isSuccess(counts.exit))
      const count = (name: string) =>
        counts.points.filter((point) => point.name === name).reduce((sum, { count = 0 }) => sum + count, 0)
      assert.strictEqual(count("noukai_execution_duration_ms"), 2)
      assert.strictEqual(count("gen_ai.client.operation.duration"), 1)
    }).pipe(Effect.provide(setup())))
})

const flow = "acme/support/greet"

const traced = <A, E>(body: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    yield* Effect.exit(Effect.withTracer(body, tracer))
    return opened.map(({ attributes, span }) => ({ name: span.name, attributes: Object.fromEntries(attributes) }))
  })

const done = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

/** A pause for one call of each tool. */
const pauseFor = (...names: ReadonlyArray<string>) => {
  const calls = names.map((name, index) => ({
    id: `tc_${index}`,
    type: "function",
    function: { name, arguments: "{}" }
  }))
  return Wire.json(200, {
    status: "tool_calls_required",
    executionId: "ex-1",
    pausedAtStep: "a",
    iterationsUsed: 1,
    toolCallMessages: [{ role: "assistant", content: null, tool_calls: calls }],
    toolCalls: calls
  })
}

describe("a handler of several calls", () => {
  it.scopedLive("has the scope of its caller, where spans are traced", () =>
    Effect.gen(function*() {
      let isReleased = false
      const opening = Effect.acquireRelease(Effect.void, () => Effect.sync(() => void (isReleased = true)))
      const tools = Tools.handle([declared], (calls) =>
        Effect.map(opening, () => calls.map(({ id }) => ({ toolCallId: id, content: "found" }))))
      const service = yield* clientFor(yield* Wire.serve(pauseFor("find", "find"), done))
      const run = service.execute(flow, { tools }).pipe(
        Effect.map(() =>
          isReleased
        ),
        Effect.scoped
      )
      assert.isFalse(yield* Effect.withTracer(run, collecting().tracer))
      assert.isTrue(isReleased)
    }))
})

describe("error.type", () => {
  const answers = [
    [Wire.json(402, { detail: { code: "CREDITS_EXHAUSTED", message: "m" } }), "CREDITS_EXHAUSTED"],
    [Wire.json(402, {}), "InsufficientCreditsError"],
    [Wire.json(402, { detail: { code: plantedKey, message: "m" } }), "InsufficientCreditsError"],
    [Wire.json(402, { detail: { code: "run 4711 of Ada", message: "m" } }), "InsufficientCreditsError"],
    [Wire.json(200, { status: "failed", result: { code: "X" }, flowId: "f", blockCount: 1 }), "X"],
    [Wire.json(200, { status: "failed", result: "text", flowId: "f", blockCount: 1 }), "FlowExecutionError"]
  ] as const

  it.scopedLive("is the code of the service, else the tag of the error; never other text", () =>
    Effect.gen(function*() {
      const service = yield* clientFor(yield* Wire.serve(...answers.map(([answer]) => answer)), { maxRetries: 0 })
      for (const [, expected] of answers) {
        const [span] = yield* traced(service.execute(flow, {}))
        assert.strictEqual(span!.attributes["error.type"], expected)
      }
    }))

  it.scopedLive("of tools that a model called wrongly; a made-up name is no label of a metric", () =>
    Effect.gen(function*() {
      const find = Tools.tool({
        name: "find",
        parameters: Schema.Struct({ id: Schema.Number }),
        handler: () => Effect.succeed("found")
      })
      const service = yield* clientFor(yield* Wire.serve(pauseFor("invented_4711", "find"), done))
      const { points, spans } = yield* exported("wrongly", service.execute(flow, { tools: Tools.make(find) }))
      assert.strictEqual(spanOf(spans, "execute_tool invented_4711").attributes["error.type"], "unknown_tool")
      assert.strictEqual(spanOf(spans, "execute_tool find").attributes["error.type"], "bad_arguments")
      const labels = points
        .filter(({ name }) => name === "gen_ai.execute_tool.duration")
        .map(({ attributes }) => attributes["gen_ai.tool.name"])
      assert.include(labels, "other")
      assert.notInclude(labels, "invented_4711")
    }))

  it.scopedLive("of streams: a rejection, a failed step as an event, and a cut", () =>
    Effect.gen(function*() {
      const failed = Frames.events(Frames.runStarted, Frames.stepStarted("a"), Frames.stepError("a"))
      const cut = Frames.open(
        [Frames.runStarted, Frames.stepStarted("a")],
        (response) => void response.socket!.resetAndDestroy()
      )
      const service = yield* clientFor(yield* Wire.serve(Wire.json(402, {}), failed, cut), { maxRetries: 0 })
      const stream = Stream.runDrain(service.events(flow, { message: "hi" }))
      const types = Effect.map(traced(stream), (spans) => spans.map(({ attributes }) => attributes["error.type"]))
      assert.deepStrictEqual(yield* types, ["InsufficientCreditsError"])
      const [ofRun, ofStep] = yield* types
      assert.isString(ofRun)
      assert.strictEqual(ofStep, ofRun)
      assert.deepStrictEqual(yield* types, ["APIConnectionError", "APIConnectionError"])
    }))
})

describe("conversations and tokens", () => {
  it.scopedLive("the session of a caller is a conversation; that of a capture is not", () =>
    Effect.gen(function*() {
      const service = yield* clientFor(yield* Wire.serve(done, done))
      const call = service.execute(flow, {})
      const [named] = yield* traced(TraceScope.withSession(sessionId)(call))
      assert.strictEqual(named!.attributes["gen_ai.conversation.id"], sessionId)
      const [captured] = yield* traced(TraceScope.capture(call))
      assert.isString(captured!.attributes["session.id"])
      assert.notProperty(captured!.attributes, "gen_ai.conversation.id")
    }))

  it.scopedLive("unknown tokens are not told", () =>
    Effect.gen(function*() {
      const completed = Frames.frame("step_completed", { stepId: "a", tokens: { prompt: 5 } })
      const service = yield* clientFor(
        yield* Wire.serve(Frames.events(Frames.runStarted, Frames.stepStarted("a"), completed, Frames.flowCompleted(1)))
      )
      const spans = yield* traced(Stream.runDrain(service.events(flow, { message: "hi" })))
      for (const { attributes } of spans) {
        assert.strictEqual(attributes["gen_ai.usage.input_tokens"], 5)
        assert.notProperty(attributes, "gen_ai.usage.output_tokens")
      }
      const [stored] = toSpans({
        flowRun: { id: "r", status: "completed", startedAt: "2026-06-07T09:00:00Z" },
        steps: [step({})]
      }).resourceSpans[0]!.scopeSpans[0]!.spans
      assert.notInclude(JSON.stringify(stored), "gen_ai.usage")
    }))
})

describe("payloads that are cut", () => {
  const stored = (input: unknown, output: unknown) => {
    const { spans } = toSpans({
      flowRun: { id: "r", status: "completed", startedAt: "2026-06-07T09:00:00Z" },
      steps: [step({ modelUsed: "small", inputContext: input, outputContext: output })]
    }, { payloads: true }).resourceSpans[0]!.scopeSpans[0]!
    return Object.fromEntries(spans[1]!.attributes.map(({ key, value }) => [key, Object.values(value)[0] as unknown]))
  }

  const isMessages = Schema.is(Schema.Array(Schema.Struct({
    role: Schema.String,
    parts: Schema.Array(Schema.Struct({ type: Schema.String }))
  })))

  const text = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary", minLength: 100, maxLength: 3_000 }),
    fc.nat(6_000).map((length) => "\"🐕".repeat(length))
  )

  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.double(),
      text,
      fc.array(tie("value"), { maxLength: 30 }),
      fc.dictionary(text, tie("value"), { maxKeys: 10 })
    )
  })).value

  it("are JSON of at most 4,096 characters, and messages stay messages", () => {
    const message = fc.record({ role: fc.constantFrom("system", "user", "assistant", "tool"), content: text })
    const conversation = fc.record({ messages: fc.array(message, { maxLength: 40 }) })
    fc.assert(
      fc.property(fc.oneof(json, conversation), json, (input, output) => {
        const attributes = stored(input, output)
        for (const key of ["noukai.step.input", "noukai.step.output"]) {
          const told = String(attributes[key])
          assert.isAtMost(told.length, 4_096)
          JSON.parse(told)
        }
        for (const key of ["gen_ai.input.messages", "gen_ai.output.messages"]) {
          if (attributes[key] === undefined) continue
          const told = String(attributes[key])
          assert.isAtMost(told.length, 4_096)
          assert.isTrue(isMessages(JSON.parse(told)))
        }
      }),
      { numRuns: 60 }
    )
  })

  it("a long text is cut where it is, and the last messages of a long conversation are kept", () => {
    const long = JSON.parse(String(stored({ message: "x".repeat(5_000) }, "y")["gen_ai.input.messages"]))
    assert.match(long[0].parts[0].content, /^x{3900,}…\[truncated\]$/)
    const messages = Array.from({ length: 200 }, (_, index) => ({ role: "user", content: `message ${index}` }))
    const kept = JSON.parse(String(stored({ messages }, "y")["gen_ai.input.messages"]))
    assert.isAbove(kept.length, 10)
    assert.strictEqual(kept.at(-1).parts[0].content, "message 199")
  })

  it("messages with tools are converted, and an input of another form is not", () => {
    const call = { id: "c1", type: "function", function: { name: "find", arguments: "{\"id\":7}" } }
    const messages = [
      { role: "system", content: [{ type: "text", text: "Be kind" }] },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "c1", content: "{\"found\":true}" }
    ]
    const told = stored({ messages }, { role: "assistant", content: null, tool_calls: [call] })
    const asked = {
      role: "assistant",
      parts: [{ type: "tool_call", id: "c1", name: "find", arguments: { id: 7 } }]
    }
    assert.deepStrictEqual(JSON.parse(String(told["gen_ai.input.messages"])), [
      { role: "system", parts: [{ type: "text", content: "Be kind" }] },
      asked,
      { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: { found: true } }] }
    ])
    assert.deepStrictEqual(JSON.parse(String(told["gen_ai.output.messages"])), [{
      ...asked,
      finish_reason: "tool_call"
    }])
    assert.notProperty(stored({ order: 7 }, "y"), "gen_ai.input.messages")
  })
})
