/** The requests and responses of running once per key. */
import type { RequestContext } from "../options/callOptions.js"
import type { SubmitJobRequest, SubmitJobResponse } from "./jobRequests.js"
import type { ExecuteRequest, ExecuteResponse } from "./runRequests.js"

/**
 * The fields of a request that runs once per key, beside those of the run. Its session is made of the key; `sessionId`
 * is that of a replay, which answers as it answers the run itself.
 */
export interface OnceRequest extends RequestContext {
  /** The name of the run, among all runs of this flow and version. */
  readonly key: string
  /** Whether a run that failed or was cancelled is followed by another one. */
  readonly rerunFailed: boolean
  /** Whether a run that has not ended is followed, to its end or to a pause that this call answers. Default: false. */
  readonly takeOver?: boolean
  /** Milliseconds after which an absence is looked at again; 0: never. */
  readonly settle: number
}

/** The request of `executeOnce`. */
export interface ExecuteOnceRequest extends OnceRequest, ExecuteRequest {}

/** The request of `submitOnce`. */
export interface SubmitOnceRequest extends OnceRequest, SubmitJobRequest {}

/** The run under a key, begun or found. */
export interface OnceResponse<out A> {
  /** The answer to the run, or what is known of one that was found. */
  readonly response: A
  /** Whether another call began the run, in this process or another. */
  readonly reused: boolean
  /** The session of the run. */
  readonly sessionId: string | undefined
}

/** The response of `executeOnce`. */
export interface ExecuteOnceResponse extends OnceResponse<ExecuteResponse> {}

/** The response of `submitOnce`. */
export interface SubmitOnceResponse extends OnceResponse<SubmitJobResponse> {}
