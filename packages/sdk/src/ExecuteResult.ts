/**
 * The end of an execution: a result, or a pause that waits for tool results.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { PausedState } from "./internal/core/wire.js"
import type { CallError } from "./NoukaiError.js"
import type { ToolCall, ToolResult } from "./Tools.js"

export { PausedState } from "./internal/core/wire.js"

/**
 * The result of a run that completed. A run that failed is a `FlowExecutionError` instead.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteResult<out A = unknown> {
  readonly status: "completed"
  readonly result: A
  /** Absent if the server did not say. */
  readonly executionId?: string
  /** The server's id of the flow, which `RunService.list` takes; absent if the server did not say. */
  readonly flowId?: string
  readonly blockCount?: number
  /** The session of the run, if any. */
  readonly sessionId?: string
  /** The server's id of the last request, for questions to its support. */
  readonly requestId?: string
  /**
   * The last response as the server sent it, unknown keys included, without the key. Not enumerable. Absent where no
   * server answered, as in the replay of a session.
   */
  readonly raw?: unknown
}

/**
 * The result of a run that completed, of this call or, with `reused`, of another one of the same key. Of a run that was
 * found, `result` is the last output that the server kept, and `raw`, `requestId` and `blockCount` are absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface OnceResult<out A = unknown> extends ExecuteResult<A> {
  /** Whether another call began the run, in this process or another. */
  readonly reused: boolean
}

/**
 * A run that waits for the results of `toolCalls`. A value, not a handle: nothing is sent until `resume` runs, and
 * `state` can be stored and resumed elsewhere with `FlowService.resume`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PausedResult<out A = unknown> {
  readonly status: "tool_calls_required"
  readonly executionId: string
  /** The calls that wait for a result. */
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** The state to store, to resume the run later. */
  readonly state: PausedState
  readonly flowId?: string
  readonly blockCount?: number
  readonly sessionId?: string
  readonly requestId?: string
  /** The response as the server sent it. Not enumerable. */
  readonly raw?: unknown
  /**
   * Goes on with exactly one result per call. Missing, unknown or duplicate results are an `InvalidRequestError` before
   * anything is sent. A run with `maxCostUsd` that has cost more is a `CostLimitError`.
   */
  readonly resume: (
    results: ReadonlyArray<ToolResult>
  ) => Effect.Effect<ExecuteResult<A> | PausedResult<A>, CallError>
}

/**
 * A run of `executeOnce` that waits for the results of `toolCalls`.
 *
 * @since 0.1.0
 * @category models
 */
export interface OncePausedResult<out A = unknown> extends PausedResult<A> {
  /** Whether another call began the run: only with `takeOver`, since it is a `RunInProgressError` else. */
  readonly reused: boolean
}
