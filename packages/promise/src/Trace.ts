/**
 * The trace of a run.
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
 * One attempt at a step. Contexts are present only if payloads were captured.
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
  /** Milliseconds for which the step waited for tool results, if the server sends it. */
  waitingMs?: number
  modelUsed?: string
  tokens?: TokenBreakdown
  /** US dollars, as decimal text. */
  costUsd?: string
  inputContext?: Record<string, unknown>
  outputContext?: Record<string, unknown>
  errorContext?: Record<string, unknown>
  inputSizeBytes?: number
  outputSizeBytes?: number
  /** Whether a stored payload was truncated. */
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
 * The sums over all attempts and iterations of all steps.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceTotals {
  /** The sum of `durationMs` of all steps, in milliseconds. */
  durationMs: number
  /** Milliseconds from the start of the run to its end. */
  wallMs: number
  /** Milliseconds in which steps were running. */
  busyMs: number
  /** Milliseconds in which steps waited for tool results. */
  waitingMs: number
  tokens: TokenBreakdown
  /** Exact US dollars, as decimal text: the sum of the known costs. */
  costUsd: string
  /**
   * The number of steps whose cost is unknown and not in `costUsd`: the server sent a cost that is not a decimal, or no
   * cost of a step that used tokens. A run without steps has one unknown cost. Absent from the server's own sums.
   */
  unknownCosts?: number
}

/**
 * The cost of a run, and whether it is complete.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunCost extends TraceTotals {
  executionId: string
  /** The status of the run. The cost of a run that is `running` grows. */
  status: string
  /** Whether the whole cost is known: `unknownCosts` is 0. */
  isKnown: boolean
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
  /** The server's sums. If it sends none, they are computed here, and the property is not enumerable. */
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
