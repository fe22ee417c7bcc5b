/**
 * The events of `flow.events()`. `type` distinguishes them.
 *
 * @since 0.1.0
 */
import type { FlowCursor } from "./StoredRun.js"
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
  /** The execution id, unless the server sends another id. */
  runId: string
  executionId?: string
  flowId?: string
  stepCount?: number
  /** The place of the run, for `from` of `events`. Not part of the JSON. */
  readonly cursor?: FlowCursor
}

/**
 * A step has started.
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
 * The output of a step so far. There may be many of these events per step.
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
 * A step has completed. `output` is absent if the server sent no output.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepCompleted {
  type: "step_completed"
  stepId: string
  name?: string
  output?: unknown
  /** Set if the output is from an earlier event. */
  outputFrom?: "step_output"
  durationMs?: number
  tokens?: TokenBreakdown
  /** US dollars, as decimal text. */
  costUsd?: string
  /** From 0, in the whole flow. */
  stepIndex: number
  /** The place of the run, for `from` of `events`. Not part of the JSON. */
  readonly cursor?: FlowCursor
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
 * A pause between two steps. The loop continues without an answer.
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
  /** The place of the run, for `from` of `events`. Not part of the JSON. */
  readonly cursor?: FlowCursor
}

/**
 * The run waits for tool results. Call `resume` before the next event is requested; then the loop continues. Occurs
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
  /** The place of the run, for `from` of `events`. Not part of the JSON. */
  readonly cursor?: FlowCursor
  /**
   * Continues with one result per call. The next event is the first one of the continuation. Rejects with an
   * `InvalidRequestError` if a result is missing, unknown, duplicate or not JSON: then the pause can still be answered.
   * Rejects with one, too, if the pause was answered already or the loop has ended.
   */
  resume(args: { toolResults: Record<string, unknown>[] }): Promise<void>
}

/**
 * The run has ended. This is the last event. In the replay of a failed run, `summary.failedAtStep` names the step.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowCompleted<A = unknown> {
  type: "flow_completed"
  /** The execution id, unless the server sends another id. */
  runId?: string
  executionId?: string
  result?: A
  /** Set if the server sent no result. Then `result` is the output of the last completed step. */
  resultFrom?: "last_step"
  summary?: Record<string, unknown>
}

/**
 * An event of a run. `A` is the result of the flow.
 *
 * @since 0.1.0
 * @category models
 */
export type StreamEvent<A = unknown> =
  | RunStarted
  | StepStarted
  | StepInput
  | StepOutput
  | StepCompleted
  | StepFailed
  | StepPaused
  | ToolCallsRequired
  | FlowCompleted<A>
