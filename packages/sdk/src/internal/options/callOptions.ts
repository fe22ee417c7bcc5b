/** The options of one call, and the common part of every request through `NoukaiHttp`. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { APITimeoutError, BudgetExceededError, InvalidRequestError, NoukaiError, Sent } from "../../NoukaiError.js"
import { amended } from "../core/makeError.js"

/** The options of one call; each one replaces the client's. They are checked before anything is sent. */
export interface CallOptions {
  /** Headers, sent beside the client's; reserved ones are dropped. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The time until the request is on a socket. Default: the client's, 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** The limit of one attempt, its body included. Default: the client's, 300 seconds. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /**
   * The schedule of retries, of reads and of requests that never left or were refused (429) before a run. Default: the
   * client's policy.
   */
  readonly retry?: Schedule.Schedule<unknown, NoukaiError> | undefined
  /** Whether to repeat a POST that may have arrived. Default: the client's, false. */
  readonly retryPost?: boolean | undefined
}

/** The options of one call that only reads. */
export interface ReadOptions extends Omit<CallOptions, "retryPost"> {}

/** The options of reading a run. */
export interface RunOptions extends ReadOptions {
  /** The limit of the whole call with its attempts; of a list, of each page. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
}

/** The options of an event stream, whose clocks are its own: `attemptTimeout` and `retryPost` have no effect here. */
export interface StreamOptions extends CallOptions {
  /** The time from sending to the first byte of the body. Default: the client's, 300 seconds. */
  readonly firstByteTimeout?: Duration.DurationInput | undefined
  /** The time between two arrivals of bytes, while one is waited for. Default: the client's, 300 seconds. */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/**
 * The progress of a call, written while it is in flight, so that a clock above it can tell whether a request had left.
 */
export interface Progress {
  sent: Sent
  /** Is called with the error when a clock above the call runs out, which interrupts the call. Absent: not called. */
  timedOut?: ((error: APITimeoutError) => void) | undefined
}

/** The fields of every request through `NoukaiHttp` beside its own. */
export interface RequestContext {
  /** The operation that errors name: `FlowService.execute`. */
  readonly method: string
  readonly options: CallOptions
  readonly progress: Progress
  /** Whether recordings leave the request out, since a replay does not make it. Default: false. */
  readonly isUnrecorded?: boolean
  /**
   * Reserves the cost of the run in the budgets around its call. An implementation runs it before it sends a request
   * that runs a flow; a replay sends nothing, and so reserves nothing. Absent: the call is in no budget.
   */
  readonly reserve?: Effect.Effect<void, BudgetExceededError | InvalidRequestError> | undefined
}

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
