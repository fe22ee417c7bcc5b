/**
 * Cases of runs and traces.
 *
 * @see docs/wire.md#runs
 */
import type { ConformanceCase, ConformanceExchange, Expectation } from "../../../ConformanceCase.js"
import type { Json } from "../../../Flow.js"
import { any, event, exchange, fixture, get, inBothShapes, made, ok, post, refusal, sample } from "../caseParts.js"

const started = (path: string, body: Json = { message: "hi" }): ConformanceExchange =>
  exchange(post(path, body), { status: 200 }, { save: { id: "body.executionId", flowId: "body.flowId" } })

const twoStep = started(sample("two-step", "execute"))

const runPath = `${sample("two-step", "runs")}/{{id}}`

const time = { $matches: "^\\d{4}-\\d\\d-\\d\\dT" }

const flowRun: Json = {
  id: "{{id}}",
  flowId: "{{flowId}}",
  status: "completed",
  triggerType: any("string"),
  startedAt: time,
  completedAt: time,
  durationMs: any("integer"),
  stepCount: 2
}

const stepTrace: Json = {
  stepId: any("string"),
  attempt: 1,
  loopIndex: null,
  status: "completed",
  startedAt: time,
  completedAt: time,
  durationMs: any("integer"),
  modelUsed: any("string"),
  tokens: { prompt: any("integer"), completion: any("integer"), total: any("integer") },
  costUsd: { $matches: "^\\d+\\.\\d+$" },
  errorContext: null,
  inputSizeBytes: any("integer"),
  outputSizeBytes: any("integer"),
  truncated: false
}

const reads = ["", "/trace", "/steps/a/trace", "/trace/stream"]

/** Reads a run under both paths, with the key of an organisation that is not served all of them. */
const runPaths = (org: string, what: string, seq: Expectation, flowRuns: Expectation): ConformanceCase => {
  const flow = `/seq/${org}/conformance/flow`
  const as = `${org}/conformance`
  return made(`runs: runs are served under ${what}`, [`runs ${what}`], [
    started(`${flow}/execute`, {}),
    ...reads.map((read) => exchange(get(`${flow}/runs/{{id}}${read}`), seq)),
    ...[...reads.map((read) => `/{{id}}${read}`), "?flow_id={{flowId}}"].map((rest) =>
      exchange(get(`/flow-runs${rest}`, { as }), flowRuns)
    )
  ])
}

const flaky = started(fixture("flaky", "execute"), {})
const flakyTrace = `${fixture("flaky", "runs")}/{{id}}/steps/a/trace`
const loop = started(fixture("loop", "execute"), {})
const loopTrace = `${fixture("loop", "runs")}/{{id}}/steps/in/trace`

const capture = (name: string, flow: string, body: Json, steps: Json): ConformanceCase =>
  made(`capture: ${name}`, [`capture ${name}`], [
    started(flow, body),
    exchange(get(`${flow.replace("/execute", "/runs")}/{{id}}/trace`), ok({ steps }))
  ])

export const cases: ReadonlyArray<ConformanceCase> = [
  made("traces: the trace of a run", ["traces flowRun", "traces steps", "traces step fields", "traces truncated"], [
    twoStep,
    exchange(get(`${runPath}/trace`), ok({ flowRun, steps: [stepTrace, stepTrace], summary: { $absent: true } }))
  ]),
  made("traces: a payload over 64 KiB is cut", ["traces truncated"], [
    started(fixture("full", "execute"), { message: { $repeat: ["x", 70_000] } }),
    exchange(
      get(`${fixture("full", "runs")}/{{id}}/trace`),
      ok({ steps: [{ truncated: true, outputSizeBytes: 70_002 }] })
    )
  ]),
  made("step-traces: latest, one and all attempts", [
    "step-traces none",
    "step-traces attempt=N",
    "step-traces attempt=all"
  ], [
    flaky,
    exchange(get(flakyTrace), ok({ stepId: "a", attempt: 2, status: "completed", outputContext: { ok: true } })),
    exchange(
      get(`${flakyTrace}?attempt=1`),
      ok({ attempt: 1, status: "failed", errorContext: { code: "BUSY", message: "later" } })
    ),
    exchange(
      get(`${flakyTrace}?attempt=all`),
      ok({ stepId: "a", attempts: [{ attempt: 1, status: "failed" }, { attempt: 2, status: "completed" }] })
    ),
    exchange(get(`${flakyTrace}?attempt=9`), refusal(404, "RUN_NOT_FOUND")),
    exchange(get(`${flakyTrace}?attempt=x`), { status: 422 })
  ]),
  made("step-traces: loop_index", ["step-traces loop_index", "traces loopIndex"], [
    loop,
    exchange(get(`${loopTrace}?loop_index=0`), ok({ loopIndex: 0, outputContext: { at: "x" } })),
    exchange(get(`${loopTrace}?loop_index=1&attempt=1`), ok({ loopIndex: 1, outputContext: { at: "y" } })),
    exchange(get(`${loopTrace}?loop_index=7`), refusal(404, "RUN_NOT_FOUND"))
  ]),
  ...inBothShapes(
    "live-traces: the live trace of a run that has ended",
    ["live-traces replay", "outputs live trace"],
    (shape) => [
      twoStep,
      exchange(get(`${runPath}/trace/stream`), {
        status: 200,
        headers: { "content-type": { $matches: "^text/event-stream" }, "x-request-id": any("string") },
        events: [
          event("run_started", { executionId: "{{id}}" }),
          event("step_started"),
          ...shape.completed("classify", any("object")),
          event("step_started"),
          shape.partial("answer", any("object")),
          shape.partial("answer", any("object")),
          ...shape.completed("answer", any("object")),
          shape.flowCompleted(any("object"))
        ]
      })
    ]
  ),
  ...inBothShapes(
    "live-traces: the live trace of a run that goes on follows it to its end",
    ["live-traces live tail"],
    (shape) => [
      exchange(post(fixture("brief", "jobs"), {}), { status: 202 }, { save: { id: "body.executionId" } }),
      exchange(get(`${fixture("brief", "runs")}/{{id}}/trace/stream`), {
        status: 200,
        events: [
          event("run_started", { executionId: "{{id}}" }),
          event("step_started"),
          ...shape.completed("a", "late"),
          shape.flowCompleted("late")
        ]
      })
    ]
  ),
  made("live-traces: the live trace of a run that failed ends with its step_error", ["live-traces step_error"], [
    exchange(post(fixture("failed", "execute"), {}), { status: 200 }, { save: { id: "body.executionId" } }),
    exchange(get(`${fixture("failed", "runs")}/{{id}}/trace/stream`), {
      status: 200,
      events: [
        event("run_started"),
        event("step_started"),
        event("step_error", { stepId: "fail", error: { code: "MODEL_REFUSED" } })
      ]
    })
  ]),
  made("traces: a failed run, and one that goes on", ["traces failed", "traces running"], [
    exchange(post(fixture("failed", "execute"), { trace: true }), { status: 200 }, {
      save: { id: "body.executionId" }
    }),
    exchange(
      get(`${fixture("failed", "runs")}/{{id}}/trace`),
      ok({
        flowRun: { status: "failed" },
        steps: [{ status: "failed", errorContext: { code: "MODEL_REFUSED", message: "refused" }, outputContext: null }]
      })
    ),
    exchange(post(fixture("paced", "step"), { stepIndex: 0 }), { status: 200 }, {
      save: { id: "events.0.data.executionId" }
    }),
    exchange(
      get(`${fixture("paced", "runs")}/{{id}}/trace`),
      ok({ flowRun: { status: "running", completedAt: null, durationMs: null }, steps: [{ stepId: "a" }] })
    )
  ]),
  made("runs: the summary of a run", ["runs summary"], [
    twoStep,
    exchange(get(runPath), ok(flowRun))
  ]),
  made("runs: an unknown run or step", ["runs 404", "codes RUN_NOT_FOUND"], [
    twoStep,
    ...["", "/trace", "/trace/stream", "/steps/classify/trace"].map((suffix) =>
      exchange(get(`${sample("two-step", "runs")}/none${suffix}`), refusal(404, "RUN_NOT_FOUND"))
    ),
    exchange(get(`${runPath}/steps/none/trace`), refusal(404, "RUN_NOT_FOUND"))
  ]),
  made("lists-of-runs: flow-runs lists the runs of a flow", [
    "lists-of-runs flow_id",
    "lists-of-runs limit",
    "lists-of-runs status",
    "lists-of-runs cursor"
  ], [
    twoStep,
    exchange(get("/flow-runs?flow_id={{flowId}}&limit=1&cursor=x"), ok({ runs: [flowRun] })),
    started(sample("two-step", "execute")),
    exchange(get("/flow-runs?flow_id={{flowId}}&status=completed&limit=1"), ok({ runs: [flowRun] })),
    exchange(get("/flow-runs?flow_id={{flowId}}&status=cancelled"), ok({ runs: [] })),
    exchange(get("/flow-runs?flow_id={{flowId}}&limit=0"), { status: 422 }),
    exchange(get("/flow-runs?flow_id={{flowId}}&limit=101"), { status: 422 }),
    exchange(get("/flow-runs?flow_id={{flowId}}&status=other"), { status: 422 }),
    exchange(get("/flow-runs"), { status: 422, body: { detail: [{ loc: ["query", "flow_id"] }] } })
  ]),
  made("lists-of-runs: flow-runs serves the traces of a run", [
    "lists-of-runs trace",
    "lists-of-runs step trace",
    "lists-of-runs stream"
  ], [
    twoStep,
    exchange(get("/flow-runs/{{id}}/trace"), ok({ flowRun })),
    exchange(get("/flow-runs/{{id}}/steps/answer/trace"), ok({ stepId: "answer" })),
    exchange(get("/flow-runs/{{id}}/trace/stream"), { status: 200, text: { $matches: "\\nevent: flow_completed\\n" } })
  ]),
  runPaths("seqruns", "seq alone", { status: 200 }, refusal(404, "NOT_FOUND")),
  runPaths("flowruns", "flow-runs alone", refusal(403, "FORBIDDEN"), { status: 200 }),
  runPaths("noruns", "no path", refusal(401, "UNAUTHENTICATED"), refusal(401, "UNAUTHENTICATED")),
  made("lists-of-runs: the run of another project: 403", ["lists-of-runs 403"], [
    twoStep,
    exchange(get("/flow-runs/{{id}}/trace", { as: "acme/spelling" }), refusal(403, "FORBIDDEN"))
  ]),
  capture("metadata_only", fixture("metadata", "execute"), { message: "hi" }, [{
    inputContext: null,
    outputContext: null,
    outputSizeBytes: any("integer")
  }]),
  capture("trace true", fixture("metadata", "execute"), { message: "hi", trace: true }, [{
    inputContext: { message: "hi" },
    outputContext: any("object")
  }]),
  capture("full", fixture("full", "execute"), { message: "a@b.example" }, [{
    inputContext: { message: "a@b.example" }
  }]),
  capture("redacted", fixture("redacted", "execute"), { message: "a@b.example" }, [{
    inputContext: { message: "[redacted]" }
  }]),
  capture("off", fixture("off", "execute"), { trace: true }, [])
]
