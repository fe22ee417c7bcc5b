/**
 * Whether the request of an error may be sent again: the one place that knows. It needs no Effect.
 *
 * @see docs/wire.md#retries
 */
import type { Sent, TimeoutClock } from "../../NoukaiError.js"

/** The facts of a failed request. Each error of a call has them, as far as they are known. */
export interface FailedRequest {
  readonly _tag: string
  readonly statusCode?: number | undefined
  readonly code?: string | undefined
  readonly sent?: Sent | undefined
  readonly clock?: TimeoutClock | undefined
  /** Of a 404: whether the server says that the thing does not exist. */
  readonly isAbsent?: boolean | undefined
  /** Of a 429: whether its body names a run that the request did not name. */
  readonly namesRun?: boolean | undefined
  readonly isRetryable?: boolean | undefined
}

/** The risk of sending a request again, and the chance that it helps. */
export interface Repeatability {
  /**
   * Whether a run exists, or has gone on, because of the request: `"unlikely"` after a refusal for the rate that has
   * another code, which the client does not send again by itself.
   */
  readonly run: "no" | "unlikely" | "possible"
  /**
   * Whether the same request may succeed: `"soon"`, a moment later; `"later"`, for a caller that goes on asking, as the
   * request was not answered by Noukai, or the run goes on; `"never"`.
   */
  readonly passes: "soon" | "later" | "never"
}

/** The code of the error of a closed client. */
export const clientClosed = "CLIENT_CLOSED"

/** Statuses of failures that may pass. */
const transientStatus: ReadonlySet<number | undefined> = new Set([408, 500, 502, 503, 504])

/** Codes of servers and proxies for too many requests. */
const rateLimitCode = /rate.?limit|too.?many.?requests|throttl/i

const passes = ({ _tag, clock, code, isAbsent, statusCode }: FailedRequest): Repeatability["passes"] => {
  switch (_tag) {
    case "RateLimitError":
      return "soon"
    case "APIConnectionError":
      return code === clientClosed ? "never" : "soon"
    case "APITimeoutError":
      return clock === "total" || clock === "wait" ? "later" : "soon"
    case "FlowNotFoundError":
      return isAbsent === false ? "later" : "never"
    // a session may be listed later than its run, and a run ends
    case "ReplaySessionNotFoundError":
    case "RunInProgressError":
      return "later"
    default:
      return transientStatus.has(statusCode) ? "soon" : "never"
  }
}

const runOf = (
  { _tag, code, isRetryable, namesRun = isRetryable === false, sent, statusCode }: FailedRequest
): Repeatability["run"] => {
  if (_tag === "RateLimitError") {
    // a server that refuses a request for its rate is assumed to refuse it before anything runs
    return namesRun ? "possible" : code === undefined || rateLimitCode.test(code) ? "no" : "unlikely"
  }
  const ranNothing = sent !== undefined
    ? sent === "no"
    : statusCode !== undefined
    // a 408 says that the server gave up waiting, not that nothing began
    ? statusCode >= 400 && statusCode <= 499 && statusCode !== 408
    : _tag === "InvalidRequestError" || _tag.startsWith("Replay")
  return ranNothing ? "no" : "possible"
}

/** Returns what is known about sending the request of an error again. */
export const repeatability = (error: FailedRequest): Repeatability => ({
  run: runOf(error),
  passes: passes(error)
})

/** Whether a request may be sent again after a response that began no run. A read runs nothing. */
export const isRepeatable = (response: FailedRequest, isPost: boolean): boolean => {
  const { passes, run } = repeatability(response)
  return passes === "soon" && !(isPost && run === "possible")
}
