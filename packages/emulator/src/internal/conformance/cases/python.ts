/**
 * Cases of the Python client 0.2.0: its requests, byte for byte in their keys and order, and the fields that it depends
 * on: `runId` in `run_started` and in a tool pause, `stepId` in `step_paused`, an object as `error`.
 *
 * @see docs/wire.md#execute
 * @see docs/wire.md#step
 * @see docs/wire.md#pauses
 * @see docs/wire.md#jobs
 * @see docs/wire.md#events
 * @see docs/wire.md#sources
 */
import type { ConformanceCase } from "../../../ConformanceCase.js"
import type { Json } from "../../../Flow.js"
import {
  any,
  event,
  exchange,
  fixture,
  get,
  inBothShapes,
  inHosted,
  made,
  ok,
  post,
  result,
  sample,
  savePause
} from "../caseParts.js"

const lookup = {
  type: "function",
  function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } }
}

const headers = {
  "accept": "application/json",
  "x-noukai-api-version": "2026-05-31",
  "user-agent": "noukai-python/0.2.0 (httpx/0.28.1; python/3.12.4; Linux)"
}

const fresh = { message: "hi", parameters: {}, iterationsUsed: 0, accumulatedOutputs: {}, trace: false }

export const firstStep = {
  stepIndex: 0,
  accumulatedOutputs: {},
  message: "hi",
  parameters: {},
  inputOverrides: {},
  runRemaining: false,
  iterationsUsed: 0,
  trace: false
}

const laterStep = (accumulatedOutputs: { readonly [stepId: string]: Json }) => ({
  executionId: "{{executionId}}",
  stepIndex: 1,
  accumulatedOutputs,
  parameters: {},
  inputOverrides: {},
  runRemaining: false,
  iterationsUsed: 0,
  trace: false
})

const isId = "{{executionId}}"

const stepBodies = (outputs: { readonly [stepId: string]: Json }): Parameters<typeof inHosted> => [
  `step: the bodies of the Python client, first and later with ${
    JSON.stringify(outputs)
  }, and the fields that it requires`,
  ["step python", "step python later", "step executionId", "step accumulatedOutputs", "events runId", "events stepId"],
  (shape) => [
    exchange(post(sample("two-step", "step"), firstStep, { headers }), {
      status: 200,
      events: [
        event("run_started", { executionId: any("string"), runId: any("string"), stepCount: 2 }),
        event("step_started", { stepId: "classify", stepIndex: 0 }),
        ...shape.completed("classify", any("object")),
        event("step_paused", { stepId: "classify", nextStepIndex: 1 })
      ]
    }, { save: { executionId: "events.0.data.executionId", output: shape.outputPath(2) } }),
    exchange(post(sample("two-step", "step"), laterStep(outputs), { headers }), {
      status: 200,
      events: [
        event("step_started", { stepId: "answer" }),
        shape.partial("answer", any("object")),
        shape.partial("answer", any("object")),
        ...shape.completed("answer", any("object")),
        shape.flowCompleted(any("object"), { executionId: isId, runId: isId })
      ]
    })
  ],
  ["legacy"]
]

export const cases: ReadonlyArray<ConformanceCase> = [
  made("execute: the fresh body of the Python client", [
    "execute python",
    "execute iterationsUsed",
    "execute accumulatedOutputs",
    "execute parameters",
    "execute trace"
  ], [
    exchange(
      post(sample("hello-world", "execute"), fresh, { headers }),
      ok({ status: "completed", flowId: any("string"), blockCount: any("integer"), executionId: any("string") })
    )
  ]),
  made("execute: the resume of the Python client", [
    "execute python resume",
    "execute toolCallMessages",
    "tool-results tool_call_id"
  ], [
    exchange(
      post(sample("tools-enabled", "execute"), {
        message: "hi",
        parameters: { tone: "dry" },
        tools: [lookup],
        iterationsUsed: 0,
        accumulatedOutputs: {},
        trace: false
      }, { headers }),
      ok({ status: "tool_calls_required", pausedAtStep: "assistant", iterationsUsed: 1 }),
      { save: savePause }
    ),
    exchange(
      post(sample("tools-enabled", "execute"), {
        parameters: { tone: "dry" },
        tools: [lookup],
        executionId: isId,
        pausedAtStep: "{{pausedAtStep}}",
        iterationsUsed: "{{iterationsUsed}}",
        toolCallMessages: { $concat: ["{{pauseMessages}}", [result("{{call}}", "{\"state\":\"sunny\"}")]] },
        accumulatedOutputs: "{{outputs}}",
        trace: false
      }, { headers }),
      ok({ status: "completed", executionId: isId, result: { text: { $matches: "sunny" } } })
    )
  ]),
  ...inBothShapes(...stepBodies({ classify: "{{output}}" })),
  // the client sends these outputs if `step_completed` has no output
  ...[{}, { classify: null }].map((outputs) => inHosted(...stepBodies(outputs))),
  ...inBothShapes("pauses: the tool resume of the Python client on /step", [
    "pauses python resume",
    "step toolCallMessages",
    "events runId"
  ], (shape) => [
    exchange(post(sample("tools-enabled", "step"), { ...firstStep, tools: [lookup] }, { headers }), {
      status: 200,
      events: [
        event("run_started", { executionId: any("string"), runId: any("string") }),
        event("step_started", { stepId: "assistant" }),
        event("step_paused_for_tool_calls", {
          executionId: any("string"),
          runId: any("string"),
          stepId: "assistant",
          stepIndex: 0,
          iterationsUsed: any("integer"),
          toolCallMessages: any("list"),
          toolCalls: any("list")
        })
      ]
    }, {
      save: {
        executionId: "events.2.data.executionId",
        messages: "events.2.data.toolCallMessages",
        call: "events.2.data.toolCalls.0.id",
        used: "events.2.data.iterationsUsed"
      }
    }),
    exchange(
      post(sample("tools-enabled", "step"), {
        executionId: isId,
        stepIndex: 0,
        accumulatedOutputs: {},
        parameters: {},
        inputOverrides: {},
        runRemaining: false,
        tools: [lookup],
        toolCallMessages: { $concat: ["{{messages}}", [result("{{call}}", "\"sunny\"")]] },
        iterationsUsed: "{{used}}",
        trace: false
      }, { headers }),
      {
        status: 200,
        events: [
          event("step_started", { stepId: "assistant" }),
          ...shape.completed("assistant", { text: { $matches: "sunny" } }),
          shape.flowCompleted({ text: { $matches: "sunny" } }, { executionId: isId, runId: isId })
        ]
      }
    )
  ], ["legacy"]),
  made(
    "events: a step_error has an object as its error: the Python client drops one with text",
    ["events step_error"],
    [
      exchange(post(fixture("byok", "step"), firstStep, { headers }), {
        status: 200,
        events: [
          event("run_started", { executionId: any("string"), runId: any("string") }),
          event("step_started", { stepId: "fail" }),
          event("step_error", { stepId: "fail", error: { code: any("string"), message: any("string") } })
        ]
      })
    ],
    ["legacy"]
  ),
  made("jobs: the body of the Python client is accepted, and the job completes", [
    "jobs python",
    "jobs request",
    "jobs response",
    "jobs message",
    "polls executionId",
    "polls status",
    "polls result"
  ], [
    exchange(post(sample("hello-world", "jobs"), fresh, { headers }), {
      status: 202,
      body: { executionId: any("string"), status: any("string"), flowId: any("string"), blockCount: 1 }
    }, { save: { executionId: "body.executionId" } }),
    exchange(
      get(`${sample("hello-world", "jobs")}/{{executionId}}`, { headers }),
      ok({ executionId: isId, status: "completed", result: any("object") }),
      { retry: { times: 100, everyMs: 20 } }
    )
  ])
]
