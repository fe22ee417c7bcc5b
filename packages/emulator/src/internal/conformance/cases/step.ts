/**
 * Cases of `/step`.
 *
 * @see docs/wire.md#step
 */
import type { ConformanceCase } from "../../../ConformanceCase.js"
import type { Json } from "../../../Flow.js"
import {
  any,
  event,
  exchange,
  fixture,
  inBothShapes,
  inDocumented,
  inHosted,
  invalid,
  made,
  post,
  refusal,
  refused,
  result,
  sample,
  type Shape,
  tool
} from "../caseParts.js"
import { firstStep as pythonFirstStep } from "./python.js"

const twoStep = sample("two-step", "step")
const weather = sample("tools-enabled", "step")
const rounds = fixture("rounds", "step")

const stream = (...events: ReadonlyArray<Json>) => ({
  status: 200,
  headers: { "x-request-id": any("string"), "content-type": { $matches: "^text/event-stream" } },
  events: [...events]
})

const runStarted = event("run_started", {
  eventType: "run_started",
  executionId: any("string"),
  flowId: any("string"),
  stepCount: 2
})

const started = (stepId: string, stepIndex: number): Json =>
  event("step_started", { eventType: "step_started", stepId, name: any("string"), stepIndex })

const completed = (shape: Shape, stepId: string, output: Json = any("object")): ReadonlyArray<Json> =>
  shape.completed(stepId, output, {
    eventType: "step_completed",
    name: any("string"),
    durationMs: any("integer"),
    tokens: { prompt: any("integer"), completion: any("integer"), total: any("integer") },
    costUsd: { $matches: "^\\d+\\.\\d+$" }
  })

const first = (shape: Shape) =>
  exchange(
    post(twoStep, { stepIndex: 0, message: "hi" }),
    stream(
      runStarted,
      started("classify", 0),
      ...completed(shape, "classify"),
      event("step_paused", { executionId: any("string"), nextStepIndex: 1 })
    ),
    { save: { executionId: "events.0.data.executionId", output: shape.outputPath(2) } }
  )

/** Runs the first step, in either shape. */
const begun = exchange(
  post(twoStep, { stepIndex: 0, message: "hi" }),
  { status: 200 },
  { save: { executionId: "events.0.data.executionId" } }
)

const later = { executionId: "{{executionId}}", stepIndex: 1, accumulatedOutputs: { classify: "{{output}}" } }

const secondStep = (shape: Shape): ReadonlyArray<Json> => [
  started("answer", 0),
  shape.partial("answer", any("object")),
  shape.partial("answer", any("object")),
  ...completed(shape, "answer")
]

const rest = (shape: Shape): ReadonlyArray<Json> => [
  ...secondStep(shape),
  shape.flowCompleted(any("object"), { executionId: any("string"), summary: any("object") })
]

/** The end of the second step and of the flow, for a first output with that label. */
const labelled = (shape: Shape, label: string): ReadonlyArray<Json> => {
  const text = { text: { $matches: `^About your ${label}:` } }
  return [
    ...secondStep(shape).slice(0, 3),
    ...completed(shape, "answer", text),
    shape.flowCompleted(text)
  ]
}

const wrongType = (name: string, value: Json): ConformanceCase =>
  made(`step: ${name} of a wrong JSON type is a 422`, [`step ${name}`], [
    exchange(post(twoStep, { stepIndex: 0, message: "hi", [name]: value }), invalid("body", name))
  ])

const pauseEvent = event("step_paused_for_tool_calls", {
  executionId: any("string"),
  runId: any("string"),
  stepId: "assistant",
  stepIndex: 0,
  iterationsUsed: 1,
  toolCallMessages: [{ role: "assistant" }],
  toolCalls: [{ id: any("string"), type: "function", function: { name: "get_weather", arguments: any("string") } }],
  accumulatedOutputs: any("object")
})

const toolStart = exchange(
  post(weather, { stepIndex: 0, message: "hi", tools: [tool("get_weather")], toolChoice: "auto" }),
  stream(event("run_started"), started("assistant", 0), pauseEvent),
  {
    save: {
      executionId: "events.2.data.executionId",
      messages: "events.2.data.toolCallMessages",
      call: "events.2.data.toolCalls.0.id"
    }
  }
)

const toolResume = (results: ReadonlyArray<Json>, more: { readonly [key: string]: Json } = {}): Json => ({
  executionId: "{{executionId}}",
  stepIndex: 0,
  accumulatedOutputs: {},
  tools: [tool("get_weather")],
  toolCallMessages: { $concat: ["{{messages}}", [...results]] },
  iterationsUsed: 1,
  ...more
})

export const cases: ReadonlyArray<ConformanceCase> = [
  ...inBothShapes("order-of-events: a two-step exchange", [
    "step executionId",
    "step stepIndex",
    "step accumulatedOutputs",
    "step message",
    "order-of-events first call",
    "order-of-events pause",
    "order-of-events last step",
    "outputs output of a step",
    "outputs result of a flow"
  ], (shape) => [
    first(shape),
    exchange(post(twoStep, later), stream(...rest(shape)))
  ]),
  ...inBothShapes("step: the first body of the Python client", [
    "step parameters",
    "step iterationsUsed",
    "step trace",
    "step runRemaining",
    "step inputOverrides"
  ], (shape) => [
    exchange(
      post(twoStep, pythonFirstStep),
      stream(runStarted, started("classify", 0), ...completed(shape, "classify"), event("step_paused"))
    )
  ]),
  ...inBothShapes(
    "order-of-events: runRemaining streams the rest without a pause",
    ["step runRemaining", "order-of-events runRemaining"],
    (shape) => [
      exchange(
        post(twoStep, { stepIndex: 0, message: "hi", runRemaining: true }),
        stream(
          runStarted,
          started("classify", 0),
          ...completed(shape, "classify"),
          started("answer", 1),
          ...rest(shape).slice(1)
        )
      )
    ]
  ),
  ...inBothShapes(
    "events: trace adds step_input",
    ["step trace", "order-of-events step_input", "outputs step_input"],
    (shape) => [
      exchange(
        post(twoStep, { stepIndex: 0, message: "hi", trace: true }),
        stream(
          runStarted,
          started("classify", 0),
          shape.input("classify", { message: "hi" }),
          ...completed(shape, "classify"),
          event("step_paused")
        )
      )
    ]
  ),
  ...inBothShapes("step: inputOverrides replace what later steps see", ["step inputOverrides"], (shape) => [
    first(shape),
    exchange(
      post(twoStep, { ...later, inputOverrides: { classify: { label: "complaint" } } }),
      stream(...labelled(shape, "complaint"))
    ),
    // the override applies to that request alone
    exchange(post(twoStep, later), stream(...labelled(shape, "order")))
  ]),
  ...inBothShapes("step: blockOverrides replace fields of a step", ["step blockOverrides"], (shape) => [
    exchange(
      post(fixture("echo", "step"), {
        stepIndex: 0,
        message: "hi",
        blockOverrides: { echo: { output: "{{message}}!" } }
      }),
      stream(event("run_started"), started("echo", 0), ...shape.completed("echo", "hi!"), shape.flowCompleted("hi!"))
    )
  ]),
  ...inBothShapes("step: attachments go with the first call", ["step attachments"], (shape) => [
    exchange(
      post(sample("hello-world", "step"), {
        stepIndex: 0,
        message: "hi",
        attachments: [{ kind: "url", url: "https://img.example.com/a.png", mime_type: "image/png" }]
      }),
      stream(
        event("run_started"),
        started("greet", 0),
        ...completed(shape, "greet"),
        shape.flowCompleted(any("object"))
      )
    ),
    exchange(post(sample("hello-world", "step"), { stepIndex: 0, message: "hi", attachments: [{ kind: "url" }] }), {
      status: 422
    })
  ]),
  ...[{}, { accumulatedOutputs: {} }].map((outputs) =>
    inHosted(`outputs: a later step runs with ${JSON.stringify(outputs)}: the server keeps the outputs of the run`, [
      "outputs kept outputs",
      "step accumulatedOutputs"
    ], (shape) => [
      begun,
      exchange(
        post(twoStep, { executionId: "{{executionId}}", stepIndex: 1, ...outputs }),
        stream(...labelled(shape, "order"))
      )
    ])
  ),
  ...([["a value", { label: "parcel" }, "parcel"], ["null", null, ""]] as const).map(([what, output, label]) =>
    inHosted(`outputs: an entry of accumulatedOutputs replaces what the server keeps: ${what}`, [
      "outputs replaced outputs",
      "step accumulatedOutputs"
    ], (shape) => [
      begun,
      exchange(
        post(twoStep, { executionId: "{{executionId}}", stepIndex: 1, accumulatedOutputs: { classify: output } }),
        stream(...labelled(shape, label))
      ),
      // the override applies to later requests too
      exchange(
        post(twoStep, { executionId: "{{executionId}}", stepIndex: 1, accumulatedOutputs: {} }),
        stream(...labelled(shape, label))
      )
    ])
  ),
  inHosted(
    "outputs: inputOverrides win over what is kept and what is sent",
    ["outputs inputOverrides", "step inputOverrides"],
    (shape) => [
      begun,
      exchange(
        post(twoStep, {
          executionId: "{{executionId}}",
          stepIndex: 1,
          accumulatedOutputs: { classify: { label: "parcel" } },
          inputOverrides: { classify: { label: "complaint" } }
        }),
        stream(...labelled(shape, "complaint"))
      )
    ]
  ),
  inHosted("outputs: a later step after one that never ran: 400 INVALID_FIRST_CALL", [
    "outputs kept outputs",
    "codes INVALID_FIRST_CALL"
  ], () => [
    exchange(post(fixture("three", "step"), { stepIndex: 0 }), { status: 200 }, {
      save: { executionId: "events.0.data.executionId" }
    }),
    exchange(
      post(fixture("three", "step"), { executionId: "{{executionId}}", stepIndex: 2 }),
      refusal(400, "INVALID_FIRST_CALL")
    )
  ]),
  ...inBothShapes("step: a new run begins at a later step with the outputs before it", [
    "step stepIndex",
    "step accumulatedOutputs"
  ], (shape) => [
    exchange(
      post(twoStep, { stepIndex: 1, message: "a", accumulatedOutputs: { classify: { label: "parcel" } } }),
      stream(runStarted, ...labelled(shape, "parcel"))
    )
  ]),
  made("order-of-events: step_error is terminal", ["order-of-events step_error"], [
    exchange(
      post(fixture("byok", "step"), { stepIndex: 0, runRemaining: true }),
      stream(
        event("run_started"),
        started("fail", 0),
        event("step_error", { stepId: "fail", error: { code: "BYOK_KEY_REJECTED", message: any("string") } })
      )
    )
  ]),
  ...inBothShapes("pauses: a tool pause and its resume", [
    "step tools",
    "step toolChoice",
    "step toolCallMessages",
    "step iterationsUsed",
    "order-of-events tool pause",
    "outputs runId on a tool pause"
  ], (shape) => [
    toolStart,
    exchange(
      post(weather, toolResume([result("{{call}}", "21 degrees")])),
      stream(
        started("assistant", 0),
        ...completed(shape, "assistant", { text: { $matches: "21 degrees" } }),
        shape.flowCompleted({ text: { $matches: "21 degrees" } })
      )
    )
  ]),
  ...inBothShapes(
    "pauses: a pause in a later step has the absolute index and the outputs so far",
    ["order-of-events tool pause"],
    (shape) => [
      exchange(
        post(rounds, { stepIndex: 0, runRemaining: true, tools: [tool("find"), tool("count")] }),
        stream(
          runStarted,
          started("before", 0),
          ...shape.completed("before", "before"),
          started("ask", 1),
          event("step_paused_for_tool_calls", {
            executionId: any("string"),
            runId: any("string"),
            stepId: "ask",
            stepIndex: 1,
            accumulatedOutputs: { before: "before" }
          })
        )
      )
    ]
  ),
  made("pauses: results that do not match: 400 TOOL_RESULTS_MISMATCH", [
    "step toolCallMessages",
    "codes TOOL_RESULTS_MISMATCH"
  ], [
    toolStart,
    exchange(post(weather, toolResume([])), refusal(400, "TOOL_RESULTS_MISMATCH"))
  ]),
  made("codes: more rounds than the server allows: 409 TOOL_ITERATION_LIMIT", [
    "codes TOOL_ITERATION_LIMIT",
    "step iterationsUsed"
  ], [
    exchange(
      post(fixture("forever", "step"), { stepIndex: 0, tools: [tool("find")] }),
      stream(event("run_started"), started("ask", 0), event("step_paused_for_tool_calls")),
      {
        save: {
          executionId: "events.2.data.executionId",
          messages: "events.2.data.toolCallMessages",
          call: "events.2.data.toolCalls.0.id"
        }
      }
    ),
    exchange(
      post(
        fixture("forever", "step"),
        toolResume([result("{{call}}", "x")], { iterationsUsed: 25, tools: [tool("find")] })
      ),
      refusal(409, "TOOL_ITERATION_LIMIT")
    )
  ]),
  wrongType("stepIndex", "0"),
  wrongType("executionId", 1),
  wrongType("accumulatedOutputs", []),
  wrongType("message", 1),
  wrongType("parameters", []),
  wrongType("attachments", "x"),
  wrongType("inputOverrides", []),
  wrongType("blockOverrides", []),
  wrongType("runRemaining", "yes"),
  wrongType("tools", "x"),
  wrongType("toolChoice", 1),
  wrongType("toolCallMessages", {}),
  wrongType("iterationsUsed", -1),
  wrongType("trace", 1),
  refused("step: no message", "step message", post(twoStep, { stepIndex: 0 }), 400, "MISSING_MESSAGE"),
  refused(
    "step: a step that is not there",
    "step stepIndex",
    post(twoStep, { stepIndex: 2, message: "a" }),
    400,
    "INVALID_STEP_INDEX"
  ),
  refused(
    "step: a later step without a run",
    "step stepIndex",
    post(twoStep, { stepIndex: 1, message: "a" }),
    400,
    "INVALID_FIRST_CALL"
  ),
  refused(
    "step: an unknown run",
    "step executionId",
    post(twoStep, { executionId: "none", stepIndex: 0 }),
    404,
    "RUN_NOT_FOUND"
  ),
  refused(
    "versions: the draft by /v0",
    "versions /v0/step",
    post(fixture("versions/v0", "step"), { stepIndex: 0 }),
    400,
    "INVALID_VERSION"
  ),
  inDocumented("step: a later step without the outputs before it: 400 INVALID_FIRST_CALL", [
    "step accumulatedOutputs",
    "codes INVALID_FIRST_CALL"
  ], () => [
    begun,
    exchange(post(twoStep, { executionId: "{{executionId}}", stepIndex: 1 }), refusal(400, "INVALID_FIRST_CALL"))
  ]),
  made("codes: results for a run that did not pause: 400 EXECUTION_ID_INVALID", ["codes EXECUTION_ID_INVALID"], [
    begun,
    exchange(
      post(twoStep, { executionId: "{{executionId}}", stepIndex: 0, toolCallMessages: [{ role: "assistant" }] }),
      refusal(400, "EXECUTION_ID_INVALID")
    )
  ]),
  made("codes: a flow that was edited since the run began: 409 STALE_TREE", ["codes STALE_TREE"], [
    exchange(post(fixture("edited", "step"), { stepIndex: 0 }), { status: 200 }, {
      save: { executionId: "events.0.data.executionId" }
    }),
    exchange(
      post("/_emulator/flows", {
        flows: [{
          ref: "acme/conformance/edited",
          steps: [{ kind: "template", id: "a", output: "a" }, { kind: "template", id: "b", output: "edited" }]
        }]
      }, { control: true }),
      { status: 200 }
    ),
    exchange(
      post(fixture("edited", "step"), { executionId: "{{executionId}}", stepIndex: 1, accumulatedOutputs: { a: "a" } }),
      refusal(409, "STALE_TREE")
    )
  ])
]
