/**
 * The errors of a call: a class tree for `instanceof`.
 *
 * The `cause` of an error is the error of `@effect-noukai/sdk`; `console.log` does not print it. An error that a tool handler throws is not wrapped. An
 * aborted call rejects with the reason of its signal.
 *
 * @since 0.1.0
 */
import { fieldOf } from "./internal/json.js"
import type { FlowCursor, PausedState } from "./StoredRun.js"

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

type Inspect = (value: unknown, options: object) => string

function printed(this: NoukaiError, _depth: number, options: object, inspect: Inspect): string {
  const { cause, ...fields } = Object.getOwnPropertyDescriptors(this)
  const isOfSdk = typeof cause?.value === "object" && cause.value !== null && "_tag" in cause.value
  if (!isOfSdk) return inspect(this, { ...options, customInspect: false })
  // a new error, since a copy of the properties has another stack
  const shown = Object.setPrototypeOf(new Error(), Object.getPrototypeOf(this))
  Object.defineProperties(shown, { ...fields, stack: { value: this.stack, configurable: true } })
  return inspect(shown, { ...options, customInspect: false })
}

/**
 * The base class of all errors.
 *
 * @since 0.1.0
 * @category errors
 */
export class NoukaiError extends Error {
  /**
   * The HTTP status, if the server answered. It is not the status for your own callers: servers that read `status`
   * first, such as Express, find 500 there.
   */
  declare readonly statusCode?: number
  /** The server's code, such as `FLOW_NOT_FOUND`. Compare it with `ServerErrorCode`. */
  declare readonly code?: string
  /** The id of the run, if it is known. */
  declare readonly executionId?: string
  /** The `X-Request-ID` of the response, for support. */
  declare readonly requestId?: string
  /** The body of the response, parsed if it is JSON, with masked keys and at most 64 KiB. */
  declare readonly responseBody?: unknown
  /** Where a streamed run was when the call failed, for `from` of `events`, if it can go on. Not part of the JSON. */
  declare readonly cursor?: FlowCursor
  /** The pause of a run that was not answered, for `flow.resume`, if it can be. Not part of the JSON. */
  declare readonly state?: PausedState
  /** True only if sending the same request again cannot start a second run. */
  readonly isRetryable: boolean

  constructor(message: string, { cause, isRetryable = false, ...fields }: NoukaiErrorInit = {}) {
    super(message, { cause })
    // a field that is not known is absent
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) Object.assign(this, { [name]: value })
    this.isRetryable = isRetryable
  }

  static {
    this.prototype.name = "NoukaiError"
    for (const place of ["cursor", "state"]) {
      Object.defineProperty(this.prototype, place, {
        get(this: NoukaiError) {
          return fieldOf(this.cause, place)
        },
        configurable: true
      })
    }
    // not enumerable, so that no log shows it; writable, because Koa writes it
    Object.defineProperty(this.prototype, "status", { value: 500, writable: true, configurable: true })
    // Node prints the error without its cause, which says the same with the stack of the SDK
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: printed })
  }
}

/**
 * Whether the request was sent. `"no"`: it was not. `"yes"`: the server began to answer. `"unknown"`: it may have
 * arrived, so a run may exist and may be billed.
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
 * There was no response, or it was interrupted. Also a call on a closed client.
 *
 * @since 0.1.0
 * @category errors
 */
export class APIConnectionError extends NoukaiError {
  /** Whether a run may exist and may be billed. */
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
 * The timeout that fired: `connect` until the request is on a socket, `attempt` for one attempt with its body, `total`
 * for the whole call, `firstByte` and `idle` in a stream, `wait` for a job.
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
 * A call timed out. `clock` names the timeout.
 *
 * @since 0.1.0
 * @category errors
 */
export class APITimeoutError extends APIConnectionError {
  /** The timeout that fired. */
  declare readonly clock?: TimeoutClock

  constructor(message: string, init: APITimeoutErrorInit = {}) {
    super(message, init)
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
 * The server answered 401. The constructor of the client throws it too, without `statusCode`, for a key that is missing
 * or does not begin with `nk_`.
 *
 * @since 0.1.0
 * @category errors
 */
export class AuthenticationError extends NoukaiError {
  /** `WWW-Authenticate` of the response. */
  declare readonly wwwAuthenticate?: string

  constructor(message: string, init: AuthenticationErrorInit = {}) {
    super(message, init)
  }

  static {
    this.prototype.name = "AuthenticationError"
  }
}

/**
 * The server answered 403: the key is valid, but not for this flow or run.
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
 * The server answered 404 for a flow, version, job or run. `code` names it.
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
 * The server answered 402. There were no credits before the run, or they ran out during it (`CREDITS_EXHAUSTED`).
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
 * The server answered 429.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimitError extends NoukaiError {
  /** Seconds, from a number or an HTTP date. Absent if the server sent neither. */
  declare readonly retryAfter?: number

  constructor(message: string, init: RateLimitErrorInit = {}) {
    super(message, init)
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
 * Any other status outside 2xx, or a failed step of `steps`. `code` names the reason.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlowExecutionError extends NoukaiError {
  /** The id of the failed step, if it is known. */
  declare readonly stepId?: string

  constructor(message: string, init: FlowExecutionErrorInit = {}) {
    super(message, init)
  }

  static {
    this.prototype.name = "FlowExecutionError"
  }
}

/**
 * The flow required tools again after `maxToolRounds` rounds (code `TOOL_CALL_LIMIT_CLIENT`).
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
 * The fields of a {@link CostLimitError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface CostLimitErrorInit extends NoukaiErrorInit {
  maxCostUsd?: string | undefined
  spentUsd?: string | undefined
}

/**
 * The run cost more than `maxCostUsd`, or its cost could not be read. It stopped before its next step or tool round.
 * `cause` is the error of the SDK. A program with the SDK can continue from its `cursor` or `state`.
 *
 * @since 0.1.0
 * @category errors
 */
export class CostLimitError extends NoukaiError {
  /** The limit, in US dollars, as decimal text. */
  declare readonly maxCostUsd?: string
  /** The known cost of the run, in US dollars, as decimal text. Absent if it could not be read. */
  declare readonly spentUsd?: string

  constructor(message: string, init: CostLimitErrorInit = {}) {
    super(message, init)
  }

  static {
    this.prototype.name = "CostLimitError"
  }
}

/**
 * The fields of a {@link BudgetExceededError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface BudgetExceededErrorInit extends NoukaiErrorInit {
  limitUsd?: string | undefined
  leftUsd?: string | undefined
  neededUsd?: string | undefined
}

/**
 * The `Budget` has no room for the run. Without `executionId`, nothing was sent. With it, the run stopped before its
 * next step or tool round.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetExceededError extends NoukaiError {
  /** The limit of the budget, in US dollars, as decimal text. */
  declare readonly limitUsd?: string
  /** The part of the limit that is neither spent nor reserved, in US dollars, as decimal text. */
  declare readonly leftUsd?: string
  /** The amount that did not fit, in US dollars, as decimal text. Absent if a cost could not be read. */
  declare readonly neededUsd?: string

  constructor(message: string, init: BudgetExceededErrorInit = {}) {
    super(message, init)
  }

  static {
    this.prototype.name = "BudgetExceededError"
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
 * An option is invalid. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequestError extends NoukaiError {
  /** The wrong option, such as `"version"` or `"tools[0].function.name"`. */
  declare readonly field?: string
  /** The violated rule. */
  declare readonly reason?: string

  constructor(message: string, init: InvalidRequestErrorInit = {}) {
    super(message, init)
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
 * The response is unusable: empty, HTML, of a wrong shape, or too long. The run may have happened and may be billed.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnexpectedResponseError extends NoukaiError {
  /** The defect of the response. */
  declare readonly reason?: string
  /** The `result` in the response, if there is one. */
  declare readonly result?: unknown

  constructor(message: string, init: UnexpectedResponseErrorInit = {}) {
    super(message, init)
  }

  static {
    this.prototype.name = "UnexpectedResponseError"
  }
}

/**
 * The run of this key has not ended. It is running, it waits for tool results, or its process died meanwhile. Nothing
 * was sent. Call again later with the same key.
 *
 * @since 0.1.0
 * @category errors
 */
export class RunInProgressError extends NoukaiError {
  static {
    this.prototype.name = "RunInProgressError"
  }
}

/**
 * The fields of a {@link ResultNotStoredError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface ResultNotStoredErrorInit extends NoukaiErrorInit {
  reason?: "capture" | "redacted" | "truncated" | "expired" | "missing" | undefined
}

/**
 * The run of this key ended and was billed, but its result cannot be read. The server did not store it (`"capture"`),
 * stored it `"redacted"` or `"truncated"`, or deleted the session (`"expired"`). `"missing"`: this client ran the key,
 * but the server does not list the run now. Nothing was sent, and nothing runs again.
 *
 * @since 0.1.0
 * @category errors
 */
export class ResultNotStoredError extends NoukaiError {
  /** The reason. */
  declare readonly reason?: "capture" | "redacted" | "truncated" | "expired" | "missing"

  constructor(message: string, init: ResultNotStoredErrorInit = {}) {
    super(message, init)
  }

  static {
    this.prototype.name = "ResultNotStoredError"
  }
}

/**
 * The fields of an {@link AmbiguousRunError}.
 *
 * @since 0.1.0
 * @category options
 */
export interface AmbiguousRunErrorInit extends NoukaiErrorInit {
  /** Default: none. */
  executionIds?: ReadonlyArray<string> | undefined
}

/**
 * There is more than one run of a key. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class AmbiguousRunError extends NoukaiError {
  /** The ids of the runs. Each may have been billed. */
  readonly executionIds: ReadonlyArray<string>

  constructor(message: string, init: AmbiguousRunErrorInit = {}) {
    super(message, init)
    this.executionIds = init.executionIds ?? []
  }

  static {
    this.prototype.name = "AmbiguousRunError"
  }
}

/**
 * The base class of replay errors.
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
 * A replay was requested while `NOUKAI_REPLAY_ENABLED` is off.
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
 * The session id is not a UUID (nothing was sent), or the server answered 400 for the session.
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
 * The server answered 403 for the session: another project recorded it.
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
 * The server answered 404 for the session.
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
 * The server answered 410 for the session: it has expired.
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
 * A run of the session was captured without payloads.
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
 * The replay ended with unused recordings.
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
 * A cassette file cannot be read or written. Occurs only on clients over a runtime that has a cassette.
 *
 * @since 0.1.0
 * @category errors
 */
export class CassetteError extends NoukaiError {
  static {
    this.prototype.name = "CassetteError"
  }
}
