/** Whatever is given to whatever can be called: a result, or a typed error, and then nothing was sent. */
import * as RelayServer from "@effect-noukai/adapters/Relay"
import {
  Flow,
  FlowService,
  isNoukaiError,
  JobService,
  Noukai,
  NoukaiRecord,
  NoukaiReplay,
  RunService,
  SessionService,
  Tools,
  TraceScope
} from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import { layerOverHttp, type Services } from "@effect-noukai/sdk/Noukai"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as Relay from "@effect-noukai/sdk/Relay"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Option, Schema, Stream } from "effect"
import * as FC from "effect/FastCheck"
import { sleep } from "../../src/internal/core/time.js"
import { ConnectionFailure, type HttpTransport } from "../../src/internal/http/HttpTransport.js"
import { config, plantedKey } from "../support/client.js"
import { fuzzEffect, fuzzTimeout } from "../support/fuzz.js"
import { spoiled, type Wrong, wrong } from "../support/wrongValues.js"

const flow = "acme/support/answer"

const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

/** Counts what is sent, looks at it as a socket would, and never gets there. */
const counting = () => {
  const seen = { sent: 0 }
  const look = (request: Parameters<HttpTransport["send"]>[0] | Parameters<HttpTransport["open"]>[0]) => {
    seen.sent++
    for (const [name, value] of Object.entries(request.headers)) {
      assert.isString(value, name)
      assert.notMatch(value, /[\r\n]/)
    }
    assert.isTrue(request.body === undefined || typeof request.body === "string")
    assert.match(request.path, /^\/api\/v1\/(seq|flow-runs)|^\/agent/)
    return Effect.fail(new ConnectionFailure({ reason: "cut", sent: "yes", cause: undefined }))
  }
  const transport: HttpTransport = {
    send: look,
    open: look,
    pause: sleep
  }
  return { seen, transport }
}

type Given = ReadonlyArray<unknown>

interface Operation {
  readonly values: ReadonlyArray<FC.Arbitrary<Wrong>>
  readonly call: (...given: Given) => Effect.Effect<unknown, unknown, Services>
}

/** Types are what this is not about. */
const any = (u: unknown): never => u as never

const ref: FC.Arbitrary<Wrong> = FC.oneof(
  { weight: 3, arbitrary: FC.constant<Wrong>({ name: "a flow", make: () => flow }) },
  { weight: 1, arbitrary: wrong },
  { weight: 1, arbitrary: spoiled({ org: "acme", project: "support", slug: "answer" }, ["org", "project", "slug"]) },
  {
    weight: 1,
    arbitrary: FC.tuple(wrong, wrong).map(([parameters, result]) => ({
      name: `a flow of ${parameters.name} and ${result.name}`,
      make: () => Flow.make(flow, any({ parameters: parameters.make(), result: result.make() }))
    }))
  }
)

const executionId: FC.Arbitrary<Wrong> = FC.oneof(
  FC.constant<Wrong>({ name: "an id", make: () => id }),
  wrong
)

const callFields = ["headers", "connectTimeout", "attemptTimeout", "timeout", "retry", "retryPost"]

const runFields = [
  ...callFields,
  "message",
  "messages",
  "parameters",
  "blockOverrides",
  "attachments",
  "tools",
  "toolChoice",
  "maxToolRounds",
  "toolConcurrency",
  "onToolFailure",
  "snapshots",
  "version",
  "sessionId"
]

const onceFields = ["rerunFailed", "settle"]

const key: FC.Arbitrary<Wrong> = FC.oneof(FC.constant<Wrong>({ name: "a key", make: () => "row 1" }), wrong)

const streamFields = [...runFields, "inputOverrides", "runRemaining", "from", "heal", "firstByteTimeout", "idleTimeout"]

const state = {
  version: 1,
  flow,
  flowVersion: "production",
  executionId: id,
  pausedAtStep: "s",
  iterationsUsed: 1,
  toolCallMessages: [],
  toolCalls: [{ id: "t", name: "n", arguments: "{}" }],
  accumulatedOutputs: {},
  rounds: 0,
  trace: false
}

const cursor = { version: 1, flow, flowVersion: "production", executionId: id, stepIndex: 1, outputs: {}, rounds: 0 }

const result = FC.oneof(
  FC.constant<Wrong>({ name: "a result", make: () => ({ toolCallId: "t", content: "x" }) }),
  wrong,
  spoiled({ toolCallId: "t", content: "x" }, ["toolCallId", "content"])
)

const results: FC.Arbitrary<Wrong> = FC.oneof(
  wrong,
  FC.array(result, { minLength: 1, maxLength: 2 }).map((all) => ({
    name: all.map(({ name }) => name).join(" and "),
    make: () => all.map(({ make }) => make())
  }))
)

const drained = (stream: Stream.Stream<unknown, unknown>) => Stream.runDrain(stream)

const flows = <A, E>(use: (flows: FlowService.Service) => Effect.Effect<A, E>) => Effect.flatMap(FlowService, use)

const jobs = <A, E>(use: (jobs: JobService.Service) => Effect.Effect<A, E>) => Effect.flatMap(JobService, use)

const runs = <A, E>(use: (runs: RunService.Service) => Effect.Effect<A, E>) => Effect.flatMap(RunService, use)

const attached = jobs((all) => all.attach(flow, id))

const waiting = { schedule: undefined, timeout: 0 }

const operations: { readonly [name: string]: Operation } = {
  "flows.execute": {
    values: [ref, spoiled({ message: "hi" }, runFields)],
    call: (flow, input) => flows((all) => all.execute(any(flow), any(input)))
  },
  "flows.execute with tools": {
    values: [
      wrong,
      wrong,
      spoiled({ name: "t", parameters: Schema.Struct({}), handler: () => Effect.void }, [
        "name",
        "description",
        "parameters",
        "success",
        "handler"
      ])
    ],
    call: (declarations, handler, tool) =>
      Effect.all([
        flows((all) => all.execute(flow, { tools: any(Tools.handle(any(declarations), any(handler))) })),
        flows((all) => all.execute(flow, { tools: any(Tools.make(Tools.tool(any(tool)), any(handler))) })),
        flows((all) => all.execute(flow, { tools: any({ tools: declarations, handle: handler }) })),
        flows((all) => all.execute(flow, { tools: any(Effect.succeed({ tools: { declarations }, handle: () => {} })) }))
      ], { mode: "either" }).pipe(
        Effect.flatMap((all) => all.find((outcome) => outcome._tag === "Left") ?? Effect.void)
      )
  },
  "flows.executeOnce": {
    values: [key, ref, spoiled({ message: "hi" }, [...runFields, ...onceFields, "takeOver", "onPause"])],
    call: (key, flow, input) => flows((all) => all.executeOnce(any(key), any(flow), any(input)))
  },
  "flows.resume": {
    values: [ref, spoiled(state, Object.keys(state)), results, spoiled({}, [...callFields, "tools", "onPause"])],
    call: (flow, state, results, input) => flows((all) => all.resume(any(flow), any(state), any(results), any(input)))
  },
  "flows.events": {
    values: [ref, spoiled({ message: "hi" }, streamFields)],
    call: (flow, input) => flows((all) => drained(all.events(any(flow), any(input))))
  },
  "flows.events from a cursor": {
    values: [spoiled(cursor, [...Object.keys(cursor), "stepCount", "lastStepId", "sessionId", "pending", "first"])],
    call: (from) => flows((all) => drained(all.events(flow, { from: any(from) })))
  },
  "flows.steps": {
    values: [ref, spoiled({ message: "hi" }, streamFields)],
    call: (flow, input) => flows((all) => drained(all.steps(any(flow), any(input))))
  },
  "jobs.submit": {
    values: [ref, spoiled({ message: "hi" }, runFields)],
    call: (flow, input) => jobs((all) => all.submit(any(flow), any(input)))
  },
  "jobs.submitOnce": {
    values: [key, ref, spoiled({ message: "hi" }, [...runFields, ...onceFields])],
    call: (key, flow, input) => jobs((all) => all.submitOnce(any(key), any(flow), any(input)))
  },
  "sessions.get": {
    values: [executionId, spoiled({}, callFields)],
    call: (id, options) => Effect.flatMap(SessionService, (all) => all.get(any(id), any(options)))
  },
  "jobs.attach": {
    values: [ref, executionId, spoiled({}, ["grace"])],
    call: (flow, id, options) => jobs((all) => all.attach(any(flow), any(id), any(options)))
  },
  "job.wait": {
    values: [spoiled(waiting, ["timeout", "schedule", ...callFields])],
    call: (options) =>
      Effect.flatMap(attached, (job) => job.wait(any(options))).pipe(Effect.timeoutOption("100 millis"))
  },
  "Job.updates": {
    values: [wrong, wrong],
    call: (job, schedule) =>
      Effect.andThen(
        drained(Job.updates(any(job), any(schedule))),
        Effect.flatMap(attached, (job) => drained(Job.updates(job, any(schedule))))
      )
  },
  "runs.trace": {
    values: [ref, executionId, spoiled({}, callFields)],
    call: (flow, id, options) => runs((all) => all.trace(any(flow), any(id), any(options)))
  },
  "runs.summary": {
    values: [ref, executionId, spoiled({}, callFields)],
    call: (flow, id, options) => runs((all) => all.summary(any(flow), any(id), any(options)))
  },
  "runs.stepTrace": {
    values: [ref, executionId, executionId, spoiled({}, [...callFields, "attempt", "loopIndex"])],
    call: (flow, id, step, options) => runs((all) => all.stepTrace(any(flow), any(id), any(step), any(options)))
  },
  "runs.liveTrace": {
    values: [ref, executionId, spoiled({}, [...callFields, "firstByteTimeout", "idleTimeout"])],
    call: (flow, id, options) => runs((all) => drained(all.liveTrace(any(flow), any(id), any(options))))
  },
  "runs.list": {
    values: [spoiled({ flowId: "fl_1" }, [...callFields, "flowId", "limit", "status"])],
    call: (options) => runs((all) => Stream.runDrain(all.list(any(options))))
  },
  "TraceScope": {
    values: [executionId],
    call: (id) => {
      const run = flows((all) => all.execute(flow, { message: "hi" }))
      return Effect.all([
        run.pipe(TraceScope.withSession(any(id))),
        run.pipe(TraceScope.replay(any(id))),
        run.pipe(TraceScope.replayOrCapture(any(id))),
        run.pipe(Effect.provide(TraceScope.layerSession(any(id)))),
        Effect.scoped(TraceScope.open(any(id)))
      ], { mode: "validate", discard: true }).pipe(
        Effect.mapError((errors) => errors.flatMap(Option.toArray)),
        Effect.catchAll((errors) => Effect.fail(errors.find((error) => !isNoukaiError(error)) ?? errors[0]))
      )
    }
  },
  "Flow.resolve": {
    values: [ref, wrong],
    call: (flow, defaults) => Effect.suspend(() => Flow.resolve(any(flow), any(defaults)))
  },
  "Relay.forward": {
    values: [
      ref,
      spoiled({}, ["version", "attemptTimeout"]),
      spoiled({ body: {} }, ["body", "traceparent", "tracestate"])
    ],
    call: (flow, options, request) =>
      Effect.flatMap(
        Effect.suspend(() => RelayServer.forward(any(flow), any(options))),
        (forward) => forward(any(request))
      )
  }
}

/** A value, or one of our errors whose text can be read. */
const told = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return undefined
  assert.isTrue(Cause.isFailType(exit.cause), Cause.pretty(exit.cause))
  const error = Cause.squash(exit.cause)
  if (!isNoukaiError(error)) return assert.fail(`no error of ours: ${String(error)}`)
  assert.notInclude(`${String(error)} ${error.message}`, plantedKey)
  return error
}

const fieldOf = (error: unknown): string | undefined =>
  isNoukaiError(error) && error._tag === "InvalidRequestError" ? error.field : undefined

describe("values of any kind are refused, or taken, and never break", () => {
  for (const [name, { call, values }] of Object.entries(operations)) {
    it.live(name, () =>
      fuzzEffect(FC.tuple(...values), 75, (given) =>
        Effect.gen(function*() {
          const { seen, transport } = counting()
          const http = NoukaiHttp.layerTransport(() => Effect.succeed(transport))
          const layer = Layer.provideMerge(layerOverHttp, http).pipe(
            Layer.provide(config({ baseUrl: "http://127.0.0.1:1/api/v1", maxRetries: 0, replayEnabled: true }))
          )
          const exit = yield* Effect.suspend(() => call(...given.map(({ make }) => make()))).pipe(
            Effect.provide(layer),
            Effect.provide(Logger.remove(Logger.defaultLogger)),
            Effect.exit
          )
          const error = told(exit)
          if (fieldOf(error) !== undefined && name !== "TraceScope" && !name.includes("with tools")) {
            assert.strictEqual(seen.sent, 0)
          }
        }).pipe(
          Effect.catchAllDefect((defect) =>
            Effect.die(new Error(`${given.map(({ name }) => name).join("; ")}: ${String(defect)}`))
          )
        )), fuzzTimeout)
  }
})

const configFields = [
  "apiKey",
  "env",
  "port",
  "baseUrl",
  "org",
  "project",
  "sessionId",
  "connectTimeout",
  "attemptTimeout",
  "timeout",
  "firstByteTimeout",
  "idleTimeout",
  "maxRetries",
  "retry",
  "retryPost",
  "maxConcurrency",
  "rate",
  "replayEnabled",
  "runPaths",
  "isSessionNotFound",
  "headers",
  "maxResponseBytes",
  "maxFrameBytes",
  "log",
  "logPayloads",
  "dispatcher"
]

type AnyLayer = Layer.Layer<never, unknown>

const layers: {
  readonly [name: string]: readonly [FC.Arbitrary<readonly [Wrong, Wrong]>, (...given: Given) => AnyLayer]
} = {
  "Noukai.layer": [FC.tuple(spoiled({}, configFields), wrong), (options) => any(Noukai.layer(any(options)))],
  "Noukai.layerConfig": [
    FC.tuple(spoiled({}, configFields), wrong),
    (options) => any(Noukai.layerConfig(any(options)))
  ],
  "NoukaiConfig.make": [
    FC.tuple(spoiled({}, configFields), wrong),
    (options) => any(Layer.effectDiscard(NoukaiConfig.make(any(options))))
  ],
  "Relay.layer": [
    FC.tuple(spoiled({ url: "http://127.0.0.1:1/agent" }, ["url", "flow", ...configFields]), wrong),
    (options) => any(Relay.layer(any(options)))
  ],
  "NoukaiReplay.fromSession": [
    FC.tuple(executionId, wrong),
    (id) =>
      any(Layer.provide(
        NoukaiReplay.fromSession(any(id)),
        config({ baseUrl: "http://127.0.0.1:1/api/v1", maxRetries: 0 })
      ))
  ],
  "NoukaiReplay.fromFile": [
    FC.tuple(wrong, spoiled({}, ["org", "project", "match", "redact"])),
    (path, options) => any(NoukaiReplay.fromFile(any(path), any(options)))
  ],
  "NoukaiReplay.fromCassette": [
    FC.tuple(
      spoiled({ format: "noukai-cassette/1", kind: "recording", client: {}, entries: [] }, [
        "format",
        "kind",
        "client",
        "entries"
      ]),
      spoiled({}, ["org", "project", "match", "redact"])
    ),
    (cassette, options) => any(NoukaiReplay.fromCassette(any(cassette), any(options)))
  ],
  "NoukaiRecord.toFile": [
    FC.tuple(
      FC.oneof(wrong, FC.constant<Wrong>({ name: "a path", make: () => "/nowhere/at/all.json" })),
      spoiled({ mode: "none" }, ["mode", "match", "redact", "live"])
    ),
    (path, options) => any(NoukaiRecord.toFile(any(path), any(options)))
  ]
}

describe("options of any kind are refused, or taken, while a layer is built", () => {
  for (const [name, [values, make]] of Object.entries(layers)) {
    it.live(name, () =>
      fuzzEffect(values, 75, ([first, second]) =>
        Effect.gen(function*() {
          const exit = yield* Effect.suspend(() => Effect.scoped(Layer.build(make(first.make(), second.make())))).pipe(
            Effect.provide(Logger.remove(Logger.defaultLogger)),
            Effect.exit
          )
          told(exit)
        }).pipe(
          Effect.catchAllDefect((defect) => Effect.die(new Error(`${first.name}; ${second.name}: ${String(defect)}`)))
        )), fuzzTimeout)
  }
})
