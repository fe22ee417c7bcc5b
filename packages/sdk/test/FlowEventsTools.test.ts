/** Tool pauses of event streams, answered by a handler or by hand (docs/wire.md#pauses). */
import {
  APIConnectionError,
  FlowCursor,
  type FlowEvent,
  InvalidRequestError,
  ToolCallLimitError,
  Tools,
  UnexpectedResponseError
} from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Schedule, Schema, Stream } from "effect"
import {
  assistant,
  bodies,
  cut,
  flowCompleted,
  requests,
  respond,
  runStarted,
  scripted,
  stepCompleted,
  stepPaused,
  stepStarted,
  toolCall,
  toolPause
} from "./support/scripted.js"

const flow = "acme/support/greet"

const declarations = [{
  type: "function" as const,
  function: { name: "lookup_order", parameters: { type: "object" } }
}]

const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

const typesOf = (events: ReadonlyArray<{ readonly type: string }>) => events.map(({ type }) => type)

const shipped = (calls: ReadonlyArray<{ readonly id: string }>) =>
  calls.map(({ id }) => ({ toolCallId: id, content: { state: "shipped" } }))

/** Answers everything, and remembers what it was asked. */
const counted = () => {
  const asked: Array<ReadonlyArray<string>> = []
  const tools = Tools.handle(declarations, (calls) => {
    asked.push(calls.map(({ id }) => id))
    return Effect.succeed(shipped(calls))
  })
  return { asked, tools }
}

const beforePause = [runStarted(2), stepStarted("classify"), stepCompleted("classify"), stepPaused(1)]

const pause = toolPause("triage", "tc_1", { stepIndex: 1, accumulatedOutputs: { classify: { of: "classify" } } })

const afterResume = [stepStarted("triage"), stepCompleted("triage", "done"), flowCompleted("done")]

describe("tools with a handler", () => {
  it.effect("pauses: the handler answers, and the same step goes on with its results", () => {
    const { asked, tools } = counted()
    return scripted(
      [respond(...beforePause), respond(stepStarted("triage"), pause), respond(...afterResume)],
      (flows) =>
        Effect.gen(function*() {
          const events = yield* collect(flows.events(flow, { message: "hi", tools }))
          assert.deepStrictEqual(typesOf(events), [
            ...typesOf(beforePause),
            "step_started",
            "step_started",
            "step_completed",
            "flow_completed"
          ])
          assert.deepStrictEqual(events.flatMap((event) => "stepIndex" in event ? event.stepIndex : []), [
            0,
            0,
            0,
            1,
            1,
            1
          ])
          assert.deepStrictEqual(asked, [["tc_1"]])
          assert.deepStrictEqual((yield* bodies)[2], {
            executionId: "ex-1",
            stepIndex: 1,
            accumulatedOutputs: { classify: { of: "classify" } },
            parameters: {},
            inputOverrides: {},
            runRemaining: false,
            tools: declarations,
            toolCallMessages: [
              assistant("tc_1"),
              { role: "tool", tool_call_id: "tc_1", content: "{\"state\":\"shipped\"}" }
            ],
            iterationsUsed: 1,
            trace: false
          })
        })
    )
  })

  it.effect("step: a resume inside step 0 has neither message nor parameters (C17, C18, B-TS-7)", () => {
    const { tools } = counted()
    return scripted([
      respond(runStarted(1), stepStarted("a"), toolPause("a", "tc_1")),
      respond(stepCompleted("a"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { message: "hi", parameters: { tone: "dry" }, tools }))
        const resumed = (yield* bodies)[1]
        assert.isUndefined(resumed?.message)
        assert.deepStrictEqual(resumed?.parameters, {})
      }))
  })

  it.effect("results mirror the casing of the pause; its messages go back verbatim", () => {
    const { tools } = counted()
    const messages = [
      { role: "user", content: "hi", extra: null },
      { role: "assistant", content: null, toolCalls: [toolCall("tc_1")], reasoning: { kept: [null] } }
    ]
    return scripted([
      respond(runStarted(1), toolPause("a", "tc_1", { toolCallMessages: messages, iterationsUsed: 7 })),
      respond(stepCompleted("a"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { tools }))
        const resumed = (yield* bodies)[1]
        assert.deepStrictEqual(resumed?.toolCallMessages, [
          ...messages,
          { role: "tool", toolCallId: "tc_1", content: "{\"state\":\"shipped\"}" }
        ])
        assert.strictEqual(resumed?.iterationsUsed, 7)
      }))
  })

  it.effect("id and outputs of the pause are taken, also when run_started was never seen", () => {
    const { tools } = counted()
    return scripted([
      respond(toolPause("b", "tc_1", { executionId: "ex-7", stepIndex: 1, accumulatedOutputs: { a: null } })),
      respond(stepCompleted("b"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { tools }))
        assert.deepInclude((yield* bodies)[1], {
          executionId: "ex-7",
          stepIndex: 1,
          accumulatedOutputs: { a: null }
        })
      }))
  })

  it.effect("an index that the server counts from the start of its response does not lead back", () => {
    const { tools } = counted()
    return scripted([
      respond(...beforePause),
      respond(stepStarted("triage"), toolPause("triage", "tc_1", { stepIndex: 0 })),
      respond(...afterResume)
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { tools }))
        assert.strictEqual((yield* bodies)[2]?.stepIndex, 1)
      }))
  })

  it.effect("cursor: a step that completes under another id before it pauses goes on with the answer", () => {
    const { tools } = counted()
    return scripted([
      respond(runStarted(2), stepCompleted("a/inner"), toolPause("a", "tc_1", { stepIndex: 0 })),
      respond(stepCompleted("a"), stepPaused()),
      respond(stepCompleted("b"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { tools }))
        assert.deepStrictEqual((yield* bodies).map(({ stepIndex }) => stepIndex), [0, 0, 1])
      }))
  })

  it.effect("results: calls that only the last assistant message names are found", () => {
    const { asked, tools } = counted()
    return scripted([
      respond(
        runStarted(1),
        toolPause("a", "tc_1", { toolCalls: null, toolCallMessages: [assistant("tc_1", "tc_2")] })
      ),
      respond(stepCompleted("a"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { tools }))
        assert.deepStrictEqual(asked, [["tc_1", "tc_2"]])
      }))
  })

  it.effect("rounds are counted over the whole iteration, and the limit comes before the next call of the handler", () => {
    const { asked, tools } = counted()
    return scripted([
      respond(runStarted(2), toolPause("a", "tc_1")),
      respond(stepCompleted("a"), stepPaused(1)),
      respond(toolPause("b", "tc_2", { stepIndex: 1 })),
      respond(toolPause("b", "tc_3", { stepIndex: 1 }))
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { tools, maxToolRounds: 2 })))
        assert.instanceOf(error, ToolCallLimitError)
        assert.strictEqual(error.code, "TOOL_CALL_LIMIT_CLIENT")
        assert.strictEqual(error.executionId, "ex-1")
        assert.strictEqual(error.rounds, 2)
        assert.deepStrictEqual(asked, [["tc_1"], ["tc_2"]])
        assert.strictEqual((yield* requests).length, 4)
        assert.strictEqual(error.cursor?.rounds, 2)
        assert.deepStrictEqual(error.cursor?.pending?.toolCalls?.map(({ id }) => id), ["tc_3"])
      }))
  })

  it.effect("with maxToolRounds 0 the handler never runs", () => {
    const { asked, tools } = counted()
    return scripted([respond(runStarted(1), toolPause("a", "tc_1"))], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { tools, maxToolRounds: 0 })))
        assert.instanceOf(error, ToolCallLimitError)
        assert.deepStrictEqual(asked, [])
      }))
  })

  it.effect("results that do not answer the calls are refused before anything is sent", () => {
    const tools = Tools.handle(declarations, () => Effect.succeed([]))
    return scripted([respond(runStarted(1), toolPause("a", "tc_1"))], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { tools })))
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual(error.executionId, "ex-1")
        assert.strictEqual((yield* requests).length, 1)
      }))
  })

  it.effect("the handler's own failure fails the stream as it is, or is told to the model", () => {
    const tools = Tools.handle(declarations, () => Effect.fail("no such order"))
    return scripted([
      respond(runStarted(1), toolPause("a", "tc_1")),
      respond(runStarted(1), toolPause("a", "tc_1")),
      respond(stepCompleted("a"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { tools })))
        assert.strictEqual(error, "no such order")
        yield* collect(flows.events(flow, { tools, onToolFailure: "report" }))
        assert.match(JSON.stringify((yield* bodies)[2]?.toolCallMessages), /no such order/)
      }))
  })

  it.effect("an id that comes again in the next round, or in the next iteration of a loop, runs the handler again", () => {
    const { asked, tools } = counted()
    const first = toolPause("a", "call_0")
    return scripted([
      respond(runStarted(1), stepStarted("a"), first),
      respond(toolPause("a", "call_0", { iterationsUsed: 2 })),
      respond(stepCompleted("a"), stepStarted("a"), first),
      respond(stepCompleted("a"), stepStarted("a"), first),
      respond(stepCompleted("a"), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { tools }))
        assert.lengthOf(asked, 4)
      }))
  })

  it.effect("a pause that comes again after a cut is answered with the same results, and runs no handler", () => {
    const { asked, tools } = counted()
    return scripted([
      respond(runStarted(1), stepStarted("a"), toolPause("a", "call_0")),
      cut(stepStarted("a")),
      respond(stepStarted("a"), toolPause("a", "call_0")),
      respond(stepCompleted("a"), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { tools, heal: Schedule.recurs(3) }))
        assert.deepStrictEqual(asked, [["call_0"]])
        const [, resumed, ...again] = yield* bodies
        assert.deepStrictEqual(again, [resumed, resumed])
      }))
  })

  it.effect("an interrupted handler is interrupted, and nothing is sent", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const stopped = yield* Deferred.make<void>()
      const tools = Tools.handle(
        declarations,
        () =>
          Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Deferred.succeed(stopped, undefined))
          )
      )
      yield* scripted([respond(runStarted(1), toolPause("a", "tc_1"))], (flows) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(collect(flows.events(flow, { tools })))
          yield* Deferred.await(begun)
          yield* Fiber.interrupt(fiber)
          yield* Deferred.await(stopped)
          assert.strictEqual((yield* requests).length, 1)
        }))
    }))

  it.effect("steps: the handler answers there too", () => {
    const { asked, tools } = counted()
    return scripted(
      [respond(...beforePause), respond(pause), respond(...afterResume)],
      (flows) =>
        Effect.gen(function*() {
          const steps = yield* collect(flows.steps(flow, { tools }))
          assert.deepStrictEqual(steps.map(({ stepId }) => stepId), ["classify", "triage"])
          assert.deepStrictEqual(asked, [["tc_1"]])
        })
    )
  })

  it.effect("from: the cursor of a pause is answered by a handler without a request before", () => {
    const { asked, tools } = counted()
    return scripted(
      [respond(...beforePause), respond(pause), respond(...afterResume)],
      (flows) =>
        Effect.gen(function*() {
          const events = yield* collect(flows.events(flow, { message: "hi", tools: declarations }))
          const cursor = (events.at(-1) as FlowEvent.ToolCallsRequired).cursor
          const revived = yield* Schema.decodeUnknown(FlowCursor)(JSON.parse(JSON.stringify(cursor)))
          const rest = yield* collect(flows.events(flow, { from: revived, tools }))
          assert.deepStrictEqual(typesOf(rest), typesOf(afterResume))
          assert.deepStrictEqual(asked, [["tc_1"]])
          assert.deepInclude((yield* bodies)[2], { executionId: "ex-1", stepIndex: 1, iterationsUsed: 1 })
        })
    )
  })

  it.effect("from the failure of a resume: the answer is sent again, and the handler is not asked again", () => {
    const { asked, tools } = counted()
    return scripted([
      respond(...beforePause),
      respond(pause),
      cut(stepStarted("triage")),
      respond(...afterResume)
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { message: "hi", tools })))
        assert.instanceOf(error, APIConnectionError)
        const cursor: FlowCursor = JSON.parse(JSON.stringify(error.cursor))
        yield* collect(flows.events(flow, { from: cursor, tools }))
        assert.deepStrictEqual(asked, [["tc_1"]])
        const [, , resumed, again] = yield* bodies
        assert.deepStrictEqual(again, resumed)
      }))
  })
})

describe("tools of a last step whose end was lost", () => {
  const lastWithTools = [respond(runStarted(1), toolPause("a", "tc_1")), cut(stepStarted("a"), stepCompleted("a"))]
  const end = respond(stepStarted("a"), stepCompleted("a"), flowCompleted("done"))

  it.effect("from: it runs again with the answer that the cursor kept, and the handler is not asked again", () => {
    const { asked, tools } = counted()
    return scripted([...lastWithTools, end], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { tools })))
        assert.instanceOf(error, APIConnectionError)
        const from: FlowCursor = JSON.parse(JSON.stringify(error.cursor))
        assert.deepStrictEqual(typesOf(yield* collect(flows.events(flow, { from, tools }))), ["flow_completed"])
        assert.deepStrictEqual(asked, [["tc_1"]])
        const [, resumed, again] = yield* bodies
        assert.deepStrictEqual(again, resumed)
      }))
  })

  it.effect("from: if it asks once more, it is answered once more, by a handler or by hand", () => {
    const { asked, tools } = counted()
    const asksAgain = respond(stepStarted("a"), toolPause("a", "tc_2"))
    return scripted([...lastWithTools, asksAgain, end, asksAgain, end], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { tools })))
        assert.instanceOf(error, APIConnectionError)
        const from: FlowCursor = JSON.parse(JSON.stringify(error.cursor))
        assert.deepStrictEqual(typesOf(yield* collect(flows.events(flow, { from, tools }))), ["flow_completed"])
        assert.deepStrictEqual(asked, [["tc_1"], ["tc_2"]])
        const [pause, ...others] = yield* collect(flows.events(flow, { from, tools: declarations }))
        assert.deepStrictEqual(others, [])
        assert.deepInclude(pause, { type: "tool_calls_required", stepIndex: 0 })
        if (pause?.type !== "tool_calls_required") return
        const rest = yield* collect(pause.resume(shipped(pause.toolCalls)))
        assert.deepStrictEqual(typesOf(rest), ["flow_completed"])
        const sent = yield* bodies
        assert.deepStrictEqual(sent.map(({ stepIndex }) => stepIndex), [0, 0, 0, 0, 0, 0])
        assert.deepStrictEqual(sent[5], sent[3])
      }))
  })
})

describe("tools by hand", () => {
  const tools = declarations

  it.effect("pauses: the stream ends with the pause, and nothing is sent before resume is run", () =>
    scripted(
      [respond(...beforePause), respond(stepStarted("triage"), pause), respond(...afterResume)],
      (flows) =>
        Effect.gen(function*() {
          const events = yield* collect(flows.events(flow, { message: "hi", tools }))
          const last = events.at(-1)!
          assert.strictEqual(last.type, "tool_calls_required")
          if (last.type !== "tool_calls_required") return
          assert.deepStrictEqual({ ...last } as object, {
            type: "tool_calls_required",
            executionId: "ex-1",
            stepId: "triage",
            stepIndex: 1,
            toolCalls: [{ id: "tc_1", name: "lookup_order", arguments: "{\"id\":\"A17\"}" }]
          })
          assert.deepStrictEqual(last.cursor as object, {
            version: 1,
            flow,
            flowVersion: "production",
            executionId: "ex-1",
            stepIndex: 1,
            stepCount: 2,
            outputs: { classify: { of: "classify" } },
            lastStepId: "classify",
            pending: {
              stepId: "triage",
              iterationsUsed: 1,
              toolCallMessages: [assistant("tc_1")],
              toolCalls: [{ id: "tc_1", name: "lookup_order", arguments: "{\"id\":\"A17\"}" }]
            },
            rounds: 0
          })
          const resumed = last.resume(shipped(last.toolCalls))
          assert.strictEqual((yield* requests).length, 2)
          assert.deepStrictEqual(typesOf(yield* collect(resumed)), typesOf(afterResume))
          assert.deepInclude((yield* bodies)[2], { executionId: "ex-1", stepIndex: 1, tools: declarations })
        })
    ))

  it.effect("a program that answers every pause as it comes", () => {
    const follow = <E, R>(
      stream: Stream.Stream<FlowEvent.FlowEvent, E, R>
    ): Stream.Stream<FlowEvent.FlowEvent, unknown, R> =>
      Stream.flatMap(stream, (event) =>
        event.type === "tool_calls_required"
          ? Stream.concat(Stream.make(event), follow(event.resume(shipped(event.toolCalls))))
          : Stream.make(event))
    return scripted([
      respond(runStarted(1), toolPause("a", "tc_1")),
      respond(toolPause("a", "tc_2", { iterationsUsed: 2 })),
      respond(stepCompleted("a"), flowCompleted("done"))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(follow(flows.events(flow, { tools })))
        assert.deepStrictEqual(typesOf(events), [
          "run_started",
          "tool_calls_required",
          "tool_calls_required",
          "step_completed",
          "flow_completed"
        ])
        assert.deepStrictEqual((yield* bodies).map(({ iterationsUsed }) => iterationsUsed), [0, 1, 2])
      }))
  })

  it.effect("resume is a value: run twice, it posts twice the same", () =>
    scripted(
      [respond(runStarted(1), toolPause("a", "tc_1")), respond(...afterResume), respond(...afterResume)],
      (flows) =>
        Effect.gen(function*() {
          const last = (yield* collect(flows.events(flow, { tools }))).at(-1) as FlowEvent.ToolCallsRequired
          const resumed = last.resume(shipped(last.toolCalls))
          yield* collect(resumed)
          yield* collect(resumed)
          const [, one, two] = yield* bodies
          assert.deepStrictEqual(two, one)
        })
    ))

  for (
    const [name, results] of [
      ["missing", []],
      ["unknown", [{ toolCallId: "tc_1", content: "x" }, { toolCallId: "tc_9", content: "x" }]],
      ["duplicate", [{ toolCallId: "tc_1", content: "x" }, { toolCallId: "tc_1", content: "y" }]]
    ] as const
  ) {
    it.effect(`tool-results: ${name} results are refused before anything is sent`, () =>
      scripted([respond(runStarted(1), toolPause("a", "tc_1"))], (flows) =>
        Effect.gen(function*() {
          const last = (yield* collect(flows.events(flow, { tools }))).at(-1) as FlowEvent.ToolCallsRequired
          const error = yield* Effect.flip(collect(last.resume(results)))
          assert.instanceOf(error, InvalidRequestError)
          assert.deepStrictEqual(error.cursor, last.cursor)
          assert.strictEqual((yield* requests).length, 1)
        })))
  }

  it.effect("results of a handler that do not fit its calls fail with the place of the run", () =>
    scripted([respond(...beforePause), respond(pause)], (flows) =>
      Effect.gen(function*() {
        const wrong = Tools.handle(declarations, () => Effect.succeed([{ toolCallId: "tc_9", content: "x" }]))
        const error = yield* Effect.flip(collect(flows.events(flow, { tools: wrong })))
        assert.instanceOf(error, InvalidRequestError)
        assert.deepInclude(error.cursor, { executionId: "ex-1", stepIndex: 1 })
      })))

  it.effect("from: the cursor of a pause gives the pause again, without a request", () =>
    scripted(
      [respond(runStarted(1), toolPause("a", "tc_1")), respond(...afterResume)],
      (flows) =>
        Effect.gen(function*() {
          const first = (yield* collect(flows.events(flow, { tools }))).at(-1) as FlowEvent.ToolCallsRequired
          const again = yield* collect(flows.events(flow, { from: JSON.parse(JSON.stringify(first.cursor)), tools }))
          assert.deepStrictEqual(typesOf(again), ["tool_calls_required"])
          assert.strictEqual((yield* requests).length, 1)
          const event = again[0] as FlowEvent.ToolCallsRequired
          yield* collect(event.resume(shipped(event.toolCalls)))
          assert.strictEqual((yield* requests).length, 2)
        })
    ))

  it.effect("a response that the server holds open is left when the pause is handed over", () =>
    Effect.gen(function*() {
      const left = yield* Deferred.make<void>()
      const held = Stream.concat(respond(runStarted(1), toolPause("a", "tc_1")), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(left, undefined))
      )
      yield* scripted(
        [held],
        (flows) =>
          Stream.runForEach(
            flows.events(flow, { tools }),
            (event) => event.type === "tool_calls_required" ? Deferred.await(left) : Effect.void
          )
      )
    }))
})

describe("without tools", () => {
  it.effect("a pause is an UnexpectedResponseError with the run's id", () =>
    scripted([respond(runStarted(1), toolPause("a", "tc_1"))], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, {})))
        assert.instanceOf(error, UnexpectedResponseError)
        assert.deepInclude(error, { code: "TOOL_CALLS_UNANSWERED_CLIENT", executionId: "ex-1" })
        assert.strictEqual(error.cursor?.pending?.toolCalls?.length, 1)
      })))

  it.effect("so is a pause that names no calls, whatever tools were sent", () =>
    scripted(
      [respond(runStarted(1), toolPause("a", "tc_1", { toolCalls: [], toolCallMessages: [] }))],
      (flows) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(collect(flows.events(flow, { tools: declarations })))
          assert.instanceOf(error, UnexpectedResponseError)
          assert.strictEqual(error.code, "TOOL_CALLS_UNANSWERED_CLIENT")
        })
    ))
})
