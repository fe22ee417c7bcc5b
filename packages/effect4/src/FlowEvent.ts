/**
 * The events of a stream, with the names of `@effect-noukai/sdk`. `raw` is the event as received; it is not enumerable.
 *
 * @since 0.1.0
 */
import type { FlowCursor } from "@effect-noukai/promise/runtime"
import type * as Stream from "effect/Stream"
import type { CallError } from "./NoukaiError.js"
import type { ToolCall, ToolResult } from "./Tools.js"

/**
 * The fields of every event.
 *
 * @since 0.1.0
 * @category models
 */
export interface RawEvent {
  readonly raw?: unknown
}

/**
 * The run has begun.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunStarted extends RawEvent {
  readonly type: "run_started"
  readonly executionId: string
  readonly flowId: string | undefined
  readonly stepCount: number | undefined
  readonly runId: string | undefined
  readonly cursor: FlowCursor
}

/**
 * A step has begun.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepStarted extends RawEvent {
  readonly type: "step_started"
  readonly stepId: string
  readonly name: string | undefined
  readonly stepIndex: number
}

/**
 * The input of a step.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepInput extends RawEvent {
  readonly type: "step_input"
  readonly stepId: string
  readonly inputData?: unknown
}

/**
 * The output of a step.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepOutput extends RawEvent {
  readonly type: "step_output"
  readonly stepId: string
  readonly outputData?: unknown
}

/**
 * A step has succeeded.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepCompleted extends RawEvent {
  readonly type: "step_completed"
  readonly stepId: string
  readonly name: string | undefined
  readonly stepIndex: number
  readonly output?: unknown
  readonly outputFrom?: "completed" | "step_output" | undefined
  readonly durationMs: number | undefined
  readonly tokens: { readonly prompt: number; readonly completion: number; readonly total: number } | undefined
  readonly costUsd: string | undefined
  readonly cursor: FlowCursor
}

/**
 * A step has failed, and with it the run.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepError extends RawEvent {
  readonly type: "step_error"
  readonly stepId: string
  readonly name: string | undefined
  readonly error: unknown
  readonly code: string | undefined
  readonly message: string | undefined
}

/**
 * The server has paused between steps.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepPaused extends RawEvent {
  readonly type: "step_paused"
  readonly executionId: string | undefined
  readonly stepIndex: number
  readonly nextStepIndex: number
  readonly cursor: FlowCursor
}

/**
 * The run has succeeded.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowCompleted<out A = unknown> extends RawEvent {
  readonly type: "flow_completed"
  readonly executionId: string | undefined
  readonly runId: string | undefined
  readonly result: A
  readonly resultFrom?: "completed" | "last_step" | undefined
  readonly summary: { readonly [key: string]: unknown } | undefined
}

/**
 * An event that this version does not know.
 *
 * @since 0.1.0
 * @category models
 */
export interface Unknown extends RawEvent {
  readonly type: "unknown"
  /** The name of the event on the wire. */
  readonly name: string
  readonly data: { readonly [key: string]: unknown }
}

/**
 * The run waits for the results of tools. `resume` returns the events that follow.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCallsRequired<out A = unknown, out R = never> extends RawEvent {
  readonly type: "tool_calls_required"
  readonly executionId: string
  readonly stepId: string | undefined
  readonly stepIndex: number
  readonly toolCalls: ReadonlyArray<ToolCall>
  readonly cursor: FlowCursor
  readonly resume: (results: ReadonlyArray<ToolResult>) => Stream.Stream<FlowEvent<A, R>, CallError, R>
}

/**
 * An event of a run that cannot pause.
 *
 * @since 0.1.0
 * @category models
 */
export type RunEvent<A = unknown> =
  | RunStarted
  | StepStarted
  | StepInput
  | StepOutput
  | StepCompleted
  | StepError
  | StepPaused
  | FlowCompleted<A>
  | Unknown

/**
 * An event.
 *
 * @since 0.1.0
 * @category models
 */
export type FlowEvent<A = unknown, R = never> = RunEvent<A> | ToolCallsRequired<A, R>
