/** The meaning of a failed request for its row, and for the batch. */
import type { FlowNotFoundError, NoukaiError } from "@effect-noukai/sdk"
import { repeatability } from "@effect-noukai/sdk/kit/repeatability"
import type { RowError } from "../../BatchRow.js"
import type { Stop } from "../ledger/batches.js"

export type Verdict =
  /** No row can be run now: the key, the account or the flow is wrong. Nothing ran. */
  | { readonly _tag: "stop"; readonly stop: Stop }
  /** Refused for now, and so are others. Nothing ran. */
  | { readonly _tag: "wait"; readonly seconds: number | undefined }
  /** Nothing was sent. */
  | { readonly _tag: "unsent"; readonly message: string }
  /** A run may exist; or, where there was no answer at all, may begin later. */
  | {
    readonly _tag: "uncertain"
    readonly message: string
    readonly seconds: number | undefined
    readonly isUnanswered: boolean
  }
  /** Its run goes on, and is not this request's. */
  | { readonly _tag: "running"; readonly executionId: string | undefined }
  /** This row is refused for good. Nothing ran. */
  | { readonly _tag: "refused"; readonly error: RowError }

/** The error of a row, from the error of a call. */
export const rowError = (error: NoukaiError, executionIds?: ReadonlyArray<string>): RowError => ({
  kind: error._tag,
  message: error.message,
  ...(error.code !== undefined && { code: error.code }),
  ...(error.statusCode !== undefined && { statusCode: error.statusCode }),
  ...(executionIds !== undefined && { executionIds })
})

const retryAfter = (error: NoukaiError): number | undefined => "retryAfter" in error ? error.retryAfter : undefined

const stop = ({ message, statusCode }: NoukaiError, reason = message, advice?: string): Verdict => ({
  _tag: "stop",
  stop: {
    reason: "refused",
    message: reason,
    ...(advice !== undefined && { advice }),
    ...(statusCode !== undefined && { statusCode })
  }
})

/** The advice of a replay without a recording for a call, which its detail has behind the reason. */
const adviceOf = (error: NoukaiError): string | undefined =>
  error._tag === "ReplayMissError" && error.report !== undefined
    ? error.detail?.slice(`${error.report.reason}; `.length)
    : undefined

/** The verdict on an error that stops or pauses all rows, in a request for the row of a key. */
const ofAll = (error: NoukaiError, key: string): Verdict | undefined => {
  switch (error._tag) {
    case "AuthenticationError":
    case "PermissionDeniedError":
    case "InsufficientCreditsError":
    case "ReplayForbiddenError":
    case "ReplayDisabledError":
      return stop(error)
    // nothing was sent, and another try would have the same recordings
    case "ReplayMissError":
    case "ReplayLeftoverError":
    case "ReplayInvalidSessionError":
    case "ReplayNoSnapshotsError":
      return stop(error, `the row ${JSON.stringify(key)} cannot go on: ${error.message}`, adviceOf(error))
    // for one session alone, this would end its row
    case "ReplaySessionExpiredError":
    case "ResultNotStoredError":
      return stop(
        error,
        "the server answers 410 (gone) for every session, also for one that was never used: rows cannot " +
          "be looked up, so none is sent. Check the base URL and any gateway"
      )
    case "RateLimitError":
      return { _tag: "wait", seconds: error.retryAfter }
    default:
      return error.code === "CLIENT_CLOSED" ? stop(error) : undefined
  }
}

/** The verdict on a request that begins a run. */
export const ofSending = (error: NoukaiError, key: string): Verdict => {
  const general = ofAll(error, key)
  const { passes, run } = repeatability(error)
  if (general !== undefined && !(general._tag === "wait" && run === "possible")) return general
  const { message, statusCode } = error
  if (error._tag === "FlowNotFoundError" || statusCode === 404) return stop(error)
  if (error._tag === "RunInProgressError") return { _tag: "running", executionId: error.executionId }
  if (run !== "possible") {
    return passes === "never"
      ? { _tag: "refused", error: rowError(error) }
      : { _tag: "unsent", message }
  }
  return { _tag: "uncertain", message, seconds: retryAfter(error), isUnanswered: error._tag === "APITimeoutError" }
}

/** The verdict on a read, which changes no row. */
export const ofReading = (error: NoukaiError, key: string): Verdict =>
  ofAll(error, key) ?? { _tag: "unsent", message: error.message }

/** Whether the server says that a run, or its flow, does not exist. Any other 404, of a gateway for example, proves nothing. */
export const isAbsence = (error: NoukaiError): error is FlowNotFoundError =>
  error._tag === "FlowNotFoundError" && error.isAbsent

/** The verdict on a poll or a look-up of a run that was begun. */
export const ofFollowing = (error: NoukaiError, key: string): Verdict =>
  // nothing is said of the run
  isAbsence(error) && /flow/i.test(error.code ?? error.detail ?? "") ? stop(error) : ofReading(error, key)

/** Whether a request that only reads may be answered when it is made again. */
export const mayPass = (error: NoukaiError): boolean => repeatability(error).passes !== "never"

/** Codes of runs that would fail again: their input, their flow, their account or their limit is wrong. */
const lasting = new RegExp(
  "INVALID|MISSING|RESERVED|INCOMPATIBLE|TOO_LARGE|NOT_FOUND|NOT_ENABLED|CREDITS|KEY_REJECTED|TOOL|NO_STEPS|STALE|" +
    "FORBIDDEN|UNAUTH|BAD_REQUEST|VALIDATION",
  "i"
)

/** Whether another run may succeed where this one failed. A request that was refused before a run is never retried. */
export const isPassingFailure = ({ code = "", kind, statusCode = 500 }: RowError): boolean =>
  kind === "FlowExecutionError" && (statusCode < 400 || statusCode >= 500) && !lasting.test(code)
