/** The request of `POST …/step` (contract 7.1), which answers with a stream of events. */
import type { FlowAddress, FlowVersion } from "../flow/flow.js"
import type { RequestContext, StreamOptions } from "../input/callOptions.js"

/**
 * The JSON body (contract 7.1). Absent and `undefined` keys are not sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepBody {
  readonly executionId?: string | undefined
  /** The step to run, 0-based, in the whole flow. */
  readonly stepIndex: number
  /** The output of every step before it. */
  readonly accumulatedOutputs: { readonly [stepId: string]: unknown }
  readonly message?: string | undefined
  readonly parameters?: unknown
  readonly attachments?: ReadonlyArray<unknown> | undefined
  readonly inputOverrides: { readonly [stepId: string]: unknown }
  readonly blockOverrides?: { readonly [stepId: string]: unknown } | undefined
  readonly runRemaining: boolean
  readonly tools?: ReadonlyArray<unknown> | undefined
  readonly toolChoice?: unknown
  readonly toolCallMessages?: ReadonlyArray<unknown> | undefined
  readonly iterationsUsed: number
  readonly trace: boolean
}

/**
 * What the seam's `step` takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepRequest extends RequestContext {
  readonly options: StreamOptions
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly body: StepBody
}
