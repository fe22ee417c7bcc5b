/**
 * The events of `flow.events()`, told apart by `type`.
 *
 * @since 0.1.0
 */
import type { ToolCall } from "./Tool.js"
import type { TokenBreakdown } from "./Trace.js"

/**
 * The first event of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunStarted {
  type: "run_started" | "flow_started"
  /** The execution id, unless the server names another. */
  runId: string
  executionId?: string
  flowId?: string
  stepCount?: number
}

/**
 * A step has begun.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepStarted {
  type: "step_started"
  stepId: string
  name?: string
  /** From 0, in the whole flow. */
  stepIndex: number
}

/**
 * The input of a step.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepInput {
  type: "step_input"
  stepId: string
  inputData?: Record<string, unknown>
}

/**
 * The output of a step so far; may come many times.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepOutput {
  type: "step_output"
  stepId: string
  outputData?: unknown
}

/**
 * A step has completed. Its output is present where the server sent it; the key is absent otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepCompleted {
  type: "step_completed"
  stepId: string
  name?: string
  output?: unknown
  /** Set when the output came with an earlier event. */
  outputFrom?: "step_output"
  durationMs?: number
  tokens?: TokenBreakdown
  /** US dollars, as decimal text. */
  costUsd?: string
  /** From 0, in the whole flow. */
  stepIndex: number
}

/**
 * A step has failed, and the run with it. This is the last event, except in a replay, where `flow_completed` follows.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepFailed {
  type: "step_error"
  stepId: string
  name?: string
  /** Text from the server becomes `{ message }`. */
  error?: Record<string, unknown>
}

/**
 * A pause between two steps; the loop goes on by itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepPaused {
  type: "step_paused"
  /** The step that has just completed. */
  stepId: string
  /** Its index, from 0, in the whole flow. */
  stepIndex: number
}

/**
 * The run waits for tool results. Call `resume` before asking for the next event, and the same loop goes on. Occurs
 * only without a `toolHandler`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCallsRequired {
  type: "tool_calls_required"
  /** The execution id. */
  runId: string
  executionId: string
  stepId: string
  /** From 0, in the whole flow. */
  stepIndex: number
  /** The server's count of tool rounds. */
  iterationsUsed: number
  /** The conversation inside the paused step, opaque. */
  toolCallMessages: Record<string, unknown>[]
  toolCalls: ToolCall[]
  /** Outputs of the steps so far, by step id. */
  accumulatedOutputs: Record<string, unknown>
  /**
   * Goes on with exactly one result per call; the next event is the first of the continuation. Rejects with an
   * `InvalidRequestError` when the pause was already answered or the loop has ended.
   */
  resume(args: { toolResults: Record<string, unknown>[] }): Promise<void>
}

/**
 * The run has ended. This is the last event. In the replay of a failed run, `summary.failedAtStep` names the step.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowCompleted {
  type: "flow_completed"
  /** The execution id, unless the server names another. */
  runId?: string
  executionId?: string
  result?: unknown
  /** Set when the server sent no result: `result` is the output of the step that completed last. */
  resultFrom?: "last_step"
  summary?: Record<string, unknown>
}

/**
 * An event of a run; `type` says which.
 *
 * @since 0.1.0
 * @category models
 */
export type StreamEvent =
  | RunStarted
  | StepStarted
  | StepInput
  | StepOutput
  | StepCompleted
  | StepFailed
  | StepPaused
  | ToolCallsRequired
  | FlowCompleted
