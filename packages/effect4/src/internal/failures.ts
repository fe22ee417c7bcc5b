/** The tags of the errors that each operation has. Another error is a defect. */
import type * as Errors from "../NoukaiError.js"

/** The tags of a union of errors. */
export type Failures<E> = { readonly [T in E extends { readonly _tag: infer Tag extends string } ? Tag : never]: true }

const refusal: Failures<Errors.InvalidRequestError> = { InvalidRequestError: true }

const session: Failures<Errors.SessionError> = {
  ...refusal,
  AuthenticationError: true,
  InsufficientCreditsError: true,
  RateLimitError: true,
  FlowExecutionError: true,
  APIConnectionError: true,
  APITimeoutError: true,
  UnexpectedResponseError: true,
  ReplayMissError: true,
  ReplayForbiddenError: true,
  ReplaySessionNotFoundError: true,
  ReplaySessionExpiredError: true,
  ReplayInvalidSessionError: true
}

const call: Failures<Errors.CallError> = {
  ...session,
  PermissionDeniedError: true,
  FlowNotFoundError: true,
  BudgetExceededError: true,
  CostLimitError: true,
  ReplayNoSnapshotsError: true
}

const replay: Failures<Errors.ReplayScopeError> = {
  ...session,
  ReplayNoSnapshotsError: true,
  ReplayDisabledError: true,
  ReplayLeftoverError: true
}

const open: Failures<Errors.AuthenticationError | Errors.InvalidRequestError> = {
  ...refusal,
  AuthenticationError: true
}

const once: Failures<Errors.CallError | Errors.OnceError> = {
  ...call,
  RunInProgressError: true,
  ResultNotStoredError: true,
  AmbiguousRunError: true
}

const tools: Failures<Errors.CallError | Errors.OnceError | Errors.ToolCallLimitError> = {
  ...once,
  ToolCallLimitError: true
}

const none: Failures<never> = {}

export const failures = {
  none,
  refusal,
  session,
  call,
  replay,
  open,
  once,
  tools,
  replayFile: { ...refusal, ReplayNoSnapshotsError: true, CassetteError: true } as const,
  recordFile: { ...open, ReplayNoSnapshotsError: true, CassetteError: true } as const,
  replaySession: { ...session, ReplayNoSnapshotsError: true } as const,
  leftover: { ReplayLeftoverError: true } as const,
  cassette: { CassetteError: true } as const
}
