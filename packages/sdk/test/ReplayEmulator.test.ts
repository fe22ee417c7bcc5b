/** One program, live on the emulator, and then from its session. */
import { Emulator, type Flow as EmulatedFlow, samples } from "@effect-noukai/emulator"
import {
  Cassette,
  Flow,
  FlowService,
  Noukai,
  NoukaiConfig,
  NoukaiReplay,
  ReplayCassette,
  Tools,
  TraceScope
} from "@effect-noukai/sdk"
import { make as makeConfig } from "@effect-noukai/sdk/NoukaiConfig"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Redacted, Schema, Stream } from "effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"

const flows: ReadonlyArray<EmulatedFlow> = [
  ...samples,
  {
    ref: "acme/test/failing",
    steps: [{ kind: "template", id: "a", output: 1 }, { kind: "fail", id: "b", code: "X", message: "it broke" }]
  },
  {
    ref: "acme/test/flaky",
    steps: [{ kind: "template", id: "a", output: "ok", failsFirst: { times: 2, code: "BUSY", message: "later" } }]
  },
  {
    ref: "acme/test/loop",
    steps: [
      { kind: "template", id: "before", output: ["x", "y"] },
      {
        kind: "loop",
        id: "each",
        over: ["x", "y"],
        steps: [{ kind: "template", id: "in", output: { at: "{{loop.item}}" } }]
      }
    ]
  }
]

const capture = { noukai: { capture: "full" }, acme: { capture: "full" } } as const

const setup = (replayEnabled = true) =>
  Layer.provideMerge(
    Noukai.layerServices,
    Emulator.layer({ flows, organisations: capture, config: { replayEnabled } })
  )

const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
  result: Schema.Struct({ score: Schema.Number, feedback: Schema.String })
})

const weather = Tools.make(Tools.tool({
  name: "get_weather",
  description: "The weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  handler: () => Effect.succeed("sunny")
}))

/** Runs a flow in each way there is, and says what callers can compare. */
const program = Effect.gen(function*() {
  const service = yield* FlowService
  const events = (ref: string) =>
    Effect.map(
      Stream.runCollect(service.events(ref, { message: "hi" })),
      (all) =>
        Chunk.toReadonlyArray(all).flatMap((event) =>
          event.type === "step_completed"
            ? [[event.type, event.stepId, event.output, event.stepIndex]]
            // 10.7: of a failure there is one in a replay alone
            : event.type === "flow_completed" && event.summary?.failedAtStep === undefined
            ? [[event.type, event.result]]
            : event.type === "step_error"
            ? [[event.type, event.stepId, event.code, event.message]]
            : []
        )
    )
  const executions = [
    yield* service.execute(Grade, { message: "The cat sat.", parameters: { difficulty: "hard" } }),
    yield* service.execute("noukai/samples/two-step", { message: "hi" }),
    yield* service.execute("noukai/samples/tools-enabled", { message: "Lisbon?", tools: weather }),
    yield* service.execute("acme/test/flaky", {}),
    yield* service.execute("acme/test/loop", {})
  ].map(({ requestId: _, ...comparable }) => comparable)
  const failed = yield* Effect.flip(service.execute("acme/test/failing", {}))
  const steps = yield* Stream.runCollect(service.steps("noukai/samples/two-step", { message: "hi" }))
  return {
    sessionId: yield* TraceScope.currentSessionId,
    executions,
    failed: { _tag: failed._tag, code: failed.code, detail: failed.detail },
    steps: Chunk.toReadonlyArray(steps).map(({ output, stepId, type }) => [type, stepId, output]),
    twoStep: yield* events("noukai/samples/two-step"),
    flaky: yield* events("acme/test/flaky"),
    loop: yield* events("acme/test/loop"),
    failing: yield* events("acme/test/failing")
  }
})

const ledger = Effect.flatMap(Emulator, (emulator) => emulator.ledger)

/** The requests of a replay to the server, which ran nothing. */
const asked = <A, E, R>(replay: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const before = yield* ledger
    const value = yield* replay
    const after = yield* ledger
    assert.strictEqual(after.runsStarted, before.runsStarted)
    assert.strictEqual(after.stepsRun, before.stepsRun)
    assert.strictEqual(after.billedUsd, before.billedUsd)
    return {
      value,
      requests: after.requests.slice(before.requests.length).map(({ endpoint, method }) => `${method} ${endpoint}`)
    }
  })

describe("equal results, no run, and no request but the fetch", () => {
  it.scoped("TraceScope.replay, with services built before", () =>
    Effect.gen(function*() {
      const live = yield* TraceScope.capture(program)
      assert.strictEqual((yield* ledger).runsStarted, 11)
      const { requests, value } = yield* asked(TraceScope.replay(live.sessionId!)(program))
      assert.deepStrictEqual(value, live)
      assert.deepStrictEqual(requests, ["GET session"])
    }).pipe(Effect.provide(setup())))

  it.scoped("NoukaiReplay.fromSession, ungated", () =>
    Effect.gen(function*() {
      const live = yield* TraceScope.capture(program)
      const replay = Effect.zipLeft(TraceScope.capture(program), ReplayCassette.verify)
      const { requests, value } = yield* asked(
        Effect.provide(replay, NoukaiReplay.fromSession(live.sessionId!))
      )
      assert.deepStrictEqual(value, live)
      assert.deepStrictEqual(requests, ["GET session"])
    }).pipe(Effect.provide(setup(false))))

  it.scoped("NoukaiReplay.fromFile of a saved session, without a configuration and without a request", () =>
    Effect.gen(function*() {
      const dir = yield* Effect.acquireRelease(
        Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "noukai-replay-"))),
        (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
      )
      const path = Path.join(dir, "session.json")
      const live = yield* TraceScope.capture(program)
      yield* Effect.flatMap(Cassette.fromSession(live.sessionId!), Cassette.save(path))
      const key = Redacted.value((yield* NoukaiConfig).apiKey)
      assert.notInclude(yield* Effect.promise(() => Fs.readFile(path, "utf8")), key)
      const replay = Effect.zipLeft(TraceScope.capture(program), ReplayCassette.verify)
      const { requests, value } = yield* asked(Effect.provide(replay, NoukaiReplay.fromFile(path)))
      assert.deepStrictEqual(value, live)
      assert.deepStrictEqual(requests, [])
    }).pipe(Effect.provide(setup())))
})

it.scoped("sessions: the session id is on every request of a run, resumes included, and on every result", () =>
  Effect.gen(function*() {
    const service = yield* FlowService
    const declarations = [{
      type: "function",
      function: { name: "get_weather", parameters: { type: "object" } }
    }] as const
    const [id, done] = yield* TraceScope.capture(Effect.gen(function*() {
      const ref = "noukai/samples/tools-enabled"
      const answer = (calls: ReadonlyArray<{ readonly id: string }>) =>
        calls.map((call) => ({ toolCallId: call.id, content: "sunny" }))
      const paused = yield* service.execute(ref, { message: "Lisbon?", tools: declarations })
      assert.strictEqual(paused.status, "tool_calls_required")
      const resumed = paused.status === "tool_calls_required" ? yield* paused.resume(answer(paused.toolCalls)) : paused
      const handled = yield* service.execute(ref, { message: "Lisbon?", tools: weather })
      yield* Stream.runDrain(service.events(ref, { message: "Lisbon?", tools: weather }))
      yield* Stream.runDrain(service.steps("noukai/samples/two-step", { message: "hi" }))
      return [yield* TraceScope.currentSessionId, [paused, resumed, handled]] as const
    }))
    const { requests, runs } = yield* ledger
    assert.strictEqual(requests.length, 8)
    assert.deepStrictEqual(requests.map(({ headers }) => headers["x-session-id"]), requests.map(() => id))
    assert.deepStrictEqual(done.map(({ sessionId }) => sessionId), [id, id, id])
    assert.strictEqual(runs.length, 4)
  }).pipe(Effect.provide(setup())))

describe("sessions: a session that cannot be replayed", () => {
  const capturedHello = Effect.flatMap(FlowService, (service) =>
    TraceScope.capture(Effect.zipRight(
      service.execute("noukai/samples/hello-world", { message: "hi" }),
      TraceScope.currentSessionId
    )))

  const opening = (id: string) => Effect.flip(TraceScope.replay(id)(Effect.dieMessage("the body ran")))

  it.scoped("wrong id, unknown, expired, gate off", () =>
    Effect.gen(function*() {
      const id = (yield* capturedHello)!
      assert.strictEqual((yield* opening("../keys"))._tag, "ReplayInvalidSessionError")
      assert.strictEqual(
        (yield* opening("00000000-0000-4000-8000-000000000000"))._tag,
        "ReplaySessionNotFoundError"
      )
      yield* Effect.flatMap(Emulator, (emulator) => emulator.expireSession(id))
      assert.strictEqual((yield* opening(id))._tag, "ReplaySessionExpiredError")
      const off = NoukaiConfig.of({ ...(yield* NoukaiConfig), replayEnabled: false })
      const gated = yield* asked(
        Effect.provide(opening(id), Layer.provide(Noukai.layerServices, Layer.succeed(NoukaiConfig, off)))
      )
      assert.strictEqual(gated.value._tag, "ReplayDisabledError")
      assert.deepStrictEqual(gated.requests, [])
    }).pipe(Effect.provide(setup())))

  it.scoped("the key of another project", () =>
    Effect.gen(function*() {
      const id = (yield* capturedHello)!
      const { baseUrl } = yield* Emulator
      const foreign = yield* makeConfig({ apiKey: Redacted.make("nk_b"), baseUrl, replayEnabled: true })
      const error = yield* Effect.provide(
        opening(id),
        Layer.provide(Noukai.layerServices, Layer.succeed(NoukaiConfig, foreign))
      )
      assert.strictEqual(error._tag, "ReplayForbiddenError")
    }).pipe(Effect.provide(Layer.provideMerge(
      Noukai.layerServices,
      Emulator.layer({
        organisations: capture,
        keys: [{ key: "nk_a", org: "noukai", project: "samples" }, { key: "nk_b", org: "acme", project: "test" }]
      })
    ))))

  it.scoped("captured without payloads", () =>
    Effect.gen(function*() {
      const id = (yield* capturedHello)!
      assert.strictEqual((yield* opening(id))._tag, "ReplayNoSnapshotsError")
    }).pipe(Effect.provide(Layer.provideMerge(
      Noukai.layerServices,
      Emulator.layer({ capture: "metadata_only", config: { replayEnabled: true } })
    ))))

  it.scoped("a first run on an emulator can be replayed, since it keeps payloads", () =>
    Effect.gen(function*() {
      const id = (yield* capturedHello)!
      const flows = yield* FlowService
      const replayed = yield* flows.execute("noukai/samples/hello-world", { message: "hi" }).pipe(TraceScope.replay(id))
      assert.deepStrictEqual(replayed.result, { text: "Hello! You said: hi" })
      assert.lengthOf((yield* (yield* Emulator).ledger).runs, 1)
    }).pipe(Effect.provide(Layer.provideMerge(
      Noukai.layerServices,
      Emulator.layer({ config: { replayEnabled: true } })
    ))))
})
