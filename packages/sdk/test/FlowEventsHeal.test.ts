/** Streams that go on after a cut (`heal`): what is sent again, what is not seen again, and when it gives up. */
import {
  APIConnectionError,
  APITimeoutError,
  type EventsInput,
  type FlowEvent,
  FlowExecutionError,
  InsufficientCreditsError,
  RateLimitError,
  Tools,
  UnexpectedResponseError
} from "@effect-noukai/sdk"
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import type { ScriptedHttp } from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Schedule, Stream, TestClock } from "effect"
import {
  assistant,
  bodies,
  cut,
  flowCompleted,
  lost,
  requests,
  respond,
  type Response,
  runStarted,
  scripted,
  stepCompleted,
  stepOutput,
  stepPaused,
  stepStarted,
  toolPause,
  two
} from "./support/scripted.js"

const flow = "acme/support/greet"

const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

const plain = (events: ReadonlyArray<object>) => events.map((event) => ({ ...event }))

const heal = Schedule.recurs(3)

const beyond = Stream.fail(
  new FlowExecutionError({ method: "test", statusCode: 400, code: "INVALID_STEP_INDEX", isRetryable: false })
)

/** The events of a run that nothing disturbs. */
const undisturbed = scripted(
  [respond(...two.first), respond(...two.second)],
  (flows) => Effect.map(collect(flows.events(flow, { message: "hi" })), plain)
)

const healed = (
  name: string,
  responses: ReadonlyArray<Response>,
  steps: ReadonlyArray<number>,
  input: Partial<EventsInput> = {},
  more: Effect.Effect<void, never, ScriptedHttp> = Effect.void
) =>
  it.effect(name, () =>
    scripted(responses, (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { message: "hi", heal, ...input }))
        assert.deepStrictEqual(plain(events), yield* undisturbed)
        const sent = yield* bodies
        assert.deepStrictEqual(sent.map(({ stepIndex }) => stepIndex), [...steps])
        assert.deepStrictEqual(sent.map(({ executionId }) => executionId), [
          undefined,
          ...sent.slice(1).map(() => "ex-1")
        ])
        yield* more
      })))

const failed = (
  name: string,
  responses: ReadonlyArray<Response>,
  check: (error: NoukaiError) => void,
  input: Partial<EventsInput> = {}
) =>
  it.effect(name, () =>
    scripted(responses, (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { message: "hi", heal, ...input })))
        check(error)
        assert.strictEqual((yield* requests).length, responses.length)
      })))

type Wire = FlowEvent.WireEvent

const [started, classifyStarted, classified, paused] = two.first as [Wire, Wire, Wire, Wire]

describe("heal: the same events, once each", () => {
  healed("no cut: nothing more is sent", [respond(...two.first), respond(...two.second)], [0, 1])

  healed(
    "after run_started: step 0 runs in the same run, with message and parameters again",
    [cut(started), respond(...two.first), respond(...two.second)],
    [0, 0, 1],
    { parameters: { tone: "dry" } },
    Effect.map(bodies, ([first, again]) => assert.deepStrictEqual(again, { ...first, executionId: "ex-1" }))
  )

  healed("a repeated run_started is not seen again", [
    cut(started, started),
    respond(...two.first),
    respond(...two.second)
  ], [0, 0, 1])

  healed("in the middle of step 0", [cut(started, classifyStarted), respond(...two.first), respond(...two.second)], [
    0,
    0,
    1
  ])

  healed("after a step, before its pause: the next step runs, and the pause is not lost", [
    cut(started, classifyStarted, classified),
    respond(...two.second)
  ], [0, 1])

  healed("after a pause, before anything of the next step", [respond(...two.first), cut(), respond(...two.second)], [
    0,
    1,
    1
  ])

  healed("in the middle of the next step", [
    respond(...two.first),
    cut(...two.second.slice(0, 2)),
    respond(...two.second)
  ], [0, 1, 1])

  healed("after the last step: it runs again, unseen, for the end", [
    respond(...two.first),
    cut(...two.second.slice(0, 3)),
    respond(...two.second)
  ], [0, 1, 1])

  healed("the same again and again", [
    respond(...two.first),
    cut(...two.second.slice(0, 3)),
    cut(...two.second.slice(0, 1)),
    cut(...two.second.slice(0, 3)),
    respond(...two.second)
  ], [0, 1, 1, 1, 1])

  healed("a clean end that is none (C20)", [
    respond(started, classifyStarted),
    respond(...two.first),
    respond(...two.second.slice(0, 2)),
    respond(...two.second)
  ], [0, 0, 1, 1])

  healed(
    "with runRemaining",
    [
      cut(started, classifyStarted),
      cut(classifyStarted, classified, paused, ...two.second.slice(0, 1)),
      respond(...two.second)
    ],
    [0, 0, 1],
    { runRemaining: true }
  )

  it.effect("without a step count, the server says that there is no further step; then the last one runs again", () =>
    scripted([
      cut(runStarted(), stepCompleted("a", 1)),
      beyond,
      respond(stepStarted("a"), stepCompleted("a", 2), flowCompleted(2))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { message: "hi", heal }))
        assert.deepStrictEqual(events.map(({ type }) => type), ["run_started", "step_completed", "flow_completed"])
        const [first, beyond, again] = yield* bodies
        assert.strictEqual(beyond?.stepIndex, 1)
        assert.deepStrictEqual(again, { ...first, executionId: "ex-1" })
      })))

  it.effect("of the interrupted step, as many events of each type as were delivered are suppressed, and no more", () =>
    scripted([
      cut(started, stepStarted("a"), stepOutput("a", 1), stepOutput("a", 2), stepOutput("b", 1)),
      respond(
        stepStarted("a"),
        stepOutput("a", "1 again"),
        stepOutput("b", "1 again"),
        stepOutput("b", 2),
        stepOutput("a", "2 again"),
        stepOutput("a", 3),
        stepCompleted("a"),
        stepPaused(1)
      ),
      respond(stepStarted("a"), stepOutput("a", 1), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { heal }))
        assert.deepStrictEqual(events.map((event) => "outputData" in event ? event.outputData : event.type), [
          "run_started",
          "step_started",
          1,
          2,
          1,
          2,
          3,
          "step_completed",
          "step_paused",
          "step_started",
          1,
          "flow_completed"
        ])
      })))

  it.effect("unknown events are told apart by name and step", () => {
    const progress = (n: number) => ({ type: "unknown" as const, name: "step_progress", data: { stepId: "a", n } })
    return scripted([
      cut(started, progress(1), progress(2)),
      respond(progress(1), progress(2), progress(3), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { heal }))
        assert.deepStrictEqual(events.flatMap((event) => event.type === "unknown" ? event.data.n : []), [1, 2, 3])
      }))
  })

  it.effect("cursor: a loop that completes once per iteration is one step, whose last output counts", () =>
    scripted([
      cut(runStarted(3), stepStarted("a"), stepCompleted("a", 1), stepStarted("a"), stepCompleted("a", 2)),
      respond(stepStarted("b"), stepCompleted("b", 3), stepStarted("c"), stepCompleted("c", 4), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { heal, runRemaining: true }))
        assert.deepStrictEqual(
          events.flatMap((event) => event.type === "step_completed" ? [[event.stepId, event.stepIndex]] : []),
          [["a", 0], ["a", 0], ["b", 1], ["c", 2]]
        )
        const [, next] = yield* bodies
        assert.strictEqual(next?.stepIndex, 1)
        assert.deepStrictEqual(next?.accumulatedOutputs, { a: 2 })
      })))

  it.effect("cursor: a step that completes under several ids is one step of a response that runs one", () =>
    scripted([
      cut(runStarted(3), stepCompleted("a1", 1), stepCompleted("a2", 2)),
      respond(stepCompleted("b", 3), stepPaused()),
      respond(stepCompleted("c", 4), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { heal }))
        assert.deepStrictEqual((yield* bodies).map(({ stepIndex }) => stepIndex), [0, 1, 2])
      })))

  it.effect("cursor: such a loop at the end runs again, unseen in all its iterations", () => {
    const iterations = [1, 2, 3].flatMap((n) => [stepStarted("b"), stepCompleted("b", n)])
    return scripted([
      cut(runStarted(2), stepCompleted("a"), ...iterations),
      cut(...iterations),
      respond(...iterations, flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { heal, runRemaining: true }))
        assert.deepStrictEqual(events.map(({ type }) => type), [
          "run_started",
          "step_completed",
          ...iterations.map(({ type }) => type),
          "flow_completed"
        ])
        const [, again, last] = yield* bodies
        assert.strictEqual(again?.stepIndex, 1)
        assert.deepStrictEqual(again?.accumulatedOutputs, { a: { of: "a" } })
        assert.deepStrictEqual(last, again)
      }))
  })

  it.effect("steps: each once", () =>
    scripted([
      cut(started, classifyStarted, classified),
      cut(...two.second.slice(0, 2)),
      cut(...two.second.slice(0, 3)),
      respond(...two.second)
    ], (flows) =>
      Effect.gen(function*() {
        const steps = yield* collect(flows.steps(flow, { message: "hi", heal }))
        assert.deepStrictEqual(steps.map(({ stepId }) => stepId), ["classify", "answer"])
      })))
})

describe("heal: tools", () => {
  const asked: Array<string> = []
  const tools = Tools.handle([{ type: "function", function: { name: "lookup_order" } }], (calls) => {
    asked.push(...calls.map(({ id }) => id))
    return Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: id })))
  })

  it.effect("a resume that was cut is sent again as it was; the handler is not asked again", () =>
    scripted([
      respond(runStarted(1), stepStarted("a"), toolPause("a", "tc_1")),
      cut(stepStarted("a")),
      cut(),
      respond(stepStarted("a"), stepCompleted("a"), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        asked.length = 0
        const events = yield* collect(flows.events(flow, { message: "hi", tools, heal }))
        assert.deepStrictEqual(events.map(({ type }) => type), [
          "run_started",
          "step_started",
          "step_started",
          "step_completed",
          "flow_completed"
        ])
        assert.deepStrictEqual(asked, ["tc_1"])
        const [, resumed, again, last] = yield* bodies
        assert.deepStrictEqual(again, resumed)
        assert.deepStrictEqual(last, resumed)
      })))

  it.effect("a second pause of the same step is not taken for the first", () =>
    scripted([
      respond(runStarted(1), toolPause("a", "tc_1")),
      cut(stepStarted("a")),
      respond(stepStarted("a"), toolPause("a", "tc_2", { iterationsUsed: 2 })),
      respond(stepCompleted("a"), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        asked.length = 0
        yield* collect(flows.events(flow, { tools, heal }))
        assert.deepStrictEqual(asked, ["tc_1", "tc_2"])
      })))

  it.effect("if the end is lost after a step with tools, it runs again with its answer, and the handler is not asked", () =>
    scripted([
      respond(runStarted(1), toolPause("a", "tc_1")),
      cut(stepStarted("a"), stepCompleted("a")),
      respond(stepStarted("a"), stepCompleted("a"), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        asked.length = 0
        const events = yield* collect(flows.events(flow, { tools, heal }))
        assert.deepStrictEqual(events.slice(1).map(({ type }) => type), [
          "step_started",
          "step_completed",
          "flow_completed"
        ])
        assert.deepStrictEqual(asked, ["tc_1"])
        const [, resumed, again] = yield* bodies
        assert.deepStrictEqual(again, resumed)
      })))

  it.effect("without a step count, a last step that runs again and asks anew goes on with the new answer", () =>
    scripted([
      respond(runStarted(), toolPause("a", "tc_1")),
      cut(stepStarted("a"), stepCompleted("a")),
      beyond,
      respond(stepStarted("a"), toolPause("a", "tc_2", { iterationsUsed: 2 })),
      respond(stepStarted("a"), stepCompleted("a"), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        asked.length = 0
        const events = yield* collect(flows.events(flow, { tools, heal }))
        assert.deepStrictEqual(events.map(({ type }) => type), [
          "run_started",
          "step_started",
          "step_completed",
          "flow_completed"
        ])
        assert.deepStrictEqual(asked, ["tc_1", "tc_2"])
        const sent = yield* bodies
        assert.deepStrictEqual(sent.map(({ stepIndex }) => stepIndex), [0, 0, 1, 0, 0])
        assert.deepStrictEqual(sent[3], sent[1])
        assert.deepStrictEqual(sent[4]?.toolCallMessages, [
          assistant("tc_2"),
          { role: "tool", tool_call_id: "tc_2", content: "tc_2" }
        ])
        assert.strictEqual(sent[4]?.iterationsUsed, 2)
      })))

  it.effect("an answer that the server finds beyond the last step fails: no step that completed runs again", () =>
    scripted([
      respond(runStarted(), stepCompleted("a"), stepPaused(1)),
      respond(toolPause("b", "tc_1", { stepIndex: 1 })),
      beyond
    ], (flows) =>
      Effect.gen(function*() {
        const pause = (yield* collect(flows.events(flow, { tools: tools.declarations }))).at(-1)
        assert.strictEqual(pause?.type, "tool_calls_required")
        if (pause?.type !== "tool_calls_required") return
        const error = yield* Effect.flip(collect(pause.resume([{ toolCallId: "tc_1", content: "x" }])))
        assert.instanceOf(error, FlowExecutionError)
        assert.strictEqual(error.code, "INVALID_STEP_INDEX")
        assert.strictEqual(error.cursor?.stepIndex, 1)
        assert.deepStrictEqual((yield* bodies).map(({ stepIndex }) => stepIndex), [0, 1, 1])
      })))

  it.effect("nor does going on from the cursor of that failure, nor healing", () =>
    scripted([
      respond(runStarted(), stepCompleted("a"), stepPaused(1)),
      respond(toolPause("b", "tc_1", { stepIndex: 1 })),
      cut(stepStarted("b")),
      beyond,
      beyond
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { tools, heal })))
        assert.instanceOf(error, FlowExecutionError)
        const again = yield* Effect.flip(collect(flows.events(flow, { tools, heal, from: error.cursor! })))
        assert.instanceOf(again, FlowExecutionError)
        assert.deepStrictEqual((yield* bodies).map(({ stepIndex }) => stepIndex), [0, 1, 1, 1, 1])
      })))

  it.effect("by hand: a pause of a last step that runs again is resumed with its answer", () =>
    scripted([
      respond(runStarted(), stepStarted("a"), stepCompleted("a", 1), stepPaused(1)),
      respond(stepStarted("b"), toolPause("b", "tc_1", { stepIndex: 1 })),
      cut(stepStarted("b"), stepCompleted("b", 2)),
      beyond,
      respond(stepStarted("b"), toolPause("b", "tc_2", { stepIndex: 1, iterationsUsed: 2 })),
      respond(stepCompleted("b", 3), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        const first = (yield* collect(flows.events(flow, { tools: tools.declarations, heal }))).at(-1)
        if (first?.type !== "tool_calls_required") return assert.fail("no pause")
        const second = (yield* collect(first.resume([{ toolCallId: "tc_1", content: "x" }]))).at(-1)
        if (second?.type !== "tool_calls_required") return assert.fail("no second pause")
        const rest = yield* collect(second.resume([{ toolCallId: "tc_2", content: "y" }]))
        assert.deepStrictEqual(rest.map(({ type }) => type), ["flow_completed"])
        const sent = yield* bodies
        assert.deepStrictEqual(sent.map(({ stepIndex }) => stepIndex), [0, 1, 1, 2, 1, 1])
        assert.deepStrictEqual(sent[5]?.toolCallMessages, [
          assistant("tc_2"),
          { role: "tool", tool_call_id: "tc_2", content: "y" }
        ])
      })))

  it.effect("by hand: a resumed stream heals as well", () =>
    scripted([
      respond(runStarted(1), toolPause("a", "tc_1")),
      cut(stepStarted("a")),
      respond(stepStarted("a"), stepCompleted("a"), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        const pause = (yield* collect(flows.events(flow, { tools: tools.declarations, heal }))).at(-1)!
        assert.strictEqual(pause.type, "tool_calls_required")
        if (pause.type !== "tool_calls_required") return
        const rest = yield* collect(pause.resume([{ toolCallId: "tc_1", content: "x" }]))
        assert.deepStrictEqual(rest.map(({ type }) => type), ["step_started", "step_completed", "flow_completed"])
      })))
})

describe("heal: what it does not do", () => {
  failed("before the run has an id nothing is sent again", [cut()], (error) => {
    assert.instanceOf(error, APIConnectionError)
    assert.isUndefined(error.executionId)
    assert.isUndefined(error.cursor?.executionId)
  })

  failed("nor if the id is empty", [cut({ type: "run_started", executionId: "" })], (error) => {
    assert.instanceOf(error, APIConnectionError)
  })

  failed("when the schedule is over, the last failure comes with the cursor", [
    cut(started, classifyStarted, classified),
    cut(),
    cut(),
    cut()
  ], (error) => {
    assert.instanceOf(error, APIConnectionError)
    assert.strictEqual(error.cursor?.stepIndex, 1)
  })

  failed("a run that failed is not run again", [
    respond(...two.first),
    Stream.fail(new InsufficientCreditsError({ method: "test", statusCode: 402, isRetryable: false }))
  ], (error) => {
    assert.instanceOf(error, InsufficientCreditsError)
    assert.strictEqual(error.cursor?.stepIndex, 1)
  })

  failed("an answer that cannot be understood is not asked for again", [
    Stream.concat(
      respond(started),
      Stream.fail(new UnexpectedResponseError({ method: "test", reason: "x", isRetryable: false }))
    )
  ], (error) => assert.instanceOf(error, UnexpectedResponseError))

  failed("a server that asks for a wait beyond 20 s is taken at its word", [
    respond(...two.first),
    Stream.fail(new RateLimitError({ method: "test", statusCode: 429, retryAfter: 21, isRetryable: true }))
  ], (error) => assert.instanceOf(error, RateLimitError))

  it.effect("the total clock is not healed", () =>
    scripted([cut(started), Stream.never], (flows) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(
          Effect.flip(collect(flows.events(flow, { message: "hi", heal, timeout: "10 seconds" })))
        )
        yield* TestClock.adjust("10 seconds")
        const error = yield* Fiber.join(fiber)
        assert.instanceOf(error, APITimeoutError)
        assert.strictEqual(error.clock, "total")
        assert.strictEqual(error.cursor?.executionId, "ex-1")
      })))
})

describe("heal: when", () => {
  const timeline = (responses: ReadonlyArray<Response>, schedule: EventsInput["heal"], millis: number) =>
    scripted(responses, (flows) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(
          Effect.either(collect(flows.events(flow, { message: "hi", heal: schedule })))
        )
        const seen: Array<number> = []
        for (let now = 0; now <= millis; now += 100) {
          yield* TestClock.adjust(now === 0 ? 0 : 100)
          const count = (yield* requests).length
          while (seen.length < count) seen.push(now)
        }
        return { seen, result: yield* Fiber.join(fiber) }
      }))

  it.effect("waits as the schedule says, and begins it anew when a step has completed", () =>
    Effect.gen(function*() {
      const { result, seen } = yield* timeline(
        [
          cut(started),
          cut(),
          cut(classifyStarted, classified),
          cut(...two.second.slice(0, 1)),
          cut(),
          respond(...two.second)
        ],
        Schedule.intersect(Schedule.exponential("1 second"), Schedule.recurs(3)),
        60_000
      )
      assert.strictEqual(result._tag, "Right")
      // anew after step_completed, but not after step_started
      assert.deepStrictEqual(seen, [0, 1000, 3000, 4000, 6000, 10_000])
    }))

  const progress = (n: number): Wire => ({ type: "unknown", name: `progress_${n}`, data: {} })

  const never = [
    ["what is unknown", progress],
    ["more of the step that was cut off", (n: number) => stepOutput("classify", n)]
  ] as const

  for (const [name, next] of never) {
    it.effect(`a server that breaks off after ${name} each time is not asked for ever`, () =>
      Effect.gen(function*() {
        const { result, seen } = yield* timeline(
          Array.from({ length: 9 }, (_, n) =>
            cut(...(n === 0 ? [started] : []), ...Array.from({ length: n + 1 }, (_, i) => next(i)))),
          Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(3)),
          8000
        )
        assert.strictEqual(result._tag, "Left")
        assert.deepStrictEqual(seen, [0, 1000, 2000, 3000])
      }))
  }

  it.effect("a last step that pauses each time it runs again is not asked for ever", () =>
    Effect.gen(function*() {
      const { result, seen } = yield* timeline(
        [
          respond(...two.first),
          cut(...two.second.slice(0, 3)),
          ...Array.from({ length: 12 }, () => [respond(...two.second.slice(0, 3), stepPaused(2)), cut()]).flat()
        ],
        Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(3)),
        8000
      )
      assert.strictEqual(result._tag, "Left")
      assert.deepStrictEqual(seen, [0, 0, 1000, 1000, 2000, 2000, 3000, 3000])
    }))

  it.effect("events that only repeat do not begin it anew", () =>
    Effect.gen(function*() {
      const { result, seen } = yield* timeline(
        [cut(started, classifyStarted), cut(classifyStarted), cut(started, classifyStarted), cut(classifyStarted)],
        Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(3)),
        5000
      )
      assert.strictEqual(result._tag, "Left")
      assert.deepStrictEqual(seen, [0, 1000, 2000, 3000])
    }))

  it.effect("waits at least as long as the server asks", () =>
    Effect.gen(function*() {
      const { result, seen } = yield* timeline(
        [
          respond(...two.first),
          Stream.fail(new RateLimitError({ method: "test", statusCode: 429, retryAfter: 2, isRetryable: true })),
          respond(...two.second)
        ],
        Schedule.recurs(1),
        3000
      )
      assert.strictEqual(result._tag, "Right")
      assert.deepStrictEqual(seen, [0, 0, 2000])
    }))

  for (
    const [name, error] of [
      ["a lost connection", lost()],
      ["no first byte", new APITimeoutError({ method: "t", clock: "firstByte", sent: "unknown", isRetryable: false })],
      ["silence", new APITimeoutError({ method: "t", clock: "idle", sent: "yes", isRetryable: false })],
      ["503", new FlowExecutionError({ method: "t", statusCode: 503, isRetryable: false })]
    ] as const
  ) {
    it.effect(`goes on after ${name}`, () =>
      Effect.gen(function*() {
        const { result } = yield* timeline(
          [respond(...two.first), Stream.fail(error), respond(...two.second)],
          Schedule.recurs(1),
          0
        )
        assert.strictEqual(result._tag, "Right")
      }))
  }
})
