/** The codes that commands exit with, and which error has which. */
import type {
  BatchError,
  BatchLockedError,
  BatchNotFoundError,
  BatchReportError
} from "@effect-noukai/batch/BatchError"
import type { FlowExecutionError, NoukaiError } from "@effect-noukai/sdk/NoukaiError"

/** The codes, the first that fits. */
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

const order: ReadonlyArray<ExitCode> = Object.values(exitCodes)

/** The code of several outcomes: that of the worst. */
export const worst = (codes: Iterable<ExitCode>): ExitCode => {
  let found: ExitCode = exitCodes.done
  for (const code of codes) if (order.indexOf(code) < order.indexOf(found)) found = code
  return found
}

export type BatchCommandError = BatchError | BatchLockedError | BatchNotFoundError | BatchReportError

/** The code of a run that failed, or of a request that a status other than 2xx answered. */
const ofAnswer = (
  { code, executionId, isRetryable, status, statusCode }: FlowExecutionError,
  does: "begins" | "reads"
): ExitCode => {
  if (statusCode === undefined || status === "failed") return exitCodes.failed
  // only what reads can be asked for again, such as what was looked up before anything was sent
  if (does === "reads" || isRetryable) return exitCodes.refused
  if (executionId !== undefined || code === "TOOL_ITERATION_LIMIT") return exitCodes.failed
  // a 408 says that the server gave up waiting, not that nothing began
  return statusCode < 500 && statusCode !== 408 ? exitCodes.refused : exitCodes.mayExist
}

/**
 * The code of an error. A request that only reads begins no run, so that one without an answer is no more than a server
 * that could not be reached.
 */
export const exitCodeOf = (error: NoukaiError | BatchCommandError, does: "begins" | "reads"): ExitCode => {
  switch (error._tag) {
    case "APIConnectionError":
      return does === "reads" || error.sent === "no" ? exitCodes.refused : exitCodes.mayExist
    case "APITimeoutError":
      return does === "reads" || error.sent === "no" || error.executionId !== undefined
        ? exitCodes.timedOut
        : exitCodes.mayExist
    case "RunInProgressError":
    case "AmbiguousRunError":
      return exitCodes.mayExist
    case "UnexpectedResponseError":
      if (error.executionId !== undefined && error.code === "TOOL_CALLS_UNANSWERED_CLIENT") return exitCodes.paused
      // that of a look-up, before anything was sent
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
      // a step may be refused after others that ran
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
    case "BatchStoreError":
    case "BatchReportError":
      return exitCodes.failed
  }
}
