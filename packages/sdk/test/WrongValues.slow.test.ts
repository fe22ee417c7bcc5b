/** Values of a wrong kind: refused with the field's name, before anything is sent, and without harm to the process. */
import { Flow, FlowService, InvalidRequestError, JobService, RunService, Tools, TraceScope } from "@effect-noukai/sdk"
import { layerOverHttp, layerServices, type Services } from "@effect-noukai/sdk/Noukai"
import { layer, make } from "@effect-noukai/sdk/NoukaiConfig"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as Relay from "@effect-noukai/sdk/Relay"
import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Schema, Stream, TestClock } from "effect"
import { config, plantedKey, servicesFor } from "./support/client.js"
import { share } from "./support/size.js"
import * as Wire from "./support/WireServer.js"
import { cyclic, nested, throwing, wrongs } from "./support/wrongValues.js"

const flow = "acme/support/answer"

/** Types are what this is not about. */
const any = (u: unknown): never => u as never

type Refused = Effect.Effect<unknown, unknown, Services>

const execute = (input: unknown, ...of: ReadonlyArray<unknown>): Refused =>
  Effect.flatMap(FlowService, (flows) => flows.execute(any(of.length === 0 ? flow : of[0]), any(input)))

const events = (input: unknown, ...of: ReadonlyArray<unknown>): Refused =>
  Effect.flatMap(FlowService, (flows) => Stream.runDrain(flows.events(any(of.length === 0 ? flow : of[0]), any(input))))

const submit = (input: unknown, ...of: ReadonlyArray<unknown>): Refused =>
  Effect.flatMap(JobService, (jobs) => jobs.submit(any(of.length === 0 ? flow : of[0]), any(input)))

/** The error of what is refused before anything is sent. */
const refused = (call: Refused) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve()
    const error = yield* Effect.flip(Effect.provide(call, yield* servicesFor(server)))
    assert.instanceOf(error, InvalidRequestError)
    assert.lengthOf(server.requests, 0)
    return error
  })

/** Of every operation that begins a run. */
const ofRuns: ReadonlyArray<readonly [name: string, input: unknown, field: string]> = [
  ["undefined", undefined, "input"],
  ["null", null, "input"],
  ["text", "hi", "input"],
  ["a list", [{ message: "hi" }], "input"],
  ["a map", new Map([["message", "hi"]]), "input"],
  ["a promise", Promise.resolve({ message: "hi" }), "input"],
  ["an effect", Effect.succeed({ message: "hi" }), "input"],
  ["a function", () => ({ message: "hi" }), "input"],
  ["a message that is none", { message: ["hi"] }, "message"],
  ["a message that cannot be read", throwing("message"), "message"],
  ["parameters that cannot be read", throwing("parameters", { message: "hi" }), "parameters"],
  ["parameters that are a map", { parameters: new Map([["a", 1]]) }, "parameters"],
  ["parameters with a map", { parameters: { a: new Map([["a", 1]]) } }, "parameters.a"],
  ["parameters with a promise", { parameters: { a: Promise.resolve(1) } }, "parameters.a"],
  ["parameters with a date that is none", { parameters: { a: new Date(NaN) } }, "parameters.a"],
  ["parameters nested 20,000 deep", { parameters: nested(20_000) }, "parameters"],
  ["parameters that hold themselves", { parameters: cyclic() }, "parameters"],
  ["parameters with a BigInt", { parameters: { a: [{ "b c": 1n }] } }, "parameters.a[0][\"b c\"]"],
  ["parameters with a function", { parameters: { a: () => 1 } }, "parameters.a"],
  ["parameters with a symbol", { parameters: { a: Symbol("x") } }, "parameters.a"],
  ["parameters with undefined in a list", { parameters: { a: [1, { b: [undefined] }] } }, "parameters.a[1].b[0]"],
  // eslint-disable-next-line no-sparse-arrays
  ["parameters with a hole in a list", { parameters: { a: [1, , 3] } }, "parameters.a[1]"],
  ["parameters with what says nothing of itself", { parameters: { a: { toJSON: () => undefined } } }, "parameters.a"],
  ["parameters with NaN", { parameters: { a: NaN } }, "parameters.a"],
  ["parameters with Infinity", { parameters: { a: -Infinity } }, "parameters.a"],
  ["parameters whose toJSON throws", { parameters: { a: wrongs["a toJSON that throws"]!() } }, "parameters"],
  ["overrides with a function", { blockOverrides: { a: { b: () => 1 } } }, "blockOverrides.a.b"],
  ["a session id given twice", { sessionId: ["a", "b"] }, "sessionId"],
  ["a session id given once, as a list", { sessionId: ["a"] }, "sessionId"],
  ["a session id with a line break", { sessionId: "a\r\nx-injected: 1" }, "sessionId"],
  ["a trace that is text", { trace: "false" }, "trace"],
  ["a version that is text", { version: "1" }, "version"],
  ["a version that is no integer", { version: 1.5 }, "version"],
  ["a clock of less than nothing", { timeout: "-5 seconds" }, "timeout"],
  ["a clock of a negative number", { timeout: -1 }, "timeout"],
  ["a clock of a negative BigInt", { timeout: -1n }, "timeout"],
  ["a clock of a negative pair", { timeout: [-1, 0] }, "timeout"],
  ["a clock that is no number", { timeout: NaN }, "timeout"],
  ["a connect clock of less than nothing", { connectTimeout: "-1 millis" }, "connectTimeout"],
  ["headers that are text", { headers: "a: b" }, "headers"],
  ["headers that are a list", { headers: [["a", "b"]] }, "headers"],
  ["headers that are Headers", { headers: new Headers({ a: "b" }) }, "headers"],
  ["a header given twice", { headers: { "x-team": ["a", "b"] } }, "headers[\"x-team\"]"],
  ["a header with a line break", { headers: { "x-team": "a\r\nx-injected: 1" } }, "headers[\"x-team\"]"],
  ["a header that is a number", { headers: { "x-team": 1 } }, "headers[\"x-team\"]"],
  ["a retry that is no schedule", { retry: 3 }, "retry"],
  ["an option that does not exist", { message: "hi", mesage: "ho" }, "mesage"]
]

for (
  const [at, [name, call]] of ([["execute", execute], ["events", events], ["submit", submit]] as const).entries()
) {
  describe(`${name} refuses`, () => {
    for (const [what, input, field] of share(ofRuns, at, 3)) {
      it.scopedLive(what, () =>
        Effect.map(refused(call(input)), (error) => {
          assert.strictEqual(error.field, field)
          assert.include(error.message, `invalid ${error.field}: `)
          assert.notInclude(error.message, "x-injected")
        }))
    }

    it.scopedLive("a flow that is none", () =>
      Effect.gen(function*() {
        for (
          const  of of[undefined, null, 5, [], {}, { org: "a", project: "b" }, { org: 1, project: "b", slug: "c" }]
        ) {
          const error = yield* refused(call({ message: "hi" }, of))
          assert.match(error.field, /^flow/)
        }
      }))

    it.scopedLive("schemas that are none, before a result is paid for that they could not read", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* refused(call({}, Flow.make(flow, any({ result: 5 }))))).field, "flow.result")
        assert.strictEqual(
          (yield* refused(call({}, Flow.make(flow, any({ parameters: {} }))))).field,
          "flow.parameters"
        )
      }))

    it.scopedLive("parameters that their schema makes no JSON of", () =>
      Effect.gen(function*() {
        const Odd = Flow.make(flow, { parameters: Schema.Struct({ a: Schema.Unknown }) })
        assert.strictEqual((yield* refused(call({ parameters: { a: 1n } }, Odd))).field, "parameters.a")
        const deep = Flow.make(flow, { parameters: Schema.Struct({ a: Tree }) })
        assert.strictEqual((yield* refused(call({ parameters: { a: nested(20_000) } }, deep))).field, "parameters")
      }))
  })
}

interface Tree {
  readonly a: Tree | number
}

const Tree: Schema.Schema<Tree> = Schema.Struct({ a: Schema.Union(Schema.Number, Schema.suspend(() => Tree)) })

describe("of execute alone", () => {
  const rows: ReadonlyArray<readonly [name: string, input: unknown, field: string]> = [
    ["attachments that are text", { attachments: "x" }, "attachments"],
    ["attachments of nothing", { attachments: [null] }, "attachments[0]"],
    ["more attachments than there can be", { attachments: new Array(2 ** 32 - 1) }, "attachments"],
    ["messages of nothing", { messages: [null] }, "messages[0]"],
    ["messages with a function", { messages: [{ role: "user", content: () => 1 }] }, "messages[0].content"],
    ["a consent to pay twice that is text", { retryPost: "no" }, "retryPost"],
    ["tools that are a number", { tools: 5 }, "tools"],
    ["tools of nothing", { tools: [null] }, "tools[0]"],
    ["a tool with a function", {
      tools: [{ type: "function", function: { name: "a", parameters: { a: () => 1 } } }]
    }, "tools[0].function.parameters.a"],
    ["a tool whose description is none", {
      tools: [{ type: "function", function: { name: "a", description: 5 } }]
    }, "tools[0].function.description"],
    ["a handler that is none", { tools: Tools.handle([], any(5)) }, "tools"],
    ["declarations that are none", { tools: Tools.handle(any("x"), any(() => Effect.succeed([]))) }, "tools"],
    ["a typed tool that is none", { tools: Tools.make(any(null)) }, "tools"],
    [
      "a typed tool without a schema",
      { tools: Tools.make(Tools.tool(any({ name: "a", handler: () => Effect.void }))) },
      "tools"
    ],
    ["a typed tool without a handler", {
      tools: Tools.make(Tools.tool(any({ name: "a", parameters: Schema.Struct({}) })))
    }, "tools"],
    ["a typed tool of nothing", { tools: Tools.make(Tools.tool(any(null))) }, "tools"],
    [
      "a toolkit of nothing",
      { tools: Tools.fromToolkit(any({ tools: { a: null }, handle: () => Effect.void })) },
      "tools"
    ],
    ["rounds without end", { maxToolRounds: Infinity }, "maxToolRounds"],
    ["no concurrency", { toolConcurrency: 0 }, "toolConcurrency"],
    ["another way with failures", { onToolFailure: "ignore" }, "onToolFailure"]
  ]
  for (const [what, input, field] of rows) {
    it.scopedLive(what, () => Effect.map(refused(execute(input)), (error) => assert.strictEqual(error.field, field)))
  }
})

const state = {
  version: 1,
  flow,
  flowVersion: "production",
  executionId: "ex-1",
  pausedAtStep: "s",
  iterationsUsed: 1,
  toolCallMessages: [],
  toolCalls: [{ id: "t", name: "n", arguments: "{}" }],
  accumulatedOutputs: {},
  rounds: 0,
  trace: false
}

const resume = (state: unknown, results: unknown, input?: unknown): Refused =>
  Effect.flatMap(FlowService, (flows) => flows.resume(flow, any(state), any(results), any(input)))

const answered = [{ toolCallId: "t", content: "x" }]

describe("resume and cursors", () => {
  const rows: ReadonlyArray<readonly [name: string, call: Refused, field: string]> = [
    ["no state", resume(undefined, answered), "state"],
    ["a state that names no run", resume({ ...state, executionId: "" }, answered), "state"],
    ["a state with what is no JSON", resume({ ...state, parameters: { a: 1n } }, answered), "state.parameters.a"],
    ["a state with a session id given twice", resume({ ...state, sessionId: ["a", "b"] }, answered), "state"],
    ["a state with a session id of two lines", resume({ ...state, sessionId: "a\nb" }, answered), "state.sessionId"],
    ["no results", resume(state, undefined), "results"],
    ["results of nothing", resume(state, [null]), "results[0].toolCallId"],
    ["a result with a function", resume(state, [{ toolCallId: "t", content: { a: () => 1 } }]), "results[0].content.a"],
    ["a result without end", resume(state, [{ toolCallId: "t", content: cyclic() }]), "results[0].content"],
    ["input that is none", resume(state, answered, null), "input"],
    ["a cursor that is none", events({ from: {} }), "from"],
    [
      "a cursor with what is no JSON",
      events({
        from: {
          version: 1,
          flow,
          flowVersion: "production",
          executionId: "ex-1",
          stepIndex: 1,
          outputs: { a: 1n },
          rounds: 0
        }
      }),
      "from.outputs.a"
    ],
    [
      "a cursor whose run has no name",
      events({
        from: { version: 1, flow, flowVersion: "production", executionId: "", stepIndex: 1, outputs: {}, rounds: 0 }
      }),
      "from"
    ],
    [
      "a cursor of half a version",
      events({
        from: { version: 1, flow, flowVersion: 1.5, executionId: "ex-1", stepIndex: 1, outputs: {}, rounds: 0 }
      }),
      "from"
    ],
    ["healing that is no schedule", events({ heal: true }), "heal"],
    ["runRemaining that is text", events({ runRemaining: "no" }), "runRemaining"],
    ["overrides that are no JSON", events({ inputOverrides: { a: () => 1 } }), "inputOverrides.a"]
  ]
  for (const [what, call, field] of rows) {
    it.scopedLive(what, () => Effect.map(refused(call), (error) => assert.strictEqual(error.field, field)))
  }
})

describe("jobs and runs", () => {
  const attached = Effect.flatMap(JobService, (jobs) => jobs.attach(flow, "ex-1"))
  const waiting = (options: unknown): Refused => Effect.flatMap(attached, (job) => job.wait(any(options)))
  const run = (use: (runs: RunService.Service) => Effect.Effect<unknown, unknown>): Refused =>
    Effect.flatMap(RunService, use)
  const rows: ReadonlyArray<readonly [name: string, call: Refused, field: string]> = [
    ["attach: an id that is none", Effect.flatMap(JobService, (jobs) => jobs.attach(flow, any(5))), "executionId"],
    [
      "attach: an id given twice",
      Effect.flatMap(JobService, (jobs) => jobs.attach(flow, any(["a", "b"]))),
      "executionId"
    ],
    [
      "attach: options that are none",
      Effect.flatMap(JobService, (jobs) => jobs.attach(flow, "ex", any(null))),
      "options"
    ],
    [
      "attach: grace of less than nothing",
      Effect.flatMap(JobService, (jobs) => jobs.attach(flow, "ex", { grace: "-1 millis" as never })),
      "grace"
    ],
    ["wait: options that are none", waiting(null), "options"],
    ["wait: a schedule that is none", waiting({ schedule: 2000 }), "schedule"],
    ["wait: a clock of less than nothing", waiting({ timeout: "-5 seconds" }), "timeout"],
    ["wait: headers given twice", waiting({ headers: { a: ["b", "c"] } }), "headers[\"a\"]"],
    ["trace: options that are none", run((runs) => runs.trace(flow, "ex-1", any(5))), "options"],
    ["trace: an id that is none", run((runs) => runs.trace(flow, any({}))), "executionId"],
    ["summary: a clock that is none", run((runs) => runs.summary(flow, "ex-1", { timeout: any({}) })), "timeout"],
    ["stepTrace: a step that is none", run((runs) => runs.stepTrace(flow, "ex-1", any(null))), "stepId"],
    [
      "stepTrace: an attempt that is none",
      run((runs) => runs.stepTrace(flow, "ex-1", "s", { attempt: any("1") })),
      "attempt"
    ],
    [
      "liveTrace: a clock that is none",
      run((runs) => Stream.runDrain(runs.liveTrace(flow, "ex-1", { idleTimeout: -1 }))),
      "idleTimeout"
    ],
    ["list: no options", run((runs) => Stream.runDrain(runs.list(any(undefined)))), "options"],
    [
      "list: options that cannot be read",
      run((runs) => Stream.runDrain(runs.list(any(throwing("limit", { flowId: "f" }))))),
      "limit"
    ]
  ]
  for (const [what, call, field] of rows) {
    it.scopedLive(what, () => Effect.map(refused(call), (error) => assert.strictEqual(error.field, field)))
  }
})

describe("an option that does not exist", () => {
  const runs = (use: (runs: RunService.Service) => Effect.Effect<unknown, unknown>): Refused =>
    Effect.flatMap(RunService, use)
  const rows: ReadonlyArray<readonly [name: string, call: Refused, field: string, reason: string]> = [
    ["execute", execute({ mesage: "hi" }), "mesage", "is not an option: did you mean message?"],
    ["events", events({ message: "hi", maxCostUSD: 1 }), "maxCostUSD", "is not an option: did you mean maxCostUsd?"],
    ["submit", submit({ message: "hi", colour: 1 }), "colour", "is not an option: remove it"],
    [
      "submit",
      submit({ message: "hi", toolConcurrency: 1 }),
      "toolConcurrency",
      "is not taken by the queue: use FlowService"
    ],
    ["execute", execute({ message: "hi", trace: true }), "trace", "is not an option: did you mean snapshots?"],
    ["events", events({ message: "hi", trace: true }), "trace", "is not an option: did you mean snapshots?"],
    ["submit", submit({ message: "hi", trace: false }), "trace", "is not an option: did you mean snapshots?"],
    ["resume", resume(state, answered, { timeuot: 1 }), "timeuot", "is not an option: did you mean timeout?"],
    [
      "runs.list",
      runs((all) => Stream.runDrain(all.list(any({ flowId: "f", page: 2 })))),
      "page",
      "is not an option: remove it"
    ],
    [
      "runs.trace",
      runs((all) => all.trace(flow, "ex-1", any({ header: {} }))),
      "header",
      "is not an option: did you mean headers?"
    ]
  ]
  for (const [name, call, field, reason] of rows) {
    it.scopedLive(`of ${name} is refused, with the name that was probably meant`, () =>
      Effect.map(refused(call), (error) => {
        assert.strictEqual(error.field, field)
        assert.strictEqual(error.reason, reason)
      }))
  }

  it.scopedLive("is ignored where it is undefined", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(
        Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })
      )
      yield* Effect.provide(execute({ message: "hi", mesage: undefined }), yield* servicesFor(server))
      assert.lengthOf(server.requests, 1)
    }))
})

describe("a clock of nothing", () => {
  for (
    const [clock, call] of [
      ["total", execute({ timeout: 0 })],
      ["attempt", execute({ attemptTimeout: "0 seconds" })],
      ["connect", execute({ connectTimeout: 0 })],
      ["total", submit({ timeout: 0 })],
      ["total", events({ timeout: 0 })],
      ["firstByte", events({ firstByteTimeout: 0 })],
      ["idle", events({ idleTimeout: 0 })]
    ] as const
  ) {
    it.scoped(`${clock}: has run out before anything is sent`, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve()
        const fiber = yield* Effect.fork(Effect.flip(Effect.provide(call, yield* servicesFor(server))))
        yield* TestClock.adjust("1 minutes")
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "APITimeoutError", clock, sent: "no", isRetryable: true })
        assert.lengthOf(server.requests, 0)
      }))
  }
})

describe("a session id given twice, where the connection fails", () => {
  const twice = any(["a", "b"])
  const asked = execute({ message: "hi" })
  const overHttpClient = Layer.provideMerge(
    layerOverHttp,
    Layer.provide(NoukaiHttp.layerHttpClient, FetchHttpClient.layer)
  )
  for (const [name, services] of [["undici", layerServices], ["HttpClient", overHttpClient]] as const) {
    for (
      const [where, call] of [
        ["in the call", execute({ message: "hi", sessionId: twice })],
        ["in a stream", events({ message: "hi", sessionId: twice })],
        ["in a job", submit({ message: "hi", sessionId: twice })],
        ["of a scope", asked.pipe(TraceScope.withSession(twice))],
        ["of a program", asked.pipe(Effect.provide(TraceScope.layerSession(twice)))]
      ] as const
    ) {
      it.scopedLive(`${name}, ${where}: is refused, and the process lives`, () =>
        Effect.gen(function*() {
          const uncaught: Array<unknown> = []
          const note = (reason: unknown) => void uncaught.push(reason)
          process.on("uncaughtException", note)
          const error = yield* Effect.flip(call).pipe(
            Effect.provide(Layer.provide(services, config({ baseUrl: "http://127.0.0.1:1/api/v1" }))),
            Effect.ensuring(Effect.sync(() => process.off("uncaughtException", note)))
          )
          assert.strictEqual((error as InvalidRequestError).field, "sessionId")
          assert.deepStrictEqual(uncaught, [])
        }))
    }
  }

  it.effect("of a client is refused while its layer is built", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(make({ apiKey: Redacted.make(plantedKey), sessionId: twice }))
      assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "sessionId")
    }))
})

describe("options of a layer", () => {
  const key = { apiKey: Redacted.make(plantedKey) }
  const rows: ReadonlyArray<readonly [name: string, options: unknown, field: string]> = [
    ["null", null, "options"],
    ["a list", [], "options"],
    ["one that cannot be read", throwing("timeout", key), "timeout"],
    ["an organisation that is none", { ...key, org: 1, project: 2 }, "org"],
    ["a port that is text", { ...key, env: "dev", port: "8080" }, "port"],
    ["a clock of less than nothing", { ...key, attemptTimeout: "-5 seconds" }, "attemptTimeout"],
    ["a flag that is text", { ...key, retryPost: "false" }, "retryPost"],
    ["payloads logged by text", { ...key, logPayloads: "no" }, "logPayloads"],
    ["a hook that is none", { ...key, log: "console" }, "log"],
    ["a dispatcher that is none", { ...key, dispatcher: {} }, "dispatcher"],
    ["headers given twice", { ...key, headers: { a: ["b"] } }, "headers[\"a\"]"],
    ["retries without end", { ...key, maxRetries: Infinity }, "maxRetries"],
    ["a retry that is none", { ...key, retry: {} }, "retry"],
    ["no place for any run", { ...key, maxConcurrency: 0 }, "maxConcurrency"],
    ["less than no place", { ...key, maxConcurrency: -1 }, "maxConcurrency"],
    ["places that are no number", { ...key, maxConcurrency: NaN }, "maxConcurrency"],
    ["places without end", { ...key, maxConcurrency: Infinity }, "maxConcurrency"],
    ["places that are text", { ...key, maxConcurrency: "8" }, "maxConcurrency"],
    ["a rate of nothing", { ...key, rate: 0 }, "rate"],
    ["half a request per second", { ...key, rate: 0.5 }, "rate"],
    ["a rate that is no number", { ...key, rate: NaN }, "rate"],
    ["a rate that is text", { ...key, rate: "200/s" }, "rate"],
    ["a rate that is null", { ...key, rate: null }, "rate"],
    ["a rate without a limit", { ...key, rate: { interval: "1 second" } }, "rate.limit"],
    ["a rate of a negative limit", { ...key, rate: { limit: -1, interval: "1 second" } }, "rate.limit"],
    ["a rate without an interval", { ...key, rate: { limit: 1 } }, "rate.interval"],
    ["a rate per no time", { ...key, rate: { limit: 1, interval: 0 } }, "rate.interval"],
    ["a rate per an endless time", { ...key, rate: { limit: 1, interval: Infinity } }, "rate.interval"],
    ["a rate per something else", { ...key, rate: { limit: 1, interval: "soon" } }, "rate.interval"],
    ["other paths", { ...key, runPaths: "runs" }, "runPaths"],
    ["an option that does not exist", { ...key, timeoutMs: 5 }, "timeoutMs"],
    ["a rule of absences that is no function", { ...key, isSessionNotFound: "NOT_FOUND" }, "isSessionNotFound"]
  ]
  for (const [what, options, field] of rows) {
    it.effect(`${what} is refused`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer(any(options)))))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, field)
        assert.notInclude(String(error), plantedKey)
      }))
  }

  it.effect("of a relay as well", () =>
    Effect.gen(function*() {
      for (
        const [options, field] of [
          [undefined, "options"],
          [{}, "url"],
          [{ url: 5 }, "url"],
          [{ url: "http://127.0.0.1:1/agent", flow: 5 }, "flow"],
          [{ url: "http://127.0.0.1:1/agent", headers: "a" }, "headers"],
          [{ url: "http://127.0.0.1:1/agent", maxConcurrency: 0 }, "maxConcurrency"],
          [{ url: "http://127.0.0.1:1/agent", rate: -1 }, "rate"],
          [{ url: "http://127.0.0.1:1/agent", log: "a" }, "log"]
        ]
      ) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(Relay.layer(any(options)))))
        assert.strictEqual(error.field, field)
      }
    }))
})
