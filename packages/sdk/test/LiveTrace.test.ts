/** The live trace: replay, then tail, to the end of the run (docs/wire.md#live-traces). */
import { Emulator, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import {
  type CallError,
  Flow,
  type FlowEvent,
  FlowExecutionError,
  FlowNotFoundError,
  FlowService,
  JobService,
  Noukai,
  type NoukaiError,
  RateLimitError,
  RunService
} from "@effect-noukai/sdk"
import type { WireEvent } from "@effect-noukai/sdk/FlowEvent"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import * as Runs from "@effect-noukai/sdk/RunService"
import * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Either, Fiber, Layer, Queue, Ref, Schedule, Schema, Stream, TestClock } from "effect"
import { servicesFor } from "./support/client.js"
import * as Wire from "./support/WireServer.js"

type Plain = { readonly type: string; readonly [key: string]: unknown }

/** The fields of an event, without what is built when asked for. */
const plain = (event: FlowEvent.FlowEvent): Plain => ({ ...event })

const collect = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function*() {
    const seen = yield* Ref.make<ReadonlyArray<A>>([])
    const end = yield* Effect.either(Stream.runForEach(stream, (event) => Ref.update(seen, (all) => [...all, event])))
    return { seen: yield* Ref.get(seen), failure: Either.isLeft(end) ? end.left : undefined }
  })

const watchScripted = <A = unknown>(
  events: Stream.Stream<WireEvent, CallError>,
  flow: Flow.Flow.Ref<never, A> = "a/b/c"
) =>
  Effect.flatMap(RunService, (runs) => collect(runs.liveTrace(flow, "ex-1"))).pipe(
    Effect.provide(Layer.provide(Runs.layer, layerScripted({ traceStream: [events] })))
  )

const happy: ReadonlyArray<WireEvent> = [
  { type: "run_started", executionId: "ex-1", flowId: "fl", stepCount: 2 },
  { type: "step_started", stepId: "a", name: "A", stepIndex: 0 },
  { type: "step_input", stepId: "a", inputData: { m: 1 } },
  { type: "step_output", stepId: "a", outputData: "par" },
  { type: "step_completed", stepId: "a", output: "partial", durationMs: 3, tokens: { total: 2 }, costUsd: "0.1" },
  { type: "step_paused", executionId: "ex-1", nextStepIndex: 1 },
  { type: "run_started", executionId: "ex-1" },
  { type: "step_started", stepId: "b", stepIndex: 0 },
  { type: "step_completed", stepId: "b", output: { score: "7" } },
  { type: "flow_completed", executionId: "ex-1", result: { score: "7" }, summary: null }
]

describe("what a live trace gives", () => {
  it.effect("the events of a run, with indices in the whole flow and one run_started", () =>
    Effect.gen(function*() {
      const { failure, seen } = yield* watchScripted(Stream.fromIterable(happy))
      assert.isUndefined(failure)
      assert.deepStrictEqual(seen.map(plain), [
        { type: "run_started", executionId: "ex-1", flowId: "fl", stepCount: 2, runId: undefined },
        { type: "step_started", stepId: "a", name: "A", stepIndex: 0 },
        { type: "step_input", stepId: "a", inputData: { m: 1 } },
        { type: "step_output", stepId: "a", outputData: "par" },
        {
          type: "step_completed",
          stepId: "a",
          name: undefined,
          output: "partial",
          outputFrom: "completed",
          durationMs: 3,
          tokens: { prompt: 0, completion: 0, total: 2 },
          costUsd: "0.1",
          stepIndex: 0
        },
        { type: "step_paused", executionId: "ex-1", nextStepIndex: 1, stepIndex: 0 },
        { type: "step_started", stepId: "b", name: undefined, stepIndex: 1 },
        {
          type: "step_completed",
          stepId: "b",
          name: undefined,
          output: { score: "7" },
          outputFrom: "completed",
          durationMs: undefined,
          tokens: undefined,
          costUsd: undefined,
          stepIndex: 1
        },
        {
          type: "flow_completed",
          executionId: "ex-1",
          runId: undefined,
          result: { score: "7" },
          resultFrom: "completed",
          summary: undefined
        }
      ])
    }))

  it.effect("however the events are chunked", () =>
    Effect.gen(function*() {
      const one = yield* watchScripted(Stream.rechunk(Stream.fromIterable(happy), 1))
      const all = yield* watchScripted(Stream.fromChunk(Chunk.fromIterable(happy)))
      assert.deepStrictEqual(one.seen.map(plain), all.seen.map(plain))
    }))

  it.effect("the result in the type of the flow", () =>
    Effect.gen(function*() {
      const Graded = Flow.make("a/b/c", { result: Schema.Struct({ score: Schema.NumberFromString }) })
      const { seen } = yield* watchScripted(Stream.fromIterable(happy), Graded)
      assert.deepInclude(plain(seen.at(-1)!), { result: { score: 7 } })
    }))

  it.effect("a result that does not fit fails the stream, after everything before it", () =>
    Effect.gen(function*() {
      const Graded = Flow.make("a/b/c", { result: Schema.Struct({ score: Schema.Number }) })
      const { failure, seen } = yield* watchScripted(Stream.fromIterable(happy), Graded)
      assert.lengthOf(seen, 8)
      assert.strictEqual(failure?._tag, "UnexpectedResponseError")
      assert.strictEqual(failure?.executionId, "ex-1")
      assert.deepStrictEqual(failure?._tag === "UnexpectedResponseError" && failure.value, { score: "7" })
    }))

  it.effect("a failed step is the last event", () =>
    Effect.gen(function*() {
      const { failure, seen } = yield* watchScripted(Stream.fromIterable<WireEvent>([
        { type: "run_started", executionId: "ex-1" },
        { type: "step_error", stepId: "a", error: { code: "X", message: "no" } },
        { type: "step_started", stepId: "b" }
      ]))
      assert.isUndefined(failure)
      assert.deepStrictEqual(plain(seen.at(-1)!), {
        type: "step_error",
        stepId: "a",
        name: undefined,
        error: { code: "X", message: "no" },
        code: "X",
        message: "no"
      })
    }))

  it.effect("a flow_completed that tells of a failed step is a FlowExecutionError", () =>
    Effect.gen(function*() {
      for (const key of ["failedAtStep", "failed_at_step"]) {
        const summary = { [key]: "a" }
        const { failure } = yield* watchScripted(
          Stream.make<[WireEvent]>({ type: "flow_completed", result: "x", summary })
        )
        assert.strictEqual(failure?._tag === "FlowExecutionError" && failure.stepId, "a")
        assert.strictEqual(failure?.executionId, "ex-1")
      }
    }))

  it.effect("a step that runs again, in a loop or after a cut, keeps its place", () =>
    Effect.gen(function*() {
      const { seen } = yield* watchScripted(Stream.fromIterable<WireEvent>([
        { type: "step_started", stepId: "a" },
        { type: "step_completed", stepId: "a", output: 1 },
        { type: "step_started", stepId: "a" },
        { type: "step_completed", stepId: "a", output: 2 },
        { type: "step_started", stepId: "b" },
        { type: "step_completed", stepId: "b", output: 3 },
        { type: "flow_completed", result: 3 }
      ]))
      assert.deepStrictEqual(
        seen.map((event) => "stepIndex" in event ? event.stepIndex : undefined),
        [0, 0, 0, 0, 1, 1, undefined]
      )
    }))

  it.effect("a pause for tool calls is an event like any other", () =>
    Effect.gen(function*() {
      const calls = [{ id: "tc_1", type: "function", function: { name: "look", arguments: "{}" } }]
      const { failure, seen } = yield* watchScripted(Stream.fromIterable<WireEvent>([
        { type: "run_started", executionId: "ex-1", stepCount: 1 },
        { type: "step_started", stepId: "a" },
        {
          type: "tool_calls_required",
          executionId: "ex-1",
          stepId: "a",
          stepIndex: 0,
          iterationsUsed: 1,
          toolCallMessages: [{ role: "assistant", tool_calls: calls }],
          toolCalls: calls,
          accumulatedOutputs: null
        },
        { type: "step_started", stepId: "a" },
        { type: "step_completed", stepId: "a", output: 1 },
        { type: "flow_completed", result: 1 }
      ]))
      assert.isUndefined(failure)
      assert.deepStrictEqual(seen.map(({ type }) => type), [
        "run_started",
        "step_started",
        "tool_calls_required",
        "step_started",
        "step_completed",
        "flow_completed"
      ])
      const pause = seen[2]!
      assert.strictEqual(pause.type, "tool_calls_required")
      if (pause.type !== "tool_calls_required") return
      assert.deepStrictEqual(pause.toolCalls, [{ id: "tc_1", name: "look", arguments: "{}" }])
      assert.strictEqual(pause.cursor.pending?.iterationsUsed, 1)
      const error = yield* Effect.flip(Stream.runDrain(pause.resume([{ toolCallId: "tc_2", content: "x" }])))
      assert.strictEqual(error._tag, "InvalidRequestError")
    }))

  it.effect("cursors say where the run stood", () =>
    Effect.gen(function*() {
      const { seen } = yield* watchScripted(Stream.fromIterable(happy))
      const cursors = seen.flatMap((event) => "cursor" in event ? [event.cursor] : [])
      assert.deepStrictEqual(
        cursors.map(({ executionId, outputs, stepIndex }) => ({ executionId, outputs, stepIndex })),
        [
          { executionId: "ex-1", outputs: {}, stepIndex: 0 },
          { executionId: "ex-1", outputs: { a: "partial" }, stepIndex: 1 },
          { executionId: "ex-1", outputs: { a: "partial" }, stepIndex: 1 },
          { executionId: "ex-1", outputs: { a: "partial", b: { score: "7" } }, stepIndex: 2 }
        ]
      )
    }))

  it.effect("unknown events are handed on", () =>
    Effect.gen(function*() {
      const unknown: WireEvent = { type: "unknown", name: "step_progress", data: { stepId: "a", percent: 5 } }
      const { seen } = yield* watchScripted(
        Stream.make<[WireEvent, WireEvent]>(unknown, { type: "flow_completed", result: 1 })
      )
      assert.deepStrictEqual(plain(seen[0]!), { ...unknown })
    }))

  it.effect("an end without a terminal event is an APIConnectionError, never a success", () =>
    Effect.gen(function*() {
      const { failure, seen } = yield* watchScripted(Stream.fromIterable(happy.slice(0, 5)))
      assert.lengthOf(seen, 5)
      assert.strictEqual(failure?._tag, "APIConnectionError")
      assert.strictEqual(failure?.executionId, "ex-1")
      assert.isTrue(failure?.isRetryable)
      assert.strictEqual(
        failure?.message,
        "RunService.liveTrace a/b/c: the reading broke off: the live trace ended before a terminal event " +
          "(execution ex-1); this was a read: nothing was started or billed, and it is safe to retry"
      )
      const nothing = yield* watchScripted(Stream.empty)
      assert.strictEqual(nothing.failure?._tag, "APIConnectionError")
    }))

  const watchHealed = (
    readings: ReadonlyArray<Stream.Stream<WireEvent, CallError>>,
    heal: Schedule.Schedule<unknown, NoukaiError> = Schedule.recurs(2)
  ) =>
    Effect.flatMap(RunService, (runs) => collect(runs.liveTrace("a/b/c", "ex-1", { heal }))).pipe(
      Effect.provide(Layer.provide(Runs.layer, layerScripted({ traceStream: readings })))
    )

  it.effect("with heal, a cut is read over, and each event is given once, wherever it was", () =>
    Effect.gen(function*() {
      const whole = (yield* watchScripted(Stream.fromIterable(happy))).seen.map(plain)
      for (let first = 0; first < happy.length; first++) {
        for (let second = first; second < happy.length; second++) {
          const readings = [happy.slice(0, first), happy.slice(0, second), happy].map((events) =>
            Stream.fromIterable(events)
          )
          const { failure, seen } = yield* watchHealed(readings)
          assert.isUndefined(failure)
          assert.deepStrictEqual(seen.map(plain), whole)
        }
      }
    }))

  it.effect("with heal, a step that runs again is given again", () =>
    Effect.gen(function*() {
      const again = (count: number): ReadonlyArray<WireEvent> => [
        { type: "run_started", executionId: "ex-1" },
        ...Array.from({ length: count }, () => [
          { type: "step_started", stepId: "a" } as const,
          { type: "step_completed", stepId: "a", output: "same" } as const
        ]).flat()
      ]
      const { failure, seen } = yield* watchHealed([
        Stream.fromIterable(again(2)),
        Stream.fromIterable([...again(3), { type: "flow_completed", executionId: "ex-1", result: 1 }])
      ])
      assert.isUndefined(failure)
      assert.lengthOf(seen.filter(({ type }) => type === "step_completed"), 3)
    }))

  it.effect("with heal, the schedule ends it, and begins anew with each new event", () =>
    Effect.gen(function*() {
      const cuts = [0, 1, 1, 1].map((count) => Stream.fromIterable(happy.slice(0, count)))
      const { failure, seen } = yield* watchHealed(cuts, Schedule.recurs(2))
      assert.lengthOf(seen, 1)
      assert.strictEqual(failure?._tag, "APIConnectionError")
    }))

  it.effect("with heal, what does not pass is not asked for again", () =>
    Effect.gen(function*() {
      const fails = new FlowNotFoundError({ method: "RunService.liveTrace", isRetryable: false })
      const { failure } = yield* watchHealed([Stream.fail(fails), Stream.fromIterable(happy)])
      assert.strictEqual(failure?._tag, "FlowNotFoundError")
    }))

  for (const status of [429, 503]) {
    const refusedFor = (retryAfter: number) => {
      const facts = { method: "RunService.liveTrace", statusCode: status, retryAfter, isRetryable: true }
      return status === 429 ? new RateLimitError(facts) : new FlowExecutionError(facts)
    }

    it.effect(`with heal, what a ${status} asks to wait is waited`, () =>
      Effect.gen(function*() {
        const readings = yield* Ref.make(0)
        const counted = (events: Stream.Stream<WireEvent, CallError>) =>
          Stream.concat(Stream.execute(Ref.update(readings, (count) => count + 1)), events)
        const fiber = yield* Effect.fork(
          watchHealed([counted(Stream.fail(refusedFor(20))), counted(Stream.fromIterable(happy))])
        )
        yield* TestClock.adjust("19 seconds")
        assert.strictEqual(yield* Ref.get(readings), 1)
        yield* TestClock.adjust("1 second")
        const { failure } = yield* Fiber.join(fiber)
        assert.isUndefined(failure)
        assert.strictEqual(yield* Ref.get(readings), 2)
      }))

    it.effect(`with heal, a ${status} that asks for a wait beyond 20 s is taken at its word`, () =>
      Effect.gen(function*() {
        const { failure } = yield* watchHealed([Stream.fail(refusedFor(21)), Stream.fromIterable(happy)])
        assert.strictEqual(failure?.statusCode, status)
        assert.strictEqual(failure !== undefined && "retryAfter" in failure && failure.retryAfter, 21)
      }))
  }

  it.effect("ids that no path can carry are refused before anything is asked", () =>
    Effect.gen(function*() {
      const runs = yield* RunService
      const script = yield* Scripted.ScriptedHttp
      const error = yield* Effect.flip(Stream.runDrain(runs.liveTrace("a/b/c", "..")))
      assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "executionId")
      assert.lengthOf(yield* script.calls, 0)
    }).pipe(Effect.provide(Layer.provideMerge(Runs.layer, layerScripted()))))
})

const frames = (...events: ReadonlyArray<readonly [string, object]>): string =>
  events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("")

const begunOf = (executionId: string) => frames(["run_started", { executionId }], ["step_started", { stepId: "a" }])
const begun = begunOf("ex-1")

const ended = frames(["step_completed", { stepId: "a", output: 1 }], ["flow_completed", { result: 1 }])

const eventStream = (text: string): Wire.Answer => Wire.text(200, text, { "content-type": "text/event-stream" })

/** Sends events and keeps the connection open. */
const heldOpen = (text: string): Wire.Answer => (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.write(text)
}

describe("E7 over a socket", () => {
  const withRuns = <A, E, R>(
    answers: ReadonlyArray<Wire.Answer>,
    use: (runs: RunService.Service, server: Wire.WireServer) => Effect.Effect<A, E, R>,
    options: Options = {}
  ) =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(...answers)
      return yield* use(Context.get(yield* servicesFor(server, options), RunService), server)
    })

  for (
    const [runPaths, path, named] of [
      ["seq", "/api/v1/seq/a/b/c/runs/ex%2F1/trace/stream", "ex/1"],
      ["flow-runs", "/api/v1/flow-runs/ex%2F1/trace/stream", "fr_1"]
    ] as const
  ) {
    it.scoped(`one GET, without session or body; paths ${runPaths}`, () =>
      withRuns([eventStream(begunOf(named) + ended)], (runs, server) =>
        Effect.gen(function*() {
          const { failure, seen } = yield* collect(runs.liveTrace("a/b/c", "ex/1", { headers: { "x-tenant": "t" } }))
          assert.isUndefined(failure)
          assert.lengthOf(seen, 4)
          const [request] = server.requests
          assert.strictEqual(`${request!.method} ${request!.path}`, `GET ${path}`)
          assert.strictEqual(request!.headers["accept"], "text/event-stream")
          assert.strictEqual(request!.headers["x-tenant"], "t")
          assert.isUndefined(request!.headers["x-session-id"])
          assert.strictEqual(request!.body, "")
        }), { runPaths, sessionId: "s-1" }))
  }

  it.scoped("the terminal event ends the stream and closes the socket, although the server holds it open", () =>
    withRuns([heldOpen(begun + ended)], (runs, server) =>
      Effect.gen(function*() {
        const { failure, seen } = yield* collect(runs.liveTrace("a/b/c", "ex-1"))
        assert.isUndefined(failure)
        assert.strictEqual(seen.at(-1)!.type, "flow_completed")
        yield* server.allEnded
      })))

  it.scoped("a stream that ends early is cut, and is not asked for again", () =>
    withRuns([eventStream(begun), eventStream(begun + ended)], (runs, server) =>
      Effect.gen(function*() {
        const { failure, seen } = yield* collect(runs.liveTrace("a/b/c", "ex-1", { retry: Schedule.recurs(3) }))
        assert.lengthOf(seen, 2)
        assert.strictEqual(failure?._tag, "APIConnectionError")
        assert.lengthOf(server.requests, 1)
      })))

  it.scoped.each<[string, Wire.Answer]>([
    ["503", Wire.json(503, { detail: "busy" })],
    ["429", Wire.json(429, { detail: "slow down" })],
    ["a reset", Wire.reset]
  ])(
    "one that is refused before its first event is asked for again: %s",
    ([, refused]) =>
      withRuns([refused, refused, eventStream(begun + ended)], (runs, server) =>
        Effect.gen(function*() {
          const { failure, seen } = yield* collect(runs.liveTrace("a/b/c", "ex-1", { retry: Schedule.recurs(3) }))
          assert.isUndefined(failure)
          assert.lengthOf(seen, 4)
          assert.lengthOf(server.requests, 3)
        }), { runPaths: "seq" })
  )

  it.scoped("one that is refused each time, or for good, fails at the end of the schedule", () =>
    Effect.gen(function*() {
      for (const [status, requests] of [[503, 3], [403, 1]] as const) {
        yield* withRuns(
          Array.from({ length: 4 }, () => Wire.json(status, {})),
          (runs, server) =>
            Effect.gen(function*() {
              const { failure } = yield* collect(runs.liveTrace("a/b/c", "ex-1", { retry: Schedule.recurs(2) }))
              assert.strictEqual(failure?.statusCode, status)
              assert.lengthOf(server.requests, requests)
            }),
          { runPaths: "seq" }
        )
      }
    }))

  it.scoped("silence for longer than the idle clock is an APITimeoutError", () =>
    withRuns([heldOpen(begun)], (runs, server) =>
      Effect.gen(function*() {
        const arrived = yield* Queue.bounded<FlowEvent.FlowEvent>(8)
        const fiber = yield* Effect.fork(Effect.flip(Stream.runForEach(
          runs.liveTrace("a/b/c", "ex-1", { idleTimeout: "20 seconds" }),
          (event) => Queue.offer(arrived, event)
        )))
        yield* Queue.take(arrived)
        yield* Queue.take(arrived)
        while (fiber.unsafePoll() === null) yield* TestClock.adjust("20 seconds")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "idle")
        assert.strictEqual(error.executionId, "ex-1")
        yield* server.allEnded
      })))

  it.scoped("a control event that cannot be read fails the stream", () =>
    withRuns(
      [eventStream(begun + "event: step_completed\ndata: nonsense\n\n" + ended)],
      (runs) =>
        Effect.gen(function*() {
          const { failure, seen } = yield* collect(runs.liveTrace("a/b/c", "ex-1"))
          assert.lengthOf(seen, 2)
          assert.strictEqual(failure?._tag, "UnexpectedResponseError")
        })
    ))

  for (
    const [status, tag] of [[401, "AuthenticationError"], [403, "PermissionDeniedError"], [
      404,
      "FlowNotFoundError"
    ]] as const
  ) {
    it.scoped(`runs: ${status} is ${tag}`, () =>
      withRuns([Wire.json(status, { detail: { code: "RUN_NOT_FOUND" } })], (runs) =>
        Effect.gen(function*() {
          const { failure } = yield* collect(runs.liveTrace("a/b/c", "ex-1"))
          assert.strictEqual(failure?._tag, tag)
          assert.strictEqual(failure?.code, "RUN_NOT_FOUND")
          assert.strictEqual(failure?.executionId, "ex-1")
        })))
  }
})

const flows: ReadonlyArray<EmulatedFlow> = [
  {
    ref: "acme/test/slow",
    steps: [
      { kind: "template", id: "a", output: 1, duration: "1 minute" },
      { kind: "template", id: "b", output: 2, duration: "1 minute" }
    ]
  },
  { ref: "acme/test/failing", steps: [{ kind: "fail", id: "a", code: "X", message: "it broke", status: 500 }] }
]

describe("against the emulator", () => {
  const setup = Layer.provideMerge(Noukai.layerServices, Emulators.layer({ flows }))

  it.scoped("a job: what was recorded first, then what happens, each event as it happens", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      const runs = yield* RunService
      const job = yield* jobs.submit("acme/test/slow", { message: "hi" })
      const started = (stepId: string) => (event: { readonly type: string; readonly stepId?: string }) =>
        event.type === "StepStarted" && event.stepId === stepId
      yield* emulator.awaitEvent(started("a"))
      yield* TestClock.adjust("1 minute")
      yield* emulator.awaitEvent(started("b"))

      const arrived = yield* Queue.bounded<string>(16)
      const fiber = yield* Effect.fork(Stream.runForEach(
        runs.liveTrace("acme/test/slow", job.executionId),
        (event) => Queue.offer(arrived, "stepId" in event ? `${event.type} ${event.stepId}` : event.type)
      ))
      const takeUntil = (last: string): Effect.Effect<ReadonlyArray<string>> =>
        Effect.flatMap(
          Queue.take(arrived),
          (name) => name === last ? Effect.succeed([name]) : Effect.map(takeUntil(last), (rest) => [name, ...rest])
        )
      const recorded = yield* takeUntil("step_started b")
      assert.deepStrictEqual(recorded.filter((name) => !/input|output/.test(name)), [
        "run_started",
        "step_started a",
        "step_completed a",
        "step_started b"
      ])
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      const rest = Chunk.toReadonlyArray(yield* Queue.takeAll(arrived))
      assert.deepStrictEqual(rest.filter((name) => !/input|output/.test(name)), ["step_completed b", "flow_completed"])
      yield* emulator.awaitEvent((event) => event.type === "RequestEnded" && event.endpoint === "traceStream")
    }).pipe(Effect.provide(setup)))

  it.scoped("a run that ended long ago, completed or failed", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const runs = yield* RunService
      const service = yield* FlowService
      const last = (ref: string) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Effect.exit(service.execute(ref, { message: "hi" })))
          while (fiber.unsafePoll() === null) yield* TestClock.adjust("1 minute")
          const id = (yield* emulator.ledger).runs.at(-1)!.executionId
          const { failure, seen } = yield* collect(runs.liveTrace(ref, id))
          assert.isUndefined(failure)
          return seen.at(-1)!
        })
      assert.deepInclude(plain(yield* last("acme/test/slow")), { type: "flow_completed", result: 2 })
      assert.deepInclude(plain(yield* last("acme/test/failing")), {
        type: "step_error",
        code: "X",
        message: "it broke"
      })
    }).pipe(Effect.provide(setup)))

  it.scoped("a run that is stepped through is watched across its pauses", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const runs = yield* RunService
      const service = yield* FlowService
      const fiber = yield* Effect.fork(Stream.runDrain(service.events("acme/test/slow", { message: "hi" })))
      while (fiber.unsafePoll() === null) yield* TestClock.adjust("1 minute")
      const id = (yield* emulator.ledger).runs.at(-1)!.executionId
      const { failure, seen } = yield* collect(runs.liveTrace("acme/test/slow", id))
      assert.isUndefined(failure)
      assert.deepStrictEqual(
        seen.filter((event) => event.type === "step_started" || event.type === "step_completed").map((event) =>
          "stepIndex" in event ? event.stepIndex : undefined
        ),
        [0, 0, 1, 1]
      )
      assert.lengthOf(seen.filter(({ type }) => type === "run_started"), 1)
    }).pipe(Effect.provide(setup)))

  it.scoped("leaving the stream closes the connection and leaves the run alone", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      const runs = yield* RunService
      const job = yield* jobs.submit("acme/test/slow", { message: "hi" })
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      assert.lengthOf(yield* Stream.runCollect(Stream.take(runs.liveTrace("acme/test/slow", job.executionId), 1)), 1)
      yield* emulator.awaitEvent((event) => event.type === "RequestEnded" && event.endpoint === "traceStream")
      assert.strictEqual((yield* job.poll()).status, "running")
    }).pipe(Effect.provide(setup)))

  it.scoped("a job that is cancelled ends the stream", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      const runs = yield* RunService
      const job = yield* jobs.submit("acme/test/slow", { message: "hi" })
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const fiber = yield* Effect.fork(collect(runs.liveTrace("acme/test/slow", job.executionId)))
      yield* emulator.awaitEvent((event) => event.type === "RequestReceived" && event.endpoint === "traceStream")
      yield* emulator.cancelJob(job.executionId)
      const { failure, seen } = yield* Fiber.join(fiber)
      assert.isUndefined(failure)
      assert.strictEqual(seen.at(-1)!.type, "step_error")
    }).pipe(Effect.provide(setup)))
})
