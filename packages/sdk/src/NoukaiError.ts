/**
 * The tagged errors of this package. Each operation lists only those that it can fail with.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { PausedState } from "./FlowCursor.js"
import { absentable } from "./internal/core/json.js"
import {
  type Common,
  failure,
  type InvalidRequestError,
  markOf,
  receivedOf,
  stateOf,
  TypeId,
  type Words
} from "./internal/core/makeError.js"
import { ReplayReport, reportText } from "./internal/core/replayReport.js"
import { noRun } from "./internal/core/runProblem.js"

export { InvalidRequestError, TypeId } from "./internal/core/makeError.js"
export type { ErrorCode, ServerErrorCode } from "./internal/core/makeError.js"

/**
 * Whether the request reached the server. `"no"`: it provably never left, or was refused and waited to be sent again.
 * `"yes"`: the server began to answer. `"unknown"`: it may have arrived. After the last two a run may exist, unless the
 * call only reads.
 *
 * @since 0.1.0
 * @category models
 */
export type Sent = typeof Sent.Type

const Sent = Schema.Literal("no", "unknown", "yes")

/**
 * The timeout that passed: `connect` until the request is on a socket, `attempt` one attempt with its body, `total` the
 * whole call with retries and tool rounds, `firstByte` and `idle` of a stream, `wait` of a job.
 *
 * @since 0.1.0
 * @category models
 */
export type TimeoutClock = typeof TimeoutClock.Type

const TimeoutClock = Schema.Literal("connect", "attempt", "total", "firstByte", "idle", "wait")

/**
 * 401, or a key that is missing or does not begin with `nk_` (then without `statusCode`, before any traffic).
 *
 * @since 0.1.0
 * @category errors
 */
export class AuthenticationError extends failure<AuthenticationError>()("AuthenticationError", {
  /** `WWW-Authenticate` of the response. */
  wwwAuthenticate: absentable(Schema.String)
}, ({ statusCode }) => [
  statusCode === undefined ? "there is no key to use" : "the key was not accepted",
  statusCode === undefined
    ? "set NOUKAI_API_KEY or the option apiKey to your key; an emulator takes nk_test"
    : "check the key that was given, or that of NOUKAI_API_KEY"
]) {}

/**
 * 403: the key is good, but not for this flow, run or session.
 *
 * @since 0.1.0
 * @category errors
 */
export class PermissionDeniedError extends failure<PermissionDeniedError>()("PermissionDeniedError", {}, () => [
  "permission denied",
  "each key is bound to one project; check that it is this one"
]) {}

/**
 * The kind of thing that a {@link FlowNotFoundError} did not find.
 *
 * @since 0.1.0
 * @category models
 */
export type NotFoundKind = "flow" | "version" | "run" | "job" | "session"

const missingOf: { readonly [code: string]: NotFoundKind | undefined } = {
  FLOW_NOT_FOUND: "flow",
  VERSION_NOT_FOUND: "version",
  RUN_NOT_FOUND: "run",
  JOB_NOT_FOUND: "job",
  SESSION_NOT_FOUND: "session"
}

type NotFound = Pick<Schema.Struct.Type<Common>, "method" | "code" | "detail" | "executionId" | "responseBody">

const isAbsent = ({ code, executionId, responseBody = JSON.stringify({ detail: { code } }) }: NotFound): boolean =>
  noRun(responseBody, executionId)

const kindOf = (error: NotFound): NotFoundKind | undefined => {
  const { code = "", detail = "", executionId, method } = error
  const named = missingOf[code]
  if (named !== undefined) return named === "flow" && /\bversion\b/i.test(detail) ? "version" : named
  if (!isAbsent(error)) return undefined
  const said = /\b(version|flow|job|run|session)\b/i.exec(detail)?.[1]
  if (said !== undefined) return said.toLowerCase() as NotFoundKind
  return executionId === undefined ? "flow" : method.startsWith("Job") ? "job" : "run"
}

/**
 * 404, of a flow, version, job or run: see `kind`. Without `isAbsent` the 404 may come from a gateway, and a run that has
 * begun may go on.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlowNotFoundError extends failure<FlowNotFoundError>()("FlowNotFoundError", {}, (error) => [
  `${kindOf(error) ?? ""} not found`.trim(),
  "check the address org/project/slug, the version and the id"
]) {
  /**
   * Whether the server says that the flow, the job or the run does not exist: in complete JSON, by its code or in words.
   *
   * @since 0.1.0
   */
  get isAbsent(): boolean {
    return isAbsent(this)
  }
  /**
   * The kind of thing that was not found, by the code of the answer, its words, or the call. Absent where no answer says
   * that something is missing.
   *
   * @since 0.1.0
   */
  get kind(): NotFoundKind | undefined {
    return kindOf(this)
  }
}

/**
 * 402: no credits before the run, or they ran out during it (`CREDITS_EXHAUSTED`).
 *
 * @since 0.1.0
 * @category errors
 */
export class InsufficientCreditsError
  extends failure<InsufficientCreditsError>()("InsufficientCreditsError", {}, () => [
    "the workspace has no credits left",
    "add credits and run again"
  ])
{}

/**
 * 429. `retryAfter` is in seconds, from a number or an HTTP date, and always finite; absent when the server sent none
 *      or garbage.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimitError extends failure<RateLimitError>()("RateLimitError", {
  /** The wait that the server asked for, in seconds. */
  retryAfter: absentable(Schema.Number)
}, (error) => ["rate limited", waitHint(error)]) {
  /**
   * The pause whose answer was refused, on errors of `execute` and `resume`: `FlowService.resume` goes on from it. Not
   * enumerable.
   *
   * @since 0.1.0
   */
  get state(): PausedState | undefined {
    return stateOf(this)
  }
}

/** Operations that only read: an error of theirs says nothing about the run. */
const reads = /^(Job|RunService|SessionService)\./

/** A run, or no more than the request: one that is refused has begun none. */
const whatFailed = (
  { code, executionId, isRetryable, method, status, statusCode }: Schema.Struct.Type<Common> & {
    readonly status?: "failed" | 500
  }
): string => {
  if (statusCode === undefined || status === "failed") return "the run failed"
  const isOfRun = (executionId !== undefined && !isRetryable) || code === "TOOL_ITERATION_LIMIT"
  if (isOfRun && !reads.test(method)) return "the run failed"
  return statusCode < 500 && statusCode !== 408 ? "the request was refused" : "the server failed"
}

/**
 * Every other status that is not 2xx (branch on `code`), a run that ended with `status: "failed"`, and a failed step of
 * an operation that returns steps.
 *
 * @since 0.1.0
 * @category errors
 */
export class FlowExecutionError extends failure<FlowExecutionError>()("FlowExecutionError", {
  /** The wait that the server asked for on 503, in seconds. */
  retryAfter: absentable(Schema.Number),
  /** `failed` of a run whose response says so; 500 of any other failure, as on every error (see `statusCode`). */
  status: absentable(Schema.Literal("failed", 500)),
  /** The `result` that the failed run returned. */
  result: absentable(Schema.Unknown),
  /** The server's id of the flow, of a run that ended with `status: "failed"`. */
  flowId: absentable(Schema.String),
  /** The server's count of blocks, of a run that ended with `status: "failed"`. */
  blockCount: absentable(Schema.Number),
  /** The session, of a run that ended with `status: "failed"`. */
  sessionId: absentable(Schema.String),
  /** The step that failed, where it is known. */
  stepId: absentable(Schema.String),
  /** Whether another call of the key began the run, of one that runs once per key. */
  reused: absentable(Schema.Boolean)
}, (error) => [error.stepId === undefined ? whatFailed(error) : `step ${JSON.stringify(error.stepId)} failed`]) {
  /**
   * The response as the server sent it, without the key, of a run or a job that ended as failed. Not enumerable.
   *
   * @since 0.1.0
   */
  get raw(): unknown {
    return receivedOf(this)
  }
}

/**
 * No response, or one that broke off. With `sent: "unknown"` or `"yes"` a run may exist and may be billed, unless the
 * call only reads: then it is retryable, and starts nothing. The code `CLIENT_CLOSED` means that the layer was closed:
 * before the call (`sent: "no"`), or while it was in flight. `instanceof APIConnectionError` is also true for
 * `APITimeoutError`.
 *
 * @since 0.1.0
 * @category errors
 */
export class APIConnectionError extends failure<APIConnectionError>()(
  "APIConnectionError",
  { sent: Sent },
  (error) => {
    const port = /ECONNREFUSED (?:127\.0\.0\.1|::1):(\d+)/.exec(error.detail ?? "")?.[1]
    const start = port === undefined ? "" : `; to start an emulator there: npx noukai-emulator --port ${port}`
    return [onlyRead(error) ? "the reading broke off" : "the connection failed", sentHint(error) + start]
  }
) {
  /** @since 0.1.0 */
  static override [Symbol.hasInstance](u: unknown): u is APIConnectionError | APITimeoutError {
    return hasTag(u, "APIConnectionError") || hasTag(u, "APITimeoutError")
  }
}

/** The option that sets a clock. */
const optionOf = (clock: TimeoutClock): string =>
  clock === "total" ? "timeout" : clock === "wait" ? "the timeout of the wait" : `${clock}Timeout`

/**
 * A timeout passed; `clock` says which. With `sent: "unknown"` or `"yes"` a run may exist and may be billed, unless the
 * call only reads: then it is retryable, and starts nothing.
 *
 * @since 0.1.0
 * @category errors
 */
export class APITimeoutError extends failure<APITimeoutError>()("APITimeoutError", {
  clock: TimeoutClock,
  sent: Sent,
  /** The last status of a job that was waited for. */
  lastStatus: absentable(Schema.String)
}, (error, terms) => [
  `${terms.option(optionOf(error.clock))} passed`,
  error.clock === "wait" ? "the job may go on: wait again, or attach to it later" : sentHint(error)
]) {}

/**
 * The flow asked for tools again after `maxToolRounds` calls of the handler (`TOOL_CALL_LIMIT_CLIENT`); raised before
 * another call of the handler. Also ends a run whose model called one tool wrongly three rounds in a row.
 *
 * @since 0.1.0
 * @category errors
 */
export class ToolCallLimitError extends failure<ToolCallLimitError>()("ToolCallLimitError", {
  /** The number of calls of the handler. */
  rounds: absentable(Schema.Number),
  /** The tool that the model called wrongly, if that ended the run. */
  toolName: absentable(Schema.String)
}, () => ["the limit of tool rounds was reached", "raise maxToolRounds or change the flow"]) {}

/**
 * A run has cost more than `maxCostUsd`, or its cost could not be read. It was stopped before its next step or tool
 * round, and nothing more was sent. To continue it, give `cursor` to `FlowService.events` as `from`, or `state` to
 * `FlowService.resume`, with a higher limit or none.
 *
 * @since 0.1.0
 * @category errors
 */
export class CostLimitError extends failure<CostLimitError>()("CostLimitError", {
  /** The limit, in US dollars, as decimal text. */
  maxCostUsd: Schema.String,
  /** The known cost of the run, in US dollars, as decimal text. Absent if it could not be read: `cause` says why. */
  spentUsd: absentable(Schema.String)
}, (error) => [
  error.spentUsd === undefined
    ? "the cost of the run could not be read, and it has a limit"
    : `the run has cost $${error.spentUsd}, more than its limit of $${error.maxCostUsd}`,
  "it was stopped before its next step or tool round"
]) {
  /**
   * The pause for tool calls at which `execute` or `resume` was stopped, if it was at one. Not enumerable.
   *
   * @since 0.1.0
   */
  get state(): PausedState | undefined {
    return stateOf(this)
  }
}

/**
 * The budget around a call has no room for its run. Without `executionId` nothing was sent.
 *
 * With `executionId` the run has begun, and was stopped before its next step or tool round: it has cost more than it had
 * reserved, and the rest did not fit, or its cost could not be read. To continue it, give `cursor` to
 * `FlowService.events` as `from`, or `state` to `FlowService.resume`, outside the budget or in another one.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetExceededError extends failure<BudgetExceededError>()("BudgetExceededError", {
  /** The limit of the budget, in US dollars, as decimal text. */
  limitUsd: Schema.String,
  /** The part of the limit that is neither spent nor reserved, in US dollars; below 0 after a step that cost too much. */
  leftUsd: Schema.String,
  /** The amount that did not fit, in US dollars. Absent if the cost of the run could not be read: `cause` says why. */
  neededUsd: absentable(Schema.String)
}, (error) => [
  error.neededUsd === undefined
    ? `the cost of the run could not be read, and it is in a budget of $${error.limitUsd}`
    : `the run needs $${error.neededUsd} of its budget of $${error.limitUsd}, which has $${error.leftUsd} left`,
  error.executionId === undefined ? "nothing was sent" : "the run waits, and nothing more was sent"
]) {
  /**
   * The pause for tool calls at which `execute` or `resume` was stopped, if it was at one. Not enumerable.
   *
   * @since 0.1.0
   */
  get state(): PausedState | undefined {
    return stateOf(this)
  }
}

/**
 * The response does not fit the API (empty, HTML, wrong shape, over a limit), or does not fit the schema of the `Flow`;
 * `value` is then the raw value. The run may have happened: `executionId` is there when it was readable, and `result`
 * when the response held one. The code `TOOL_CALLS_UNANSWERED_CLIENT` means that the run paused for tool calls which
 * this call cannot answer.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnexpectedResponseError extends failure<UnexpectedResponseError>()("UnexpectedResponseError", {
  /** The mismatch, in words. */
  reason: Schema.String,
  /** The raw value that a schema of the `Flow` refused. */
  value: absentable(Schema.Unknown),
  /** The `result` in the response, whole, without the key. */
  result: absentable(Schema.Unknown)
}, (error) => [`unexpected response: ${error.reason}`]) {}

/**
 * The run of this key has begun and has not ended: another call of the key waits for it, or its process died, or it
 * waits for tool results. The three cannot be told apart from here. A run whose process died in a tool pause never ends,
 * unless it is taken over (`takeOver`) or its stored `PausedState` is resumed. Nothing was sent: call again later.
 *
 * @since 0.1.0
 * @category errors
 */
export class RunInProgressError extends failure<RunInProgressError>()("RunInProgressError", {
  /** The session of the run. */
  sessionId: absentable(Schema.String)
}, (_, terms) => [
  "the run of this key has not ended",
  `call again later; if no other process runs this key, ${terms.takeOver}`
]) {}

const notStored = {
  capture: "the run of this key ended and was billed, and the server kept no output of it",
  redacted: "the run of this key ended and was billed, and the server kept its output redacted",
  truncated: "the run of this key ended and was billed, and the server kept its output cut off",
  expired: "the session of this key is gone, and what ran in it is not known",
  missing: "this client has run this key, and the server does not list its run now"
}

/**
 * The run of this key ended and was billed, and its result cannot be read any more. Nothing was sent, and nothing runs
 * again by itself: run under another key to have a result.
 *
 * - `capture`: the server kept no output of it, because of the flow's capture mode, or because it was not asked to
 *   (`snapshots: false`).
 * - `redacted`: it kept the output with parts replaced.
 * - `truncated`: it cut the output when it stored it.
 * - `expired`: its session is gone (410); `executionId` is not known then.
 * - `missing`: this client has begun or found the run, `executionId`, and the server does not list it now.
 *
 * @since 0.1.0
 * @category errors
 */
export class ResultNotStoredError extends failure<ResultNotStoredError>()("ResultNotStoredError", {
  reason: Schema.Literal("capture", "redacted", "truncated", "expired", "missing"),
  /** The session of the run. */
  sessionId: absentable(Schema.String)
}, (error) => [
  notStored[error.reason],
  error.reason === "missing"
    ? "nothing was sent: call again later, or run under another key"
    : "it does not run again under this key"
]) {}

/**
 * More than one run was found under a key, `executionIds`: two processes began it at the same moment, or something else
 * uses its session. Nothing was sent. Each run may have been billed.
 *
 * @since 0.1.0
 * @category errors
 */
export class AmbiguousRunError extends failure<AmbiguousRunError>()("AmbiguousRunError", {
  /** The ids of the runs, in the order in which they were recorded. */
  executionIds: Schema.Array(Schema.String),
  /** The session of the runs. */
  sessionId: absentable(Schema.String)
}, ({ executionIds }, terms) => [
  `${executionIds.length} runs were found under this key: ${executionIds.slice(0, 10).join(", ")}`,
  `use a key in one process at a time; read the runs with ${terms.reader}, and continue under another key`
]) {}

/**
 * The replay has no recording for a call. `report` has the call, the nearest recording and the differences.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayMissError extends failure<ReplayMissError>()(
  "ReplayMissError",
  { report: absentable(ReplayReport) },
  (error) => ["no recording for this call", undefined, reportText(error.report)]
) {}

/**
 * The replay ended with recordings that no call took. `report` lists them.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayLeftoverError extends failure<ReplayLeftoverError>()("ReplayLeftoverError", {
  /** The ids of the executions that no call took, sorted. */
  executionIds: absentable(Schema.Array(Schema.String)),
  report: absentable(ReplayReport)
}, (error) => ["recordings were never consumed", undefined, reportText(error.report)]) {}

/**
 * 403 on the session: recorded by another project.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayForbiddenError extends failure<ReplayForbiddenError>()("ReplayForbiddenError", {}, () => [
  "the session belongs to another project",
  "use a key of the project that recorded it"
]) {}

/**
 * 404 on the session. Only with `isAbsent` has nothing run in it: without, the 404 may be a gateway's.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplaySessionNotFoundError extends failure<ReplaySessionNotFoundError>()("ReplaySessionNotFoundError", {
  /** Whether the server says that the session does not exist, by the rule of `isSessionNotFound` of the client. */
  isAbsent: absentable(Schema.Boolean)
}, (error) =>
  error.isAbsent === false
    ? ["the 404 does not say that the session does not exist", "check the base URL and any gateway"]
    : ["the session does not exist"])
{}

/**
 * 410 on the session.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplaySessionExpiredError
  extends failure<ReplaySessionExpiredError>()("ReplaySessionExpiredError", {}, () => [
    "the session has expired",
    "record it again"
  ])
{}

/**
 * The session id is not a UUID (before any traffic), 400 on the session, or a cassette that cannot be read.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayInvalidSessionError
  extends failure<ReplayInvalidSessionError>()("ReplayInvalidSessionError", {}, () => [
    "this is not a session that can be replayed"
  ])
{}

/**
 * An execution of the session was captured without payloads, so it cannot be replayed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayNoSnapshotsError extends failure<ReplayNoSnapshotsError>()("ReplayNoSnapshotsError", {}, () => [
  "the session holds no payloads",
  "capture with mode full or redacted"
]) {}

/**
 * A replay was asked for and `NOUKAI_REPLAY_ENABLED` is off.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayDisabledError extends failure<ReplayDisabledError>()("ReplayDisabledError", {}, () => [
  "replay is switched off here",
  "set NOUKAI_REPLAY_ENABLED=1, or replayEnabled in code"
]) {}

const cassetteProblem: { readonly [reason: string]: Words } = {
  NotFound: ["does not exist", "record it first, where Noukai can be reached"],
  Invalid: ["is not valid"],
  NewerFormat: ["was written by a newer version", "update @effect-noukai/sdk"],
  TooLarge: ["is too large"],
  Files: ["could not be read or written"]
}

/**
 * A cassette file could not be read or was not written.
 *
 * - `NotFound`: there is no such file.
 * - `Invalid`: it is not a cassette, or a damaged one. A value that is not a cassette is not written.
 * - `NewerFormat`: it was written by a newer version of this package.
 * - `TooLarge`: it is over the limit of 64 MiB.
 * - `Files`: it is not a plain file, the file system failed, or this platform has no files.
 *
 * @since 0.1.0
 * @category errors
 */
export class CassetteError extends failure<CassetteError>()("CassetteError", {
  reason: Schema.Literal("NotFound", "Invalid", "NewerFormat", "TooLarge", "Files"),
  /** The path of the file. */
  path: absentable(Schema.String),
  /** The places inside it that are wrong: `$.entries[3].input.message`. */
  at: absentable(Schema.Array(Schema.String))
}, ({ at = [], path, reason }) => {
  const [problem, hint] = cassetteProblem[reason]!
  return [
    `the cassette ${path === undefined ? "" : `${path} `}${problem}`,
    hint,
    at.slice(0, 10).map((place) => `\n  ${place}`).join("")
  ]
}) {}

/**
 * The failures of a replay.
 *
 * @since 0.1.0
 * @category errors
 */
export type ReplayError =
  | ReplayMissError
  | ReplayLeftoverError
  | ReplayForbiddenError
  | ReplaySessionNotFoundError
  | ReplaySessionExpiredError
  | ReplayInvalidSessionError
  | ReplayNoSnapshotsError
  | ReplayDisabledError

/**
 * The failures that statuses of the server and broken connections map to; common to every operation that sends
 * requests.
 *
 * @since 0.1.0
 * @category errors
 */
export type ApiError =
  | AuthenticationError
  | PermissionDeniedError
  | FlowNotFoundError
  | InsufficientCreditsError
  | RateLimitError
  | FlowExecutionError
  | APIConnectionError
  | APITimeoutError

/**
 * The failures of a call: of every operation of every service, live, replayed or scripted. The replay errors are for
 * programs that run in a replay, where a call may have no recording, or name another session that has to be fetched;
 * `BudgetExceededError` is for calls that run a flow within a `Budget`, `CostLimitError` for those with `maxCostUsd`.
 * Other failures of a call (a tool handler's errors, `ToolCallLimitError`) are beside it in its type.
 *
 * @since 0.1.0
 * @category errors
 */
export type CallError =
  | ApiError
  | InvalidRequestError
  | UnexpectedResponseError
  | BudgetExceededError
  | CostLimitError
  | Exclude<ReplayError, ReplayLeftoverError | ReplayDisabledError>

/**
 * The failures of running once per key, beside the failures of a call.
 *
 * @since 0.1.0
 * @category errors
 */
export type OnceError = RunInProgressError | ResultNotStoredError | AmbiguousRunError

/**
 * The failures of fetching a recorded session.
 *
 * @since 0.1.0
 * @category errors
 */
export type SessionError = Exclude<
  CallError,
  PermissionDeniedError | FlowNotFoundError | BudgetExceededError | CostLimitError | ReplayNoSnapshotsError
>

/**
 * The failures of opening the replay of a session.
 *
 * @since 0.1.0
 * @category errors
 */
export type ReplayOpenError = SessionError | ReplayNoSnapshotsError

/**
 * The failures of `TraceScope.replay`, beside the failures of its body.
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
export type NoukaiError =
  | ApiError
  | ToolCallLimitError
  | CostLimitError
  | BudgetExceededError
  | InvalidRequestError
  | UnexpectedResponseError
  | OnceError
  | ReplayError
  | CassetteError

/**
 * Whether a value is an error of this package, or of another copy of it.
 *
 * @example
 * ```ts
 * import { isNoukaiError } from "@effect-noukai/sdk"
 *
 * const mayHaveRun = (error: unknown) =>
 *   isNoukaiError(error) && error._tag === "APIConnectionError" && error.sent !== "no"
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isNoukaiError = (u: unknown): u is NoukaiError => Predicate.hasProperty(u, TypeId)

/**
 * `error instanceof NoukaiError` is true for every error of this package.
 *
 * @since 0.1.0
 * @category guards
 */
export const NoukaiError: { [Symbol.hasInstance](u: unknown): u is NoukaiError } = {
  [Symbol.hasInstance]: isNoukaiError
}

/**
 * Whether a value is one of the eight replay errors.
 *
 * @since 0.1.0
 * @category guards
 */
export const isReplayError = (u: unknown): u is ReplayError => isNoukaiError(u) && u._tag.startsWith("Replay")

/**
 * `error instanceof ReplayError` is true for the eight replay errors.
 *
 * @since 0.1.0
 * @category guards
 */
export const ReplayError: { [Symbol.hasInstance](u: unknown): u is ReplayError } = {
  [Symbol.hasInstance]: isReplayError
}

const hasTag = (u: unknown, tag: NoukaiError["_tag"]): boolean => isNoukaiError(u) && u._tag === tag

type RetryFacts = { readonly sent: Sent; readonly isRetryable: boolean }

/** Whether the requests of an error start no run: they were sent, and may still be repeated. */
const onlyRead = ({ isRetryable, sent }: RetryFacts): boolean => isRetryable && sent !== "no"

/** The same call again could begin another run, unless it is retryable. */
const waitHint = (error: { readonly isRetryable: boolean; readonly retryAfter?: number | undefined }): string => {
  const { isRetryable, retryAfter } = error
  const place = isRetryable ? undefined : stateOf(error) !== undefined ? "state" : markOf(error) && "cursor"
  if (place !== undefined) {
    return `go on from the ${place} of this error${retryAfter === undefined ? "" : ` after ${retryAfter} s`}`
  }
  return retryAfter === undefined ? "wait before the next call" : `retry after ${retryAfter} s`
}

const sentHints: { readonly [K in Sent]: string } = {
  no: "nothing was sent",
  unknown: "the request may have arrived: a run may exist and may be billed",
  yes: "the server had begun to answer: a run may exist and may be billed"
}

const sentHint = (error: RetryFacts): string =>
  onlyRead(error)
    ? "this was a read: nothing was started or billed, and it is safe to retry"
    : sentHints[error.sent]
