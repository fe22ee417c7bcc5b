/** What a caller may set for one call, and what every request through the seam carries. */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type { NoukaiError, Sent } from "../../NoukaiError.js"

/**
 * Per-call settings; each one replaces the client's. Checked before anything is sent.
 *
 * @since 0.1.0
 * @category options
 */
export interface CallOptions {
  /** Sent beside the client's; reserved ones are dropped. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Until the request is on a socket. Default: the client's, 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** One attempt, its body included. Default: the client's, 300 seconds. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /** When to try again what may be: reads, and what never left or was refused (429) before a run. Default: the client's policy. */
  readonly retry?: Schedule.Schedule<unknown, NoukaiError> | undefined
  /** Also retry a POST that may have arrived. Default: the client's, false. */
  readonly retryPost?: boolean | undefined
}

/**
 * Per-call settings of what only reads.
 *
 * @since 0.1.0
 * @category options
 */
export interface ReadOptions extends Omit<CallOptions, "retryPost"> {}

/**
 * Per-call settings of an event stream, whose clocks are its own: `attemptTimeout` and `retryPost` mean nothing here.
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamOptions extends CallOptions {
  /** From sending to the first byte of the body. Default: the client's, 300 seconds. */
  readonly firstByteTimeout?: Duration.DurationInput | undefined
  /** Between two arrivals of bytes, while one is waited for. Default: the client's, 300 seconds. */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/**
 * How far a call has come; written while it is in flight, so that a clock above it can tell what had happened.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  sent: Sent
}

/**
 * What every request through `NoukaiHttp` carries beside its own fields.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestContext {
  /** The operation that errors name: `FlowService.execute`. */
  readonly method: string
  readonly options: CallOptions
  readonly progress: Progress
}
