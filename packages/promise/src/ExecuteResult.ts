/**
 * The results of `execute`.
 *
 * @since 0.1.0
 */
import type { PausedState } from "./StoredRun.js"
import type { ToolCall } from "./Tool.js"

/**
 * A run that ended. A failed run is a result too, so check `status`. Undeclared fields of the response are kept. Fields
 * that the response lacks are absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteResult {
  status: "completed" | "failed"
  /**
   * Check `status` before you read it. For a completed run: the value that the flow returned. For a failed run: the
   * server's description of the failure.
   */
  result?: unknown
  flowId: string
  blockCount: number
  executionId?: string
  /** The session of the run, or of its recording. */
  sessionId?: string
  /** Distinguishes the two results. Not part of the JSON. */
  readonly requiresToolCalls: false
}

/**
 * A run that waits for the results of `toolCalls`. Undeclared fields of the response are kept.
 *
 * It has no `result`, so that the compiler refuses `run.result` where the run may be paused: check `status` first.
 *
 * @since 0.1.0
 * @category models
 */
export interface PausedResult {
  status: "tool_calls_required"
  executionId: string
  /** The id of the step that waits. */
  pausedAtStep: string
  /** The server's count of tool rounds. */
  iterationsUsed: number
  /** The conversation inside the paused step, opaque. */
  toolCallMessages: Record<string, unknown>[]
  toolCalls: ToolCall[]
  /** Outputs of the steps so far, by step id. */
  accumulatedOutputs: Record<string, unknown>
  flowId: string
  blockCount: number
  /** The session of the run. */
  sessionId?: string
  /** Distinguishes the two results. Not part of the JSON. */
  readonly requiresToolCalls: true
  /**
   * Stored as JSON, it lets `flow.resume` answer the run in another process. Absent through a relay, whose server keeps
   * the key. Not part of the JSON.
   */
  readonly state?: PausedState
  /**
   * Continues the run with one result per call. The options of the first call apply, its signal included. Rejects with
   * an `InvalidRequestError` before anything is sent if a result is missing, unknown or duplicate.
   */
  resume(args: { toolResults: Record<string, unknown>[] }): Promise<ExecuteResult | PausedResult>
}

/**
 * A result of `executeOnce`. `reused`: another call began the run, in this process or another one.
 *
 * @since 0.1.0
 * @category models
 */
export type OnceResult<A = ExecuteResult | PausedResult> = A & { readonly reused: boolean }
