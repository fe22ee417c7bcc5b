/** Event streams over the scripted `NoukaiHttp`: cursor, requests, ends (docs/wire.md#step, docs/wire.md#order-of-events, docs/wire.md#cursor). */
import {
  APIConnectionError,
  APITimeoutError,
  type EventsInput,
  Flow,
  FlowCursor,
  FlowExecutionError,
  InvalidRequestError,
  UnexpectedResponseError
} from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Schedule, Schema, Stream, TestClock } from "effect"
import {
  between,
  bodies,
  cut,
  flowCompleted,
  lost,
  requests,
  respond,
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

const typesOf = (events: ReadonlyArray<{ readonly type: string }>) => events.map(({ type }) => type)

describe("requests (7.1)", () => {
  it.effect("two steps: the first call, then the later one with what was produced", () =>
    scripted([respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { message: "hi" }))
        const [first, second] = yield* requests
        assert.strictEqual(
          JSON.stringify(first?.body),
          `{"stepIndex":0,"accumulatedOutputs":{},"message":"hi","parameters":{},"inputOverrides":{},"runRemaining":false,"trace":false,"iterationsUsed":0}`
        )
        assert.strictEqual(
          JSON.stringify(second?.body),
          `{"executionId":"ex-1","stepIndex":1,"accumulatedOutputs":{"classify":{"of":"classify"}},"parameters":{},"inputOverrides":{},"runRemaining":false,"trace":false,"iterationsUsed":0}`
        )
      })))

  it.effect("message, parameters and attachments go with the first call alone; the rest with every call (C17–C19)", () =>
    scripted([respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, {
          message: "hi",
          parameters: { tone: "dry", note: null },
          attachments: [{ url: "https://i.example.com/d.png", mime_type: "image/png" }],
          inputOverrides: { classify: { label: "refund" } },
          blockOverrides: { answer: { model: "small" } },
          tools: [{ type: "function", function: { name: "lookup_order" } }],
          toolChoice: "auto",
          snapshots: true
        }))
        const [first, second] = yield* bodies
        const every = {
          inputOverrides: { classify: { label: "refund" } },
          blockOverrides: { answer: { model: "small" } },
          tools: [{ type: "function", function: { name: "lookup_order" } }],
          toolChoice: "auto",
          trace: true,
          runRemaining: false,
          iterationsUsed: 0
        }
        assert.deepStrictEqual(first, {
          stepIndex: 0,
          accumulatedOutputs: {},
          message: "hi",
          parameters: { tone: "dry", note: null },
          attachments: [{ kind: "url", url: "https://i.example.com/d.png", mime_type: "image/png" }],
          ...every
        })
        assert.deepStrictEqual(second, {
          executionId: "ex-1",
          stepIndex: 1,
          accumulatedOutputs: { classify: { of: "classify" } },
          parameters: {},
          ...every
        })
      })))

  it.effect("flow, version, session and options are the same on every request (2.2, 3)", () =>
    scripted([respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        yield* collect(
          flows.events(flow, { message: "hi", version: 3, sessionId: "s-1", idleTimeout: "5 seconds" })
        )
        for (const request of yield* requests) {
          assert.deepStrictEqual(request.flow, { org: "acme", project: "support", slug: "greet" })
          assert.strictEqual(request.version, 3)
          assert.strictEqual(request.sessionId, "s-1")
          assert.strictEqual(request.options.idleTimeout, "5 seconds")
          assert.strictEqual(request.method, "FlowService.events")
        }
      })))

  it.effect("parameters are encoded through the flow's schema; ones that do not fit are refused before sending", () => {
    const Greet = Flow.make(flow, { parameters: Schema.Struct({ at: Schema.Date }) })
    return scripted([respond(runStarted(), stepCompleted("a"), flowCompleted(1))], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(Greet, { parameters: { at: new Date(0) } }))
        assert.deepStrictEqual((yield* bodies)[0]?.parameters, { at: "1970-01-01T00:00:00.000Z" })
        const wrong = { parameters: { at: "today" } } as unknown as { readonly parameters: { readonly at: Date } }
        const error = yield* Effect.flip(collect(flows.events(Greet, wrong)))
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual((yield* requests).length, 1)
      }))
  })

  it.effect("runRemaining: one request runs everything", () =>
    scripted([
      respond(runStarted(2), stepCompleted("classify"), stepCompleted("answer"), flowCompleted({ of: "answer" }))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { message: "hi", runRemaining: true }))
        assert.deepStrictEqual(typesOf(events), ["run_started", "step_completed", "step_completed", "flow_completed"])
        assert.deepStrictEqual(events.flatMap((event) => event.type === "step_completed" ? event.stepIndex : []), [
          0,
          1
        ])
        assert.deepStrictEqual((yield* bodies).map(({ runRemaining }) => runRemaining), [true])
      })))

  it.effect("the same stream runs twice as two runs", () =>
    scripted([
      respond(...two.first),
      respond(...two.second),
      respond(...two.first),
      respond(...two.second)
    ], (flows) =>
      Effect.gen(function*() {
        const stream = flows.events(flow, { message: "hi" })
        const once = yield* collect(stream)
        assert.deepStrictEqual(typesOf(yield* collect(stream)), typesOf(once))
        assert.deepStrictEqual((yield* bodies).map(({ stepIndex }) => stepIndex), [0, 1, 0, 1])
      })))
})

describe("a new run at a step of another one", () => {
  const cursor = {
    ...between(flow),
    sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01",
    outputs: { classify: { label: "edited" } },
    pending: { iterationsUsed: 1, toolCallMessages: [{ role: "assistant" }] }
  }

  it.effect("has its outputs and the input, and neither its id, its session nor its pause", () =>
    scripted([respond(runStarted(2), stepCompleted("answer"), flowCompleted(1))], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(
          flows.events(flow, { from: cursor, asNewRun: true, message: "hi", parameters: { a: 1 } })
        )
        assert.deepStrictEqual(events.flatMap((event) => event.type === "step_completed" ? event.stepIndex : []), [1])
        const [{ body, sessionId } = assert.fail()] = yield* requests
        assert.strictEqual(sessionId, undefined)
        const { accumulatedOutputs, executionId, message, parameters, stepIndex, toolCallMessages } = body
        assert.deepStrictEqual({ accumulatedOutputs, executionId, message, parameters, stepIndex, toolCallMessages }, {
          accumulatedOutputs: { classify: { label: "edited" } },
          executionId: undefined,
          message: "hi",
          parameters: { a: 1 },
          stepIndex: 1,
          toolCallMessages: undefined
        })
      })))

  it.effect("is not sent twice where its id is not known", () =>
    scripted([respond(stepCompleted("answer"))], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, {
          from: cursor,
          asNewRun: true,
          heal: Schedule.recurs(5)
        })))
        assert.strictEqual(error._tag, "APIConnectionError")
        assert.strictEqual((yield* requests).length, 1)
      })))
})

describe("checks before anything is sent", () => {
  const cursor = between(flow)
  const refused: ReadonlyArray<readonly [name: string, input: object, field: string]> = [
    ["addresses: the draft has no step streams", { version: "draft" }, "version"],
    ["addresses: nor does version 0", { version: 0 }, "version"],
    ["a version that is none", { version: 1.5 }, "version"],
    ["messages: messages are not for /step", { messages: [{ role: "user" }] }, "messages"],
    ["a message that is no text", { message: 7 }, "message"],
    ["inputOverrides that are no object", { inputOverrides: [] }, "inputOverrides"],
    ["the reserved parameter (5.1)", { parameters: { attachments: [] } }, "parameters.attachments"],
    ["a clock that is none", { timeout: "soon" }, "timeout"],
    ["a cursor that is none", { from: { ...cursor, version: 2 } }, "from"],
    ["a cursor with an index that is none", { from: { ...cursor, stepIndex: 1.5 } }, "from"],
    ["a cursor of another flow", { from: { ...cursor, flow: "acme/support/other" } }, "from"],
    ["a cursor of another version", { from: cursor, version: 3 }, "from"],
    ["a cursor in mid-run that names no run", { from: { ...cursor, executionId: undefined } }, "from"],
    ["a new run at a step, without a cursor", { asNewRun: true }, "asNewRun"],
    ["a new run at the first step", { from: { ...cursor, stepIndex: 0 }, asNewRun: true }, "from"],
    ["a cursor that waits for tools, without tools", {
      from: {
        ...cursor,
        pending: {
          iterationsUsed: 1,
          toolCallMessages: [],
          toolCalls: [{ id: "tc_1", name: "lookup_order", arguments: "{}" }]
        }
      }
    }, "from"]
  ]
  for (const [name, input, field] of refused) {
    it.effect(name, () =>
      scripted([], (flows) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(collect(flows.events(flow, input as EventsInput)))
          assert.instanceOf(error, InvalidRequestError)
          assert.strictEqual(error.field, field)
          assert.deepStrictEqual(yield* requests, [])
        })))
  }

  it.effect("cursor: steps runs one step per request, and says so", () =>
    scripted([], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.steps(flow, { runRemaining: true } as EventsInput)))
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual(error.field, "runRemaining")
      })))
})

describe("what the caller sees (7.3, 7.5)", () => {
  it.effect("every event, in order, with flow-absolute indices (C8)", () =>
    scripted([respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { message: "hi" }))
        assert.deepStrictEqual(events.map((event): object => ({ ...event })), [
          { type: "run_started", executionId: "ex-1", flowId: undefined, stepCount: 2, runId: undefined },
          { type: "step_started", stepId: "classify", name: undefined, stepIndex: 0 },
          {
            type: "step_completed",
            stepId: "classify",
            name: undefined,
            output: { of: "classify" },
            outputFrom: "completed",
            durationMs: undefined,
            tokens: undefined,
            costUsd: undefined,
            stepIndex: 0
          },
          { type: "step_paused", executionId: "ex-1", stepIndex: 0, nextStepIndex: 1 },
          { type: "step_started", stepId: "answer", name: undefined, stepIndex: 1 },
          { type: "step_output", stepId: "answer", outputData: 1 },
          {
            type: "step_completed",
            stepId: "answer",
            name: undefined,
            output: { of: "answer" },
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
            result: { of: "answer" },
            resultFrom: "completed",
            summary: undefined
          }
        ])
      })))

  it.effect("tokens default to 0 each; an absent output is absent, and is not sent", () =>
    scripted([
      respond(runStarted(), {
        type: "step_completed",
        stepId: "a",
        name: null,
        durationMs: 5,
        tokens: { total: 3, prompt: null },
        costUsd: "0.1"
      }, stepPaused()),
      respond(flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const completed = (yield* collect(flows.events(flow, {})))[1]
        assert.deepInclude(completed, {
          name: undefined,
          durationMs: 5,
          tokens: { prompt: 0, completion: 0, total: 3 },
          costUsd: "0.1"
        })
        assert.notProperty(completed, "output")
        assert.deepStrictEqual((yield* bodies)[1]?.accumulatedOutputs, {})
      })))

  it.effect("run_started comes once, however often the server repeats it (7.4)", () =>
    scripted([
      respond(runStarted(2), runStarted(2), stepCompleted("a"), stepPaused(1)),
      respond(runStarted(2), stepCompleted("b"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, {}))
        assert.deepStrictEqual(typesOf(events), [
          "run_started",
          "step_completed",
          "step_paused",
          "step_completed",
          "flow_completed"
        ])
      })))

  it.effect("a run_started of another run is not taken for this one: nothing more is sent", () =>
    scripted([
      respond(runStarted(2), stepCompleted("a"), stepPaused(1)),
      respond({ type: "run_started", executionId: "ex-2" }, stepCompleted("b"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, {})))
        assert.instanceOf(error, UnexpectedResponseError)
        assert.match(error.reason, /another run, ex-2/)
        assert.strictEqual(error.executionId, "ex-1")
        assert.strictEqual(error.cursor?.stepIndex, 1)
      })))

  it.effect("an empty id is ignored (7.5); without any id the run cannot go on, and is not started again", () =>
    scripted([
      respond({ type: "run_started", executionId: "" }, stepCompleted("a"), stepPaused(1))
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, {})))
        assert.instanceOf(error, UnexpectedResponseError)
        assert.strictEqual((yield* requests).length, 1)
      })))

  it.effect("the id may also come with step_paused", () =>
    scripted([
      respond(stepCompleted("a"), { type: "step_paused", executionId: "ex-9", nextStepIndex: 1 }),
      respond(stepCompleted("b"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, {}))
        assert.strictEqual((yield* bodies)[1]?.executionId, "ex-9")
      })))

  it.effect("nextStepIndex wins over what was counted (7.5)", () =>
    scripted([
      respond(runStarted(), stepCompleted("loop", 1), stepCompleted("loop", 2), stepPaused(1)),
      respond(stepStarted("next"), stepCompleted("next"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, {}))
        const [, second] = yield* bodies
        assert.strictEqual(second?.stepIndex, 1)
        assert.deepStrictEqual(second?.accumulatedOutputs, { loop: 2 })
        assert.deepInclude(events.at(-3), { type: "step_started", stepIndex: 1 })
        assert.deepInclude(events.find(({ type }) => type === "step_paused"), { stepIndex: 0, nextStepIndex: 1 })
      })))

  it.effect("without nextStepIndex the counted one goes (7.5)", () =>
    scripted([
      respond(runStarted(), stepCompleted("a"), stepPaused()),
      respond(stepCompleted("b"), flowCompleted(1))
    ], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, {}))
        assert.strictEqual((yield* bodies)[1]?.stepIndex, 1)
      })))

  it.effect("without nextStepIndex a step that completes under two ids counts once, unless the rest runs", () => {
    const parallel = [runStarted(3), stepStarted("p1"), stepStarted("p2"), stepCompleted("p1"), stepCompleted("p2")]
    const last = [stepCompleted("last"), flowCompleted(1)]
    return scripted([
      respond(...parallel, stepPaused()),
      respond(stepCompleted("mid"), stepPaused()),
      respond(...last),
      respond(...parallel, stepPaused()),
      respond(...last)
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, {}))
        assert.deepInclude(events.find(({ type }) => type === "step_paused"), { nextStepIndex: 1 })
        yield* collect(flows.events(flow, { runRemaining: true }))
        assert.deepStrictEqual((yield* bodies).map(({ stepIndex }) => stepIndex), [0, 1, 2, 0, 2])
      }))
  })

  for (
    const [name, events] of [
      ["no step completed", [runStarted(), stepPaused()]],
      ["it names the same step again", [runStarted(), stepCompleted("a"), stepPaused(0)]]
    ] as const
  ) {
    it.effect(`a pause without progress is a failure, not the same request again: ${name}`, () =>
      scripted([respond(...events)], (flows) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(collect(flows.events(flow, {})))
          assert.instanceOf(error, UnexpectedResponseError)
          assert.strictEqual((yield* requests).length, 1)
        })))
  }

  it.effect("the result is decoded by the flow's schema", () => {
    const Greet = Flow.make(flow, { result: Schema.Struct({ n: Schema.NumberFromString }) })
    return scripted([
      respond(runStarted(), stepCompleted("a"), flowCompleted({ n: "7" })),
      respond(runStarted(), stepCompleted("a"), flowCompleted({ n: 7 }))
    ], (flows) =>
      Effect.gen(function*() {
        const last = (yield* collect(flows.events(Greet, {}))).at(-1)
        assert.deepInclude(last, { type: "flow_completed", result: { n: 7 } })
        const seen: Array<string> = []
        const error = yield* Effect.flip(
          Stream.runForEach(flows.events(Greet, {}), (event) => Effect.sync(() => seen.push(event.type)))
        )
        assert.instanceOf(error, UnexpectedResponseError)
        assert.deepStrictEqual(error.value, { n: 7 })
        assert.strictEqual(error.executionId, "ex-1")
        assert.deepStrictEqual(seen, ["run_started", "step_completed"])
      }))
  })
})

describe("the cursor (7.5)", () => {
  it.effect("is that of its event's moment, however late it is asked for, and no part of what is printed", () =>
    scripted([respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { message: "hi", parameters: { a: 1 }, sessionId: "s-1" }))
        const cursors = events.flatMap((event) => "cursor" in event ? [[event.type, event.cursor] as const] : [])
        const base = {
          version: 1,
          flow,
          flowVersion: "production",
          executionId: "ex-1",
          stepCount: 2,
          sessionId: "s-1"
        }
        const one = { classify: { of: "classify" } }
        assert.deepStrictEqual(cursors as ReadonlyArray<unknown>, [
          ["run_started", {
            ...base,
            stepIndex: 0,
            outputs: {},
            rounds: 0,
            first: { message: "hi", parameters: { a: 1 } }
          }],
          ["step_completed", { ...base, stepIndex: 1, outputs: one, lastStepId: "classify", rounds: 0 }],
          ["step_paused", { ...base, stepIndex: 1, outputs: one, lastStepId: "classify", rounds: 0 }],
          ["step_completed", {
            ...base,
            stepIndex: 2,
            outputs: { ...one, answer: { of: "answer" } },
            lastStepId: "answer",
            rounds: 0
          }]
        ])
        assert.isFalse(JSON.stringify(events).includes("\"outputs\""))
      })))

  it.effect("survives JSON, and its schema", () =>
    scripted([respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { message: "hi" }))
        for (const event of events) {
          if (!("cursor" in event)) continue
          const revived = yield* Schema.decodeUnknown(FlowCursor)(JSON.parse(JSON.stringify(event.cursor)))
          assert.deepStrictEqual(revived, event.cursor)
        }
      })))

  it.effect("from: goes on with the next step", () =>
    scripted(
      [respond(...two.first), respond(...two.second), respond(...two.second)],
      (flows) =>
        Effect.gen(function*() {
          const events = yield* collect(flows.events(flow, { message: "hi", sessionId: "s-1" }))
          const paused = events.find((event) => event.type === "step_paused")!
          const cursor: FlowCursor = JSON.parse(JSON.stringify(paused.cursor))
          const rest = yield* collect(flows.events(flow, { from: cursor }))
          assert.deepStrictEqual(typesOf(rest), ["step_started", "step_output", "step_completed", "flow_completed"])
          assert.deepInclude(rest[0], { stepIndex: 1 })
          const [, second, third] = yield* bodies
          assert.deepStrictEqual(third, second)
          assert.strictEqual((yield* requests)[2]?.sessionId, "s-1")
        })
    ))

  it.effect("from: with an edited output, and with inputOverrides", () =>
    scripted([respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        const cursor: FlowCursor = {
          version: 1,
          flow,
          flowVersion: 3,
          executionId: "ex-1",
          stepIndex: 1,
          outputs: { classify: { label: "edited", gone: null } },
          rounds: 0
        }
        yield* collect(flows.events(flow, { from: cursor, inputOverrides: { classify: "x" }, message: "ignored" }))
        const [request] = yield* requests
        assert.strictEqual(request?.version, 3)
        assert.deepInclude(request?.body, {
          executionId: "ex-1",
          stepIndex: 1,
          accumulatedOutputs: { classify: { label: "edited", gone: null } },
          inputOverrides: { classify: "x" }
        })
        assert.isUndefined(request?.body.message)
      })))

  it.effect("from the failure before run_started: the same first call, since the caller asks for it", () =>
    scripted([cut(), respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { message: "hi", parameters: { a: 1 } })))
        assert.instanceOf(error, APIConnectionError)
        assert.isUndefined(error.cursor?.executionId)
        yield* collect(flows.events(flow, { from: error.cursor! }))
        const [first, again] = yield* bodies
        assert.deepStrictEqual(again, first)
      })))

  it.effect("from: step 0 that has to run again gets message and parameters again", () =>
    scripted(
      [cut(runStarted(2), stepStarted("classify")), respond(...two.first), respond(...two.second)],
      (flows) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(collect(flows.events(flow, { message: "hi", parameters: { a: 1 } })))
          assert.instanceOf(error, APIConnectionError)
          yield* collect(flows.events(flow, { from: error.cursor! }))
          const [first, again] = yield* bodies
          assert.deepStrictEqual(again, { ...first, executionId: "ex-1" })
        })
    ))

  it.effect("from: if only the end was lost, the last step runs again, unseen", () =>
    scripted([
      respond(...two.first),
      cut(...two.second.slice(0, 3)),
      respond(...two.second)
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, { message: "hi" })))
        assert.instanceOf(error, APIConnectionError)
        assert.strictEqual(error.cursor?.stepIndex, 2)
        const rest = yield* collect(flows.events(flow, { from: error.cursor }))
        assert.deepStrictEqual(typesOf(rest), ["flow_completed"])
        assert.deepInclude((yield* bodies)[2], { executionId: "ex-1", stepIndex: 1 })
      })))

  it.effect("a step in a loop has one index, however often it begins and completes", () =>
    scripted([
      respond(
        runStarted(),
        ...[0, 1].flatMap((n) => [stepStarted("loop"), stepCompleted("loop", n)]),
        stepStarted("next"),
        stepCompleted("next"),
        flowCompleted(1)
      )
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { message: "hi" }))
        assert.deepStrictEqual(
          events.flatMap((event) =>
            event.type === "step_started" || event.type === "step_completed" ? [[event.stepId, event.stepIndex]] : []
          ),
          [["loop", 0], ["loop", 0], ["loop", 0], ["loop", 0], ["next", 1], ["next", 1]]
        )
      })))

  it.effect("a step in a loop completes often, and only its last output is kept", () => {
    const times = 500
    const loop = Array.from({ length: times }, (_, i) => stepCompleted("loop", i))
    return scripted([respond(runStarted(), ...loop, flowCompleted(times))], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, { runRemaining: true }))
        const completed = events.flatMap((event) => event.type === "step_completed" ? [event] : [])
        assert.deepStrictEqual(completed.map(({ cursor }) => cursor.outputs.loop), loop.map((_, i) => i))
      }))
  })
})

describe("ends (7.4, C20)", () => {
  for (
    const [name, events, stepIndex] of [
      ["nothing at all", [], 0],
      ["after run_started", [runStarted(2)], 0],
      ["after a step", [runStarted(2), stepStarted("a"), stepCompleted("a")], 1]
    ] as const
  ) {
    it.effect(`a clean end without a terminal event is a failure with the cursor: ${name}`, () =>
      scripted([respond(...events)], (flows) =>
        Effect.gen(function*() {
          const seen: Array<string> = []
          const error = yield* Effect.flip(
            Stream.runForEach(flows.events(flow, { message: "hi" }), ({ type }) => Effect.sync(() => seen.push(type)))
          )
          assert.instanceOf(error, APIConnectionError)
          assert.match(error.message, /the stream ended before a terminal event/)
          assert.strictEqual(error.sent, "yes")
          assert.isFalse(error.isRetryable)
          assert.strictEqual(error.cursor?.stepIndex, stepIndex)
          assert.strictEqual(error.executionId, events.length === 0 ? undefined : "ex-1")
          assert.deepStrictEqual(seen, typesOf(events))
          assert.strictEqual((yield* requests).length, 1)
        })))
  }

  it.effect("what breaks is a failure with the cursor, the events before it delivered; printing it prints no outputs", () =>
    scripted([respond(...two.first), cut(stepStarted("answer"))], (flows) =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const error = yield* Effect.flip(
          Stream.runForEach(flows.events(flow, { message: "hi" }), ({ type }) => Effect.sync(() => seen.push(type)))
        )
        assert.instanceOf(error, APIConnectionError)
        assert.strictEqual(error.executionId, "ex-1")
        assert.deepStrictEqual(error.cursor?.outputs, { classify: { of: "classify" } })
        assert.deepStrictEqual(seen, [...typesOf(two.first), "step_started"])
        assert.isFalse(JSON.stringify(error).includes("classify"))
      })))

  it.effect("a stream that the server holds open ends with its terminal event", () =>
    scripted(
      [Stream.concat(respond(runStarted(1), flowCompleted(1)), Stream.never)],
      (flows) =>
        Effect.map(collect(flows.events(flow, {})), (events) =>
          assert.deepStrictEqual(typesOf(events), ["run_started", "flow_completed"]))
    ))

  it.effect("nothing after a terminal event or a pause counts (10.7: a recorded failure goes on with flow_completed)", () =>
    scripted([
      respond(...two.first, stepCompleted("ghost"), flowCompleted("ghost")),
      respond(
        stepStarted("answer"),
        { type: "step_error", stepId: "answer", error: { code: "X", message: "boom" } },
        flowCompleted(null)
      )
    ], (flows) =>
      Effect.gen(function*() {
        const events = yield* collect(flows.events(flow, {}))
        assert.deepStrictEqual(typesOf(events), [...typesOf(two.first), "step_started", "step_error"])
        assert.deepInclude(events.at(-1), { stepId: "answer", code: "X", message: "boom" })
        assert.strictEqual((yield* requests).length, 2)
      })))

  for (const key of ["failedAtStep", "failed_at_step"]) {
    it.effect(`flow_completed of a run that failed is no success: summary.${key} (C22)`, () =>
      scripted(
        [respond(runStarted(), { type: "flow_completed", result: null, summary: { [key]: "answer" } })],
        (flows) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(collect(flows.events(flow, {})))
            assert.instanceOf(error, FlowExecutionError)
            assert.strictEqual(error.stepId, "answer")
          })
      ))
  }

  it.effect("the total clock runs over responses, and ends a stream that stalls", () =>
    scripted(
      [respond(...two.first), Stream.concat(respond(stepStarted("answer")), Stream.never)],
      (flows) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(
            Effect.flip(collect(flows.events(flow, { message: "hi", timeout: "10 seconds" })))
          )
          yield* TestClock.adjust("9999 millis")
          assert.isTrue((yield* Fiber.poll(fiber))._tag === "None")
          yield* TestClock.adjust("1 millis")
          const error = yield* Fiber.join(fiber)
          assert.instanceOf(error, APITimeoutError)
          assert.deepInclude({ ...error }, { clock: "total", sent: "yes", executionId: "ex-1" })
          assert.strictEqual(error.cursor?.stepIndex, 1)
        })
    ))

  it.effect("the total clock counts what the reader takes", () =>
    scripted([respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(
          Stream.runForEach(
            flows.events(flow, { message: "hi", timeout: "10 seconds" }),
            (event) => event.type === "step_paused" ? Effect.sleep("11 seconds") : Effect.void
          )
        ))
        yield* TestClock.adjust("11 seconds")
        assert.instanceOf(yield* Fiber.join(fiber), APITimeoutError)
        assert.strictEqual((yield* requests).length, 1)
      })))

  it.effect("an error status of a later request carries the cursor, and is not repeated", () =>
    scripted([
      respond(...two.first),
      Stream.fail(
        new FlowExecutionError({ method: "test", statusCode: 503, code: "BILLING_UNAVAILABLE", isRetryable: false })
      )
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, {})))
        assert.instanceOf(error, FlowExecutionError)
        assert.strictEqual(error.executionId, "ex-1")
        assert.strictEqual(error.cursor?.stepIndex, 1)
        assert.strictEqual((yield* requests).length, 2)
      })))
})

describe("steps (B-PY-7, B-PY-8, B-TS-6)", () => {
  it.effect("gives completed steps alone", () =>
    scripted([respond(...two.first), respond(...two.second)], (flows) =>
      Effect.gen(function*() {
        const steps = yield* collect(flows.steps(flow, { message: "hi" }))
        assert.deepStrictEqual(steps.map(({ stepId, stepIndex, type }) => [type, stepId, stepIndex]), [
          ["step_completed", "classify", 0],
          ["step_completed", "answer", 1]
        ])
        assert.deepStrictEqual((yield* bodies).map(({ runRemaining }) => runRemaining), [false, false])
        assert.strictEqual((yield* requests)[0]?.method, "FlowService.steps")
      })))

  for (
    const [name, error, code, detail] of [
      ["an object", { code: "MODEL_DOWN", message: "boom" }, "MODEL_DOWN", "boom"],
      ["text", "boom", undefined, "boom"],
      ["nothing", undefined, undefined, undefined]
    ] as const
  ) {
    it.effect(`a failed step is a FlowExecutionError; its error is ${name}`, () =>
      scripted([
        respond(...two.first),
        respond(stepStarted("answer"), { type: "step_error", stepId: "answer", error })
      ], (flows) =>
        Effect.gen(function*() {
          const failure = yield* Effect.flip(collect(flows.steps(flow, { message: "hi" })))
          assert.instanceOf(failure, FlowExecutionError)
          assert.strictEqual(failure.code, code)
          assert.strictEqual(failure.detail, detail)
          assert.deepStrictEqual(failure.result, error)
          assert.strictEqual(failure.stepId, "answer")
          assert.strictEqual(failure.executionId, "ex-1")
          assert.strictEqual(failure.cursor?.stepIndex, 1)
          assert.match(failure.message, /step "answer" failed/)
        })))
  }

  it.effect("a pause for tools that nobody answers is a typed failure, with a cursor that can be answered", () =>
    scripted([respond(runStarted(1), stepStarted("a"), toolPause("a", "tc_1"))], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          collect(flows.steps(flow, { tools: [{ type: "function", function: { name: "lookup_order" } }] }))
        )
        assert.instanceOf(error, UnexpectedResponseError)
        assert.strictEqual(error.executionId, "ex-1")
        assert.deepStrictEqual(error.cursor?.pending?.toolCalls, [
          { id: "tc_1", name: "lookup_order", arguments: "{\"id\":\"A17\"}" }
        ])
      })))

  it.effect("a cut is a failure here too", () =>
    scripted([respond(...two.first), Stream.fail(lost())], (flows) =>
      Effect.gen(function*() {
        const steps: Array<string> = []
        const error = yield* Effect.flip(
          Stream.runForEach(flows.steps(flow, {}), ({ stepId }) => Effect.sync(() => steps.push(stepId)))
        )
        assert.instanceOf(error, APIConnectionError)
        assert.deepStrictEqual(steps, ["classify"])
      })))

  it.effect("the result is not decoded, since nobody sees it", () => {
    const Greet = Flow.make(flow, { result: Schema.Number })
    return scripted(
      [respond(runStarted(), stepOutput("a", 1), stepCompleted("a"), flowCompleted("x"))],
      (flows) => Effect.map(collect(flows.steps(Greet, {})), (steps) => assert.strictEqual(steps.length, 1))
    )
  })
})
