/** Jobs, runs, sessions, scopes, budgets, recordings and spans. */
import {
  Budget,
  Flow,
  FlowService,
  JobService,
  RunService,
  SessionService,
  Tools,
  TraceScope
} from "@effect-noukai/effect4"
import { NoukaiRecord, NoukaiReplay, ReplayCassette } from "@effect-noukai/effect4/testing"
import { nudges } from "@effect-noukai/promise/webhook"
import { Context, Effect, Layer, Redacted, Schedule, Schema, Stream, Tracer } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { grade, live as liveGrade } from "./examples/grade.js"
import { key, world } from "./support/world.js"

const { emulator, live, run } = world()

const graded = Flow.make("acme/t/grade", { result: Schema.Struct({ score: Schema.Number }) })

const sessionId = "5b0f3f6e-3c5f-4f25-9d3f-1d7a51f5a111"

describe("jobs", () => {
  it("are submitted once per key, waited for by a schedule, and attached", () =>
    run(Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submitOnce("key", graded, { message: "hi" })
      const ended = yield* job.wait({ timeout: "10 seconds", schedule: Schedule.spaced("1 millis") })
      assert(ended.status === "completed")
      assert.strictEqual(ended.result.score, 7)
      assert.strictEqual((yield* job.result()).score, 7)
      assert.isTrue((yield* jobs.submitOnce("key", graded, { message: "hi" })).reused)
      const again = yield* jobs.attach(graded, job.executionId, { grace: "1 second" })
      assert.strictEqual((yield* again.poll()).status, "completed")
      assert.strictEqual(Array.from(yield* Stream.runCollect(again.updates)).at(-1)!.status, "completed")
      const failing = yield* jobs.submit("acme/t/failing", { message: "hi" })
      const error = yield* Effect.flip(failing.result({ schedule: Schedule.spaced("1 millis") }))
      assert.deepInclude(error, { _tag: "FlowExecutionError", method: "Job.result", code: "MODEL_DOWN" })
      const misfit = yield* jobs.attach(Flow.make("acme/t/grade", { result: Schema.String }), job.executionId)
      assert.deepInclude(yield* Effect.flip(misfit.wait()), { _tag: "UnexpectedResponseError" })
      const wrong = jobs.submit(graded, { message: "hi", callback: { url: "ftp://a", nudges: nudges() } })
      assert.deepInclude(yield* Effect.flip(wrong), { _tag: "InvalidRequestError" })
    })))
})

describe("runs and sessions", () => {
  it("are read", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const runs = yield* RunService
      const done = yield* flows.execute("acme/t/two", { message: "hi", snapshots: true, sessionId })
      const id = done.executionId!
      const { steps } = yield* runs.trace("acme/t/two", id)
      assert.deepStrictEqual(steps.map(({ stepId }) => stepId), ["a", "b"])
      assert.strictEqual((yield* runs.cost("acme/t/two", id)).executionId, id)
      assert.strictEqual((yield* runs.summary("acme/t/two", id)).id, id)
      assert.lengthOf((yield* runs.stepTrace("acme/t/two", id, "a", { attempt: "all" })).attempts, 1)
      assert.strictEqual((yield* runs.stepTrace("acme/t/two", id, "a")).stepId, "a")
      const listed = yield* Stream.runCollect(runs.list({ flowId: done.flowId! }))
      assert.deepStrictEqual(Array.from(listed, (one) => one.id), [id])
      const events = yield* Stream.runCollect(runs.liveTrace("acme/t/two", id))
      assert.strictEqual(Array.from(events).at(-1)!.type, "flow_completed")
      const session = yield* (yield* SessionService).get(sessionId)
      assert.deepStrictEqual(session.executions.map(({ executionId }) => executionId), [id])
      assert.deepInclude(yield* Effect.flip((yield* SessionService).get("no")), { _tag: "ReplayInvalidSessionError" })
    })))
})

describe("budgets", () => {
  it("refuse a run without room, and read a wrong amount", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      assert.strictEqual((yield* Effect.flip(Budget.make({ limitUsd: -1 }))).field, "limitUsd")
      const budget = yield* Budget.make({ limitUsd: "0.01", perRun: "1" })
      const asked = flows.execute("acme/t/two", { message: "hi" })
      assert.deepInclude(yield* Effect.flip(Budget.within(budget)(asked)), { _tag: "BudgetExceededError" })
      const streamed = Budget.withinStream(budget)(flows.events("acme/t/two", { message: "hi" }))
      assert.deepInclude(yield* Effect.flip(Stream.runDrain(streamed)), { _tag: "BudgetExceededError" })
      // another context does not leave it
      const escaping = Budget.within(budget)(Effect.promise(() => Effect.runPromise(Effect.flip(asked))))
      assert.deepInclude(yield* escaping, { _tag: "BudgetExceededError" })
      assert.strictEqual((yield* Budget.state(budget)).leftUsd, "0.01")
      assert.strictEqual(emulator().ledger().runsStarted, 0)
    })))
})

describe("scopes", () => {
  it("capture one session, name one, and refuse a replay that is switched off", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const asked = Effect.map(flows.execute("acme/t/two", { message: "hi" }), (done) => done.sessionId)
      const [one, other, current] = yield* TraceScope.capture(
        Effect.all([asked, TraceScope.capture(asked), TraceScope.currentSessionId])
      )
      assert.isString(one)
      assert.deepStrictEqual([one, one], [other, current])
      assert.strictEqual(yield* TraceScope.withSession(sessionId)(asked), sessionId)
      assert.isUndefined(yield* TraceScope.currentSessionId)
      assert.deepInclude(yield* Effect.flip(TraceScope.replay(one!)(asked)), { _tag: "ReplayDisabledError" })
    })))

  it("tell misses and leftovers of a replay", () =>
    run(
      Effect.gen(function*() {
        const flows = yield* FlowService
        const asked = flows.execute("acme/t/two", { message: "hi", snapshots: true })
        const id = (yield* TraceScope.capture(asked)).sessionId!
        assert.strictEqual((yield* TraceScope.replay(id)(asked)).status, "completed")
        assert.deepInclude(yield* Effect.flip(TraceScope.replay(id)(Effect.void)), { _tag: "ReplayLeftoverError" })
        const twice = TraceScope.replay(id)(Effect.andThen(asked, asked))
        assert.deepInclude(yield* Effect.flip(twice), { _tag: "ReplayMissError" })
        const events = flows.events("acme/t/two", { message: "hi", snapshots: true, sessionId })
        const before = emulator().ledger().runsStarted
        const captured = yield* Stream.runCollect(TraceScope.captureStream(events))
        assert.strictEqual(emulator().ledger().runsStarted, before + 1)
        const replayed = yield* Stream.runCollect(TraceScope.replayStream(sessionId)(events))
        assert.strictEqual(Array.from(replayed).at(-1)!.type, Array.from(captured).at(-1)!.type)
        assert.strictEqual(Array.from(replayed).at(-1)!.type, "flow_completed")
        assert.strictEqual(emulator().ledger().runsStarted, before + 1)
      }),
      { replayEnabled: true }
    ))
})

describe("recordings", () => {
  it("are written without the key and replayed without a server, from a file and from a session", async () => {
    const folder = mkdtempSync(join(tmpdir(), "effect4-"))
    try {
      const path = join(folder, "cassette.json")
      const asked = Effect.flatMap(FlowService, (flows) => flows.execute(graded, { message: "hi" }))
      const client = { apiKey: Redacted.make(key), env: "dev", port: emulator().port } as const
      await Effect.runPromise(Effect.provide(asked, NoukaiRecord.toFile(path, { mode: "all", client })))
      assert.notInclude(readFileSync(path, "utf8"), key)
      const before = emulator().ledger().requestsReceived
      const verify = Effect.flatMap(ReplayCassette, ({ verify }) => verify)
      const replay = NoukaiReplay.fromFile(path)
      const done = await Effect.runPromise(Effect.provide(Effect.tap(asked, () => verify), replay))
      assert.strictEqual(done.result.score, 7)
      const left = await Effect.runPromise(Effect.flip(Effect.provide(verify, replay)))
      assert.deepInclude(left, { _tag: "ReplayLeftoverError" })
      assert.strictEqual(emulator().ledger().requestsReceived, before)
      const missing = Effect.flip(Effect.provide(asked, NoukaiReplay.fromFile(join(folder, "no.json"))))
      assert.deepInclude(await Effect.runPromise(missing), { _tag: "CassetteError", reason: "NotFound" })

      const recorded = Effect.flatMap(
        FlowService,
        (flows) => flows.execute(graded, { message: "hi", sessionId, snapshots: true })
      )
      await Effect.runPromise(Effect.provide(recorded, live()))
      const started = emulator().ledger().runsStarted
      const fromSession = NoukaiReplay.fromSession(sessionId, client)
      assert.strictEqual((await Effect.runPromise(Effect.provide(asked, fromSession))).result.score, 7)
      assert.strictEqual(emulator().ledger().runsStarted, started)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe("spans", () => {
  it("are in one trace with the caller's, tools below the client's", async () => {
    const lines: Array<string> = []
    const ids = new Set<string>()
    const nameOf = (span: Tracer.AnySpan | undefined): string => span?._tag === "Span" ? span.name : "none"
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        lines.push(`${options.parent._tag === "Some" ? nameOf(options.parent.value) : "none"} > ${options.name}`)
        ids.add(span.traceId)
        return span
      }
    })
    const parents: Array<string | null> = []
    const fetch: typeof globalThis.fetch = (url, init) => {
      parents.push(new Headers(init?.headers).get("traceparent"))
      return globalThis.fetch(url, init)
    }
    const tool = Tools.tool({
      name: "get_weather",
      parameters: Schema.Struct({ city: Schema.String }),
      handler: () => Effect.withSpan(Effect.succeed("18"), "mine")
    })
    const program = Effect.flatMap(FlowService, (flows) =>
      Effect.andThen(
        flows.execute("acme/t/tool", { message: "hi", tools: [tool] }),
        Effect.ignore(flows.execute("acme/t/failing", { message: "hi" }))
      )).pipe(Effect.withSpan("root"), Effect.provideService(Tracer.Tracer, tracer))
    await run(program, { fetch })
    assert.include(lines, "root > noukai.flow.execute")
    assert.include(lines, "execute_tool get_weather > mine")
    assert.strictEqual(ids.size, 1, lines.join("\n"))
    assert.isAtLeast(parents.length, 3)
    for (const parent of parents) assert.include(parent ?? "", [...ids][0]!)
  })
})

describe("the example of the manual", () => {
  it("runs against a test layer", async () => {
    assert.isDefined(liveGrade)
    class Weather
      extends Context.Service<Weather, { readonly of: (city: string) => Effect.Effect<string> }>()("Weather")
    {}
    const { Noukai } = await import("@effect-noukai/effect4")
    const fake = Layer.merge(
      Noukai.layerTest(() => Effect.succeed({ score: 3 })),
      Layer.succeed(Weather, { of: () => Effect.succeed("18") })
    )
    assert.strictEqual(await Effect.runPromise(Effect.provide(grade, fake) as Effect.Effect<number>), 3)
  })
})
