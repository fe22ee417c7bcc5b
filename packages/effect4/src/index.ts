/**
 * A client for Noukai flows in programs on Effect 4.
 *
 * @since 0.1.0
 */
export * as Budget from "./Budget.js"
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
  ReadOptions,
  ResumeInput
} from "./Execution.js"
export * as Flow from "./Flow.js"
export type * as FlowEvent from "./FlowEvent.js"
export { FlowService } from "./FlowService.js"
export { type Job, type JobEnded, JobService, type JobStatus, type OnceJob } from "./JobService.js"
export * as Noukai from "./Noukai.js"
export { NoukaiLive } from "./Noukai.js"
export {
  AmbiguousRunError,
  APIConnectionError,
  APITimeoutError,
  AuthenticationError,
  BudgetExceededError,
  type CallError,
  CassetteError,
  CostLimitError,
  FlowExecutionError,
  FlowNotFoundError,
  InsufficientCreditsError,
  InvalidRequestError,
  type NoukaiError,
  type OnceError,
  PermissionDeniedError,
  RateLimitError,
  ReplayDisabledError,
  ReplayForbiddenError,
  ReplayInvalidSessionError,
  ReplayLeftoverError,
  ReplayMissError,
  ReplayNoSnapshotsError,
  type ReplayOpenError,
  type ReplayScopeError,
  ReplaySessionExpiredError,
  ReplaySessionNotFoundError,
  ResultNotStoredError,
  RunInProgressError,
  type SessionError,
  ToolCallLimitError,
  UnexpectedResponseError
} from "./NoukaiError.js"
export { NoukaiHttp } from "./NoukaiHttp.js"
export { RunService } from "./RunService.js"
export { type Session, SessionService } from "./SessionService.js"
export * as Tools from "./Tools.js"
export * as TraceScope from "./TraceScope.js"
