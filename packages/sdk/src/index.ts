/**
 * The exports for everyday use. Every other export is at its module's own subpath, such as
 * `@effect-noukai/sdk/FlowService`.
 *
 * @since 0.1.0
 */
export * as Budget from "./Budget.js"
export * as Cassette from "./Cassette.js"
export { type Redact, ReplayCassette, type ReplayReport } from "./Cassette.js"
export type {
  Attachment,
  EventsInput,
  EventsOnceInput,
  ExecuteInput,
  ExecuteOnceInput,
  ExecuteResult,
  Message,
  OncePausedResult,
  OnceResult,
  PausedResult,
  ResumeInput,
  StepsInput
} from "./Execution.js"
export * as Flow from "./Flow.js"
export { FlowCursor, PausedState } from "./FlowCursor.js"
export * as FlowEvent from "./FlowEvent.js"
export { FlowService } from "./FlowService.js"
export type { Job, JobEnded, JobStatus, OnceJob, WaitOptions } from "./Job.js"
export { JobService } from "./JobService.js"
export type { SubmitInput, SubmitOnceInput } from "./JobService.js"
export * as Noukai from "./Noukai.js"
export { NoukaiLive } from "./Noukai.js"
export { NoukaiConfig } from "./NoukaiConfig.js"
export {
  AmbiguousRunError,
  APIConnectionError,
  APITimeoutError,
  AuthenticationError,
  BudgetExceededError,
  CassetteError,
  CostLimitError,
  FlowExecutionError,
  FlowNotFoundError,
  InsufficientCreditsError,
  InvalidRequestError,
  isNoukaiError,
  isReplayError,
  NoukaiError,
  PermissionDeniedError,
  RateLimitError,
  ReplayDisabledError,
  ReplayError,
  ReplayForbiddenError,
  ReplayInvalidSessionError,
  ReplayLeftoverError,
  ReplayMissError,
  ReplayNoSnapshotsError,
  ReplaySessionExpiredError,
  ReplaySessionNotFoundError,
  ResultNotStoredError,
  RunInProgressError,
  ToolCallLimitError,
  UnexpectedResponseError
} from "./NoukaiError.js"
export type {
  ApiError,
  CallError,
  NotFoundKind,
  OnceError,
  ReplayOpenError,
  ReplayScopeError,
  ServerErrorCode,
  SessionError
} from "./NoukaiError.js"
export { NoukaiHttp } from "./NoukaiHttp.js"
export * as NoukaiRecord from "./NoukaiRecord.js"
export * as NoukaiReplay from "./NoukaiReplay.js"
export { RunService } from "./RunService.js"
export { SessionService } from "./SessionService.js"
export type { Tool, ToolCall, ToolChoice, ToolDeclaration, ToolResult } from "./Tools.js"
export * as Tools from "./Tools.js"
export * as Trace from "./Trace.js"
export { TraceScope } from "./TraceScope.js"
