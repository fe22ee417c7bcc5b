/**
 * What a run left behind (contract 9).
 *
 * @since 0.1.0
 */

/**
 * The tokens of a step.
 *
 * @since 0.1.0
 * @category models
 */
export interface TokenBreakdown {
  prompt: number
  completion: number
  total: number
}

/**
 * One attempt at one step. Contexts are there only if payloads were captured.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepTrace {
  stepId: string
  /** From 1. */
  attempt: number
  /** The iteration of a step in a loop, from 0. */
  loopIndex?: number | null
  status: "running" | "completed" | "failed" | "skipped"
  startedAt?: string
  completedAt?: string
  durationMs?: number
  modelUsed?: string
  tokens?: TokenBreakdown
  /** US dollars, as decimal text. */
  costUsd?: string
  inputContext?: Record<string, unknown>
  outputContext?: Record<string, unknown>
  errorContext?: Record<string, unknown>
  inputSizeBytes?: number
  outputSizeBytes?: number
  /** Whether a stored payload was cut. */
  truncated?: boolean
}

/**
 * A run as a whole.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunSummary {
  id: string
  flowId: string
  status: string
  triggerType?: string
  startedAt?: string
  completedAt?: string
  durationMs?: number
  stepCount?: number
}

/**
 * What the steps of a trace add up to, every attempt and iteration included.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceTotals {
  durationMs: number
  tokens: TokenBreakdown
  /** US dollars, as decimal text, exact. */
  costUsd: string
}

/**
 * A run and its steps.
 *
 * @since 0.1.0
 * @category models
 */
export interface Trace {
  flowRun: RunSummary
  steps: StepTrace[]
  /** Added up here, and not enumerable, unless the server sends one. */
  readonly summary: TraceTotals
}

/**
 * Every attempt at one step.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepAttempts {
  stepId: string
  attempts: StepTrace[]
}
