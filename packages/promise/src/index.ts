/**
 * The Promise client for Noukai flows, call-compatible with `@noukai/sdk`.
 *
 * @since 0.1.0
 */
export { Budget } from "./Budget.js"
export type { BudgetOptions, BudgetState } from "./Budget.js"
export type { ExecuteResult, OnceResult, PausedResult } from "./ExecuteResult.js"
export { Flow } from "./Flow.js"
export type {
  ChatMessage,
  CreateRelayFlowOptions,
  DurationText,
  EventsOnceOptions,
  EventsOptions,
  ExecuteAsyncOnceOptions,
  ExecuteAsyncOptions,
  ExecuteOnceOptions,
  ExecuteOptions,
  ExecuteRequest,
  HealOptions,
  OnceOptions,
  PauseOptions,
  RelayExecuteOptions,
  RelayExecuteTransportOptions,
  ResumeOptions,
  StepRequest,
  StepsOptions,
  VersionSpec
} from "./FlowOptions.js"
export { Job, OnceJob } from "./Job.js"
export type { JobOutcome, PollOptions, WaitAllOptions, WaitOptions } from "./Job.js"
export type { JobAccepted, JobStatus } from "./JobStatus.js"
export type { LogEvent } from "./LogEvent.js"
export { Noukai } from "./Noukai.js"
export type { FlowIdentifier } from "./Noukai.js"
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
export type { NoukaiErrorInit, Sent, TimeoutClock } from "./NoukaiError.js"
export type { ClientOptions, NoukaiEnv, NoukaiOptions, RateLimit } from "./NoukaiOptions.js"
export type { NoukaiTransport } from "./NoukaiTransport.js"
export { createRelayFlow, RelayExecuteTransport, RelayFlow } from "./relay.js"
export type { ExecuteTransport } from "./relay.js"
export { Run } from "./Run.js"
export type { AttemptSpec, LiveTraceOptions, StepTraceOptions, TraceOptions } from "./Run.js"
export type {
  AnyParametersSchema,
  AnySchema,
  EffectSchema,
  FlowSchemas,
  SchemaInput,
  SchemaOutput,
  StandardSchema
} from "./Schemas.js"
export { ServerErrorCode } from "./ServerErrorCode.js"
export type { ServerErrorCodeValue } from "./ServerErrorCode.js"
export type { FlowCursor, PausedState } from "./StoredRun.js"
export type {
  FlowCompleted,
  RunStarted,
  StepCompleted,
  StepFailed,
  StepInput,
  StepOutput,
  StepPaused,
  StepStarted,
  StreamEvent,
  ToolCallsRequired
} from "./StreamEvent.js"
export type { ToolCall, ToolContext, ToolHandler, ToolHandlerContext, ToolOptions } from "./Tool.js"
export type { RunCost, RunSummary, StepAttempts, StepTrace, TokenBreakdown, Trace, TraceTotals } from "./Trace.js"
export { currentScope, currentSessionId, replayScope, trace, traceScope } from "./TraceScope.js"
export type { ReplayScopeOptions, ScopeState, TraceScopeOptions } from "./TraceScope.js"
export type {
  CompletedResult,
  FailedResult,
  ResultOfStatusFailed,
  TypedFlow,
  TypedJob,
  TypedJobStatus,
  TypedOnceJob,
  TypedOptions,
  TypedPausedResult,
  TypedResult
} from "./TypedFlow.js"
export { defineTool, Tool } from "./TypedTool.js"
export { VERSION } from "./Version.js"
