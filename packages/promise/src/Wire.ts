/**
 * The request bodies of the wire, for code that builds or inspects them.
 *
 * @since 0.1.0
 */
import type { RepeatedField } from "@effect-noukai/sdk/kit/runOptions"
import type { ChatMessage, ExecuteOptions } from "./FlowOptions.js"

/** The fields that each request of a run has. */
interface RunFields extends Omit<Pick<ExecuteOptions, RepeatedField>, "attachments" | "tools"> {
  attachments?: Record<string, unknown>[]
  tools?: Record<string, unknown>[]
}

/**
 * The body of `POST …/execute`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteRequest extends RunFields {
  message?: string | null
  messages?: ChatMessage[]
  /** Resumes this run, together with `pausedAtStep` and `toolCallMessages`. */
  executionId?: string
  pausedAtStep?: string
  iterationsUsed?: number
  toolCallMessages?: Record<string, unknown>[]
  accumulatedOutputs?: Record<string, unknown>
}

/**
 * The body of `POST …/step`.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepRequest extends RunFields {
  executionId?: string
  stepIndex?: number
  accumulatedOutputs?: Record<string, unknown>
  message?: string | null
  inputOverrides?: Record<string, unknown>
  runRemaining?: boolean
  toolCallMessages?: Record<string, unknown>[]
  iterationsUsed?: number
}
