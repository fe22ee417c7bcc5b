/**
 * Answers are read leniently: a row per field of every answer, which is optional, or has the reason why it is required.
 * Each body is also there as it came: `raw`.
 */
import { Flow, FlowService, JobService, type NoukaiError, NoukaiHttp, RunService, Trace } from "@effect-noukai/sdk"
import type { Services } from "@effect-noukai/sdk/Noukai"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import * as Stream from "effect/Stream"
import {
  ExecuteEnded,
  ExecutePaused,
  PollJobResponse,
  RunListResponse,
  SessionExecution,
  SessionResponse,
  SessionStep,
  SubmitJobResponse
} from "../src/internal/operations/requests.js"
import { answering } from "./support/answering.js"
import { plantedKey } from "./support/client.js"
import { sessionId } from "./support/sessions.js"
import { share } from "./support/size.js"

/** Why an answer with another type in the field is refused, and one without it, unless that has a meaning. */
interface Needed {
  readonly because: string
  /** The meaning of null and absent. */
  readonly absent?: string
}

/** A value that the field cannot have, and what it reads as then and where it is absent. Default: absent. */
interface Spared {
  readonly wrong: unknown
  readonly reads?: unknown
}

/** Any value fits. */
const anything = "anything"

interface Answer {
  readonly name: string
  readonly schema: Schema.Schema.AnyNoContext
  /** An answer with every field. */
  readonly body: object
  /** Where in the body, and in what is read, the fields are. */
  readonly at?: ReadonlyArray<string | number>
  readonly read: Effect.Effect<unknown, NoukaiError, Services>
  readonly rows: { readonly [field: string]: Needed | Spared | typeof anything }
}

const flow = "acme/support/answer"

const tools = [{ type: "function", function: { name: "lookup_order" } }] as const

const toolCall = { id: "tc_1", type: "function", function: { name: "lookup_order", arguments: "{\"id\":\"A17\"}" } }

const toolCallMessages = [{ role: "assistant", content: null, tool_calls: [toolCall] }]

const run = {
  id: "ex-1",
  flowId: "fl_1",
  status: "completed",
  triggerType: "ad_hoc",
  startedAt: "2026-06-07T09:00:00Z",
  completedAt: "2026-06-07T09:00:02Z",
  durationMs: 1145,
  stepCount: 2
}

const runRows: Answer["rows"] = {
  id: { because: "nothing can be asked about a run without its id" },
  flowId: { wrong: 7 },
  status: { because: "it says whether the run ended, and how" },
  triggerType: { wrong: 7 },
  startedAt: { wrong: 7 },
  completedAt: { wrong: 7 },
  durationMs: { wrong: "12" },
  stepCount: { wrong: "2" }
}

const step = {
  stepId: "classify",
  attempt: 2,
  loopIndex: 1,
  status: "completed",
  startedAt: "2026-06-07T09:00:00Z",
  completedAt: "2026-06-07T09:00:01Z",
  durationMs: 412,
  waitingMs: 100,
  modelUsed: "example-model",
  tokens: { prompt: 120, completion: 9, total: 129 },
  costUsd: "0.00031",
  inputContext: { message: "hi" },
  outputContext: { label: "order" },
  errorContext: { code: "X" },
  inputSizeBytes: 21,
  outputSizeBytes: 17,
  truncated: true
}

const stepRows: Answer["rows"] = {
  stepId: { because: "it says which step this is" },
  attempt: { wrong: "2", reads: 1 },
  loopIndex: { wrong: "1" },
  status: { because: "it says whether the attempt failed" },
  startedAt: { wrong: 7 },
  completedAt: { wrong: 7 },
  durationMs: { wrong: "12" },
  waitingMs: { wrong: "12" },
  modelUsed: { wrong: 7 },
  tokens: { wrong: "129" },
  costUsd: { wrong: 0.00031 },
  inputContext: anything,
  outputContext: anything,
  errorContext: anything,
  inputSizeBytes: { wrong: "21" },
  outputSizeBytes: { wrong: "17" },
  truncated: { wrong: "yes", reads: false }
}

const sessionStep = {
  stepId: "a",
  attempt: 2,
  loopIndex: 1,
  status: "failed",
  startedAt: "2026-06-07T09:00:00Z",
  completedAt: "2026-06-07T09:00:01Z",
  durationMs: 12,
  inputSnapshot: 1,
  outputSnapshot: 2,
  errorSnapshot: 3,
  truncated: true
}

const recorded = {
  executionId: "ex-1",
  flowId: "fl_1",
  slug: "answer",
  triggerType: "execute",
  status: "failed",
  startedAt: "2026-06-07T09:00:00Z",
  completedAt: "2026-06-07T09:00:01Z",
  traceCaptureMode: "full",
  snapshotsAvailable: true,
  errorAtStep: "a",
  steps: [sessionStep]
}

const sessionBody = { sessionId, executions: [recorded] }

const execute = Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi" }))

const readTrace = Effect.flatMap(RunService, (runs) => runs.trace(flow, "ex-1"))

const readSession = Effect.flatMap(
  NoukaiHttp,
  (http) => http.request("session", { method: "test", options: {}, progress: { sent: "no" }, sessionId })
)

const answers: ReadonlyArray<Answer> = [
  {
    name: "results: a run that ended",
    schema: ExecuteEnded,
    body: { status: "completed", result: { text: "ok" }, flowId: "fl_1", blockCount: 2, executionId: "ex-1" },
    read: execute,
    rows: {
      status: { because: "it tells a success from a failure and a pause; the error holds the result" },
      result: anything,
      flowId: { wrong: 7 },
      blockCount: { wrong: "2" },
      executionId: { wrong: 7 }
    }
  },
  {
    name: "results: a run that waits for tool results",
    schema: ExecutePaused,
    body: {
      status: "tool_calls_required",
      executionId: "ex-1",
      pausedAtStep: "triage",
      iterationsUsed: 1,
      toolCallMessages,
      toolCalls: [toolCall],
      accumulatedOutputs: { classify: { label: "order" } },
      flowId: "fl_1",
      blockCount: 2
    },
    read: Effect.map(
      Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi", tools })),
      (paused) =>
        paused.status === "completed" ? paused : Object.defineProperty(
          { status: paused.status, ...paused.state, flowId: paused.flowId, blockCount: paused.blockCount },
          "raw",
          { value: paused.raw, enumerable: false }
        )
    ),
    rows: {
      status: { because: "it tells a pause from a result" },
      executionId: { because: "a resume names the run" },
      pausedAtStep: { because: "a resume names the step, or the server takes it for a new run" },
      iterationsUsed: { wrong: "1", reads: 0 },
      toolCallMessages: { because: "a resume repeats the conversation, and nobody else has it" },
      toolCalls: { wrong: "all", reads: [{ id: "tc_1", name: "lookup_order", arguments: "{\"id\":\"A17\"}" }] },
      accumulatedOutputs: { wrong: ["order"], reads: {} },
      flowId: { wrong: 7 },
      blockCount: { wrong: "2" }
    }
  },
  {
    name: "jobs: a job that was submitted",
    schema: SubmitJobResponse,
    body: { executionId: "ex-1", status: "started", flowId: "fl_1", blockCount: 2 },
    read: Effect.flatMap(
      NoukaiHttp,
      (http) =>
        http.request("submitJob", {
          method: "test",
          options: {},
          progress: { sent: "no" },
          flow: { org: "acme", project: "support", slug: "answer" },
          version: "production",
          sessionId: undefined,
          body: { trace: false }
        })
    ),
    rows: {
      executionId: { because: "the job could never be found again" },
      status: { wrong: 7 },
      flowId: { wrong: 7 },
      blockCount: { wrong: "2" }
    }
  },
  {
    name: "polls: a job that was asked for",
    schema: PollJobResponse,
    body: { executionId: "ex-1", status: "completed", result: { text: "done" }, error: null },
    read: Effect.flatMap(
      NoukaiHttp,
      (http) =>
        http.request("pollJob", {
          method: "test",
          options: {},
          progress: { sent: "no" },
          flow: { org: "acme", project: "support", slug: "answer" },
          executionId: "ex-1"
        })
    ),
    rows: {
      executionId: { wrong: 7 },
      status: { because: "it says whether the job has ended, and how; the error holds the result" },
      result: anything,
      error: anything
    }
  },
  {
    name: "traces: a trace",
    schema: Trace.Trace,
    body: { flowRun: run, steps: [step] },
    read: readTrace,
    rows: {
      flowRun: { because: "a trace is of a run" },
      steps: { because: "they are what is asked for", absent: "none" }
    }
  },
  {
    name: "traces: the run of a trace",
    schema: Trace.FlowRun,
    body: { flowRun: run, steps: [step] },
    at: ["flowRun"],
    read: readTrace,
    rows: runRows
  },
  {
    name: "traces: a step of a trace",
    schema: Trace.StepTrace,
    body: { flowRun: run, steps: [step] },
    at: ["steps", 0],
    read: readTrace,
    rows: stepRows
  },
  {
    name: "traces: the tokens of a step",
    schema: Trace.Tokens,
    body: { flowRun: run, steps: [step] },
    at: ["steps", 0, "tokens"],
    read: readTrace,
    rows: {
      prompt: { wrong: "120", reads: 0 },
      completion: { wrong: "9", reads: 0 },
      total: { wrong: "129", reads: 0 }
    }
  },
  {
    name: "step-traces: one attempt at a step",
    schema: Trace.StepTrace,
    body: step,
    read: Effect.flatMap(RunService, (runs) => runs.stepTrace(flow, "ex-1", "classify")),
    rows: stepRows
  },
  {
    name: "step-traces: all attempts at a step",
    schema: Trace.StepAttempts,
    body: { stepId: "classify", attempts: [step] },
    read: Effect.flatMap(RunService, (runs) => runs.stepTrace(flow, "ex-1", "classify", { attempt: "all" })),
    rows: {
      stepId: { because: "it says which step this is" },
      attempts: { because: "they are what is asked for" }
    }
  },
  {
    name: "runs: the summary of a run",
    schema: Trace.FlowRun,
    body: run,
    read: Effect.flatMap(RunService, (runs) => runs.summary(flow, "ex-1")),
    rows: runRows
  },
  {
    name: "lists-of-runs: a list of runs",
    schema: RunListResponse,
    body: { runs: [run], nextCursor: "c" },
    read: Effect.flatMap(
      NoukaiHttp,
      (http) =>
        http.request("runList", {
          method: "test",
          options: {},
          progress: { sent: "no" },
          flowId: "fl_1",
          limit: undefined,
          status: undefined
        })
    ),
    rows: { runs: { because: "they are what is asked for" }, nextCursor: { wrong: 7 } }
  },
  {
    name: "lists-of-runs: a run of a list",
    schema: Trace.FlowRun,
    body: { runs: [run] },
    at: ["runs", 0],
    read: Effect.flatMap(
      NoukaiHttp,
      (http) =>
        http.request("runList", {
          method: "test",
          options: {},
          progress: { sent: "no" },
          flowId: "fl_1",
          limit: undefined,
          status: undefined
        })
    ),
    rows: runRows
  },
  {
    name: "sessions: a session",
    schema: SessionResponse,
    body: sessionBody,
    read: readSession,
    rows: {
      sessionId: { because: "without it any JSON would be a session that holds nothing" },
      executions: { because: "they are what is replayed", absent: "none" }
    }
  },
  {
    name: "sessions: a run of a session",
    schema: SessionExecution,
    body: sessionBody,
    at: ["executions", 0],
    read: readSession,
    rows: {
      executionId: { because: "results and leftovers name the run" },
      flowId: { wrong: 7 },
      slug: { because: "calls are matched by it", absent: "matches none" },
      triggerType: { because: "calls are matched by it", absent: "matches none" },
      status: { because: "a failure must not be replayed as a success" },
      startedAt: { wrong: 7 },
      completedAt: { wrong: 7 },
      traceCaptureMode: { wrong: 7 },
      snapshotsAvailable: { wrong: "yes", reads: false },
      errorAtStep: { because: "a failure must not be replayed as a success", absent: "none" },
      steps: { because: "they hold the result", absent: "none" }
    }
  },
  {
    name: "sessions: a step of a session",
    schema: SessionStep,
    body: sessionBody,
    at: ["executions", 0, "steps", 0],
    read: readSession,
    rows: {
      stepId: { because: "outputs are of a step" },
      attempt: { wrong: "2", reads: 1 },
      loopIndex: { because: "an iteration must not be replayed as a step", absent: "none" },
      status: { because: "a failure must not be replayed as a success", absent: "completed" },
      startedAt: { wrong: 7 },
      completedAt: { wrong: 7 },
      durationMs: { wrong: "12" },
      inputSnapshot: anything,
      outputSnapshot: anything,
      errorSnapshot: anything,
      truncated: { wrong: "yes", reads: false }
    }
  }
]

type Fields = { readonly [key: string | number]: unknown }

const valueAt = (value: unknown, path: ReadonlyArray<string | number>): unknown =>
  path.reduce((inner: unknown, key) => (inner as Fields)[key], value)

/** The same JSON with another value, or none, at a place. */
const changed = (value: unknown, [key, ...rest]: ReadonlyArray<string | number>, change: (u: unknown) => unknown) => {
  if (key === undefined) return change(value)
  const copy: unknown = Array.isArray(value) ? [...value] : { ...value as object }
  ;(copy as { [key: string | number]: unknown })[key] = changed((value as Fields)[key], rest, change)
  return copy
}

const without = (field: string) => (value: unknown): unknown =>
  Object.fromEntries(Object.entries(value as object).filter(([key]) => key !== field))

const withField = (field: string, item: unknown) => (value: unknown): unknown => ({
  ...value as object,
  [field]: item
})

const answered = ({ read }: Answer, body: unknown) =>
  Effect.provide(read, answering({ status: 200, body: JSON.stringify(body) }))

const rawOf = (value: unknown): unknown => (value as { readonly raw?: unknown }).raw

/** Keys without a value are as good as absent. */
const plain = (value: unknown): Fields => JSON.parse(JSON.stringify(value))

for (const answer of answers) {
  const { at = [], body, name, rows, schema } = answer
  const whole = Effect.runSync(Effect.cached(Effect.map(answered(answer, body), plain)))

  const variants = (field: string, row: Answer["rows"][string]) => [
    ["absent", changed(body, at, without(field))] as const,
    ["null", changed(body, at, withField(field, null))] as const,
    ...(typeof row === "object" && "wrong" in row
      ? [["in another type", changed(body, at, withField(field, row.wrong))] as const]
      : [])
  ]

  describe(name, () => {
    it("the table has a row for each field", () => {
      assert.deepStrictEqual(
        Object.keys(rows).sort(),
        // digits and the step of a failure are ours: recordings and sessions keep them beside the fields of the server
        AST.getPropertySignatures(AST.encodedAST(schema.ast)).map(({ name }) => String(name))
          .filter((name) => name !== "digits" && !(name === "stepId" && "blockCount" in rows)).sort()
      )
      assert.deepStrictEqual(Object.keys(valueAt(body, at) as object).sort(), Object.keys(rows).sort())
    })

    it.live("is read whole, with what is not known left to raw", () =>
      Effect.gen(function*() {
        const more = changed(body, at, withField("of the future", { costs: [1, null] }))
        const value = yield* answered(answer, more)
        assert.deepStrictEqual(rawOf(value), more)
        assert.deepStrictEqual(plain(value), plain(yield* answered(answer, body)))
        assert.notInclude(JSON.stringify(value), "of the future")
      }))

    for (const [place, [field, row]] of Object.entries(rows).entries()) {
      const ways = variants(field, row)
      const dealt = share(ways, place, ways.length)
      if (row === anything) {
        for (const [how, changedBody] of dealt) {
          it.live(`${field} may be ${how}`, () =>
            Effect.gen(function*() {
              assert.deepStrictEqual(rawOf(yield* answered(answer, changedBody)), changedBody)
            }))
        }
      } else if ("because" in row) {
        it.live(`${field} is needed: ${row.because}`, () =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(answered(answer, changed(body, at, withField(field, { odd: 1 }))))
            assert.strictEqual(error._tag, "UnexpectedResponseError")
            assert.include(error.message, field)
            for (const [, changedBody] of ways) {
              const read = answered(answer, changedBody)
              yield* row.absent === undefined ? Effect.flip(read) : read
            }
          }))
      } else {
        for (const [how, changedBody] of dealt) {
          it.live(`${field} may be ${how}`, () =>
            Effect.gen(function*() {
              const value = yield* answered(answer, changedBody)
              const expected = "reads" in row ? withField(field, row.reads) : without(field)
              assert.deepStrictEqual(plain(value), changed(yield* whole, at, expected))
              assert.deepStrictEqual(rawOf(value), changedBody)
            }))
        }
      }
    }
  })
}

describe("a result that was paid for is never lost", () => {
  const big = "é".repeat(200_000)

  for (
    const [name, body] of [
      ["an unknown status", { status: "melted", executionId: "ex-5", result: { text: big, key: plantedKey } }],
      ["no status", { executionId: "ex-5", result: { text: big, key: plantedKey } }],
      ["an odd status", { status: { of: 1 }, executionId: "ex-5", result: { text: big, key: plantedKey } }]
    ] as const
  ) {
    it.live(`execute: ${name} next to a result`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          Effect.provide(execute, answering({ status: 200, body: JSON.stringify(body) }))
        )
        assert.strictEqual(error._tag, "UnexpectedResponseError")
        if (error._tag !== "UnexpectedResponseError") return
        assert.deepStrictEqual(error.result, { text: big, key: "<redacted>" })
        assert.isAtMost(Buffer.byteLength(error.responseBody!), 65_536)
        assert.strictEqual(error.executionId, "ex-5")
        assert.isFalse(error.isRetryable)
      }))

    it.live(`a job: ${name} next to a result`, () =>
      Effect.gen(function*() {
        const job = yield* Effect.flatMap(JobService, (jobs) => jobs.attach(flow, "ex-5"))
        for (const asked of [job.poll(), job.wait(), job.result(), Stream.runDrain(job.updates)]) {
          const error = yield* Effect.flip(Effect.asVoid<unknown, NoukaiError, never>(asked))
          assert.strictEqual(error._tag, "UnexpectedResponseError")
          if (error._tag !== "UnexpectedResponseError") return
          assert.deepStrictEqual(error.result, { text: big, key: "<redacted>" })
          assert.strictEqual(error.executionId, "ex-5")
        }
      }).pipe(Effect.provide(answering({ status: 200, body: JSON.stringify(body) }))))
  }

  it.live("a result that the schema of the flow refuses", () =>
    Effect.gen(function*() {
      const Grade = Flow.make(flow, { result: Schema.Struct({ score: Schema.Number }) })
      const error = yield* Effect.flip(Effect.flatMap(FlowService, (flows) => flows.execute(Grade, {})))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      if (error._tag !== "UnexpectedResponseError") return
      assert.deepStrictEqual(error.result, { score: "high" })
      assert.deepStrictEqual(error.value, { score: "high" })
    }).pipe(
      Effect.provide(
        answering({ status: 200, body: JSON.stringify({ status: "completed", result: { score: "high" } }) })
      )
    ))

  it.live("a body that is no result has none", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(execute)
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      assert.notProperty(error, "result")
    }).pipe(Effect.provide(answering({ status: 200, body: "{\"status\":\"melted\"}" }))))

  it.live("a failed run without flowId and blockCount is the failure that it is", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(execute)
      assert.strictEqual(error._tag, "FlowExecutionError")
      if (error._tag !== "FlowExecutionError") return
      assert.strictEqual(error.status, "failed")
      assert.strictEqual(error.detail, "no model")
    }).pipe(Effect.provide(answering({ status: 200, body: "{\"status\":\"failed\",\"result\":\"no model\"}" }))))
})

describe("results: the calls of a pause", () => {
  const paused = (more: object) =>
    Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi", tools })).pipe(
      Effect.map((done) => done.status === "tool_calls_required" ? done.toolCalls : []),
      Effect.provide(answering({
        status: 200,
        body: JSON.stringify({
          status: "tool_calls_required",
          executionId: "ex-1",
          pausedAtStep: "triage",
          toolCallMessages,
          ...more
        })
      }))
    )
  const call = { id: "tc_1", name: "lookup_order", arguments: "{\"id\":\"A17\"}" }

  for (
    const [name, more] of [
      ["are those of the last assistant message", {}],
      ["in camelCase too", { toolCallMessages: [{ role: "assistant", toolCalls: [toolCall] }, { role: "user" }] }],
      ["where the list is empty", { toolCalls: [] }],
      ["where an entry cannot be read", { toolCalls: [{ id: "tc_1" }] }],
      ["where an entry is no object", { toolCalls: ["tc_1"] }],
      ["with arguments that are JSON already", {
        toolCalls: [{ id: "tc_1", function: { name: "lookup_order", arguments: { id: "A17" } } }]
      }]
    ] as const
  ) {
    it.live(name, () => Effect.map(paused(more), (calls) => assert.deepStrictEqual(calls, [call])))
  }

  it.live("may come without the run once that is known, and go on with it", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const first = yield* flows.execute(flow, { message: "hi", tools })
      const results = [{ toolCallId: "tc_1", content: "shipped" }]
      const second = first.status === "completed" ? first : yield* first.resume(results)
      const third = second.status === "completed" ? second : yield* second.resume(results)
      assert.deepStrictEqual([first, second, third].map(({ executionId, status }) => [status, executionId]), [
        ["tool_calls_required", "ex-1"],
        ["tool_calls_required", "ex-1"],
        ["completed", "ex-1"]
      ])
    }).pipe(Effect.provide(answering(
      ...[
        { status: "tool_calls_required", executionId: "ex-1", pausedAtStep: "triage", toolCallMessages },
        { status: "tool_calls_required", executionId: null, pausedAtStep: "triage", toolCallMessages },
        { status: "completed", result: 1 }
      ].map((body) => ({ status: 200, body: JSON.stringify(body) }))
    ))))

  it.live("are needed in one of the two places", () =>
    Effect.map(Effect.flip(paused({ toolCallMessages: [] })), (error) => {
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      assert.strictEqual(error.executionId, "ex-1")
    }))
})
