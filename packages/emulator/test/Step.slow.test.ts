import { Emulator, type Flow, samples } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { type Answer, call, type Parsed } from "./client.js"
import { outputOf, parseEvents } from "./eventStream.js"

const twoStep = "/seq/noukai/samples/two-step/step"
const weather = "/seq/noukai/samples/tools-enabled/step"

const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]

const flows: ReadonlyArray<Flow> = [
  ...samples,
  {
    ref: "acme/test/failing",
    steps: [{ kind: "template", id: "a", output: 1 }, {
      kind: "fail",
      id: "b",
      name: "B",
      code: "X",
      message: "no",
      status: 500
    }]
  },
  {
    ref: "acme/test/late-tools",
    steps: [
      { kind: "template", id: "a", output: { n: 1 } },
      { kind: "tool", id: "ask", rounds: [[{ name: "find" }]], forever: true, output: "{{tools.find}}" },
      { kind: "template", id: "c", output: "{{steps.ask.output}}" }
    ]
  },
  {
    ref: "acme/test/loop",
    steps: [{ kind: "loop", id: "each", times: 2, steps: [{ kind: "template", id: "in", output: "{{loop.index}}" }] }]
  },
  {
    ref: "acme/test/overridden",
    steps: [{ kind: "template", id: "a", output: "old" }, { kind: "template", id: "b", output: "saw {{input}}" }]
  },
  {
    ref: "acme/test/slow",
    steps: [{ kind: "template", id: "a", output: 1, duration: "1 minute" }, { kind: "template", id: "b", output: 2 }]
  },
  {
    ref: "acme/test/versioned",
    steps: [{ kind: "template", id: "a", output: "draft" }],
    versions: { 1: { steps: [{ kind: "template", id: "a", output: "one" }] } }
  },
  { ref: "acme/test/empty", steps: [] },
  { ref: "acme/test/broken", broken: "no", steps: [{ kind: "template", id: "a", output: 1 }] }
]

const shapes = ["hosted", "documented"] as const

const step = (path: string, body: object, headers = {}) => call((client) => client.post(path, body, headers))

const names = (answer: Answer) => parseEvents(answer.text).map(({ event }) => event)

const dataOf = (answer: Answer, name: string): Parsed =>
  parseEvents(answer.text).find(({ event }) => event === name)?.data

describe.each(shapes)("POST …/step, %s", (streamOutputs) => {
  const run = layer({ flows, streamOutputs })
  const isHosted = streamOutputs === "hosted"
  const completed = isHosted ? ["step_output", "step_completed"] : ["step_completed"]

  it.scoped("order-of-events: a two-step exchange, frame by frame", () =>
    Effect.gen(function*() {
      const first = yield* step(twoStep, {
        stepIndex: 0,
        accumulatedOutputs: {},
        message: "hi",
        parameters: {},
        inputOverrides: {},
        runRemaining: false,
        iterationsUsed: 0,
        trace: false
      })
      assert.strictEqual(first.status, 200)
      assert.strictEqual(first.headers.get("content-type"), "text/event-stream; charset=utf-8")
      assert.strictEqual(first.headers.get("cache-control"), "no-cache")
      const { executionId, flowId } = dataOf(first, "run_started")
      assert.strictEqual(
        first.text,
        [
          `event: run_started\ndata: {"eventType":"run_started","executionId":"${executionId}","flowId":"${flowId}","stepCount":2}\n\n`,
          "event: step_started\ndata: {\"eventType\":\"step_started\",\"stepId\":\"classify\",\"name\":\"Classify\",\"stepIndex\":0}\n\n",
          isHosted
            ? "event: step_output\ndata: {\"eventType\":\"step_output\",\"stepId\":\"classify\"," +
              "\"outputContext\":{\"label\":\"order\",\"about\":\"hi\"}}\n\n"
            : "",
          "event: step_completed\ndata: {\"eventType\":\"step_completed\",\"stepId\":\"classify\",\"name\":\"Classify\"," +
          (isHosted ? "" : "\"output\":{\"label\":\"order\",\"about\":\"hi\"},") + "\"durationMs\":0," +
          "\"tokens\":{\"prompt\":120,\"completion\":9,\"total\":129},\"costUsd\":\"0.00031\"}\n\n",
          `event: step_paused\ndata: {"eventType":"step_paused","executionId":"${executionId}","nextStepIndex":1}\n\n`
        ].join("")
      )
      const second = yield* step(twoStep, {
        executionId,
        stepIndex: 1,
        accumulatedOutputs: { classify: { label: "complaint" } },
        parameters: {},
        inputOverrides: {},
        runRemaining: false,
        iterationsUsed: 0,
        trace: false
      })
      assert.deepStrictEqual(names(second), [
        "step_started",
        "step_output",
        "step_output",
        ...completed,
        "flow_completed"
      ])
      assert.deepStrictEqual(outputOf(parseEvents(second.text), "answer"), { text: "About your complaint: hi" })
      assert.strictEqual(dataOf(second, "step_started").stepIndex, 0)
      const { eventType, ...done } = dataOf(second, "flow_completed")
      assert.strictEqual(eventType, "flow_completed")
      assert.deepStrictEqual(done, {
        executionId,
        ...(isHosted ? {} : { result: { text: "About your complaint: hi" } }),
        summary: { steps: 2, costUsd: "0.00121" }
      })
      const ledger = yield* (yield* Emulator).ledger
      assert.strictEqual(ledger.runsStarted, 1)
      assert.deepStrictEqual(ledger.steps.map((made) => [made.executionId, made.stepId, made.stepIndex]), [
        [executionId, "classify", 0],
        [executionId, "answer", 1]
      ])
      assert.deepStrictEqual(ledger.requests.map((request) => request.responseEvents), isHosted ? [5, 6] : [4, 5])
      assert.strictEqual(ledger.requests[0]!.responseBytes, Buffer.byteLength(first.text))
    }).pipe(Effect.provide(run)))

  it.scoped("order-of-events: runRemaining runs the rest without a pause", () =>
    Effect.gen(function*() {
      const answer = yield* step(twoStep, { stepIndex: 0, message: "hi", runRemaining: true })
      assert.deepStrictEqual(names(answer), [
        "run_started",
        "step_started",
        ...completed,
        "step_started",
        "step_output",
        "step_output",
        ...completed,
        "flow_completed"
      ])
      assert.deepStrictEqual(
        parseEvents(answer.text).filter(({ event }) => event === "step_started").map(({ data }) => data.stepIndex),
        [0, 1]
      )
    }).pipe(Effect.provide(run)))

  it.scoped("events: trace adds step_input", () =>
    Effect.gen(function*() {
      const answer = yield* step(twoStep, { stepIndex: 0, message: "hi", parameters: { a: 1 }, trace: true })
      assert.deepStrictEqual(dataOf(answer, "step_input")[isHosted ? "inputContext" : "inputData"], {
        message: "hi",
        a: 1
      })
    }).pipe(Effect.provide(run)))

  it.scoped("order-of-events: step_error is terminal, whatever status the step has", () =>
    Effect.gen(function*() {
      const answer = yield* step("/seq/acme/test/failing/step", { stepIndex: 0, runRemaining: true })
      assert.deepStrictEqual(names(answer).at(-1), "step_error")
      const { eventType: _, ...error } = dataOf(answer, "step_error")
      assert.deepStrictEqual(error, { stepId: "b", name: "B", error: { code: "X", message: "no" } })
      assert.strictEqual((yield* (yield* Emulator).ledger).runs[0]!.status, "failed")
    }).pipe(Effect.provide(run)))

  it.scoped("pauses: a tool pause has the absolute stepIndex; its resume streams the rest of the step", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/late-tools/step"
      const declared = [{ type: "function", function: { name: "find" } }]
      const first = yield* step(path, { stepIndex: 0, tools: declared })
      const { executionId } = dataOf(first, "run_started")
      const outputs = { a: { n: null } }
      const second = yield* step(path, { executionId, stepIndex: 1, accumulatedOutputs: outputs, tools: declared })
      assert.deepStrictEqual(names(second), ["step_started", "step_paused_for_tool_calls"])
      const pause = dataOf(second, "step_paused_for_tool_calls")
      assert.strictEqual(pause.executionId, executionId)
      assert.strictEqual(pause.stepId, "ask")
      assert.strictEqual(pause.stepIndex, 1)
      assert.strictEqual(pause.iterationsUsed, 1)
      assert.deepStrictEqual(pause.accumulatedOutputs, outputs)
      assert.deepStrictEqual(pause.toolCallMessages[0].tool_calls, pause.toolCalls)
      assert.strictEqual(pause.runId, executionId)
    }).pipe(Effect.provide(run)))

  it.scoped("pauses: the sample's tool run over /step quotes the result, and can be resumed again after a cut", () =>
    Effect.gen(function*() {
      const first = yield* step(weather, { stepIndex: 0, message: "Lisbon?", tools })
      const pause = dataOf(first, "step_paused_for_tool_calls")
      const resume = {
        executionId: pause.executionId,
        stepIndex: pause.stepIndex,
        accumulatedOutputs: pause.accumulatedOutputs,
        iterationsUsed: pause.iterationsUsed,
        tools,
        toolCallMessages: [
          ...pause.toolCallMessages,
          { role: "tool", tool_call_id: pause.toolCalls[0].id, content: "{\"temp\":21}" }
        ]
      }
      for (let time = 0; time < 2; time++) {
        const done = yield* step(weather, resume)
        assert.deepStrictEqual(names(done), ["step_started", ...completed, "flow_completed"])
        assert.strictEqual(
          outputOf(parseEvents(done.text), "assistant").text,
          "The weather, as get_weather says: {\"temp\":21}"
        )
      }
      assert.strictEqual((yield* (yield* Emulator).ledger).runsStarted, 1)
    }).pipe(Effect.provide(run)))

  it.scoped("step: inputOverrides replace outputs for the steps after, not in what is echoed", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/overridden/step"
      const first = yield* step(path, { stepIndex: 0 })
      const { executionId } = dataOf(first, "run_started")
      const second = yield* step(path, {
        executionId,
        stepIndex: 1,
        accumulatedOutputs: { a: "old" },
        inputOverrides: { a: "new" }
      })
      assert.strictEqual(outputOf(parseEvents(second.text), "b"), "saw new")
      const both = yield* step(path, { stepIndex: 0, runRemaining: true, inputOverrides: { a: "newer" } })
      assert.strictEqual(outputOf(parseEvents(both.text), "b"), "saw newer")
      assert.strictEqual(outputOf(parseEvents(both.text), "a"), "old")
    }).pipe(Effect.provide(run)))

  it.scoped("events: a loop is one step to the cursor; its progress is told by step_progress and loop_completed", () =>
    Effect.gen(function*() {
      const answer = yield* step("/seq/acme/test/loop/step", { stepIndex: 0 })
      assert.deepStrictEqual(names(answer), [
        "run_started",
        "step_started",
        "step_progress",
        "step_progress",
        "loop_completed",
        ...completed,
        "flow_completed"
      ])
    }).pipe(Effect.provide(run)))

  it.scoped("a step can be run again, also after the run has ended: a client may have lost the end", () =>
    Effect.gen(function*() {
      const first = yield* step(twoStep, { stepIndex: 0, message: "hi" })
      const { executionId } = dataOf(first, "run_started")
      const again = yield* step(twoStep, { executionId, stepIndex: 0, message: "hi", accumulatedOutputs: {} })
      assert.deepStrictEqual(names(again), ["step_started", ...completed, "step_paused"])
      const last = { executionId, stepIndex: 1, accumulatedOutputs: { classify: {} } }
      yield* step(twoStep, last)
      assert.strictEqual(names(yield* step(twoStep, last)).at(-1), "flow_completed")
      const ledger = yield* (yield* Emulator).ledger
      assert.strictEqual(ledger.runsStarted, 1)
      assert.deepStrictEqual(ledger.steps.map((made) => [made.stepId, made.attempt]), [
        ["classify", 1],
        ["classify", 2],
        ["answer", 1],
        ["answer", 2]
      ])
    }).pipe(Effect.provide(run)))

  it.scoped("emulator: legacyFields adds runId, and stepId on step_paused", () =>
    Effect.gen(function*() {
      const first = yield* step(twoStep, { stepIndex: 0, message: "hi" })
      const { executionId, runId } = dataOf(first, "run_started")
      assert.strictEqual(runId, executionId)
      assert.strictEqual(dataOf(first, "step_paused").stepId, "classify")
      const second = yield* step(twoStep, { executionId, stepIndex: 1, accumulatedOutputs: { classify: {} } })
      assert.strictEqual(dataOf(second, "flow_completed").runId, executionId)
      const tool = yield* step(weather, { stepIndex: 0, message: "a", tools })
      const pause = dataOf(tool, "step_paused_for_tool_calls")
      assert.strictEqual(pause.runId, pause.executionId)
    }).pipe(Effect.provide(layer({ legacyFields: true, streamOutputs }))))

  const fresh: ReadonlyArray<[name: string, path: string, body: object, status: number, code: string]> = [
    ["no message", twoStep, { stepIndex: 0 }, 400, "MISSING_MESSAGE"],
    ["the draft by /v0", "/seq/acme/test/versioned/v0/step", { stepIndex: 0 }, 400, "INVALID_VERSION"],
    ["an unknown version", "/seq/acme/test/versioned/v9/step", { stepIndex: 0 }, 404, "FLOW_NOT_FOUND"],
    ["an unknown flow", "/seq/acme/test/nope/step", { stepIndex: 0 }, 404, "FLOW_NOT_FOUND"],
    ["a flow without steps", "/seq/acme/test/empty/step", { stepIndex: 0 }, 400, "NO_STEPS"],
    ["a broken tree", "/seq/acme/test/broken/step", { stepIndex: 0 }, 400, "INVALID_TREE"],
    ["a step that is not there", twoStep, { stepIndex: 2, message: "a" }, 400, "INVALID_STEP_INDEX"],
    [
      "a later step without a run and the outputs before it",
      twoStep,
      { stepIndex: 1, message: "a", accumulatedOutputs: { answer: 1 } },
      400,
      "INVALID_FIRST_CALL"
    ],
    [
      "outputs before there are any",
      twoStep,
      { stepIndex: 0, message: "a", accumulatedOutputs: { classify: 1 } },
      400,
      "INVALID_FIRST_CALL"
    ],
    ["an unknown run", twoStep, { stepIndex: 0, executionId: "x" }, 404, "RUN_NOT_FOUND"],
    [
      "a reserved parameter",
      twoStep,
      { stepIndex: 0, parameters: { attachments: [] } },
      400,
      "PARAMETER_NAME_RESERVED"
    ],
    ["tools for a flow without", twoStep, { stepIndex: 0, message: "a", tools }, 400, "TOOLS_NOT_ENABLED"],
    [
      "tool messages over 1 MB",
      weather,
      { stepIndex: 0, executionId: "x", toolCallMessages: [{ a: "x".repeat(1_000_000) }] },
      413,
      "MESSAGES_TOO_LARGE"
    ]
  ]
  for (const [name, path, body, status, code] of fresh) {
    it.scoped(`codes: ${name}: ${status} ${code}, as JSON`, () =>
      Effect.gen(function*() {
        const answer = yield* step(path, body)
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.headers.get("content-type"), "application/json")
        assert.strictEqual(answer.json.detail.code, code)
        assert.strictEqual((yield* (yield* Emulator).ledger).runsStarted, 0)
      }).pipe(Effect.provide(run)))
  }

  for (
    const [field, value] of [
      ["stepIndex", "0"],
      ["stepIndex", -1],
      ["stepIndex", 0.5],
      ["runRemaining", 1],
      ["inputOverrides", []],
      ["accumulatedOutputs", []],
      ["trace", "no"]
    ] as const
  ) {
    it.scoped(`errors: ${field} ${JSON.stringify(value)} is a 422`, () =>
      Effect.gen(function*() {
        const answer = yield* step(twoStep, { message: "a", [field]: value })
        assert.strictEqual(answer.status, 422)
        assert.deepStrictEqual(answer.json.detail[0].loc, ["body", field])
      }).pipe(Effect.provide(run)))
  }

  type Later = (executionId: string) => object
  const later: ReadonlyArray<readonly [name: string, path: string, body: Later, status: number, code: string]> = [
    ...(isHosted ? [] : [
      [
        "a later step without its outputs",
        twoStep,
        (executionId: string) => ({ executionId, stepIndex: 1 }),
        400,
        "INVALID_FIRST_CALL"
      ] as const
    ]),
    [
      "the first step with outputs",
      twoStep,
      (executionId) => ({ executionId, stepIndex: 0, accumulatedOutputs: { classify: 1 } }),
      400,
      "INVALID_FIRST_CALL"
    ],
    [
      "the run of another flow",
      "/seq/acme/test/overridden/step",
      (executionId) => ({ executionId, stepIndex: 0 }),
      404,
      "RUN_NOT_FOUND"
    ],
    [
      "tool results where it did not pause",
      twoStep,
      (executionId) => ({
        executionId,
        stepIndex: 0,
        toolCallMessages: [{ role: "assistant", tool_calls: [] }]
      }),
      400,
      "EXECUTION_ID_INVALID"
    ]
  ]
  for (const [name, path, body, status, code] of later) {
    it.scoped(`codes: ${name}: ${status} ${code}`, () =>
      Effect.gen(function*() {
        const { executionId } = dataOf(yield* step(twoStep, { stepIndex: 0, message: "hi" }), "run_started")
        const answer = yield* step(path, body(executionId))
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.json.detail.code, code)
      }).pipe(Effect.provide(run)))
  }

  it.scoped("codes: results that do not match are a 400, over the limit a 409, before the stream", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/late-tools/step"
      const { executionId } = dataOf(yield* step(path, { stepIndex: 0 }), "run_started")
      const at = { executionId, stepIndex: 1, accumulatedOutputs: { a: 1 } }
      const pause = dataOf(yield* step(path, at), "step_paused_for_tool_calls")
      const mismatch = yield* step(path, { ...at, toolCallMessages: pause.toolCallMessages, iterationsUsed: 1 })
      assert.strictEqual(mismatch.status, 400)
      assert.strictEqual(mismatch.json.detail.code, "TOOL_RESULTS_MISMATCH")
      const answered = [
        ...pause.toolCallMessages,
        { role: "tool", tool_call_id: pause.toolCalls[0].id, content: "x" }
      ]
      const limit = yield* step(path, { ...at, toolCallMessages: answered, iterationsUsed: 25 })
      assert.strictEqual(limit.status, 409)
      assert.strictEqual(limit.json.detail.code, "TOOL_ITERATION_LIMIT")
    }).pipe(Effect.provide(run)))

  it.scoped("codes: a flow that was edited since the run began is a 409 STALE_TREE", () =>
    Effect.gen(function*() {
      const { executionId } = dataOf(yield* step(twoStep, { stepIndex: 0, message: "hi" }), "run_started")
      yield* (yield* Emulator).putFlows({
        ref: "noukai/samples/two-step",
        steps: [{ kind: "template", id: "classify", output: 1 }, { kind: "template", id: "answer", output: 2 }]
      })
      const answer = yield* step(twoStep, { executionId, stepIndex: 1, accumulatedOutputs: { classify: 1 } })
      assert.strictEqual(answer.status, 409)
      assert.strictEqual(answer.json.detail.code, "STALE_TREE")
    }).pipe(Effect.provide(run)))

  for (
    const [what, edited] of [
      ["that no longer allows tools", [{ kind: "template", id: "a", output: 1 }, {
        kind: "template",
        id: "ask",
        output: 2
      }]],
      ["that is shorter", [{ kind: "template", id: "a", output: 1 }]]
    ] as const
  ) {
    it.scoped(`codes: tool results for an edited flow ${what} are a 409 STALE_TREE`, () =>
      Effect.gen(function*() {
        const path = "/seq/acme/test/late-tools/step"
        const declared = [{ type: "function", function: { name: "find", parameters: { type: "object" } } }]
        const { executionId } = dataOf(yield* step(path, { stepIndex: 0, tools: declared }), "run_started")
        const at = { executionId, stepIndex: 1, accumulatedOutputs: { a: { n: 1 } }, tools: declared }
        const paused = dataOf(yield* step(path, at), "step_paused_for_tool_calls")
        yield* (yield* Emulator).putFlows({ ref: "acme/test/late-tools", steps: edited })
        const answer = yield* step(path, {
          ...at,
          toolCallMessages: [
            ...paused.toolCallMessages,
            { role: "tool", tool_call_id: paused.toolCalls[0].id, content: "x" }
          ],
          iterationsUsed: paused.iterationsUsed
        })
        assert.strictEqual(answer.status, 409)
        assert.strictEqual(answer.json.detail.code, "STALE_TREE")
      }).pipe(Effect.provide(run)))
  }

  it.scoped("step: a run of a published version goes on when only the draft was edited", () =>
    Effect.gen(function*() {
      const published = {
        steps: [{ kind: "template", id: "a", output: 1 }, { kind: "template", id: "b", output: 2 }]
      } as const
      const flow = { ref: "acme/test/pinned", steps: [], versions: { 1: published } }
      const emulator = yield* Emulator
      yield* emulator.putFlows(flow)
      const path = "/seq/acme/test/pinned/v1/step"
      const { executionId } = dataOf(yield* step(path, { stepIndex: 0 }), "run_started")
      yield* emulator.putFlows({ ...structuredClone(flow), steps: [{ kind: "template", id: "a", output: "edited" }] })
      const later = yield* step(path, { executionId, stepIndex: 1, accumulatedOutputs: { a: 1 } })
      assert.strictEqual(later.status, 200)
      yield* emulator.putFlows({
        ...flow,
        versions: { 1: { steps: [published.steps[0], { ...published.steps[1], output: 3 }] } }
      })
      const stale = yield* step(path, { executionId, stepIndex: 1, accumulatedOutputs: { a: 1 } })
      assert.strictEqual(stale.json.detail.code, "STALE_TREE")
    }).pipe(Effect.provide(run)))

  it.scoped("codes: without credits a run does not start, and one under way is exhausted", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const { executionId } = dataOf(yield* step(twoStep, { stepIndex: 0, message: "hi" }), "run_started")
      yield* emulator.putOrganisation("noukai", { credits: "0" })
      const later = yield* step(twoStep, { executionId, stepIndex: 1, accumulatedOutputs: { classify: 1 } })
      assert.strictEqual(later.status, 402)
      assert.strictEqual(later.json.detail.code, "CREDITS_EXHAUSTED")
      const fresh = yield* step(twoStep, { stepIndex: 0, message: "hi" })
      assert.strictEqual(fresh.json.detail.code, "INSUFFICIENT_CREDITS")
      yield* emulator.putOrganisation("noukai", { credits: "0.0005" })
      const within = yield* step(twoStep, { stepIndex: 0, message: "hi", runRemaining: true })
      assert.strictEqual(dataOf(within, "step_error").error.code, "CREDITS_EXHAUSTED")
    }).pipe(Effect.provide(run)))

  it.scoped("a reader who leaves stops the step that runs; the run can go on", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const path = "/seq/acme/test/slow/step"
      const abort = new AbortController()
      const response = yield* call((client) =>
        client.request("POST", path, { body: { stepIndex: 0, runRemaining: true }, signal: abort.signal })
      )
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      abort.abort()
      yield* Effect.promise(() => response.text().catch(() => undefined))
      yield* emulator.awaitEvent((event) => event.type === "StepEnded")
      yield* emulator.awaitClose
      yield* TestClock.adjust("1 hour")
      const ledger = yield* emulator.ledger
      assert.deepStrictEqual(ledger.steps.map((made) => [made.stepId, made.outcome]), [["a", "interrupted"]])
      assert.strictEqual(ledger.connections[0]!.closedBy, "client")
      const executionId = ledger.runs[0]!.executionId
      const rest = yield* step(path, { executionId, stepIndex: 1, accumulatedOutputs: { a: 1 } })
      assert.strictEqual(names(rest).at(-1), "flow_completed")
    }).pipe(Effect.provide(run)))
})

describe("the outputs that a hosted stream does not need to be sent", () => {
  const run = layer({ flows, streamOutputs: "hosted" })

  const overridden = "/seq/acme/test/overridden/step"

  const begin = (path: string, body = {}, headers = {}) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* call((client) =>
        client.request("POST", path, { body: { stepIndex: 0, ...body }, headers }).then((response) =>
          response.text().catch(() => "cut")
        )
      )
      return (yield* emulator.ledger).runs.at(-1)!.executionId
    })

  const saw = (executionId: string, body = {}) =>
    Effect.map(
      step(overridden, { executionId, stepIndex: 1, ...body }),
      ({ text }) => outputOf(parseEvents(text), "b")
    )

  it.scoped("are kept when the stream was cut before step_completed", () =>
    Effect.gen(function*() {
      const executionId = yield* begin(overridden, {}, { "x-noukai-emulator-fault": "cut:e3" })
      assert.strictEqual(yield* saw(executionId), "saw old")
    }).pipe(Effect.provide(run)))

  it.scoped("are those of the newest execution of a step", () =>
    Effect.gen(function*() {
      const executionId = yield* begin(overridden)
      assert.strictEqual(yield* saw(executionId, { accumulatedOutputs: { a: "sent" } }), "saw sent")
      yield* step(overridden, { executionId, stepIndex: 0 })
      assert.strictEqual(yield* saw(executionId), "saw old")
    }).pipe(Effect.provide(run)))

  it.scoped("are not replaced by a request that is refused, nor by inputOverrides", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/late-tools/step"
      const executionId = yield* begin(path)
      const refused = yield* step(path, {
        executionId,
        stepIndex: 1,
        accumulatedOutputs: { a: { n: 2 } },
        toolCallMessages: [{ role: "assistant", tool_calls: [] }]
      })
      assert.strictEqual(refused.json.detail.code, "EXECUTION_ID_INVALID")
      const pause = dataOf(
        yield* step(path, { executionId, stepIndex: 1, inputOverrides: { a: { n: 3 } } }),
        "step_paused_for_tool_calls"
      )
      assert.deepStrictEqual(pause.accumulatedOutputs, { a: { n: 1 } })
      const resumed = yield* step(path, {
        executionId,
        stepIndex: 1,
        accumulatedOutputs: {},
        toolChoice: "none",
        iterationsUsed: pause.iterationsUsed,
        toolCallMessages: [
          ...pause.toolCallMessages,
          { role: "tool", tool_call_id: pause.toolCalls[0].id, content: "found" }
        ]
      })
      assert.strictEqual(outputOf(parseEvents(resumed.text), "ask"), "found")
      const last = yield* step(path, { executionId, stepIndex: 2, accumulatedOutputs: {} })
      assert.strictEqual(outputOf(parseEvents(last.text), "c"), "found")
    }).pipe(Effect.provide(run)))

  it.scoped("are of their run alone, and gone after a reset", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const first = yield* begin(overridden)
      const second = yield* begin(overridden)
      yield* saw(first, { accumulatedOutputs: { a: "first" } })
      assert.strictEqual(yield* saw(second), "saw old")
      yield* emulator.reset
      assert.strictEqual((yield* step(overridden, { executionId: first, stepIndex: 1 })).status, 404)
    }).pipe(Effect.provide(run)))
})
