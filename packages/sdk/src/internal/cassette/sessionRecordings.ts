/** Turns the runs of a session into the recordings of a cassette. */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { FlowExecutionError, ReplayNoSnapshotsError } from "../../NoukaiError.js"
import { known, newError } from "../core/makeError.js"
import { notEnded, unfinishedRun } from "../core/replayReport.js"
import { problemOf } from "../core/runProblem.js"
import { digitsIn, withDigits } from "../kit/plainJson.js"
import type { SessionExecution, SessionResponse } from "../operations/requests.js"
import { isUnderWay, runOf, type RunOfSession, stoodAt } from "../operations/sessionRun.js"
import * as Wire from "../operations/wireEvent.js"
import { closedBy } from "../run/deliveredEvent.js"
import { encodeError } from "./codec.js"
import type { Gap, Recordings } from "./matching.js"
import type { Question, RecordedAnswer, SessionRecording } from "./recording.js"

/** Whether a run stopped before its first step: it has no payloads, and no mode in which they would be captured. */
const hasNothingToCapture = ({ status, steps, traceCaptureMode }: SessionExecution): boolean =>
  status !== "completed" && steps.length === 0 && traceCaptureMode === undefined

/**
 * Fails unless every execution has its payloads.
 *
 * @see docs/wire.md#scopes
 */
export const checkSnapshots = (
  method: string,
  { executions }: SessionResponse
): Effect.Effect<void, ReplayNoSnapshotsError> => {
  const without = executions.filter((one) => !one.snapshotsAvailable && !hasNothingToCapture(one))
  const [first] = without
  if (first === undefined) return Effect.void
  const mode = first.traceCaptureMode === undefined ? "" : `, captured with mode ${first.traceCaptureMode}`
  return Effect.fail(
    newError(ReplayNoSnapshotsError, {
      method,
      detail: `${without.length} of ${executions.length} executions, such as ${first.executionId} of ${
        first.slug === undefined ? "a deleted flow" : JSON.stringify(first.slug)
      }${mode}`,
      executionId: first.executionId
    })
  )
}

const recordingOf = (execution: SessionExecution, redact: (text: string) => string): SessionRecording | undefined => {
  const { slug, triggerType } = execution
  if ((triggerType !== "execute" && triggerType !== "step") || slug === undefined || slug === "") return undefined
  return {
    endpoint: triggerType,
    flow: redact(slug),
    version: undefined,
    input: undefined,
    answer: { run: runOf(execution) },
    at: undefined
  }
}

/**
 * The recordings of a session. Warns of runs that no call can take: jobs, and runs of flows that were deleted. Fails
 * unless every execution has its payloads.
 */
export const recordingsOf = (
  method: string,
  session: SessionResponse,
  redact: (text: string) => string = identity
): Effect.Effect<Recordings, ReplayNoSnapshotsError> =>
  Effect.gen(function*() {
    yield* checkSnapshots(method, session)
    const source = `session ${session.sessionId}`
    const recordings = session.executions.map((execution) => recordingOf(execution, redact))
    const unmatchable = recordings.filter((one) => one === undefined).length
    if (unmatchable > 0) {
      yield* Effect.logWarning(
        `replay: ${unmatchable} of ${recordings.length} recordings of ${source} are jobs or of flows that were ` +
          "deleted, and are passed over"
      )
    }
    return { source, match: "position", recordings, session }
  })

/** A call that a run of a session answers. */
interface SessionCall {
  readonly method: string
  readonly endpoint: Question["endpoint"]
  /** `org/project/slug`; a session knows the slug alone. */
  readonly flow: string
  /** The first step to answer. */
  readonly from: number
  readonly isFirst: boolean
}

/** The answer of a run of a session to a call. */
export const answerOf = (
  run: RunOfSession,
  { endpoint, flow, from, isFirst, method }: SessionCall
): RecordedAnswer | { readonly gap: Gap } | {
  readonly events: ReadonlyArray<Wire.WireEvent>
  readonly end: { readonly gap: Gap }
} => {
  const { completed, ending, execution: { executionId, flowId = "" } } = run
  const events = endpoint === "step" ? eventsOf(run, from, isFirst) : undefined
  if (ending._tag === "completed") {
    const value = withDigits(
      { status: "completed", result: ending.result, flowId, blockCount: Math.max(1, completed.length), executionId },
      digitsIn([["result", ending.digits]])
    )
    return events === undefined ? { value } : { events, end: "done" }
  }
  if (ending._tag === "failed") {
    const { digits, error: result, stepId } = ending
    const digitsOfResult = digitsIn([["result", digits]])
    if (events === undefined) {
      // as the server answers; its count of blocks has the failed one
      const blockCount = Math.max(1, completed.length + (stepId === undefined ? 0 : 1))
      const ended = known({ status: "failed", result, flowId, blockCount, executionId, stepId })
      return { value: withDigits(ended, digitsOfResult) }
    }
    const { code, detail = "the recording does not say why" } = problemOf(result)
    const facts = known({ method, flow, executionId, code, detail, stepId, result, isRetryable: false })
    const error = withDigits(newError(FlowExecutionError, facts), digitsOfResult)
    return { events, end: { error: encodeError(error) } }
  }
  const reason = `${notEnded(stoodAt(run))}: it had not ended when the session was read, ${ending.reason}`
  const end = { gap: { reason, code: unfinishedRun } }
  return events === undefined ? end : { events, end }
}

/**
 * The recorded events of a run, from one of its steps on. A failed run ends with `flow_completed`, after the failed
 * step if it is known. A run that had not ended ends with the `step_started` of its current step. No server sent these
 * events, so they have no JSON behind them.
 */
export const eventsOf = (run: RunOfSession, from: number, isFirst: boolean): ReadonlyArray<Wire.WireEvent> => {
  const { completed, ending, execution: { executionId, flowId }, last } = run
  const ids = { executionId, runId: executionId }
  const failedAt = ending._tag === "failed" ? ending.stepId : undefined
  const current = ending._tag === "unfinished" && last !== undefined && isUnderWay(last) ? last.stepId : failedAt
  const stepCount = ending._tag === "unfinished" ? undefined : completed.length + (failedAt === undefined ? 0 : 1)
  const events: Array<Wire.WireEvent> = isFirst
    ? [{ type: "run_started", ...ids, ...known({ flowId, stepCount }) }]
    : []
  for (const [stepIndex, { digits, output, stepId }] of completed.slice(from).entries()) {
    events.push(
      { type: "step_started", stepId, stepIndex },
      withDigits({ type: "step_completed", stepId, output } as const, digitsIn([["output", digits]]))
    )
  }
  if (current !== undefined) {
    events.push({ type: "step_started", stepId: current, stepIndex: Math.max(0, completed.length - from) })
  }
  if (ending._tag === "completed") {
    const { digits, result } = ending
    events.push(withDigits({ type: "flow_completed", ...ids, result } as const, digitsIn([["result", digits]])))
  }
  if (ending._tag === "failed" && failedAt !== undefined) {
    const { digits, error } = ending
    const closing = { type: "flow_completed", ...ids, result: null, summary: { failedAtStep: failedAt } } as const
    const failed = withDigits(
      { type: "step_error", stepId: failedAt, ...known({ error: error ?? undefined }) } as const,
      digitsIn([["error", digits]])
    )
    events.push(closedBy(failed, closing), closing)
  }
  for (const event of events) Wire.keepOriginal(event, undefined)
  return events
}
