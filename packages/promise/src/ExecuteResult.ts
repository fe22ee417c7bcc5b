/**
 * The results of `execute`.
 *
 * @since 0.1.0
 */
import type { ToolCall } from "./Tool.js"

/**
 * A run that ended. A failed run is a result too: read `status`. Fields of the response that this type does not declare
 * are kept, and fields that the response lacks are absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteResult {
  status: "completed" | "failed"
  /** The value that the flow returned; of a failed run, the server's account of the failure. */
  result?: unknown
  flowId: string
  blockCount: number
  executionId?: string
  /** The session that the run was tagged with, or replayed from. */
  sessionId?: string
  /** Tells the two results apart; not part of their JSON. */
  readonly requiresToolCalls: false
}

/**
 * A run that waits for the results of `toolCalls`. Fields of the response that this type does not declare are kept.
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
  /** The session that the run was tagged with. */
  sessionId?: string
  /** Always absent; declared so that both results of `execute` can be read alike. */
  readonly result?: undefined
  /** Tells the two results apart; not part of their JSON. */
  readonly requiresToolCalls: true
  /**
   * Goes on with exactly one result per call, under the options of the first call, its signal included. Rejects with an
   * `InvalidRequestError`, before anything is sent, when a result is missing, unknown or given twice.
   */
  resume(args: { toolResults: Record<string, unknown>[] }): Promise<ExecuteResult | PausedResult>
}

/**
 * A result of `executeOnce`, with whether another call began the run: in this process or another.
 *
 * @since 0.1.0
 * @category models
 */
export type OnceResult<A = ExecuteResult | PausedResult> = A & { readonly reused: boolean }
