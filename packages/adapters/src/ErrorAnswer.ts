/**
 * The response to a caller of your server after a flow of yours failed. The error handlers of `platform`, `express`,
 * `web` and `nextjs` send it themselves.
 *
 * @since 0.1.0
 */
import { NoukaiError } from "@effect-noukai/promise/NoukaiError"
import { isNoukaiError, type NoukaiError as SdkError, type ReplayError } from "@effect-noukai/sdk/NoukaiError"
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import { looked } from "./internal/untrusted.js"
import * as ReplayAnswer from "./ReplayAnswer.js"

/**
 * The response to a request whose flow failed. Send it with `Cache-Control: no-store`, so that no cache keeps it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorAnswer extends ReplayAnswer.ReplayAnswer {
  /** `retry-after` in seconds, if Noukai sent it. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The options of every error handler, on any server.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * Called with each error that the handler answers. The response itself has no details. Default: logs the message of
   * the error.
   */
  readonly onError?: ((error: unknown) => void) | undefined
}

type Kind = readonly [status: number, error: string, message: string]

const failed: Kind = [502, "flow_failed", "The service behind this server failed."]
const unavailable: Kind = [503, "flow_unavailable", "The service behind this server is not available. Try again later."]
const timedOut: Kind = [504, "flow_timeout", "The service behind this server did not answer in time."]
const internal: Kind = [500, "internal_error", "This server failed."]

/** The key, the flows and the credits belong to your server, so a status of Noukai never reaches your caller. */
const table: { readonly [Tag in Exclude<SdkError, ReplayError>["_tag"]]: Kind } = {
  AuthenticationError: failed,
  PermissionDeniedError: failed,
  FlowNotFoundError: failed,
  FlowExecutionError: failed,
  UnexpectedResponseError: failed,
  APIConnectionError: failed,
  ToolCallLimitError: failed,
  CostLimitError: failed,
  BudgetExceededError: failed,
  ResultNotStoredError: failed,
  AmbiguousRunError: failed,
  InsufficientCreditsError: unavailable,
  RateLimitError: unavailable,
  RunInProgressError: unavailable,
  APITimeoutError: timedOut,
  // nothing was sent: the call of the server was invalid
  InvalidRequestError: internal,
  CassetteError: internal
}

const isTag = (name: string): name is keyof typeof table => Object.hasOwn(table, name)

/** An error of a newer version, or of a subclass of yours, counts as a failure. */
const kindOf = (name: string, statusCode: number | undefined): Kind => {
  if (name === "FlowExecutionError" && statusCode === 503) return unavailable
  return isTag(name) ? table[name] : failed
}

const retryAfter = (error: unknown): Readonly<Record<string, string>> => {
  const seconds = [error, Predicate.hasProperty(error, "cause") ? error.cause : undefined]
    .map((one) => Predicate.hasProperty(one, "retryAfter") ? one.retryAfter : undefined)
    .find((value): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0)
  return seconds === undefined ? {} : { "retry-after": String(Math.ceil(seconds)) }
}

const answered = (error: unknown): ErrorAnswer | undefined => {
  const replay = ReplayAnswer.fromError(error)
  if (replay !== undefined) return { ...replay, headers: {} }
  const isSdk = isNoukaiError(error)
  if (!isSdk && !(error instanceof NoukaiError)) return undefined
  const [status, code, message] = kindOf(isSdk ? error._tag : error.name, error.statusCode)
  return { status, body: { error: code, message }, headers: status === 503 ? retryAfter(error) : {} }
}

/**
 * The response to an error of `@effect-noukai/sdk` or `@effect-noukai/promise`; `undefined` for any other error. Also
 * reads an error of the sdk from a rejection of `Effect.runPromise`. The response shows only the kind of the error.
 *
 * - 502 `flow_failed`: Noukai refused the request or failed, rejected the key, or the run failed.
 * - 503 `flow_unavailable`: too many requests, no credits left, or the run of a once-key has not ended.
 * - 504 `flow_timeout`: the call timed out.
 * - 500 `internal_error`: a check on this side failed, and nothing was sent.
 * - A replay error, or an error with a replay error as its cause: the response of `ReplayAnswer.fromError`.
 *
 * @example
 * ```ts
 * import { ErrorAnswer } from "@effect-noukai/adapters"
 *
 * const statusOf = (error: unknown): number => ErrorAnswer.fromError(error)?.status ?? 500
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const fromError = (error: unknown): ErrorAnswer | undefined =>
  looked(() => answered(Runtime.isFiberFailure(error) ? Cause.squash(error[Runtime.FiberFailureCauseId]) : error))
