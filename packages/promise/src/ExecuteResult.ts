/**
 * What `execute` resolves with.
 *
 * @since 0.1.0
 */
import type { ToolCall } from "./Tool.js"

/**
 * A run that ended. One that failed is a value too: look at `status`. Fields of the response that are not declared here
 * are there too, and fields that it lacks are not.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteResult {
  status: "completed" | "failed"
  /** What the flow returned; of a failed run, what the server said about it. */
  result?: unknown
  flowId: string
  blockCount: number
  executionId?: string
  /** The session that the run was tagged with, or replayed from. */
  sessionId?: string
  /** Tells results apart; not in their JSON. */
  readonly requiresToolCalls: false
}

/**
 * A run that waits for the results of `toolCalls`. Fields of the response that are not declared here are there too.
 *
 * @since 0.1.0
 * @category models
 */
export interface PausedResult {
  status: "tool_calls_required"
  executionId: string
  /** The step id. */
  pausedAtStep: string
  /** The server's count of tool rounds. */
  iterationsUsed: number
  /** The conversation inside the paused step. Opaque. */
  toolCallMessages: Record<string, unknown>[]
  toolCalls: ToolCall[]
  /** By step id. */
  accumulatedOutputs: Record<string, unknown>
  flowId: string
  blockCount: number
  /** The session that the run was tagged with. */
  sessionId?: string
  /** There is none yet; declared so that it may be asked for. */
  readonly result?: undefined
  /** Tells results apart; not in their JSON. */
  readonly requiresToolCalls: true
  /**
   * Goes on with exactly one result per call. Missing, unknown or duplicate ones reject with an `InvalidRequestError`
   * before anything is sent. The settings of the first call, its signal included, hold here too.
   */
  resume(args: { toolResults: Record<string, unknown>[] }): Promise<ExecuteResult | PausedResult>
}
