/** The events of the run of a key: begun by one call, followed by all others. */
import { Emulator, type EmulatorOptions, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import {
  type EventsOnceInput,
  FlowService,
  JobService,
  Noukai,
  NoukaiRecord,
  NoukaiReplay,
  ReplayCassette,
  RunService,
  Tools
} from "@effect-noukai/sdk"
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Either, Fiber, Layer, Stream } from "effect"
import { join } from "node:path"
import { folder } from "./support/folder.js"
import { executeOnce, flows, runs, sessionOf, setup as emulated } from "./support/once.js"

const ref = "acme/test/three"

const three: EmulatedFlow = {
  ref,
  steps: ["a", "b", "c"].map((id, place) => ({
    kind: "template" as const,
    id,
    output: { step: id },
    costUsd: `0.${place + 1}`,
    duration: "20 millis"
  }))
}

const askingSteps: EmulatedFlow["steps"] = [
  { kind: "template", id: "before", output: "?", costUsd: "0.01" },
  { kind: "tool", id: "ask", rounds: [[{ name: "one" }], [{ name: "two" }]], output: "{{tools.two}}", costUsd: "0.1" },
  { kind: "template", id: "after", output: { said: "{{input}}" }, costUsd: "1" }
]

const asking: EmulatedFlow = {
  ref: "acme/test/asking",
  steps: askingSteps,
  versions: { 1: { steps: askingSteps } }
}

const late: EmulatedFlow = {
  ref: "acme/test/late",
  steps: [{ kind: "template", id: "a", output: 1, duration: "2 seconds" }]
}

const setup = (options: EmulatorOptions = {}) => emulated({ flows: [...flows, three, asking, late], ...options })

const eventsOnce = (key: string, flow = ref, input: EventsOnceInput = {}) =>
  Stream.unwrap(Effect.map(FlowService, (service) => service.eventsOnce(key, flow, { message: "hi", ...input })))

const all = (key: string, flow = ref, input: EventsOnceInput = {}) =>
  Effect.map(Stream.runCollect(eventsOnce(key, flow, input)), Chunk.toReadonlyArray)

const typesOf = (events: Iterable<FlowEvent>) => Array.from(events, ({ type }) => type)

const whole = [
  "run_started",
  ...["step_started", "step_completed", "step_paused"],
  ...["step_started", "step_completed", "step_paused"],
  ...["step_started", "step_completed", "flow_completed"]
]

const shown = (events: Iterable<FlowEvent>) => typesOf(events).filter((type) => whole.includes(type))

const ledger = Effect.flatMap(Emulator, (emulator) => emulator.ledger)

describe("eventsOnce", () => {
  it.scopedLive("begins the run of a key, and gives its events again", () =>
    Effect.gen(function*() {
      const begun = yield* all("k")
      assert.deepStrictEqual(shown(begun), whole)
      const again = yield* all("k")
      assert.deepStrictEqual(typesOf(again), typesOf(begun))
      assert.deepStrictEqual(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(begun)))
      const { billedUsd, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
    }).pipe(Effect.provide(setup())))

  it.scopedLive("is one run with executeOnce", () =>
    Effect.gen(function*() {
      yield* all("k")
      assert.deepInclude(yield* executeOnce("k", ref), { reused: true, result: { step: "c" } })
      yield* executeOnce("other", "acme/test/echo")
      assert.deepStrictEqual(shown(yield* all("other", "acme/test/echo")).at(-1), "flow_completed")
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("follows a run that another client begins", () =>
    Effect.gen(function*() {
      const other = Effect.provide(all("k"), Layer.fresh(Noukai.layerServices))
      const [a, b] = yield* Effect.all([all("k"), other], { concurrency: 2 })
      assert.deepStrictEqual(shown(a), whole)
      assert.deepStrictEqual(typesOf(b), typesOf(a))
      const { billedUsd, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
    }).pipe(Effect.provide(setup())))

  /** Begins a run and leaves it in its second step. */
  const left = Effect.gen(function*() {
    const second = yield* Deferred.make<void>()
    const fiber = yield* eventsOnce("k").pipe(
      Stream.tap((event) =>
        event.type === "step_started" && event.stepId === "b" ? Deferred.succeed(second, undefined) : Effect.void
      ),
      Stream.runDrain,
      Effect.fork
    )
    yield* Deferred.await(second)
    yield* Fiber.interrupt(fiber)
  })

  it.scopedLive("fails when the run is silent", () =>
    Effect.gen(function*() {
      yield* left
      const error = yield* Effect.flip(all("k", ref, { silence: "200 millis" }))
      assert.strictEqual(error._tag, "RunInProgressError")
    }).pipe(Effect.provide(setup())))

  it.scopedLive("takes over where the run is, and pays the step that was cut again", () =>
    Effect.gen(function*() {
      yield* left
      const events = yield* all("k", ref, { silence: "200 millis", takeOver: true })
      assert.deepStrictEqual(shown(events).filter((type) => type === "step_completed"), [
        "step_completed",
        "step_completed",
        "step_completed"
      ])
      assert.deepInclude(events.at(-1), { type: "flow_completed", result: { step: "c" } })
      const { billedUsd, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
    }).pipe(Effect.provide(setup())))

  const declarations = ["one", "two"].map((name) => ({ type: "function", function: { name } }) as const)

  const handling = (asked: Array<string>) =>
    Tools.handle(declarations, (calls) =>
      Effect.sync(() =>
        calls.map(({ id, name }) => {
          asked.push(name)
          return { toolCallId: id, content: `it is ${name}` }
        })
      ))

  const ask = (asked: Array<string>, input: object = {}) =>
    Effect.flatMap(FlowService, (service) =>
      Stream.runCollect(
        service.eventsOnce("k", "acme/test/asking", { message: "?", tools: handling(asked), ...input })
      ))

  it.scopedLive("answers the pauses of a run that it began, and follows those of others without them", () =>
    Effect.gen(function*() {
      const [mine, others] = [new Array<string>(), new Array<string>()]
      const begun = yield* ask(mine)
      const followed = yield* ask(others)
      assert.deepStrictEqual([mine, others], [["one", "two"], []])
      assert.deepStrictEqual(Chunk.unsafeLast(followed), Chunk.unsafeLast(begun))
      assert.strictEqual((yield* ledger).billedUsd, "1.11")
    }).pipe(Effect.provide(setup())))

  /** Begins a run of the asking flow, and leaves it in its first pause. */
  const paused = Effect.flatMap(
    FlowService,
    (service) => Stream.runLast(service.eventsOnce("k", "acme/test/asking", { message: "?", tools: declarations }))
  )

  it.scopedLive("answers a pause that was left, once it was silent, only if it takes over", () =>
    Effect.gen(function*() {
      yield* paused
      const asked: Array<string> = []
      const error = yield* Effect.flip(ask(asked, { silence: "100 millis" }))
      assert.deepInclude({ ...error }, { _tag: "RunInProgressError", isRetryable: true })
      assert.deepStrictEqual(asked, [])
      const taken = yield* ask(asked, { silence: "100 millis", takeOver: true })
      assert.deepStrictEqual(asked, ["one", "two"])
      assert.deepInclude(Chunk.unsafeLast(taken), { type: "flow_completed", result: { said: "it is two" } })
      const { billedUsd, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["1.11", 1])
    }).pipe(Effect.provide(setup())))

  it.scopedLive("gives an open pause to a caller that answers by hand", () =>
    Effect.gen(function*() {
      yield* paused
      const found = yield* paused
      assert(found._tag === "Some" && found.value.type === "tool_calls_required")
      const next = yield* Stream.runLast(
        found.value.resume(found.value.toolCalls.map(({ id, name }) => ({ toolCallId: id, content: `it is ${name}` })))
      )
      assert(next._tag === "Some" && next.value.type === "tool_calls_required")
      const again = yield* paused
      assert(again._tag === "Some" && again.value.type === "tool_calls_required")
      assert.deepStrictEqual(again.value.toolCalls, next.value.toolCalls)
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("two calls that take over at once pay each step that is left at most twice", () =>
    Effect.gen(function*() {
      yield* left
      const before = Number((yield* ledger).billedUsd)
      // also where it is shorter than a step, so that both may believe the run silent
      const taking = all("k", ref, { silence: "8 millis", takeOver: true })
      const other = Effect.provide(taking, Layer.fresh(Noukai.layerServices))
      const taken = yield* Effect.all([taking, other], { concurrency: 2, mode: "either" })
      assert.isTrue(taken.some(Either.isRight))
      const { billedUsd, runs } = yield* ledger
      assert.lengthOf(runs, 1)
      assert.isAtMost(Number(billedUsd), before + 2 * (0.2 + 0.3) + 1e-9)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("a limit of cost stops the run of a key between its steps", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(all("k", ref, { maxCostUsd: "0.25" }))
      assert.deepInclude({ ...error }, { _tag: "CostLimitError", spentUsd: "0.3" })
      const once = yield* Effect.flip(executeOnce("other", ref, { maxCostUsd: "0.25" }))
      assert.deepInclude({ ...once }, { _tag: "CostLimitError", spentUsd: "0.3" })
      const again = yield* Effect.flip(executeOnce("other", ref, { maxCostUsd: "0.25" }))
      assert.strictEqual(again._tag, "RunInProgressError")
      const left = yield* Effect.flip(executeOnce("other", ref, { takeOver: true, silence: "100 millis" }))
      assert.deepInclude({ ...left }, {
        _tag: "RunInProgressError",
        detail: "its steps are requested one by one, so that only eventsOnce with takeOver can go on with it"
      })
      const done = yield* executeOnce("third", ref, { maxCostUsd: 1 })
      assert.deepInclude(done, { reused: false, result: { step: "c" } })
      assert.deepInclude(yield* executeOnce("third", ref, { maxCostUsd: 1 }), { reused: true, result: { step: "c" } })
      // who takes over has the costs before it in its limit
      const taking = yield* Effect.flip(
        all("k", ref, { takeOver: true, silence: "100 millis", maxCostUsd: "0.2" })
      )
      assert.strictEqual(taking._tag, "CostLimitError")
      const { billedUsd, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["1.2", 3])
    }).pipe(Effect.provide(setup())))

  it.scopedLive("where the trace may not be read, the costs that events told count", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["403"], repeat: true })
      const error = yield* Effect.flip(all("k", ref, { maxCostUsd: "0.25" }))
      assert.deepInclude({ ...error }, { _tag: "CostLimitError", spentUsd: "0.3" })
      const taking = yield* Effect.flip(
        all("k", ref, { takeOver: true, silence: "100 millis", maxCostUsd: "0.29" })
      )
      assert.deepInclude({ ...taking }, { _tag: "CostLimitError", spentUsd: "0.3" })
    }).pipe(Effect.provide(setup())))

  it.scopedLive.each(["cut:e2", "reset", "503", "404", "429", "drip:5:1", "stall:100000:e2"])(
    "reads the events again after a fault of their stream: %s",
    (fault) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const begun = yield* all("k")
        yield* emulator.addFaults({ match: { endpoint: "traceStream" }, script: [fault] })
        assert.deepStrictEqual(typesOf(yield* all("k", ref, { silence: "500 millis" })), typesOf(begun))
        assert.lengthOf(yield* runs, 1)
      }).pipe(Effect.provide(setup()))
  )

  it.scopedLive(
    "takes over a run that was cut off before its first event, which has none",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "step" }, script: ["cut:e0"] })
        assert.strictEqual((yield* Effect.flip(all("k")))._tag, "APIConnectionError")
        const taken = yield* all("k", ref, { silence: "100 millis", takeOver: true })
        assert.deepInclude(taken.at(-1), { type: "flow_completed", result: { step: "c" } })
        const { billedUsd, runs } = yield* ledger
        assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
      }).pipe(Effect.provide(setup()))
  )

  it.scopedLive("looks at a list of runs that lags again after the time to settle", () =>
    Effect.gen(function*() {
      const begun = yield* all("k")
      const other = Effect.provide(all("k", ref, { settle: "2 seconds" }), Layer.fresh(Noukai.layerServices))
      assert.deepStrictEqual(typesOf(yield* other), typesOf(begun))
      // this client knows the run, although it is not listed
      assert.deepStrictEqual(typesOf(yield* all("late")), typesOf(begun))
      assert.deepStrictEqual(typesOf(yield* all("late")), typesOf(begun))
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup({ sessions: { lag: "1500 millis" } }))))

  it.scopedLive("fails with the refusal where events may not be read", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* all("k")
      yield* emulator.addFaults({ match: { endpoint: "traceStream" }, script: ["403"], repeat: true })
      assert.strictEqual((yield* Effect.flip(all("k")))._tag, "PermissionDeniedError")
    }).pipe(Effect.provide(setup())))

  it.scopedLive("gives the failure of a run again, and with rerunFailed runs again", () =>
    Effect.gen(function*() {
      const begun = yield* all("k", "acme/test/failing")
      assert.deepStrictEqual(typesOf(yield* all("k", "acme/test/failing")), typesOf(begun))
      assert.strictEqual(begun.at(-1)?.type, "step_error")
      assert.lengthOf(yield* runs, 1)
      yield* all("k", "acme/test/failing", { rerunFailed: true })
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("with rerunFailed, runs again beside a call that found the failed run", () =>
    Effect.gen(function*() {
      yield* Effect.flip(executeOnce("k", "acme/test/failing"))
      yield* Effect.all([
        Effect.flip(executeOnce("k", "acme/test/failing")),
        all("k", "acme/test/failing", { rerunFailed: true })
      ], { concurrency: 2 })
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("does not take over a run that an executeOnce of the process has begun, and that waits for results", () =>
    Effect.gen(function*() {
      const [paused, error] = yield* Effect.all([
        executeOnce("k", "acme/test/asking", { tools: declarations }),
        Effect.flip(ask([], { takeOver: true, silence: "100 millis" }))
      ], { concurrency: 2 })
      assert.strictEqual(paused.status, "tool_calls_required")
      assert.strictEqual(error._tag, "RunInProgressError")
      const { requests } = yield* ledger
      assert.deepStrictEqual(requests.filter(({ target }) => target.endsWith("/step")), [])
    }).pipe(Effect.provide(setup())))

  it.scopedLive("a failure of another operation of the key is not its own", () =>
    Effect.gen(function*() {
      const { submitOnce } = yield* JobService
      const beside = <A, E extends { readonly _tag: string }, R>(
        leader: Effect.Effect<unknown, E, R>,
        follower: Effect.Effect<A, E, R>
      ) =>
        Effect.gen(function*() {
          const leading = yield* Effect.fork(Effect.flip(leader))
          yield* Effect.yieldNow()
          const followed = yield* follower
          return [(yield* Fiber.join(leading))._tag, followed] as const
        })
      // a job that runs: its result is not there yet, and its events are
      yield* submitOnce("job", late.ref, { message: "hi" })
      const [running, ofJob] = yield* beside(executeOnce("job", late.ref), all("job", late.ref))
      assert.strictEqual(running, "RunInProgressError")
      assert.strictEqual(ofJob.at(-1)?.type, "flow_completed")
      // a run that failed: its error is an event
      yield* Effect.flip(executeOnce("failed", "acme/test/failing"))
      const [failed, ofFailed] = yield* beside(
        executeOnce("failed", "acme/test/failing"),
        all("failed", "acme/test/failing")
      )
      assert.strictEqual(failed, "FlowExecutionError")
      assert.strictEqual(ofFailed.at(-1)?.type, "step_error")
      // a run that is not a job
      yield* executeOnce("run", ref)
      const [refused, found] = yield* beside(submitOnce("run", ref, { message: "hi" }), executeOnce("run", ref))
      assert.strictEqual(refused, "InvalidRequestError")
      assert.deepInclude(found, { reused: true, result: { step: "c" } })
      assert.lengthOf(yield* runs, 3)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("an executeOnce of the process waits for the run that it has begun only with takeOver", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const slow = yield* Effect.fork(all("slow", "acme/test/slow"))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const error = yield* Effect.flip(executeOnce("slow", "acme/test/slow"))
      assert.strictEqual(error._tag, "RunInProgressError")
      yield* Fiber.interrupt(slow)
      const events = yield* Effect.fork(all("k"))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepId === "b")
      const once = yield* executeOnce("k", ref, { takeOver: true })
      assert.deepInclude(once, { reused: true, result: { step: "c" } })
      assert.deepStrictEqual(shown(yield* Fiber.join(events)), whole)
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scopedLive.each(
    [
      ["silence", NaN],
      ["silence", Infinity],
      ["silence", -1],
      ["settle", NaN],
      ["takeOver", "yes"],
      ["maxCostUsd", NaN],
      ["sessionId", "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"],
      ["from", {}],
      ["silense", 1]
    ] as const
  )("refuses %s %s before anything is sent", ([field, value]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(all("k", ref, { [field]: value }))
      assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field, method: "FlowService.eventsOnce" })
      assert.strictEqual((yield* Effect.flip(all("")))._tag, "InvalidRequestError")
      assert.lengthOf((yield* ledger).requests, 0)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("a recording of a run that was begun, followed and taken over is replayed, and sends nothing", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "cassette.json")
      const emulator = yield* Emulator
      yield* left
      const program = Effect.all([
        all("new"),
        all("new"),
        all("k", ref, { silence: "100 millis", takeOver: true }),
        executeOnce("limited", ref, { maxCostUsd: 1 }),
        executeOnce("limited", ref, { maxCostUsd: 1 })
      ])
      const live = yield* Effect.provide(
        program,
        NoukaiRecord.toFile(path, { mode: "all", live: Noukai.layerServices })
      )
      const before = (yield* emulator.ledger).requests.length
      const replayed = yield* program.pipe(
        Effect.zipLeft(ReplayCassette.verify),
        Effect.provide(NoukaiReplay.fromFile(path))
      )
      assert.deepStrictEqual(
        replayed.slice(0, 3).map((events) => typesOf(events as never)),
        live.slice(0, 3).map((events) => typesOf(events as never))
      )
      assert.deepInclude(replayed[4], { result: { step: "c" } })
      assert.lengthOf((yield* emulator.ledger).requests, before)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("the replay of a session and a fake stream it as events", () =>
    Effect.gen(function*() {
      const begun = yield* all("k")
      const sessionId = yield* sessionOf(ref, "k")
      const replay = Layer.fresh(NoukaiReplay.fromSession(sessionId).pipe(Layer.provide(Noukai.layerServices)))
      const replayed = yield* Effect.provide(all("any"), replay)
      assert.deepInclude(replayed.at(-1), { type: "flow_completed", result: { step: "c" } })
      assert.strictEqual(begun.at(-1)?.type, "flow_completed")
      const faked = yield* Effect.provide(all("k"), Noukai.layerTest((slug) => Effect.succeed(`from ${slug}`)))
      assert.deepInclude(faked.at(-1), { type: "flow_completed", result: "from three" })
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("the pause of a live trace has the version of the run, and is answered", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const traces = yield* RunService
      const tools = declarations
      const seen = yield* Stream.runCollect(
        service.events("acme/test/asking", { message: "?", tools, version: 1, snapshots: true })
      )
      const paused = Chunk.unsafeLast(seen)
      assert(paused.type === "tool_calls_required")
      const watch = Effect.fnUntraced(function*(count: number) {
        const events = yield* Stream.runCollect(
          traces.liveTrace("acme/test/asking", paused.executionId, { version: 1, tools }).pipe(
            Stream.filter((event) => event.type === "tool_calls_required"),
            Stream.take(count)
          )
        )
        const last = Chunk.unsafeLast(events)
        assert(last.type === "tool_calls_required")
        assert.deepInclude(last.cursor, { flowVersion: 1, executionId: paused.executionId })
        const answers = last.toolCalls.map(({ id, name }) => ({ toolCallId: id, content: `it is ${name}` }))
        return yield* Stream.runCollect(last.resume(answers))
      })
      const next = Chunk.unsafeLast(yield* watch(1))
      assert.strictEqual(next.type, "tool_calls_required")
      assert.deepInclude(Chunk.unsafeLast(yield* watch(2)), { type: "flow_completed", result: { said: "it is two" } })
      const { billedUsd, requests, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["1.11", 1])
      const posts = requests.filter(({ method }) => method === "POST")
      assert.isTrue(posts.every(({ target }) => target.endsWith("/v1/step")))
    }).pipe(Effect.provide(setup())))
})
