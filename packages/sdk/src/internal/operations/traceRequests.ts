/** The requests and responses of the run endpoints. The schemas of runs and steps are in `Trace`. */
import * as Schema from "effect/Schema"
import { FlowRun, type StepAttempts, type StepTrace } from "../../Trace.js"
import type { FlowAddress } from "../flow/flow.js"
import type { RequestContext, StreamOptions } from "../options/callOptions.js"
import { lenient } from "../schema/nullable.js"

/** The request of one run of one flow. */
export interface RunRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly executionId: string
}

/** The request of the events of a run, past and future. */
export interface TraceStreamRequest extends RunRequest {
  readonly options: StreamOptions
}

/** The request of `stepTrace`. */
export interface StepTraceRequest extends RunRequest {
  readonly stepId: string
  /** The attempt; absent: the latest. */
  readonly attempt: "all" | number | undefined
  readonly loopIndex: number | undefined
}

/** One attempt, or all of them if `attempt` was `"all"`. */
export type StepTraceResponse = StepTrace | StepAttempts

/** The request of `runList`. */
export interface RunListRequest extends RequestContext {
  readonly flowId: string
  readonly limit: number | undefined
  readonly status: "running" | "completed" | "failed" | "cancelled" | undefined
  /** The place from which the list goes on; absent: from the newest run. */
  readonly cursor?: string | undefined
}

/** The runs of a flow, newest first. */
export const RunListResponse = Schema.Struct({
  runs: Schema.Array(FlowRun),
  /** The cursor of the next page, of servers that say it. */
  nextCursor: lenient(Schema.NonEmptyString)
})

/** */
export interface RunListResponse extends Schema.Schema.Type<typeof RunListResponse> {
  /** The body as it came; not enumerable. */
  readonly raw?: unknown
}
