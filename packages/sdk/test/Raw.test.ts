/** `raw`: what the server sent, beside what is made of it; in no comparison, text, span or log; live and replayed. */
import * as Scripted from "@effect-noukai/report/testing"
import {
  Cassette,
  Flow,
  FlowService,
  type Job,
  JobService,
  type NoukaiError,
  NoukaiRecord,
  NoukaiReplay,
  RunService
} from "@effect-noukai/sdk"
import { layer as flowLayer } from "@effect-noukai/sdk/FlowService"
import { layerScripted, type Services } from "@effect-noukai/sdk/Noukai"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { deepStrictEqual } from "node:assert/strict"
import { inspect } from "node:util"
import { answering } from "./support/answering.js"
import { plantedKey } from "./support/client.js"
import { folder, read } from "./support/folder.js"
import { cassette, execution } from "./support/sessions.js"
import { collecting } from "./support/tracer.js"

const flow = "acme/support/answer"

const more = { future: { deep: [null, 1], by: plantedKey, mail: "ada@example.com", durationMs: 12 }, gone: null }

const completed = { status: "completed", result: { text: "ok" }, flowId: "fl_1", blockCount: "2", executionId: "ex-1" }

const failed = { status: "failed", result: { code: "X", message: "no model" }, executionId: null }

const toolCall = { id: "tc_1", type: "function", index: 0, function: { name: "lookup_order", arguments: "{}" } }

const paused = {
  status: "tool_calls_required",
  executionId: "ex-1",
  pausedAtStep: "triage",
  toolCallMessages: [{ role: "assistant", content: null, tool_calls: [toolCall] }],
  accumulatedOutputs: null
}

const step = { stepId: "classify", attempt: 1, status: "completed", durationMs: "12", ...more }

const run = { id: "ex-1", flowId: "fl_1", status: "completed", ...more }

const tools = [{ type: "function", function: { name: "lookup_order" } }] as const

const Typed = Flow.make(flow, { result: Schema.Struct({ text: Schema.NonEmptyString }) })

type Read = Effect.Effect<unknown, NoukaiError, Services>

const execute = (of: typeof flow | typeof Typed): Read =>
  Effect.flatMap(FlowService, (flows) => flows.execute(of, { message: "hi" }))

/** A failure as a value; there is to be one. */
const failure = <A, E, R>(read: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.flatMap(
    Effect.either(read),
    Either.match({
      onLeft: Effect.succeed,
      onRight: () => Effect.dieMessage("it should have failed")
    })
  )

const ofJob = (read: (job: Job) => Read): Read =>
  Effect.flatMap(Effect.flatMap(JobService, (jobs) => jobs.attach(flow, "ex-1")), read)

const ofRun = (read: (runs: RunService.Service) => Read): Read => Effect.flatMap(RunService, read)

interface Row {
  readonly name: string
  readonly body: object
  readonly read: Read
}

const rows: ReadonlyArray<Row> = [
  { name: "a result", body: { ...completed, ...more }, read: execute(flow) },
  { name: "a result of a typed flow", body: { ...completed, ...more }, read: execute(Typed) },
  {
    name: "a failed run",
    body: { ...failed, ...more },
    read: Effect.flatMap(FlowService, (flows) => failure(flows.execute(flow, { message: "hi" })))
  },
  {
    name: "a pause",
    body: { ...paused, ...more },
    read: Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi", tools }))
  },
  { name: "a job that waits", body: { status: "pending", ...more }, read: ofJob((job) => job.poll()) },
  { name: "a job that runs", body: { status: "running", progress: 0.5, ...more }, read: ofJob((job) => job.poll()) },
  { name: "a job that completed", body: { ...completed, ...more }, read: ofJob((job) => job.wait()) },
  { name: "a job that failed", body: { status: "failed", error: "no", ...more }, read: ofJob((job) => job.wait()) },
  { name: "a job that was cancelled", body: { status: "cancelled", ...more }, read: ofJob((job) => job.wait()) },
  { name: "a job that is something newer", body: { status: "resting", ...more }, read: ofJob((job) => job.poll()) },
  {
    name: "the failure of a job",
    body: { status: "failed", error: { code: "X" }, ...more },
    read: ofJob((job) => failure(job.result()))
  },
  {
    name: "a status among updates",
    body: { ...completed, ...more },
    read: ofJob((job) => Effect.flatten(Stream.runHead(job.updates)) as Read)
  },
  {
    name: "a trace",
    body: { flowRun: run, steps: [step], summary: { cost: 1 } },
    read: ofRun((runs) => runs.trace(flow, "ex-1"))
  },
  { name: "a step", body: step, read: ofRun((runs) => runs.stepTrace(flow, "ex-1", "classify")) },
  {
    name: "a step that counts its attempts",
    body: { ...step, attempts: [] },
    read: ofRun((runs) => runs.stepTrace(flow, "ex-1", "classify"))
  },
  {
    name: "all attempts at a step",
    body: { stepId: "classify", attempts: [step], ...more },
    read: ofRun((runs) => runs.stepTrace(flow, "ex-1", "classify", { attempt: "all" }))
  },
  { name: "a summary", body: run, read: ofRun((runs) => runs.summary(flow, "ex-1")) }
]

const answered = (body: unknown) =>
  answering({ status: 200, body: JSON.stringify(body), headers: { "x-request-id": "req-1" } })

const rawOf = (value: unknown): unknown => (value as { readonly raw?: unknown }).raw

/** As it was sent, but for the key. */
const sent = (body: unknown): unknown => JSON.parse(JSON.stringify(body).replaceAll(plantedKey, "<redacted>"))

const withoutMore = ({ body }: Row): unknown =>
  JSON.parse(JSON.stringify(body, (key, value) => Object.hasOwn(more, key) || key === "progress" ? undefined : value))

for (const row of rows) {
  describe(row.name, () => {
    it.live("has raw: the JSON as it was sent, without the key", () =>
      Effect.map(Effect.provide(row.read, answered(row.body)), (value) => {
        assert.deepStrictEqual(rawOf(value), sent(row.body))
        // of errors it is a getter of the class
        const holder: unknown = value instanceof Error ? Object.getPrototypeOf(value) : value
        const descriptor = Object.getOwnPropertyDescriptor(holder, "raw")
        assert.isFalse(descriptor?.enumerable)
        assert.isFunction(descriptor?.get)
      }))

    it.live("is the same without it, whoever compares or prints", () =>
      Effect.gen(function*() {
        const { opened, tracer } = collecting()
        const [value, other] = yield* Effect.all([
          Effect.provide(Effect.withTracer(row.read, tracer), answered(row.body)),
          Effect.provide(Effect.withTracer(row.read, tracer), answered(withoutMore(row)))
        ])
        // `resume` is another function each time
        const comparable = (result: unknown) =>
          row.name === "a pause" ? Object.assign(result as object, { resume: undefined }) : result
        deepStrictEqual(comparable(value), comparable(other))
        assert.deepStrictEqual(comparable(value), comparable(other))
        assert.isTrue(Equal.equals(value, value))
        assert.notInclude(Object.keys(value as object), "raw")
        for (const text of [JSON.stringify(value), inspect(value, { depth: 9 }), String(value)]) {
          assert.notInclude(text, "future")
          assert.notInclude(text, "raw")
        }
        assert.notInclude(
          JSON.stringify(opened.map(({ attributes, span }) => [span.name, [...attributes]])),
          "future"
        )
      }))

    it.scopedLive("a recording replays it as it was, and what is made of it", () =>
      Effect.gen(function*() {
        const path = `${yield* folder}/cassette.json`
        const recorded = NoukaiRecord.toFile(path, { mode: "once", live: answered(row.body) })
        const live = yield* Effect.provide(row.read, recorded)
        const replayed = yield* Effect.provide(row.read, NoukaiReplay.fromFile(path))
        assert.deepStrictEqual(rawOf(live), sent(row.body))
        assert.deepStrictEqual(rawOf(replayed), sent(row.body))
        assert.strictEqual(JSON.stringify(rawOf(replayed)), JSON.stringify(rawOf(live)))
        assert.strictEqual(JSON.stringify(replayed), JSON.stringify(live))
      }))
  })
}

describe("the parts of what is read", () => {
  it.live("have their own", () =>
    Effect.gen(function*() {
      const runs = yield* RunService
      const trace = yield* runs.trace(flow, "ex-1")
      assert.deepStrictEqual(trace.flowRun.raw, sent(run))
      assert.deepStrictEqual(trace.steps.map((one) => one.raw), [sent(step)])
    }).pipe(Effect.provide(answered({ flowRun: run, steps: [step] }))))

  it.live("of a list are the runs", () =>
    Effect.gen(function*() {
      const runs = yield* RunService
      assert.deepStrictEqual([...yield* Stream.runCollect(runs.list({ flowId: "fl_1" }))].map((one) => one.raw), [
        sent(run)
      ])
    }).pipe(Effect.provide(answered({ runs: [run] }))))
})

describe("there is none", () => {
  it.effect("of what a script answers", () =>
    Effect.map(
      Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi" })),
      (done) => assert.isFalse("raw" in done)
    ).pipe(
      Effect.provide(Layer.provideMerge(
        flowLayer,
        layerScripted({ execute: [Scripted.completed(1)] })
      ))
    ))

  it.effect("in the replay of a session, which holds no response", () =>
    Effect.map(execute(flow), (done) => assert.isFalse("raw" in (done as object))).pipe(
      Effect.provide(NoukaiReplay.fromCassette(cassette(execution("answer", "execute", { text: "ok" }))))
    ))

  it.live("in the first 5 seconds of a job that is not shown yet", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.attach(flow, "ex-1", { grace: "5 seconds" })
      assert.isFalse("raw" in (yield* job.poll()))
    }).pipe(Effect.provide(answering({ status: 404, body: "{}" }))))
})

describe("what a recording keeps of it", () => {
  const record = (path: string, options?: NoukaiRecord.Options) =>
    Effect.provide(
      Effect.zipRight(
        Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi" })),
        NoukaiRecord.save
      ),
      NoukaiRecord.toFile(path, {
        mode: "all",
        live: answered({ ...completed, ...more, password: "hunter2" }),
        ...options
      })
    )

  it.scopedLive("is redacted", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/cassette.json`
      yield* record(path, { redact: { paths: ["**.password", "future.mail"], patterns: [/deep/] } })
      const text = yield* read(path)
      for (const secret of ["hunter2", "ada@example.com", plantedKey]) assert.notInclude(text, secret)
      const replayed = yield* Effect.provide(execute(flow), NoukaiReplay.fromFile(path))
      assert.deepStrictEqual(rawOf(replayed), {
        ...completed,
        future: { "[redacted]": [null, 1], by: "<redacted>", mail: "[redacted]", durationMs: 12 },
        gone: null,
        password: "[redacted]"
      })
    }))

  it.scopedLive("is a poll of its own where only unknown fields change", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/cassette.json`
      const poll = Effect.map(ofJob((job) => job.poll()), rawOf)
      const bodies = [{ status: "running", progress: 0.1 }, { status: "running", progress: 0.9 }]
      yield* Effect.provide(
        Effect.zip(poll, poll),
        NoukaiRecord.toFile(path, {
          mode: "all",
          live: answering(...bodies.map((body) => ({ status: 200, body: JSON.stringify(body) })))
        })
      )
      const loaded = yield* Cassette.load(path)
      const statuses = loaded.kind === "recording"
        ? loaded.entries.flatMap(({ answer }) => "statuses" in answer ? answer.statuses : [])
        : []
      assert.deepStrictEqual<unknown>(statuses, bodies.map((value) => ({ value, received: true })))
    }))
})
