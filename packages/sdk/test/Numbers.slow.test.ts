/** Wrong numbers and times, and misspelt options, of any input are refused before anything is sent. */
import * as RelayServer from "@effect-noukai/adapters/Relay"
import * as Reconcile from "@effect-noukai/report/Reconcile"
import { FlowService, JobService, Noukai, RunService, SessionService } from "@effect-noukai/sdk"
import * as Budget from "@effect-noukai/sdk/Budget"
import * as Job from "@effect-noukai/sdk/Job"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Relay from "@effect-noukai/sdk/Relay"
import { ScriptedHttp } from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, type Scope, Stream } from "effect"

const any = (value: unknown) => value as never

const flow = "acme/test/a"

const attached = Effect.flatMap(JobService, (jobs) => jobs.attach(flow, "ex-1"))

type Call = (options: object) => Effect.Effect<unknown, unknown, Noukai.Services | Scope.Scope>

const execute = (
  use: (flows: FlowService.Service, input: never) => Effect.Effect<unknown, unknown>
): Call =>
(options) => Effect.flatMap(FlowService, (flows) => use(flows, any({ message: "a", ...options })))

const read = (use: (runs: RunService.Service, options: never) => Effect.Effect<unknown, unknown>): Call => (options) =>
  Effect.flatMap(RunService, (runs) => use(runs, any(options)))

const inputs: { readonly [name: string]: Call } = {
  execute: execute((flows, input) => flows.execute(flow, input)),
  executeOnce: execute((flows, input) => flows.executeOnce("key", flow, input)),
  events: execute((flows, input) => Stream.runDrain(flows.events(flow, input))),
  steps: execute((flows, input) => Stream.runDrain(flows.steps(flow, input))),
  submit: (options) => Effect.flatMap(JobService, (jobs) => jobs.submit(flow, any({ message: "a", ...options }))),
  attach: (options) => Effect.flatMap(JobService, (jobs) => jobs.attach(flow, "ex-1", any(options))),
  wait: (options) => Effect.flatMap(attached, (job) => job.wait(any(options))),
  waitAll: (options) => Effect.flatMap(attached, (job) => Stream.runDrain(Job.waitAll([job], any(options)))),
  submitOnce: (options) =>
    Effect.flatMap(JobService, (jobs) => jobs.submitOnce("key", flow, any({ message: "a", ...options }))),
  session: (options) =>
    Effect.flatMap(SessionService, (sessions) => sessions.get("00000000-0000-4000-8000-000000000000", any(options))),
  forward: (options) => Effect.suspend(() => RelayServer.forward(flow, any(options))),
  poll: (options) => Effect.flatMap(attached, (job) => job.poll(any(options))),
  trace: read((runs, options) => runs.trace(flow, "ex-1", options)),
  summary: read((runs, options) => runs.summary(flow, "ex-1", options)),
  stepTrace: read((runs, options) => runs.stepTrace(flow, "ex-1", "s", options)),
  liveTrace: read((runs, options) => Stream.runDrain(runs.liveTrace(flow, "ex-1", options))),
  list: (options) => Effect.flatMap(RunService, (runs) => Stream.runDrain(runs.list(any({ flowId: "f", ...options })))),
  findings: (options) => Stream.runDrain(Reconcile.findings(Stream.empty, any(options))),
  budget: (options) => Budget.make(any({ limitUsd: 1, ...options })),
  config: (options) => Layer.build(NoukaiConfig.layer(any({ apiKey: Redacted.make("nk_a"), ...options }))),
  relay: (options) => Layer.build(Relay.layer(any({ url: "http://127.0.0.1:1/agent", ...options })))
}

/** Whole numbers, amounts, and times. A time may be a part of a millisecond; one that limits may be endless. */
const never = [NaN, -1, null, "many", true, []]
const counts = [...never, 0.5, Infinity, "5", 5n, 1e21]
const amounts = [...never, Infinity]
const times = [...never, "5", "-1 second", -1n, [-1, 0], [NaN, 0]]

const call = ["timeout", "attemptTimeout", "connectTimeout"]

const table: ReadonlyArray<readonly [name: string, fields: ReadonlyArray<string>, values: ReadonlyArray<unknown>]> = [
  ["execute", ["version", "maxToolRounds", "toolConcurrency"], counts],
  ["execute", ["maxCostUsd"], amounts],
  ["execute", call, times],
  ["executeOnce", ["version", "maxToolRounds", "toolConcurrency"], counts],
  ["executeOnce", ["settle"], amounts],
  ["executeOnce", call, times],
  ["events", ["version", "maxToolRounds", "toolConcurrency"], counts],
  ["events", ["maxCostUsd"], amounts],
  ["events", [...call, "firstByteTimeout", "idleTimeout"], times],
  ["steps", ["version", "maxToolRounds", "toolConcurrency"], counts],
  ["steps", ["maxCostUsd"], amounts],
  ["submit", ["version"], counts],
  ["submit", call, times],
  ["attach", ["grace"], times],
  ["wait", call, times],
  ["poll", ["timeout"], times],
  ["waitAll", ["concurrency", "rate", "rate.limit"], counts],
  ["waitAll", ["rate.interval"], amounts],
  ["waitAll", ["timeout"], times],
  ["submitOnce", ["settle"], amounts],
  ["session", call, times],
  ["forward", ["version"], counts],
  ["forward", ["attemptTimeout"], times],
  ["trace", call, times],
  ["summary", call, times],
  ["stepTrace", ["attempt", "loopIndex"], counts],
  ["liveTrace", ["firstByteTimeout", "idleTimeout"], times],
  ["list", ["limit"], counts],
  ["findings", ["concurrency"], counts],
  ["budget", ["limitUsd", "perRun"], amounts],
  [
    "config",
    ["port", "maxRetries", "maxConcurrency", "rate", "rate.limit", "maxResponseBytes", "maxFrameBytes"],
    counts
  ],
  ["config", [...call, "firstByteTimeout", "idleTimeout"], times],
  ["config", ["rate.interval"], amounts],
  ["relay", ["maxRetries", "maxConcurrency", "rate", "rate.limit", "maxResponseBytes"], counts],
  ["relay", ["timeout", "attemptTimeout", "connectTimeout"], times],
  ["relay", ["rate.interval"], amounts]
]

const optionsOf = (field: string, value: unknown): object =>
  field === "rate.limit"
    ? { rate: { limit: value, interval: 1 } }
    : field === "rate.interval"
    ? { rate: { limit: 1, interval: value } }
    : field === "port"
    ? { env: "dev", port: value }
    : { [field]: value }

describe("wrong numbers", () => {
  for (const [name, fields, values] of table) {
    it.effect(`of ${name} are refused: ${fields.join(", ")}`, () =>
      Effect.gen(function*() {
        for (const field of fields) {
          for (const value of values) {
            const error = yield* Effect.flip(Effect.scoped(inputs[name]!(optionsOf(field, value)))).pipe(
              Effect.catchAll(() => Effect.die(`${field} takes ${String(value)}`))
            )
            assert.instanceOf(error, InvalidRequestError, `${field}: ${String(value)}`)
            assert.strictEqual(error.field, field, String(value))
          }
        }
        assert.deepStrictEqual(yield* (yield* ScriptedHttp).calls, [])
      }).pipe(Effect.provide(Noukai.layerScripted())))
  }
})

const misspelt: { readonly [name: string]: readonly [misspelt: string, meant: string] } = {
  execute: ["onpause", "onPause"],
  executeOnce: ["settl", "settle"],
  events: ["idleTimeot", "idleTimeout"],
  steps: ["firstbyteTimeout", "firstByteTimeout"],
  submit: ["verson", "version"],
  submitOnce: ["rerunfailed", "rerunFailed"],
  attach: ["grac", "grace"],
  wait: ["schedul", "schedule"],
  waitAll: ["concurency", "concurrency"],
  poll: ["timeot", "timeout"],
  trace: ["header", "headers"],
  summary: ["timeot", "timeout"],
  stepTrace: ["atempt", "attempt"],
  liveTrace: ["idletimeout", "idleTimeout"],
  list: ["limt", "limit"],
  session: ["retryPst", "retryPost"],
  findings: ["concurency", "concurrency"],
  budget: ["perrun", "perRun"],
  config: ["maxRetrys", "maxRetries"],
  relay: ["maxConcurency", "maxConcurrency"],
  forward: ["attemptTimeot", "attemptTimeout"]
}

describe("a misspelt option", () => {
  for (const [name, call] of Object.entries(inputs)) {
    it.effect(`of ${name} is refused`, () =>
      Effect.gen(function*() {
        const [given, meant] = misspelt[name]!
        const error = yield* Effect.flip(Effect.scoped(call({ [given]: 1 })))
        assert.instanceOf(error, InvalidRequestError)
        assert.deepStrictEqual([error.field, error.reason], [given, `is not an option: did you mean ${meant}?`])
        assert.deepStrictEqual(yield* (yield* ScriptedHttp).calls, [])
      }).pipe(Effect.provide(Noukai.layerScripted())))
  }
})
