/** The requests and responses of `POST …/jobs` and `GET …/jobs/{executionId}`. */
import * as Schema from "effect/Schema"
import type { FlowAddress, FlowVersion } from "../flow/flow.js"
import type { RequestContext } from "../options/callOptions.js"
import { lenient, nullAsAbsent } from "../schema/nullable.js"
import type { ExecuteBody } from "./runRequests.js"

/** The JSON body of a submission. Absent and `undefined` keys are not sent. */
export interface SubmitJobBody extends Pick<ExecuteBody, "message" | "parameters" | "blockOverrides" | "trace"> {}

/** The request of `submitJob`. */
export interface SubmitJobRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly body: SubmitJobBody
}

/**
 * The response of a submission with a 2xx. Only `executionId` is required, since without it the job could not be found
 * again.
 */
export const SubmitJobResponse = Schema.Struct({
  executionId: Schema.NonEmptyString,
  /** Free text, such as `started`, that nothing depends on. */
  status: lenient(Schema.String),
  flowId: lenient(Schema.String),
  blockCount: lenient(Schema.Number)
})

/** */
export interface SubmitJobResponse extends Schema.Schema.Type<typeof SubmitJobResponse> {
  /** The body as it came; not enumerable. */
  readonly raw?: unknown
}

/** The request of `pollJob`. */
export interface PollJobRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly executionId: string
}

/** The response of a poll with a 2xx. */
export const PollJobResponse = Schema.Struct({
  executionId: lenient(Schema.String),
  /** `pending`, `running`, `completed`, `failed`, `cancelled`, or something newer. */
  status: Schema.String,
  /** The result of a completed job, which may be `null`. */
  result: Schema.optional(Schema.Unknown),
  /** The error of a failed job: text, or an object. */
  error: nullAsAbsent(Schema.Unknown)
})

/** */
export interface PollJobResponse extends Schema.Schema.Type<typeof PollJobResponse> {
  readonly requestId?: string | undefined
  /** The body as it came; not enumerable. */
  readonly raw?: unknown
}
