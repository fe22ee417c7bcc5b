/**
 * The request bodies of the wire, for code that builds or inspects them.
 *
 * @since 0.1.0
 */
import type { ChatMessage } from "./FlowOptions.js"

/**
 * The body of `POST …/execute`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteRequest {
  message?: string | null
  messages?: ChatMessage[]
  parameters?: Record<string, unknown>
  blockOverrides?: Record<string, Record<string, unknown>>
  attachments?: Record<string, unknown>[]
  tools?: Record<string, unknown>[]
  toolChoice?: unknown
  /** Resumes this run, together with `pausedAtStep` and `toolCallMessages`. */
  executionId?: string
  pausedAtStep?: string
  iterationsUsed?: number
  toolCallMessages?: Record<string, unknown>[]
  accumulatedOutputs?: Record<string, unknown>
  trace?: boolean
}

/**
 * The body of `POST …/step`.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepRequest {
  executionId?: string
  stepIndex?: number
  accumulatedOutputs?: Record<string, unknown>
  message?: string | null
  parameters?: Record<string, unknown>
  attachments?: Record<string, unknown>[]
  inputOverrides?: Record<string, unknown>
  blockOverrides?: Record<string, Record<string, unknown>>
  runRemaining?: boolean
  tools?: Record<string, unknown>[]
  toolChoice?: unknown
  toolCallMessages?: Record<string, unknown>[]
  iterationsUsed?: number
  trace?: boolean
}
