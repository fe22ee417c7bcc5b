/** Builders of cassettes, and arbitraries of them and of runs. */
import type { RecordedCassette, SessionCassette } from "@effect-noukai/sdk/Cassette"
import type { ExecuteOptions } from "@effect-noukai/sdk/Execution"
import { type Names, orThrow } from "@effect-noukai/sdk/kit/names"
import { digitsAt, digitsIn, digitsWithin, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import { type RunOptionName, runOptions } from "@effect-noukai/sdk/kit/runOptions"
import { encodeError, type Interaction, jsonCopy, layout, runFields } from "@effect-noukai/sdk/kit/runs/report"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import type { ToolDeclaration, ToolSet } from "@effect-noukai/sdk/Tools"
import * as Record from "effect/Record"
import { events } from "./runs.js"

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

const sessionNames: Names<SessionRun> = {
  slug: true,
  trigger: true,
  result: "or null",
  steps: true,
  error: { stepId: true, code: true, message: true },
  executionId: true
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
 * The cassette of a session with these runs, in this order. Throws a `TypeError` for an unknown field.
 *
 * @example
 * ```ts
 * import { NoukaiReplay } from "@effect-noukai/sdk"
 * import { session } from "@effect-noukai/report/testing"
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
  session: {
    sessionId: testSessionId,
    executions: runs.map((run) => orThrow("session", run, sessionNames)).map(executionOf)
  }
})

/**
 * A recorded call: with `steps` one of `events` or `steps`, else of `execute`. Its outcome is its `result`, the outputs
 * of its `steps` in order, or its `error`.
 */
export interface RecordedRun extends
  Pick<
    ExecuteOptions,
    "version" | keyof ExecuteOptions & RunOptionName
  >
{
  /** `org/project/slug` */
  readonly flow: string
  readonly parameters?: { readonly [name: string]: unknown } | undefined
  /** The tools of the call: declarations, or tools with their handlers, which the run did not call. Default: none. */
  readonly tools?: ReadonlyArray<ToolDeclaration> | ToolSet<unknown, unknown> | undefined
  /** The outputs that a call of `events` or `steps` replaced, by step id. Default: none. */
  readonly inputOverrides?: { readonly [stepId: string]: unknown } | undefined
  readonly result?: unknown
  readonly steps?: { readonly [stepId: string]: unknown } | undefined
  readonly error?: CallError | undefined
  /** Default: `ex_` and the place of the call, from 1. */
  readonly executionId?: string | undefined
}

const runNames = Record.map(runOptions, () => true as const)

const recordedNames: Names<RecordedRun> = {
  ...runNames,
  flow: true,
  version: true,
  inputOverrides: true,
  result: "or null",
  steps: true,
  error: true,
  executionId: true
}

const bodyOf = (run: RecordedRun): unknown => {
  const { inputOverrides = {}, message, messages = [], parameters, steps, tools } = run
  const fields = runFields(run, parameters, tools)
  return steps === undefined ? { message, messages: messages.length === 0 ? undefined : messages, ...fields } : {
    message,
    ...fields,
    stepIndex: 0,
    accumulatedOutputs: {},
    parameters: parameters ?? {},
    inputOverrides,
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
    ? {
      value: withDigits(
        { status: "completed", result: result ?? null, flowId: "fl_test", blockCount: 1, executionId },
        digitsIn([["result", digitsAt(digitsWithin(run), "result")]])
      )
    }
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
 * The cassette of a recording of these calls. They are found by their input, in any order. Throws a `TypeError` for an
 * unknown field.
 *
 * @example
 * ```ts
 * import { NoukaiReplay } from "@effect-noukai/sdk"
 * import { recording } from "@effect-noukai/report/testing"
 *
 * const layer = NoukaiReplay.fromCassette(recording(
 *   { flow: "acme/spelling/grade-3", message: "The cat sat.", result: { score: 8 } },
 *   { flow: "acme/spelling/grade-3", message: "Teh cat sat.", result: { score: 4 } }
 * ))
 * ```
 */
export const recording = (...runs: ReadonlyArray<RecordedRun>): RecordedCassette =>
  layout(runs.map((run) => orThrow("recording", run, recordedNames)).map(interactionOf), {})
