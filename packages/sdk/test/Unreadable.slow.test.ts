/** Values whose reading throws, as each argument of each operation: refused with a typed error, before anything is sent. */
import * as RelayServer from "@effect-noukai/adapters/Relay"
import {
  Budget,
  Flow,
  FlowService,
  JobService,
  NoukaiConfig,
  NoukaiRecord,
  NoukaiReplay,
  RunService,
  SessionService,
  Tools,
  TraceScope
} from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import type { Services } from "@effect-noukai/sdk/Noukai"
import * as Config from "@effect-noukai/sdk/NoukaiConfig"
import * as Relay from "@effect-noukai/sdk/Relay"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option, Predicate, Redacted, Schema, Stream } from "effect"
import { plantedKey, servicesFor } from "./support/client.js"
import { unreadableParts, unreadables } from "./support/unreadable.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/support/answer"

/** Types are what this is not about. */
const any = (u: unknown): never => u as never

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
  trace: false,
  parameters: { a: 1 }
}

const cursor = {
  version: 1,
  flow,
  flowVersion: "production",
  executionId: "ex-1",
  stepIndex: 1,
  outputs: { a: 1 },
  rounds: 0
}

const results = [{ toolCallId: "t", content: { a: "x" } }]

const declaration = { type: "function", function: { name: "look", description: "d", parameters: { type: "object" } } }

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const ofRead = { headers: { a: "b" }, connectTimeout: 1, attemptTimeout: 1, timeout: 1, retry: undefined }

const begun = {
  ...ofRead,
  message: "hi",
  parameters: { a: { b: [1] } },
  blockOverrides: { s: { a: 1 } },
  snapshots: true,
  version: 1,
  sessionId: session,
  retryPost: false
}

const interactive = {
  ...begun,
  attachments: [{ url: "https://a.example/b.png", mime_type: "image/png" }],
  tools: [declaration],
  toolChoice: { type: "function", function: { name: "look" } },
  maxToolRounds: 1,
  toolConcurrency: 1,
  onToolFailure: "report",
  maxCostUsd: 1
}

const messages = { messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }] }

const address = { org: "acme", project: "support", slug: "answer" }

type Call = (wrong: unknown) => Effect.Effect<unknown, unknown, Services>

type Row = readonly [argument: string, right: unknown, call: Call]

const flows = (use: (flows: FlowService.Service) => Effect.Effect<unknown, unknown>) => Effect.flatMap(FlowService, use)
const jobs = (use: (jobs: JobService.Service) => Effect.Effect<unknown, unknown>) => Effect.flatMap(JobService, use)
const runs = (use: (runs: RunService.Service) => Effect.Effect<unknown, unknown>) => Effect.flatMap(RunService, use)
const sessions = (use: (sessions: SessionService.Service) => Effect.Effect<unknown, unknown>) =>
  Effect.flatMap(SessionService, use)

const attached = (use: (job: Job.Job) => Effect.Effect<unknown, unknown>) =>
  jobs((jobs) => Effect.flatMap(jobs.attach(flow, "ex-1"), use))

/** Each operation whose first argument is a flow. */
const ofFlow: { readonly [name: string]: (flow: never) => ReturnType<Call> } = {
  "flows.execute": (flow) => flows((all) => all.execute(flow, { message: "hi" })),
  "flows.executeOnce": (flow) => flows((all) => all.executeOnce("key", flow, { message: "hi" })),
  "flows.resume": (flow) => flows((all) => all.resume(flow, any(state), results)),
  "flows.events": (flow) => flows((all) => Stream.runDrain(all.events(flow, { message: "hi" }))),
  "flows.steps": (flow) => flows((all) => Stream.runDrain(all.steps(flow, { message: "hi" }))),
  "jobs.submit": (flow) => jobs((all) => all.submit(flow, { message: "hi" })),
  "jobs.submitOnce": (flow) => jobs((all) => all.submitOnce("key", flow, { message: "hi" })),
  "jobs.attach": (flow) => jobs((all) => all.attach(flow, "ex-1")),
  "runs.trace": (flow) => runs((all) => all.trace(flow, "ex-1")),
  "runs.stepTrace": (flow) => runs((all) => all.stepTrace(flow, "ex-1", "s")),
  "runs.liveTrace": (flow) => runs((all) => Stream.runDrain(all.liveTrace(flow, "ex-1"))),
  "runs.cost": (flow) => runs((all) => all.cost(flow, "ex-1")),
  "runs.summary": (flow) => runs((all) => all.summary(flow, "ex-1")),
  "Flow.resolve": (flow) => Flow.resolve(flow),
  "Relay.forward": (flow) => RelayServer.forward(flow)
}

const built = (layer: Layer.Layer<never, unknown>) => Effect.scoped(Layer.build(layer))

const cassette = {
  kind: "recording",
  client: { org: "a" },
  createdAt: "2026-01-01T00:00:00.000Z",
  recordings: []
}

const rows: ReadonlyArray<Row> = [
  ...Object.entries(ofFlow).flatMap(([name, call]): ReadonlyArray<Row> => [
    [`${name}: flow`, address, (wrong) => call(any(wrong))],
    [
      `${name}: made flow`,
      // an address alone has no schemas
      name === "Flow.resolve" || name === "Relay.forward" ? {} : Flow.make(address, {}),
      (wrong) => call(any(wrong))
    ],
    [`${name}: ref of a flow`, address, (wrong) => call(any(Flow.make(any(wrong))))],
    [
      `${name}: schemas of a flow`,
      { parameters: Schema.Struct({}), result: Schema.String },
      (wrong) => call(any(Flow.make(flow, any(wrong))))
    ]
  ]),
  ["flows.execute: input", interactive, (wrong) => flows((all) => all.execute(flow, any(wrong)))],
  ["flows.execute: messages", messages, (wrong) => flows((all) => all.execute(flow, any(wrong)))],
  [
    "flows.executeOnce: input",
    { ...begun, sessionId: undefined, rerunFailed: true, settle: 1, takeOver: true },
    (wrong) => flows((all) => all.executeOnce("key", flow, any(wrong)))
  ],
  ["flows.executeOnce: key", {}, (wrong) => flows((all) => all.executeOnce(any(wrong), flow, { message: "hi" }))],
  ["flows.resume: state", state, (wrong) => flows((all) => all.resume(flow, any(wrong), results))],
  ["flows.resume: results", results, (wrong) => flows((all) => all.resume(flow, any(state), any(wrong)))],
  [
    "flows.resume: input",
    { ...ofRead, tools: [declaration], maxToolRounds: 1, maxCostUsd: 1 },
    (wrong) => flows((all) => all.resume(flow, any(state), results, any(wrong)))
  ],
  ["flows.events: input", interactive, (wrong) => flows((all) => Stream.runDrain(all.events(flow, any(wrong))))],
  [
    "flows.events: from",
    cursor,
    (wrong) => flows((all) => Stream.runDrain(all.events(flow, { from: any(wrong) })))
  ],
  ["flows.steps: input", interactive, (wrong) => flows((all) => Stream.runDrain(all.steps(flow, any(wrong))))],
  ["flows.steps: from", cursor, (wrong) => flows((all) => Stream.runDrain(all.steps(flow, { from: any(wrong) })))],
  ["jobs.submit: input", begun, (wrong) => jobs((all) => all.submit(flow, any(wrong)))],
  [
    "jobs.submitOnce: input",
    { ...begun, sessionId: undefined, rerunFailed: true, settle: 1 },
    (wrong) => jobs((all) => all.submitOnce("key", flow, any(wrong)))
  ],
  ["jobs.submitOnce: key", {}, (wrong) => jobs((all) => all.submitOnce(any(wrong), flow, { message: "hi" }))],
  ["jobs.attach: id", {}, (wrong) => jobs((all) => all.attach(flow, any(wrong)))],
  ["jobs.attach: options", { grace: 1 }, (wrong) => jobs((all) => all.attach(flow, "ex-1", any(wrong)))],
  ["job.wait: options", ofRead, (wrong) => attached((job) => job.wait(any(wrong)))],
  ["job.result: options", ofRead, (wrong) => attached((job) => job.result(any(wrong)))],
  ["Job.poll: options", ofRead, (wrong) => attached((job) => job.poll(any(wrong)))],
  [
    "Job.updates: schedule",
    {},
    (wrong) => attached((job) => Stream.runDrain(Job.updates(job, any(wrong))))
  ],
  ["Job.waitAll: jobs", [{ executionId: "x" }], (wrong) => Stream.runDrain(Job.waitAll(any(wrong)))],
  [
    "Job.waitAll: options",
    { timeout: 1, concurrency: 1, rate: { limit: 1, interval: 1 } },
    (wrong) => attached((job) => Stream.runDrain(Job.waitAll([job], any(wrong))))
  ],
  ["runs.trace: id", {}, (wrong) => runs((all) => all.trace(flow, any(wrong)))],
  ["runs.trace: options", ofRead, (wrong) => runs((all) => all.trace(flow, "ex-1", any(wrong)))],
  ["runs.cost: options", ofRead, (wrong) => runs((all) => all.cost(flow, "ex-1", any(wrong)))],
  ["runs.summary: options", ofRead, (wrong) => runs((all) => all.summary(flow, "ex-1", any(wrong)))],
  ["runs.stepTrace: step", {}, (wrong) => runs((all) => all.stepTrace(flow, "ex-1", any(wrong)))],
  [
    "runs.stepTrace: options",
    { ...ofRead, attempt: 1, loopIndex: 0 },
    (wrong) => runs((all) => all.stepTrace(flow, "ex-1", "s", any(wrong)))
  ],
  [
    "runs.liveTrace: options",
    { ...ofRead, idleTimeout: 1 },
    (wrong) => runs((all) => Stream.runDrain(all.liveTrace(flow, "ex-1", any(wrong))))
  ],
  [
    "runs.list: options",
    { ...ofRead, flowId: "f", limit: 1, status: "failed" },
    (wrong) => runs((all) => Stream.runDrain(all.list(any(wrong))))
  ],
  ["sessions.get: id", {}, (wrong) => sessions((all) => all.get(any(wrong)))],
  ["sessions.get: options", ofRead, (wrong) => sessions((all) => all.get(session, any(wrong)))],
  ["Budget.make: options", { limitUsd: 1, perRun: 1 }, (wrong) => Budget.make(any(wrong))],
  [
    "NoukaiConfig.make: options",
    {
      ...ofRead,
      apiKey: Redacted.make(plantedKey),
      env: "dev",
      port: 1,
      org: "a",
      project: "b",
      rate: { limit: 1, interval: 1 }
    },
    (wrong) => Config.make(any(wrong))
  ],
  ["NoukaiConfig.make: apiKey", Redacted.make(plantedKey), (wrong) => Config.make({ apiKey: any(wrong) })],
  ["NoukaiConfig.make: a key inside", {}, (wrong) => Config.make({ apiKey: Redacted.make(any(wrong)) })],
  [
    "NoukaiConfig.layer: options",
    { apiKey: Redacted.make(plantedKey), env: "dev" },
    (wrong) => Effect.provide(NoukaiConfig, Config.layer(any(wrong)))
  ],
  [
    "NoukaiConfig.layerConfig: config",
    { apiKey: Redacted.make(plantedKey), env: "dev" },
    (wrong) => Effect.provide(NoukaiConfig, Config.layerConfig(any(wrong)))
  ],
  [
    "Relay.layer: options",
    { url: "http://localhost:1/a", flow: address, headers: { a: "b" }, rate: { limit: 1, interval: 1 } },
    (wrong) => Effect.scoped(Layer.build(Relay.layer(any(wrong))))
  ],
  ["Relay.forward: options", { version: 1, attemptTimeout: 1 }, (wrong) => RelayServer.forward(flow, any(wrong))],
  ["Relay.forward: defaults", { org: "a", project: "b" }, (wrong) => RelayServer.forward("a", {}, any(wrong))],
  [
    "Relay.forward: request",
    { body: { message: "hi" }, traceparent: "a", tracestate: "b" },
    (wrong) => Effect.flatMap(RelayServer.forward(flow), (forward) => forward(any(wrong)))
  ],
  [
    "NoukaiReplay.fromCassette: options",
    { match: "input", org: "a", project: "b", redact: { paths: ["a"], patterns: [/a/] } },
    (wrong) => built(NoukaiReplay.fromCassette(any(undefined), any(wrong)))
  ],
  ["NoukaiReplay.fromCassette: cassette", cassette, (wrong) => built(NoukaiReplay.fromCassette(any(wrong)))],
  ["NoukaiReplay.fromFile: path", {}, (wrong) => built(NoukaiReplay.fromFile(any(wrong)))],
  [
    "NoukaiReplay.fromFile: options",
    { match: "input", org: "a", project: "b", redact: { paths: ["a"], patterns: [/a/] } },
    (wrong) => built(NoukaiReplay.fromFile("/absent/cassette.json", any(wrong)))
  ],
  ["NoukaiRecord.toFile: path", {}, (wrong) => built(NoukaiRecord.toFile(any(wrong)))],
  [
    "NoukaiRecord.toFile: options",
    { mode: "none", match: "input", redact: { paths: ["a"], patterns: [/a/] } },
    (wrong) => built(NoukaiRecord.toFile("/absent/cassette.json", any(wrong)))
  ],
  [
    "TraceScope.withSession: id",
    {},
    (wrong) => flows((all) => all.execute(flow, { message: "hi" })).pipe(TraceScope.withSession(any(wrong)))
  ],
  [
    "Tools.handle: declarations",
    [declaration],
    (wrong) => flows((all) => all.execute(flow, { tools: Tools.handle(any(wrong), () => Effect.succeed([])) }))
  ],
  [
    "Tools.make: a tool",
    { name: "look", parameters: Schema.Struct({}), success: Schema.String, handler: () => Effect.void },
    (wrong) => flows((all) => all.execute(flow, { tools: any(Tools.make(any(wrong))) }))
  ],
  [
    "Tools.tool: options",
    { name: "look", parameters: Schema.Struct({}), success: Schema.String, handler: () => Effect.void },
    (wrong) => flows((all) => all.execute(flow, { tools: any(Tools.make(Tools.tool(any(wrong)))) }))
  ],
  [
    "a toolkit",
    { tools: { look: { name: "look", parametersSchema: Schema.Struct({}) } }, handle: () => Effect.void },
    (wrong) => flows((all) => all.execute(flow, { tools: any(Tools.fromToolkit(any(wrong))) }))
  ]
]

/** Texts that have errors of their own. */
const others: { readonly [argument: string]: string } = {
  "sessions.get: id": "ReplayInvalidSessionError"
}

describe("a value whose reading throws", () => {
  for (const [argument, right, call] of rows) {
    it.scopedLive(argument, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve()
        const services = yield* servicesFor(server, { maxRetries: 0 })
        const wrong: ReadonlyArray<readonly [string, unknown]> = [
          ...Object.entries(unreadables).map(([name, make]) => [name, make()] as const),
          ...unreadableParts(right)
        ]
        for (const [name, value] of wrong) {
          const exit = yield* Effect.exit(Effect.provide(Effect.suspend(() => call(value)), services))
          const error = Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.failureOption(exit.cause))
          const ended = Exit.isSuccess(exit) ? "succeeded" : Cause.pretty(exit.cause)
          assert.isTrue(Predicate.hasProperty(error, "_tag"), `${name}: ${ended}`)
          assert.propertyVal(error, "_tag", others[argument] ?? "InvalidRequestError", name)
          assert.notInclude(String(error), "boom", name)
        }
        assert.lengthOf(server.requests, 0)
      }))
  }
})
