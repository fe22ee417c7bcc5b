/** Builders of cassettes, and arbitraries of them and of runs. */
import * as FastCheck from "effect/FastCheck"
import type { CallError } from "../../NoukaiError.js"
import type { ToolSet } from "../../Tools.js"
import { encodeError } from "../cassette/codec.js"
import { layout } from "../cassette/layout.js"
import type { Interaction, RecordedCassette, SessionCassette } from "../cassette/recording.js"
import { jsonCopy } from "../core/json.js"
import type { ExecuteResponse, SessionExecution } from "../operations/requests.js"
import type { WireEvent } from "../operations/wireEvent.js"
import { declarationsOf } from "../run/runInput.js"
import type { ToolChoice, ToolDeclaration } from "../run/tool.js"
import { events, pauseFields } from "./runs.js"

/** A run of a recorded session. Its outcome is its `result`, the outputs of its `steps` in order, or its `error`. */
export interface SessionRun {
  /** The bare slug of the flow. */
  readonly slug: string
  /** The operation that the run replays for: `step` is `events` and `steps`. Default: `"execute"`. */
  readonly trigger?: "execute" | "step" | "job" | undefined
  readonly result?: unknown
  readonly steps?: { readonly [stepId: string]: unknown } | undefined
  /** The failure of the run, at this step. */
  readonly error?: { readonly stepId: string; readonly code?: string; readonly message?: string } | undefined
  /** Default: `ex_` and the place of the run, from 1. */
  readonly executionId?: string | undefined
}

/** The id of the sessions that builders make. */
const testSessionId = "00000000-0000-4000-8000-000000000000"

const executionOf = (run: SessionRun, place: number): SessionExecution => {
  const { error, executionId, result, slug, trigger = "execute" } = run
  const outputs = run.steps ?? ("result" in run ? { step: result } : {})
  const step = { attempt: 1, status: "completed", truncated: false }
  return {
    executionId: executionId ?? `ex_${place + 1}`,
    flowId: "fl_test",
    slug,
    triggerType: trigger,
    status: error === undefined ? "completed" : "failed",
    traceCaptureMode: "full",
    snapshotsAvailable: true,
    ...(error === undefined ? undefined : { errorAtStep: error.stepId }),
    steps: [
      ...Object.entries(outputs).map(([stepId, outputSnapshot]) => ({ ...step, stepId, outputSnapshot })),
      ...(error === undefined ? [] : [{
        ...step,
        stepId: error.stepId,
        status: "failed",
        errorSnapshot: { code: error.code ?? "INTERNAL_ERROR", message: error.message ?? "it failed" }
      }])
    ]
  }
}

/**
 * The cassette of a session with these runs, in this order.
 *
 * @example
 * ```ts
 * import { NoukaiReplay } from "@effect-noukai/sdk"
 * import { session } from "@effect-noukai/sdk/testing"
 *
 * const layer = NoukaiReplay.fromCassette(session(
 *   { slug: "grade-3", result: { score: 8 } },
 *   { slug: "answer", trigger: "step", steps: { classify: "order", answer: { text: "Monday" } } },
 *   { slug: "grade-3", error: { stepId: "grade", code: "CREDITS_EXHAUSTED" } }
 * ))
 * ```
 */
export const session = (...runs: ReadonlyArray<SessionRun>): SessionCassette => ({
  format: "noukai-cassette/1",
  kind: "session",
  client: {},
  session: { sessionId: testSessionId, executions: runs.map(executionOf) }
})

/**
 * A recorded call: with `steps` one of `events` or `steps`, else of `execute`. Its outcome is its `result`, the outputs
 * of its `steps` in order, or its `error`.
 */
export interface RecordedRun {
  /** `org/project/slug` */
  readonly flow: string
  /** Default: `"production"`. */
  readonly version?: number | "production" | "draft" | undefined
  readonly message?: string | undefined
  readonly parameters?: { readonly [name: string]: unknown } | undefined
  /** The tools of the call: declarations, or tools with their handlers, which the run did not call. Default: none. */
  readonly tools?: ReadonlyArray<ToolDeclaration> | ToolSet<unknown, unknown> | undefined
  readonly toolChoice?: ToolChoice | undefined
  readonly result?: unknown
  readonly steps?: { readonly [stepId: string]: unknown } | undefined
  readonly error?: CallError | undefined
  /** Default: `ex_` and the place of the call, from 1. */
  readonly executionId?: string | undefined
}

const bodyOf = ({ message, parameters, steps, toolChoice, tools }: RecordedRun): unknown => {
  const common = { message, tools: declarationsOf(tools), toolChoice, trace: false }
  return steps === undefined ? { ...common, parameters } : {
    ...common,
    stepIndex: 0,
    accumulatedOutputs: {},
    parameters: parameters ?? {},
    inputOverrides: {},
    runRemaining: false,
    iterationsUsed: 0
  }
}

const answerOf = (run: RecordedRun, executionId: string): Interaction["answer"] => {
  const { error, result, steps } = run
  if (steps !== undefined) {
    const all = events.run(steps, { executionId })
    return error === undefined
      ? { events: all, end: "done" }
      : { events: all.slice(0, -1), end: { error: encodeError(error) } }
  }
  return error === undefined
    ? { value: { status: "completed", result: result ?? null, flowId: "fl_test", blockCount: 1, executionId } }
    : { error: encodeError(error) }
}

const interactionOf = (run: RecordedRun, place: number): Interaction => ({
  endpoint: run.steps === undefined ? "execute" : "step",
  flow: run.flow,
  version: String(run.version ?? "production"),
  input: jsonCopy(bodyOf(run)),
  answer: jsonCopy(answerOf(run, run.executionId ?? `ex_${place + 1}`)),
  at: undefined
})

/**
 * The cassette of a recording of these calls. They are found by their input, in any order.
 *
 * @example
 * ```ts
 * import { NoukaiReplay } from "@effect-noukai/sdk"
 * import { recording } from "@effect-noukai/sdk/testing"
 *
 * const layer = NoukaiReplay.fromCassette(recording(
 *   { flow: "acme/spelling/grade-3", message: "The cat sat.", result: { score: 8 } },
 *   { flow: "acme/spelling/grade-3", message: "Teh cat sat.", result: { score: 4 } }
 * ))
 * ```
 */
export const recording = (...runs: ReadonlyArray<RecordedRun>): RecordedCassette => layout(runs.map(interactionOf), {})

/** Arbitraries for property tests, of fast-check. */
export interface Arbitraries {
  /** Any value that JSON can hold. */
  readonly json: FastCheck.Arbitrary<unknown>
  /** A response of `/execute`: a result, a failure, or a pause. */
  readonly response: FastCheck.Arbitrary<ExecuteResponse>
  /** The events of a whole run, in their order: completed, failed, with partial outputs, with unknown events. */
  readonly run: FastCheck.Arbitrary<ReadonlyArray<WireEvent>>
  /** A cassette of a recorded session. */
  readonly session: FastCheck.Arbitrary<SessionCassette>
  /** A cassette of a recording. */
  readonly recording: FastCheck.Arbitrary<RecordedCassette>
}

/** A JSON value as it comes out of a response: without `-0`, and with `__proto__` an ordinary key. */
const json: FastCheck.Arbitrary<unknown> = FastCheck.jsonValue({ maxDepth: 3 }).map((value): unknown =>
  JSON.parse(JSON.stringify(value))
)

const id = FastCheck.uuid()

const slug = FastCheck.stringMatching(/^[a-z][a-z0-9-]{0,10}[a-z0-9]$/)

const problem = FastCheck.oneof(
  FastCheck.record({
    code: FastCheck.constantFrom("INTERNAL_ERROR", "CREDITS_EXHAUSTED", "X"),
    message: FastCheck.string()
  }),
  FastCheck.string()
)

const tools = FastCheck.array(
  FastCheck.record({ id, name: FastCheck.constantFrom("get_weather", "lookup_order"), arguments: json }),
  { minLength: 1, maxLength: 3 }
)

const ended = (status: "completed" | "failed", result: FastCheck.Arbitrary<unknown>) =>
  FastCheck.record({
    status: FastCheck.constant(status),
    result,
    flowId: id,
    blockCount: FastCheck.nat(20),
    executionId: id
  })

const response: FastCheck.Arbitrary<ExecuteResponse> = FastCheck.oneof(
  ended("completed", json),
  ended("failed", problem),
  FastCheck.record({ executionId: id, pausedAtStep: slug, tools }).map(({ executionId, pausedAtStep, tools }) => ({
    status: "tool_calls_required" as const,
    executionId,
    pausedAtStep,
    ...pauseFields(tools)
  }))
)

const step = FastCheck.record({
  stepId: slug,
  output: json,
  partials: FastCheck.array(json, { maxLength: 2 }),
  unknown: FastCheck.boolean()
})

const run: FastCheck.Arbitrary<ReadonlyArray<WireEvent>> = FastCheck.record({
  executionId: id,
  steps: FastCheck.array(step, { minLength: 1, maxLength: 4 }),
  failure: FastCheck.option(problem, { nil: undefined })
}).map(({ executionId, failure, steps }) => [
  events.runStarted({ executionId, stepCount: steps.length }),
  ...steps.flatMap(({ output, partials, stepId, unknown }, place): ReadonlyArray<WireEvent> => [
    events.stepStarted(stepId),
    ...partials.map((partial) => events.stepOutput(stepId, partial)),
    ...(unknown ? [{ type: "unknown" as const, name: "step_progress", data: { stepId } }] : []),
    failure !== undefined && place === steps.length - 1
      ? events.stepError(stepId, failure)
      : events.stepCompleted(stepId, output)
  ]),
  ...(failure === undefined ? [events.flowCompleted(steps.at(-1)!.output, { executionId })] : [])
])

const sessionRun: FastCheck.Arbitrary<SessionRun> = FastCheck.record({
  slug: FastCheck.constantFrom("grade-3", "answer", "summary"),
  trigger: FastCheck.constantFrom("execute" as const, "step" as const),
  steps: FastCheck.dictionary(slug, json, { minKeys: 1, maxKeys: 3 }),
  executionId: id,
  error: FastCheck.option(FastCheck.record({ stepId: FastCheck.constant("last-step"), code: slug, message: slug }), {
    nil: undefined
  })
})

const recordedRun: FastCheck.Arbitrary<RecordedRun> = FastCheck.record({
  flow: FastCheck.constantFrom("acme/spelling/grade-3", "acme/support/answer"),
  version: FastCheck.constantFrom("production" as const, "draft" as const, 1, 2),
  message: FastCheck.string(),
  parameters: FastCheck.dictionary(slug, json, { maxKeys: 3 }),
  result: json,
  executionId: id
})

/**
 * Arbitraries of responses of Noukai, and of cassettes.
 *
 * @example
 * ```ts
 * import { arbitraries } from "@effect-noukai/sdk/testing"
 * import { FastCheck } from "effect"
 *
 * FastCheck.assert(FastCheck.property(arbitraries.run, (events) => events[0]?.type === "run_started"))
 * ```
 */
export const arbitraries: Arbitraries = {
  json,
  response,
  run,
  session: FastCheck.array(sessionRun, { maxLength: 5 }).map((runs) => session(...runs)),
  recording: FastCheck.array(recordedRun, { maxLength: 5 }).map((runs) => recording(...runs))
}
