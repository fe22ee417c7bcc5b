/** Requests that went wrong replay: up to the step at which their run stopped, and fail there. */
import { Emulator, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import { Cassette, FlowService, Noukai, NoukaiRecord, NoukaiReplay, Tools, TraceScope } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Schema, Stream } from "effect"
import { join } from "node:path"
import { folder } from "./support/folder.js"
import { cassette, execution, failedStep, step } from "./support/sessions.js"
import { share } from "./support/size.js"

const asking = "acme/test/asking"
const three = "acme/test/three"

const flows: ReadonlyArray<EmulatedFlow> = [
  {
    ref: asking,
    steps: [
      { kind: "template", id: "classify", output: { label: "order" } },
      { kind: "tool", id: "lookup", rounds: [[{ name: "get_order" }]], output: { text: "{{tools.get_order}}" } },
      { kind: "template", id: "answer", output: { text: "Monday" } }
    ]
  },
  {
    ref: three,
    steps: ["a", "b", "c"].map((id) => ({ kind: "template" as const, id, output: { of: id }, costUsd: "0.40" }))
  }
]

const emulator = (streamOutputs: "hosted" | "documented" = "hosted") =>
  Emulator.layer({
    flows,
    organisations: { acme: { capture: "full" } },
    config: { replayEnabled: true },
    streamOutputs
  })

class OrderMissing extends Schema.TaggedError<OrderMissing>()("OrderMissing", { id: Schema.String }) {}

let handled = 0

const tools = <E>(handler: Effect.Effect<string, E>) =>
  Tools.make(Tools.tool({
    name: "get_order",
    description: "Looks an order up",
    parameters: Schema.Struct({}),
    handler: () => Effect.zipRight(Effect.sync(() => handled++), handler)
  }))

const failing = tools(Effect.fail(new OrderMissing({ id: "A17" })))
const found = tools(Effect.succeed("it shipped"))

interface Seen {
  readonly seen: Array<string>
  readonly exit: Exit.Exit<unknown, unknown>
}

const seenIn = <E>(stream: Stream.Stream<{ readonly type: string; readonly stepId?: string | undefined }, E>) =>
  Effect.suspend(() => {
    const seen: Array<string> = []
    return Effect.map(
      Effect.exit(
        Stream.runForEach(
          stream,
          ({ stepId, type }) => Effect.sync(() => seen.push(stepId === undefined ? type : `${type} ${stepId}`))
        )
      ),
      (exit): Seen => ({ seen, exit })
    )
  })

const executed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit): Seen => ({ seen: [], exit }))

/** The programs that go wrong, by what goes wrong in them, and what is left of them in a session. */
const programs = {
  "execute, by a handler": {
    run: (handler: typeof failing | typeof found = failing) =>
      Effect.flatMap(FlowService, (service) => executed(service.execute(asking, { message: "hi", tools: handler }))),
    at: "\"lookup\"",
    seen: []
  },
  "events, by a handler": {
    run: (handler: typeof failing | typeof found = failing) =>
      Effect.flatMap(FlowService, (service) => seenIn(service.events(asking, { message: "hi", tools: handler }))),
    at: "\"lookup\"",
    seen: ["run_started", "step_started classify", "step_completed classify", "step_started lookup"]
  },
  "steps, by a handler": {
    run: (handler: typeof failing | typeof found = failing) =>
      Effect.flatMap(FlowService, (service) => seenIn(service.steps(asking, { message: "hi", tools: handler }))),
    at: "\"lookup\"",
    seen: ["step_completed classify"]
  },
  "execute, by its cost": {
    run: () => Effect.flatMap(FlowService, (service) => executed(service.execute(three, { maxCostUsd: "0.70" }))),
    at: "3, after \"b\"",
    seen: []
  },
  "events, by its cost": {
    run: () => Effect.flatMap(FlowService, (service) => seenIn(service.events(three, { maxCostUsd: "0.70" }))),
    at: "3, after \"b\"",
    seen: [
      "run_started",
      "step_started a",
      "step_completed a",
      "step_started b",
      "step_completed b"
    ]
  },
  "steps, by its cost": {
    run: () => Effect.flatMap(FlowService, (service) => seenIn(service.steps(three, { maxCostUsd: "0.70" }))),
    at: "3, after \"b\"",
    seen: ["step_completed a", "step_completed b"]
  }
} as const

const errorOf = ({ exit }: Seen): { readonly _tag: string; readonly [field: string]: unknown } => {
  assert.isTrue(Exit.isFailure(exit))
  return Exit.isFailure(exit) ? Cause.squash(exit.cause) as never : undefined as never
}

const unfinished = (seen: Seen, at: string) => {
  const error = errorOf(seen)
  assert.strictEqual(error._tag, "ReplayMissError")
  assert.strictEqual(error.code, "REPLAY_UNFINISHED_CLIENT")
  assert.include(String(error.message).split("\n")[0], `the recorded run did not end, at step ${at}`)
  assert.include((error.report as { reason: string }).reason, `the recorded run did not end, at step ${at}`)
}

const requests = Effect.map(Effect.flatMap(Emulator, ({ ledger }) => ledger), (ledger) => ledger.requestsReceived)

describe.each(["hosted", "documented"] as const)("a run that went wrong, streams in the %s shape", (shape) => {
  for (const [name, { at, run, seen }] of share(Object.entries(programs), shape === "hosted" ? 0 : 1, 2)) {
    it.scopedLive(`${name}: a session gives the recorded steps, and fails then`, () =>
      Effect.gen(function*() {
        const [live, sessionId] = yield* TraceScope.capture(
          Effect.zip(run(), Effect.map(TraceScope.currentSessionId, (id) => id!))
        )
        assert.include(["OrderMissing", "CostLimitError"], errorOf(live)._tag)
        const kept = yield* Cassette.fromSession(sessionId)
        const before = yield* requests
        handled = 0
        const inScope = yield* Effect.flip(TraceScope.replay(sessionId)(Effect.flatMap(run(), ({ exit }) => exit)))
        unfinished({ seen: [], exit: Exit.fail(inScope) }, at)
        assert.strictEqual((yield* requests) - before, 1)
        for (const layer of [NoukaiReplay.fromCassette(kept), NoukaiReplay.fromSession(sessionId)]) {
          const replayed = yield* Effect.provide(run(), layer)
          unfinished(replayed, at)
          assert.deepStrictEqual<unknown>(replayed.seen, seen)
          if (!name.startsWith("execute")) {
            assert.strictEqual(
              (errorOf(replayed) as { cursor?: { executionId?: string } }).cursor?.executionId,
              kept.session.executions[0]!.executionId
            )
          }
        }
        assert.strictEqual(handled, 0)
      }).pipe(Effect.provide(Noukai.layerServices), Effect.provide(emulator(shape))))

    it.scopedLive(`${name}: a cassette replays up to there, and fails as it did`, () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "c.json")
        const live = yield* Effect.provide(
          run(),
          NoukaiRecord.toFile(path, { mode: "all", live: Noukai.layerServices })
        )
        const before = yield* requests
        for (
          const layer of [
            NoukaiReplay.fromFile(path),
            NoukaiRecord.toFile(path, { mode: "once", live: Noukai.layerServices })
          ]
        ) {
          const replayed = yield* Effect.provide(run(), layer)
          assert.deepStrictEqual(replayed.seen, live.seen)
          assert.deepStrictEqual(
            JSON.parse(JSON.stringify(errorOf(replayed))),
            JSON.parse(JSON.stringify(errorOf(live)))
          )
        }
        assert.strictEqual(yield* requests, before)
      }).pipe(Effect.provide(emulator(shape))))
  }

  for (const name of ["execute, by a handler", "events, by a handler", "steps, by a handler"] as const) {
    it.scopedLive(`${name}: a cassette calls the handler, and one that is mended finds that the run did not end`, () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "c.json")
        const { run } = programs[name]
        yield* Effect.provide(run(), NoukaiRecord.toFile(path, { mode: "all", live: Noukai.layerServices }))
        handled = 0
        const replayed = yield* Effect.provide(run(found), NoukaiReplay.fromFile(path))
        assert.strictEqual(handled, 1)
        unfinished(replayed, name.startsWith("execute") ? "\"lookup\"" : "2")
        assert.match(String(errorOf(replayed).message), /mode "all", or delete the file/)
      }).pipe(Effect.provide(emulator(shape))))
  }
})

describe("a session", () => {
  const flow = (slug: string) => `acme/test/${slug}`
  const execute = (slug: string) => Effect.flatMap(FlowService, (service) => executed(service.execute(flow(slug), {})))
  const events = (slug: string) => Effect.flatMap(FlowService, (service) => seenIn(service.events(flow(slug), {})))
  /** As the server tells of a run of which no step was recorded. */
  const empty = { steps: [], traceCaptureMode: null, snapshotsAvailable: false }

  const rows: ReadonlyArray<
    readonly [name: string, more: { readonly [key: string]: unknown }, at: string, seen: ReadonlyArray<string>]
  > = [
    ["pending, without steps", { status: "pending", ...empty }, "1", ["run_started"]],
    ["running, without steps", { status: "running", ...empty }, "1", ["run_started"]],
    ["running, in its first step", { status: "running", steps: [step("a", null, { status: "running" })] }, "\"a\"", [
      "run_started",
      "step_started a"
    ]],
    [
      "running, in its second step",
      { status: "running", steps: [step("a", 1), step("b", null, { status: "running" })] },
      "\"b\"",
      ["run_started", "step_started a", "step_completed a", "step_started b"]
    ],
    [
      "running, tried again",
      {
        status: "running",
        steps: [step("a", 1), failedStep("b", { code: "BUSY" }), step("b", null, { attempt: 2, status: "running" })]
      },
      "\"b\"",
      ["run_started", "step_started a", "step_completed a", "step_started b"]
    ],
    ["running, between two steps", { status: "running", steps: [step("a", 1)] }, "2, after \"a\"", [
      "run_started",
      "step_started a",
      "step_completed a"
    ]],
    ["of a status of tomorrow", { status: "suspended", steps: [step("a", 1)] }, "2, after \"a\"", [
      "run_started",
      "step_started a",
      "step_completed a"
    ]]
  ]
  for (const [name, more, at, seen] of rows) {
    it.effect(`with a run that is ${name}: its other runs replay, and it fails where it stood`, () =>
      Effect.gen(function*() {
        const other = yield* execute("ok")
        assert.isTrue(Exit.isSuccess(other.exit))
        unfinished(yield* execute("a"), at)
        const streamed = yield* events("a")
        unfinished(streamed, at)
        assert.deepStrictEqual(streamed.seen, seen)
      }).pipe(Effect.provide(NoukaiReplay.fromCassette(cassette(
        execution("ok", "execute", 1),
        execution("a", "execute", null, more),
        execution("a", "step", null, more)
      )))))
  }

  it.effect("with a cancelled run: it failed", () =>
    Effect.gen(function*() {
      assert.strictEqual(errorOf(yield* execute("a"))._tag, "FlowExecutionError")
      const streamed = yield* events("a")
      assert.deepStrictEqual(streamed.seen, ["run_started", "step_started a", "step_completed a"])
      assert.strictEqual(errorOf(streamed)._tag, "FlowExecutionError")
      const stopped = yield* execute("b")
      assert.strictEqual(errorOf(stopped)._tag, "FlowExecutionError")
    }).pipe(Effect.provide(NoukaiReplay.fromCassette(cassette(
      execution("a", "execute", null, { status: "cancelled", steps: [step("a", 1)] }),
      execution("a", "step", null, { status: "cancelled", steps: [step("a", 1)] }),
      execution("b", "execute", null, { status: "cancelled", ...empty })
    )))))

  it.effect("with a run that was captured without payloads has none, whatever its status", () =>
    Effect.gen(function*() {
      for (const status of ["completed", "running", "failed"]) {
        for (const steps of [[step("a", null)], []]) {
          const without = cassette(
            execution("a", "execute", null, {
              status,
              steps,
              traceCaptureMode: "metadata_only",
              snapshotsAvailable: false
            })
          )
          const error = yield* Effect.flip(Layer.build(NoukaiReplay.fromCassette(without)))
          assert.strictEqual(error._tag, "ReplayNoSnapshotsError")
        }
      }
      const unknown = cassette(execution("a", "execute", null, { status: "completed", ...empty }))
      assert.strictEqual(
        (yield* Effect.flip(Layer.build(NoukaiReplay.fromCassette(unknown))))._tag,
        "ReplayNoSnapshotsError"
      )
    }).pipe(Effect.scoped))
})

it.scoped("a pause that a program leaves to its caller replays as one, and its answer is a miss that says so", () =>
  Effect.gen(function*() {
    const path = join(yield* folder, "c.json")
    const call = Effect.flatMap(
      FlowService,
      (service) =>
        service.execute(asking, {
          message: "hi",
          tools: [{ type: "function", function: { name: "get_order" } }]
        })
    )
    const script = layerScripted({
      execute: [Effect.succeed({
        status: "tool_calls_required",
        executionId: "ex-1",
        pausedAtStep: "lookup",
        iterationsUsed: 1,
        toolCallMessages: [],
        toolCalls: [{ id: "t1", type: "function", function: { name: "get_order", arguments: "{}" } }],
        flowId: "fl_1",
        blockCount: 1
      })]
    })
    yield* Effect.provide(call, NoukaiRecord.toFile(path, { mode: "all", live: script }))
    const exit = yield* Effect.provide(
      Effect.gen(function*() {
        const paused = yield* call
        assert.strictEqual(paused.status, "tool_calls_required")
        return paused.status === "tool_calls_required"
          ? yield* Effect.exit(paused.resume([{ toolCallId: "t1", content: "x" }]))
          : Exit.void
      }),
      NoukaiReplay.fromFile(path)
    )
    unfinished({ seen: [], exit }, "\"lookup\"")
  }))
