import * as Effect from "effect/Effect"
import {
  type CallError,
  type OnceError,
  ResultNotStoredError,
  RunInProgressError,
  UnexpectedResponseError
} from "../../NoukaiError.js"
import { invalid, known, unchecked } from "../errors/makeError.js"
import { isOfRun, otherRun } from "../errors/runProblem.js"
import { format } from "../flow/address.js"
import type { PollJobResponse, SubmitJobResponse } from "../operations/jobRequests.js"
import type { Requests } from "../operations/operations.js"
import type { ExecuteEnded } from "../operations/runRequests.js"
import { runOf } from "../sessions/sessionRun.js"
import { type Asked, beforeARun, type FoundRun } from "./standing.js"

/** The names of a run that was found. */
interface NamedRun {
  readonly execution: { readonly executionId: string }
  readonly sessionId: string
}

const factsOf = (asked: Asked, { execution, sessionId }: NamedRun) => ({
  method: asked.method,
  flow: format(asked.flow),
  executionId: execution.executionId,
  sessionId
})

export const inProgress = (asked: Asked, run: NamedRun, detail?: string): RunInProgressError =>
  // a call of the same key never starts a second run
  new RunInProgressError(known({ ...factsOf(asked, run), detail, isRetryable: true }), unchecked)

const notStored = (asked: Asked, run: FoundRun, reason: ResultNotStoredError["reason"]): ResultNotStoredError => {
  const { traceCaptureMode } = run.execution
  return new ResultNotStoredError({
    ...factsOf(asked, run),
    reason,
    ...(traceCaptureMode === undefined ? undefined : { detail: `its capture mode was ${traceCaptureMode}` }),
    isRetryable: false
  }, unchecked)
}

const unexpected = (asked: Asked, run: FoundRun, reason: string): UnexpectedResponseError =>
  new UnexpectedResponseError({ ...factsOf(asked, run), reason, isRetryable: false }, unchecked)

const ofSlug = (asked: Asked, { execution }: FoundRun): boolean =>
  execution.slug === undefined || execution.slug === "" || execution.slug === asked.flow.slug

const ended = (
  { execution: { executionId, flowId } }: FoundRun,
  status: "completed" | "failed",
  result: unknown
): ExecuteEnded => ({ status, result, executionId, ...(flowId === undefined ? undefined : { flowId }) })

/** The outcome of a run from what its session keeps. */
const fromSession = (
  asked: Asked,
  run: FoundRun
): Effect.Effect<ExecuteEnded, UnexpectedResponseError | OnceError> => {
  const { execution } = run
  const { ending, last } = runOf(execution)
  switch (ending._tag) {
    case "failed":
      return Effect.succeed(ended(run, "failed", ending.error ?? "its session does not say why"))
    case "unfinished":
      return Effect.fail(inProgress(asked, run, ending.reason))
    case "completed":
      if (execution.traceCaptureMode === "redacted") return Effect.fail(notStored(asked, run, "redacted"))
      if (!execution.snapshotsAvailable || last?.outputSnapshot === undefined) {
        return Effect.fail(notStored(asked, run, "capture"))
      }
      return last.truncated
        ? Effect.fail(notStored(asked, run, "truncated"))
        : Effect.succeed(ended(run, "completed", ending.result))
  }
}

const fromJob = (
  asked: Asked,
  run: FoundRun,
  { error, executionId, result, status }: PollJobResponse
): Effect.Effect<ExecuteEnded, UnexpectedResponseError | OnceError> => {
  if (!isOfRun(run.execution.executionId, executionId)) {
    return Effect.fail(unexpected(asked, run, otherRun(executionId)))
  }
  switch (status) {
    case "completed":
      return Effect.succeed(ended(run, "completed", result))
    case "failed":
      return Effect.succeed(ended(run, "failed", error ?? result))
    case "cancelled":
      return Effect.succeed(ended(run, "failed", error ?? "the job was cancelled"))
    case "pending":
    case "running":
      return Effect.fail(inProgress(asked, run))
    default:
      return Effect.fail(unexpected(asked, run, `unknown status ${JSON.stringify(status)}`))
  }
}

/**
 * The outcome of a run that was found, in place of running again. The queue keeps the result of a job whatever the
 * capture mode is; the result of another run is the last output that its session keeps.
 */
export const executed = (
  pollJob: Requests["pollJob"],
  asked: Asked,
  run: FoundRun
): Effect.Effect<ExecuteEnded, CallError | OnceError> => {
  const { execution: { executionId, status, triggerType } } = run
  if (!ofSlug(asked, run)) {
    return Effect.fail(unexpected(asked, run, `its run is of another flow, ${run.execution.slug}`))
  }
  switch (status) {
    case "pending":
    case "running":
      return Effect.fail(inProgress(asked, run))
    case "completed":
    case "failed":
    case "cancelled": {
      if (triggerType !== "job") return fromSession(asked, run)
      const { retryPost: _, ...options } = asked.options
      const { flow, method } = asked
      return Effect.flatMap(
        Effect.mapError(pollJob({ method, options, progress: { sent: "no" }, flow, executionId }), beforeARun),
        (polled) => fromJob(asked, run, polled)
      )
    }
    default:
      return Effect.fail(unexpected(asked, run, `the run of this key has an unknown status, ${JSON.stringify(status)}`))
  }
}

/** The job that was found, in place of another one. */
export const submitted = (asked: Asked, run: FoundRun): Effect.Effect<SubmitJobResponse, CallError> => {
  const { execution: { executionId, flowId, triggerType } } = run
  if (!ofSlug(asked, run)) {
    return Effect.fail(unexpected(asked, run, `its run is of another flow, ${run.execution.slug}`))
  }
  if (triggerType !== undefined && triggerType !== "job") {
    const reason = `was used by a run that is no job, ${executionId}: ask for it with executeOnce`
    return Effect.fail(invalid(asked.method, "key", reason, { flow: format(asked.flow), executionId }))
  }
  return Effect.succeed({ executionId, ...(flowId === undefined ? undefined : { flowId }) })
}
