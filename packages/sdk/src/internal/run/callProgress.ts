import type { NoukaiError, Sent } from "../../NoukaiError.js"
import { amended } from "../errors/makeError.js"
import type { Progress } from "../options/callOptions.js"

const rank = { no: 0, unknown: 1, yes: 2 } as const

/** The one after which more may have been sent. */
export const further = (a: Sent, b: Sent): Sent => rank[a] >= rank[b] ? a : b

/**
 * The progress of a call of several requests: the furthest of any of them. Each request has a progress of its own,
 * since one that never left may be sent again whatever became of those before.
 */
export class CallProgress {
  private earlier: Sent = "no"
  private latest: Progress = { sent: "no" }

  get sent(): Sent {
    return further(this.earlier, this.latest.sent)
  }

  get timedOut(): Progress["timedOut"] {
    return this.latest.timedOut
  }

  /** The progress of the next request. */
  begin(): Progress {
    this.earlier = this.sent
    this.latest = { sent: "no" }
    return this.latest
  }
}

/**
 * The error of a call after a request that may have started a run: it is not retryable, since a second run could start.
 */
export const afterARunMayExist = <E extends NoukaiError>(error: E, sent: Sent = "no"): E =>
  amended(error, {
    isRetryable: false,
    ...(error._tag === "APIConnectionError" || error._tag === "APITimeoutError"
      ? { sent: further(error.sent, sent) }
      : undefined)
  })
