/** Exit codes, and the code of each error. */
import type {
  BatchError,
  BatchLockedError,
  BatchNotFoundError,
  BatchReportError
} from "@effect-noukai/batch/BatchError"
import type { FlowExecutionError, NoukaiError } from "@effect-noukai/sdk/NoukaiError"

/** The exit codes, worst first. */
export const exitCodes = {
  interrupted: 130,
  mayExist: 5,
  timedOut: 124,
  notAllowed: 3,
  paused: 4,
  stopped: 6,
  usage: 2,
  refused: 7,
  failed: 1,
  done: 0
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Returns the worst code. */
export const worst = (codes: Iterable<ExitCode>): ExitCode => {
  const found = new Set(codes)
  return Object.values(exitCodes).find((code) => found.has(code)) ?? exitCodes.done
}

export type BatchCommandError = BatchError | BatchLockedError | BatchNotFoundError | BatchReportError

/** The code of a failed run, or of a status other than 2xx. */
const ofAnswer = (
  { code, executionId, isRetryable, status, statusCode }: FlowExecutionError,
  does: "begins" | "reads"
): ExitCode => {
  if (statusCode === undefined || status === "failed") return exitCodes.failed
  // only reads are retryable, such as a look-up before the run
  if (does === "reads" || isRetryable) return exitCodes.refused
  if (executionId !== undefined || code === "TOOL_ITERATION_LIMIT") return exitCodes.failed
  // after a 408 a run may still have begun
  return statusCode < 500 && statusCode !== 408 ? exitCodes.refused : exitCodes.mayExist
}

/**
 * Returns the exit code of an error. A read begins no run, so a read without an answer means an unreachable server.
 */
export const exitCodeOf = (error: NoukaiError | BatchCommandError, does: "begins" | "reads"): ExitCode => {
  switch (error._tag) {
    case "APIConnectionError":
      return does === "reads" || error.sent === "no" ? exitCodes.refused : exitCodes.mayExist
    case "APITimeoutError":
      return does === "reads" || error.sent === "no" || error.executionId !== undefined
        ? exitCodes.timedOut
        : exitCodes.mayExist
    case "BatchStoreError":
      return does === "reads" ? exitCodes.refused : exitCodes.mayExist
    case "RunInProgressError":
    case "AmbiguousRunError":
      return exitCodes.mayExist
    case "UnexpectedResponseError":
      if (error.executionId !== undefined && error.code === "TOOL_CALLS_UNANSWERED_CLIENT") return exitCodes.paused
      // of a look-up, before anything was sent
      if (error.statusCode === 404) return exitCodes.refused
      return does === "reads" || error.executionId !== undefined ? exitCodes.failed : exitCodes.mayExist
    case "AuthenticationError":
    case "PermissionDeniedError":
      return exitCodes.notAllowed
    case "InvalidRequestError":
      return error.statusCode === undefined ? exitCodes.usage : exitCodes.refused
    case "InvalidBatchError":
    case "BatchConflictError":
    case "BatchSourceError":
    case "BatchNotFoundError":
      return exitCodes.usage
    case "RateLimitError":
    case "FlowNotFoundError":
      // a step may be refused after other steps ran
      return does === "begins" && error.executionId !== undefined ? exitCodes.failed : exitCodes.refused
    case "BudgetExceededError":
      return error.executionId === undefined ? exitCodes.refused : exitCodes.failed
    case "ReplaySessionNotFoundError":
    case "ReplaySessionExpiredError":
    case "BatchLockedError":
      return exitCodes.refused
    case "InsufficientCreditsError":
      return error.executionId === undefined && error.code !== "CREDITS_EXHAUSTED"
        ? exitCodes.refused
        : exitCodes.failed
    case "FlowExecutionError":
      return ofAnswer(error, does)
    case "ResultNotStoredError":
    case "ToolCallLimitError":
    case "CostLimitError":
    case "ReplayMissError":
    case "ReplayLeftoverError":
    case "ReplayForbiddenError":
    case "ReplayInvalidSessionError":
    case "ReplayNoSnapshotsError":
    case "ReplayDisabledError":
    case "CassetteError":
    case "BatchReportError":
      return exitCodes.failed
  }
}
