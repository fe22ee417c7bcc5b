/**
 * What `flow.events()` gives, told apart by `type` (contract 7.3).
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
  /** The execution id, where the server names no other. */
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
 * What a step is given.
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
 * What a step has produced so far; may come many times.
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
 * A step has ended. Its output is there wherever the server sent it; the key is absent where it sent none.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepCompleted {
  type: "step_completed"
  stepId: string
  name?: string
  output?: unknown
  /** Where the output came with an event before this one. */
  outputFrom?: "step_output"
  durationMs?: number
  tokens?: TokenBreakdown
  /** US dollars, as decimal text. */
  costUsd?: string
  /** From 0, in the whole flow. */
  stepIndex: number
}

/**
 * A step has failed, and the run with it: the last event, but in a replay, where `flow_completed` follows.
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
 * Between two steps; the loop goes on by itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepPaused {
  type: "step_paused"
  /** The step that has just completed. */
  stepId: string
  /** The step that has just completed: from 0, in the whole flow. */
  stepIndex: number
}

/**
 * The run waits for tool results: call `resume` before asking for the next event, and the same loop goes on. Only
 * without a `toolHandler`.
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
  /** The conversation inside the paused step. Opaque. */
  toolCallMessages: Record<string, unknown>[]
  toolCalls: ToolCall[]
  /** By step id. */
  accumulatedOutputs: Record<string, unknown>
  /**
   * Goes on with exactly one result per call: the next event is the first of what follows. Rejects with an
   * `InvalidRequestError` when the pause was answered already, or the loop has ended.
   */
  resume(args: { toolResults: Record<string, unknown>[] }): Promise<void>
}

/**
 * The run has ended: the last event. Of a failure that is replayed, `summary.failedAtStep` names the step.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowCompleted {
  type: "flow_completed"
  /** The execution id, where the server names no other. */
  runId?: string
  executionId?: string
  result?: unknown
  /** Where the server sent no result: it is the output of the step that completed last. */
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
