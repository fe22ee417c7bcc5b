/**
 * Cases of runs and traces.
 *
 * @see contract 9
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
  return made(`9.5: runs are served under ${what}`, [`9.5 ${what}`], [
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
  made(`9.7: ${name}`, [`9.7 ${name}`], [
    started(flow, body),
    exchange(get(`${flow.replace("/execute", "/runs")}/{{id}}/trace`), ok({ steps }))
  ])

export const cases: ReadonlyArray<ConformanceCase> = [
  made("9.1: the trace of a run", ["9.1 flowRun", "9.1 steps", "9.1 step fields", "9.1 truncated"], [
    twoStep,
    exchange(get(`${runPath}/trace`), ok({ flowRun, steps: [stepTrace, stepTrace], summary: { $absent: true } }))
  ]),
  made("9.1: a payload over 64 KiB is cut", ["9.1 truncated"], [
    started(fixture("full", "execute"), { message: { $repeat: ["x", 70_000] } }),
    exchange(
      get(`${fixture("full", "runs")}/{{id}}/trace`),
      ok({ steps: [{ truncated: true, outputSizeBytes: 70_002 }] })
    )
  ]),
  made("9.2: latest, one and all attempts", ["9.2 none", "9.2 attempt=N", "9.2 attempt=all"], [
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
  made("9.2: loop_index", ["9.2 loop_index", "9.1 loopIndex"], [
    loop,
    exchange(get(`${loopTrace}?loop_index=0`), ok({ loopIndex: 0, outputContext: { at: "x" } })),
    exchange(get(`${loopTrace}?loop_index=1&attempt=1`), ok({ loopIndex: 1, outputContext: { at: "y" } })),
    exchange(get(`${loopTrace}?loop_index=7`), refusal(404, "RUN_NOT_FOUND"))
  ]),
  ...inBothShapes("9.3: the live trace of a run that has ended", ["9.3 replay", "7.8 live trace"], (shape) => [
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
  ]),
  ...inBothShapes("9.3: the live trace of a run that goes on follows it to its end", ["9.3 live tail"], (shape) => [
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
  ]),
  made("9.3: the live trace of a run that failed ends with its step_error", ["9.3 step_error"], [
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
  made("9.1: a failed run, and one that goes on", ["9.1 failed", "9.1 running"], [
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
  made("9.4: the summary of a run", ["9.4 summary"], [
    twoStep,
    exchange(get(runPath), ok(flowRun))
  ]),
  made("9.5: an unknown run or step", ["9.5 404", "11.3 RUN_NOT_FOUND"], [
    twoStep,
    ...["", "/trace", "/trace/stream", "/steps/classify/trace"].map((suffix) =>
      exchange(get(`${sample("two-step", "runs")}/none${suffix}`), refusal(404, "RUN_NOT_FOUND"))
    ),
    exchange(get(`${runPath}/steps/none/trace`), refusal(404, "RUN_NOT_FOUND"))
  ]),
  made("9.6: flow-runs lists the runs of a flow", ["9.6 flow_id", "9.6 limit", "9.6 status", "9.6 cursor"], [
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
  made("9.6: flow-runs serves the traces of a run", ["9.6 trace", "9.6 step trace", "9.6 stream"], [
    twoStep,
    exchange(get("/flow-runs/{{id}}/trace"), ok({ flowRun })),
    exchange(get("/flow-runs/{{id}}/steps/answer/trace"), ok({ stepId: "answer" })),
    exchange(get("/flow-runs/{{id}}/trace/stream"), { status: 200, text: { $matches: "\\nevent: flow_completed\\n" } })
  ]),
  runPaths("seqruns", "seq alone", { status: 200 }, refusal(404, "NOT_FOUND")),
  runPaths("flowruns", "flow-runs alone", refusal(403, "FORBIDDEN"), { status: 200 }),
  runPaths("noruns", "no path", refusal(401, "UNAUTHENTICATED"), refusal(401, "UNAUTHENTICATED")),
  made("9.6: the run of another project: 403", ["9.6 403"], [
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
