/** The requests and responses of the run endpoints. The schemas of what they answer are in `Trace`. */
import * as Schema from "effect/Schema"
import { FlowRun, type StepAttempts, type StepTrace } from "../../Trace.js"
import type { FlowAddress } from "../flow/flow.js"
import type { RequestContext, StreamOptions } from "../input/callOptions.js"

/**
 * Names one run of one flow.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly executionId: string
}

/**
 * Asks for the events of a run, past and to come.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceStreamRequest extends RunRequest {
  readonly options: StreamOptions
}

/**
 * What the seam's `stepTrace` takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepTraceRequest extends RunRequest {
  readonly stepId: string
  /** Absent: the latest. */
  readonly attempt: "all" | number | undefined
  readonly loopIndex: number | undefined
}

/**
 * One attempt, or all of them if `attempt` was `"all"`.
 *
 * @since 0.1.0
 * @category models
 */
export type StepTraceResponse = StepTrace | StepAttempts

/**
 * What the seam's `runList` takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunListRequest extends RequestContext {
  readonly flowId: string
  readonly limit: number | undefined
  readonly status: "running" | "completed" | "failed" | "cancelled" | undefined
}

/**
 * The runs of a flow, newest first.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RunListResponse = Schema.Struct({ runs: Schema.Array(FlowRun) })

/**
 * @since 0.1.0
 * @category models
 */
export interface RunListResponse extends Schema.Schema.Type<typeof RunListResponse> {
  /** The body as it came; not enumerable. */
  readonly raw?: unknown
}
