/**
 * Everything that a call can reject with: a plain class tree, told apart by `instanceof`.
 *
 * Every error that a call rejects with has the error of `@effect-noukai/sdk` as its `cause`. What a tool handler throws
 * is not wrapped, and an aborted call rejects with the reason of its signal.
 *
 * @since 0.1.0
 */

/**
 * The fields that every error may have.
 *
 * @since 0.1.0
 * @category options
 */
export interface NoukaiErrorInit {
  statusCode?: number | undefined
  code?: string | undefined
  executionId?: string | undefined
  requestId?: string | undefined
  responseBody?: unknown
  cause?: unknown
  /** Default: false. */
  isRetryable?: boolean | undefined
}

/**
 * The base of all.
 *
 * @since 0.1.0
 * @category errors
 */
export class NoukaiError extends Error {
  /** The HTTP status, if the server answered. */
  readonly statusCode?: number | undefined
  /** The server's code, such as `FLOW_NOT_FOUND`: compare it with `ServerErrorCode`. */
  readonly code?: string | undefined
  /** The run that it is about, where that is known. */
  readonly executionId?: string | undefined
  /** `X-Request-ID` of the response: what to quote to support. */
  readonly requestId?: string | undefined
  /** The body of the response, parsed if it is JSON; without the key, cut at 64 KiB. */
  readonly responseBody?: unknown
  /** True only if sending the same request again cannot start a second run. */
  readonly isRetryable: boolean

  constructor(message: string, init: NoukaiErrorInit = {}) {
    super(message, { cause: init.cause })
    this.statusCode = init.statusCode
    this.code = init.code
    this.executionId = init.executionId
    this.requestId = init.requestId
    this.responseBody = init.responseBody
    this.isRetryable = init.isRetryable ?? false
  }

  static {
    this.prototype.name = "NoukaiError"
  }
}

/**
 * Whether the request reached the server: `"no"` it provably never left, `"yes"` the server began to answer,
 * `"unknown"` it may have arrived, so a run may exist and may be billed.
 *
 * @since 0.1.0
 * @category models
 */
export type Sent = "no" | "unknown" | "yes"

/**
 * The fields of an {@link APIConnectionError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface APIConnectionErrorInit extends NoukaiErrorInit {
  /** Default: `"unknown"`. */
  sent?: Sent | undefined
}

/**
 * No response, or one that broke off; also a client that was closed.
 *
 * @since 0.1.0
 * @category errors
 */
export class APIConnectionError extends NoukaiError {
  /** Whether a run may exist, and may be billed. */
  readonly sent: Sent

  constructor(message: string, init: APIConnectionErrorInit = {}) {
    super(message, init)
    this.sent = init.sent ?? "unknown"
  }

  static {
    this.prototype.name = "APIConnectionError"
  }
}

/**
 * The clock that ran out: `connect` until the request is on a socket, `attempt` one attempt with its body, `total` the
 * whole call, `firstByte` and `idle` of a stream, `wait` of a job.
 *
 * @since 0.1.0
 * @category models
 */
export type TimeoutClock = "connect" | "attempt" | "total" | "firstByte" | "idle" | "wait"

/**
 * The fields of an {@link APITimeoutError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface APITimeoutErrorInit extends APIConnectionErrorInit {
  clock?: TimeoutClock | undefined
}

/**
 * A `timeout` was over; `clock` says which.
 *
 * @since 0.1.0
 * @category errors
 */
export class APITimeoutError extends APIConnectionError {
  /** The clock that ran out. */
  readonly clock?: TimeoutClock | undefined

  constructor(message: string, init: APITimeoutErrorInit = {}) {
    super(message, init)
    this.clock = init.clock
  }

  static {
    this.prototype.name = "APITimeoutError"
  }
}

/**
 * The fields of an {@link AuthenticationError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface AuthenticationErrorInit extends NoukaiErrorInit {
  wwwAuthenticate?: string | undefined
}

/**
 * 401; or, thrown by the constructor of the client, a key that is missing or does not begin with `nk_` (then without
 * `statusCode`).
 *
 * @since 0.1.0
 * @category errors
 */
export class AuthenticationError extends NoukaiError {
  /** `WWW-Authenticate` of the response. */
  readonly wwwAuthenticate?: string | undefined

  constructor(message: string, init: AuthenticationErrorInit = {}) {
    super(message, init)
    this.wwwAuthenticate = init.wwwAuthenticate
  }

  static {
    this.prototype.name = "AuthenticationError"
  }
}

/**
 * 403: the key is good, but not for this flow or run.
 *
 * @since 0.1.0
 * @category errors
 */
export class PermissionDeniedError extends NoukaiError {
  static {
    this.prototype.name = "PermissionDeniedError"
  }
}

/**
 * 404, for flows, versions, jobs and runs alike; `code` tells which.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlowNotFoundError extends NoukaiError {
  static {
    this.prototype.name = "FlowNotFoundError"
  }
}

/**
 * 402: no credits before the run, or they ran out during it (`CREDITS_EXHAUSTED`).
 *
 * @since 0.1.0
 * @category errors
 */
export class InsufficientCreditsError extends NoukaiError {
  static {
    this.prototype.name = "InsufficientCreditsError"
  }
}

/**
 * The fields of a {@link RateLimitError}. `retryAfter` is in seconds.
 *
 * @since 0.1.0
 * @category options
 */
export interface RateLimitErrorInit extends NoukaiErrorInit {
  retryAfter?: number | undefined
}

/**
 * 429.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimitError extends NoukaiError {
  /** Seconds, from a number or an HTTP date; absent when the server sent neither. */
  readonly retryAfter?: number | undefined

  constructor(message: string, init: RateLimitErrorInit = {}) {
    super(message, init)
    this.retryAfter = init.retryAfter
  }

  static {
    this.prototype.name = "RateLimitError"
  }
}

/**
 * The fields of a {@link FlowExecutionError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface FlowExecutionErrorInit extends NoukaiErrorInit {
  stepId?: string | undefined
}

/**
 * Every other status that is not 2xx, and a failed step where steps are what was asked for: branch on `code`.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlowExecutionError extends NoukaiError {
  /** The step that failed, where that is known. */
  readonly stepId?: string | undefined

  constructor(message: string, init: FlowExecutionErrorInit = {}) {
    super(message, init)
    this.stepId = init.stepId
  }

  static {
    this.prototype.name = "FlowExecutionError"
  }
}

/**
 * The tool handler had run `maxToolRounds` times and the flow asked again (code `TOOL_CALL_LIMIT_CLIENT`).
 *
 * @since 0.1.0
 * @category errors
 */
export class ToolCallLimitError extends NoukaiError {
  static {
    this.prototype.name = "ToolCallLimitError"
  }
}

/**
 * The fields of an {@link InvalidRequestError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface InvalidRequestErrorInit extends NoukaiErrorInit {
  field?: string | undefined
  reason?: string | undefined
}

/**
 * A check on this side failed, and nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequestError extends NoukaiError {
  /** What was wrong: `"version"`, `"tools[0].function.name"`. */
  readonly field?: string | undefined
  /** What it must be. */
  readonly reason?: string | undefined

  constructor(message: string, init: InvalidRequestErrorInit = {}) {
    super(message, init)
    this.field = init.field
    this.reason = init.reason
  }

  static {
    this.prototype.name = "InvalidRequestError"
  }
}

/**
 * The fields of an {@link UnexpectedResponseError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface UnexpectedResponseErrorInit extends NoukaiErrorInit {
  reason?: string | undefined
  result?: unknown
}

/**
 * The server's answer makes no sense: empty, HTML, of a wrong shape, too long. The run may have happened.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnexpectedResponseError extends NoukaiError {
  /** What was not as expected. */
  readonly reason?: string | undefined
  /** The `result` in the answer, whole, if it held one. */
  readonly result?: unknown

  constructor(message: string, init: UnexpectedResponseErrorInit = {}) {
    super(message, init)
    this.reason = init.reason
    this.result = init.result
  }

  static {
    this.prototype.name = "UnexpectedResponseError"
  }
}

/**
 * The base of what a replay can fail with.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayError extends NoukaiError {
  static {
    this.prototype.name = "ReplayError"
  }
}

/**
 * A replay was asked for where `NOUKAI_REPLAY_ENABLED` is off.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayDisabledError extends ReplayError {
  static {
    this.prototype.name = "ReplayDisabledError"
  }
}

/**
 * The session id is not a UUID (before anything is sent), or 400 on the session.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayInvalidSessionError extends ReplayError {
  static {
    this.prototype.name = "ReplayInvalidSessionError"
  }
}

/**
 * 403 on the session: recorded by another project.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayForbiddenError extends ReplayError {
  static {
    this.prototype.name = "ReplayForbiddenError"
  }
}

/**
 * 404 on the session.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplaySessionNotFoundError extends ReplayError {
  static {
    this.prototype.name = "ReplaySessionNotFoundError"
  }
}

/**
 * 410 on the session.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplaySessionExpiredError extends ReplayError {
  static {
    this.prototype.name = "ReplaySessionExpiredError"
  }
}

/**
 * An execution of the session was captured without payloads.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayNoSnapshotsError extends ReplayError {
  static {
    this.prototype.name = "ReplayNoSnapshotsError"
  }
}

/**
 * The session has no recording for a call.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayMissError extends ReplayError {
  static {
    this.prototype.name = "ReplayMissError"
  }
}

/**
 * The replay ended with recordings that nothing had asked for.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayLeftoverError extends ReplayError {
  static {
    this.prototype.name = "ReplayLeftoverError"
  }
}

/**
 * A cassette file could not be read or written; only of clients over a runtime that has one.
 *
 * @since 0.1.0
 * @category errors
 */
export class CassetteError extends NoukaiError {
  static {
    this.prototype.name = "CassetteError"
  }
}
