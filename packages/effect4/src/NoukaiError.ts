/**
 * The errors of a call: one class for each tag, with the names and the fields of `@effect-noukai/sdk`.
 *
 * @since 0.1.0
 */
import type { FlowCursor, PausedState, RuntimeError } from "@effect-noukai/promise/runtime"
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"

/**
 * The fields that every error may have.
 *
 * @since 0.1.0
 * @category models
 */
export interface Common {
  readonly message: string
  /** The operation that failed, such as `FlowService.execute`. */
  readonly method: string
  /** True only if sending the same request again cannot start a second run. */
  readonly isRetryable: boolean
  readonly flow?: string | undefined
  readonly statusCode?: number | undefined
  /** The server's code, such as `FLOW_NOT_FOUND`. */
  readonly code?: string | undefined
  /** The server's text. */
  readonly detail?: string | undefined
  readonly executionId?: string | undefined
  readonly requestId?: string | undefined
  /** The body of the response, with masked keys and at most 64 KiB. */
  readonly responseBody?: string | undefined
  readonly cause?: unknown
}

/**
 * The places from which a run can go on. They are not enumerable, so that no log shows them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Places {
  /** Where a streamed run was, for `from` of `events` and `steps`. */
  readonly cursor?: FlowCursor | undefined
  /** The pause that was not answered, for `resume`. */
  readonly state?: PausedState | undefined
}

/**
 * The class of an error.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorClass<Tag extends string, Fields extends object> {
  new(fields: Fields & Common & Places): Cause.YieldableError & { readonly _tag: Tag } & Fields & Common & Places
}

const failure = <const Tag extends string>(tag: Tag) => <Fields extends object = object>(): ErrorClass<Tag, Fields> => {
  class Failure extends Data.TaggedError(tag)<Common> {
    constructor({ cursor, state, ...fields }: Fields & Common & Places) {
      super(fields as never)
      if (cursor !== undefined) Object.defineProperty(this, "cursor", { value: cursor })
      if (state !== undefined) Object.defineProperty(this, "state", { value: state })
    }
  }
  return Failure as ErrorClass<Tag, Fields>
}

/**
 * Whether the request was sent. `"unknown"`: it may have arrived, so a run may exist and may be billed.
 *
 * @since 0.1.0
 * @category models
 */
export type Sent = "no" | "unknown" | "yes"

/**
 * There is no valid key, or the server answered 401.
 *
 * @since 0.1.0
 * @category errors
 */
export class AuthenticationError extends failure("AuthenticationError")<{
  readonly wwwAuthenticate?: string | undefined
}>() {}

/**
 * The server answered 403: the key is valid, but not for this flow or run.
 *
 * @since 0.1.0
 * @category errors
 */
export class PermissionDeniedError extends failure("PermissionDeniedError")() {}

/**
 * The server answered 404 for a flow, version, job or run.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlowNotFoundError extends failure("FlowNotFoundError")() {}

/**
 * The workspace has no credits left.
 *
 * @since 0.1.0
 * @category errors
 */
export class InsufficientCreditsError extends failure("InsufficientCreditsError")() {}

/**
 * The server answered 429. `retryAfter` is in seconds.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimitError extends failure("RateLimitError")<{
  readonly retryAfter?: number | undefined
}>() {}

/**
 * The run failed, or the server refused or failed the request.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlowExecutionError extends failure("FlowExecutionError")<{
  readonly retryAfter?: number | undefined
  readonly status?: "failed" | 500 | undefined
  readonly result?: unknown
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly sessionId?: string | undefined
  readonly stepId?: string | undefined
  readonly reused?: boolean | undefined
}>() {}

/**
 * There was no response, or it broke off. Also a call whose layer was released.
 *
 * @since 0.1.0
 * @category errors
 */
export class APIConnectionError extends failure("APIConnectionError")<{
  readonly sent: Sent
}>() {}

/**
 * A timeout passed. `clock` names it.
 *
 * @since 0.1.0
 * @category errors
 */
export class APITimeoutError extends failure("APITimeoutError")<{
  readonly sent: Sent
  readonly clock: "connect" | "attempt" | "total" | "firstByte" | "idle" | "wait"
  readonly lastStatus?: string | undefined
}>() {}

/**
 * The flow required tools again after `maxToolRounds` rounds.
 *
 * @since 0.1.0
 * @category errors
 */
export class ToolCallLimitError extends failure("ToolCallLimitError")<{
  readonly rounds?: number | undefined
  readonly toolName?: string | undefined
}>() {}

/**
 * The run cost more than `maxCostUsd`, or its cost could not be read.
 *
 * @since 0.1.0
 * @category errors
 */
export class CostLimitError extends failure("CostLimitError")<{
  readonly maxCostUsd: string
  readonly spentUsd?: string | undefined
}>() {}

/**
 * The budget has no room for the run. Without `executionId`, nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetExceededError extends failure("BudgetExceededError")<{
  readonly limitUsd: string
  readonly leftUsd: string
  readonly neededUsd?: string | undefined
}>() {}

/**
 * A check on this side failed. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequestError extends failure("InvalidRequestError")<{
  readonly field: string
  readonly reason: string
}>() {}

/**
 * The response does not fit the contract or the schema. The run may be billed; `result` has its result.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnexpectedResponseError extends failure("UnexpectedResponseError")<{
  readonly reason: string
  readonly value?: unknown
  readonly result?: unknown
}>() {}

/**
 * The run of this key has not ended. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class RunInProgressError extends failure("RunInProgressError")<{
  readonly sessionId?: string | undefined
}>() {}

/**
 * The run of this key was billed, but its result cannot be read. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class ResultNotStoredError extends failure("ResultNotStoredError")<{
  readonly reason: "capture" | "redacted" | "truncated" | "expired" | "missing"
  readonly sessionId?: string | undefined
}>() {}

/**
 * There is more than one run of a key. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class AmbiguousRunError extends failure("AmbiguousRunError")<{
  readonly executionIds: ReadonlyArray<string>
  readonly sessionId?: string | undefined
}>() {}

/**
 * The replay has no recording for this call.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayMissError extends failure("ReplayMissError")<{
  readonly report?: unknown
}>() {}

/**
 * The replay did not use some recordings.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayLeftoverError extends failure("ReplayLeftoverError")<{
  readonly executionIds?: ReadonlyArray<string> | undefined
  readonly report?: unknown
}>() {}

/**
 * The session belongs to another project.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayForbiddenError extends failure("ReplayForbiddenError")() {}

/**
 * The session does not exist.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplaySessionNotFoundError extends failure("ReplaySessionNotFoundError")<{
  readonly isAbsent?: boolean | undefined
}>() {}

/**
 * The session has expired.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplaySessionExpiredError extends failure("ReplaySessionExpiredError")() {}

/**
 * The session cannot be replayed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayInvalidSessionError extends failure("ReplayInvalidSessionError")() {}

/**
 * The session holds no payloads.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayNoSnapshotsError extends failure("ReplayNoSnapshotsError")() {}

/**
 * Replays are switched off here.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayDisabledError extends failure("ReplayDisabledError")() {}

/**
 * The cassette could not be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class CassetteError extends failure("CassetteError")<{
  readonly reason: "NotFound" | "Invalid" | "NewerFormat" | "TooLarge" | "Files"
  readonly path?: string | undefined
  readonly at?: ReadonlyArray<string> | undefined
}>() {}

const classes = {
  AuthenticationError,
  PermissionDeniedError,
  FlowNotFoundError,
  InsufficientCreditsError,
  RateLimitError,
  FlowExecutionError,
  APIConnectionError,
  APITimeoutError,
  ToolCallLimitError,
  CostLimitError,
  BudgetExceededError,
  InvalidRequestError,
  UnexpectedResponseError,
  RunInProgressError,
  ResultNotStoredError,
  AmbiguousRunError,
  ReplayMissError,
  ReplayLeftoverError,
  ReplayForbiddenError,
  ReplaySessionNotFoundError,
  ReplaySessionExpiredError,
  ReplayInvalidSessionError,
  ReplayNoSnapshotsError,
  ReplayDisabledError,
  CassetteError
}

/**
 * Every failure of a call.
 *
 * @since 0.1.0
 * @category errors
 */
export type CallError =
  | AuthenticationError
  | PermissionDeniedError
  | FlowNotFoundError
  | InsufficientCreditsError
  | RateLimitError
  | FlowExecutionError
  | APIConnectionError
  | APITimeoutError
  | InvalidRequestError
  | UnexpectedResponseError
  | BudgetExceededError
  | CostLimitError
  | ReplayMissError
  | ReplayForbiddenError
  | ReplaySessionNotFoundError
  | ReplaySessionExpiredError
  | ReplayInvalidSessionError
  | ReplayNoSnapshotsError

/**
 * The further failures of a run once per key.
 *
 * @since 0.1.0
 * @category errors
 */
export type OnceError =
  | RunInProgressError
  | ResultNotStoredError
  | AmbiguousRunError

/**
 * The failures of reading a session.
 *
 * @since 0.1.0
 * @category errors
 */
export type SessionError = Exclude<
  CallError,
  PermissionDeniedError | FlowNotFoundError | BudgetExceededError | CostLimitError | ReplayNoSnapshotsError
>

/**
 * The failures of opening a replay.
 *
 * @since 0.1.0
 * @category errors
 */
export type ReplayOpenError = SessionError | ReplayNoSnapshotsError

/**
 * The failures of a replay scope, beside those of its body.
 *
 * @since 0.1.0
 * @category errors
 */
export type ReplayScopeError = ReplayOpenError | ReplayDisabledError | ReplayLeftoverError

/**
 * Every error of this package.
 *
 * @since 0.1.0
 * @category errors
 */
export type NoukaiError = InstanceType<(typeof classes)[keyof typeof classes]>

/**
 * The tag of an error.
 *
 * @since 0.1.0
 * @category errors
 */
export type Tag = keyof typeof classes

const isTag = (tag: unknown): tag is Tag => typeof tag === "string" && Object.hasOwn(classes, tag)

/**
 * Returns the error of a rejection of the Promise client, or `undefined` for any other value.
 *
 * @internal
 */
export const fromRejection = (error: unknown): NoukaiError | undefined => {
  if (!(error instanceof Error)) return undefined
  const plain = error as RuntimeError
  // a refusal of the Promise client itself has its tag as name
  const tag = plain._tag ?? plain.name
  if (!isTag(tag)) return undefined
  const { cursor, message, state } = plain
  const { _tag: _, ...fields } = { ...plain }
  const given = { method: "Noukai", ...fields, message, cause: plain.cause, cursor, state }
  return new classes[tag](given as never)
}
