/** The requests and responses of `POST …/execute`, also for a relay, and the request of `POST …/step`. */
import * as Schema from "effect/Schema"
import type { FlowAddress, FlowVersion } from "../flow/flow.js"
import type { RequestContext, StreamOptions } from "../options/callOptions.js"
import { lenient, lenientWith } from "../schema/nullable.js"
import { KeptObject } from "../schema/schemaReader.js"

/** The request of `forward`: `POST …/execute` with a body and a response that are passed on unread. */
export interface ForwardRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  /** The JSON body, whole. */
  readonly body: { readonly [key: string]: unknown }
}

/** A response of any status. */
export interface ForwardResponse {
  readonly status: number
  /** The body, without the key. */
  readonly text: string
}

/** The JSON body. Absent and `undefined` keys are not sent. */
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

/** The request of `step`. */
export interface StepRequest extends RequestContext {
  readonly options: StreamOptions
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly body: StepBody
  /**
   * The body of the `execute` that runs this flow step by step. Such a request has the timeouts and retries of
   * `execute`, and a replay may hold its run as one of `execute`. Absent: the events are for the caller.
   */
  readonly asExecute?: ExecuteBody | undefined
}

/** The JSON body. Absent and `undefined` keys are not sent. */
export interface ExecuteBody {
  readonly message?: string | undefined
  readonly messages?: ReadonlyArray<unknown> | undefined
  readonly parameters?: unknown
  readonly blockOverrides?: { readonly [stepId: string]: unknown } | undefined
  readonly attachments?: ReadonlyArray<unknown> | undefined
  readonly tools?: ReadonlyArray<unknown> | undefined
  readonly toolChoice?: unknown
  readonly executionId?: string | undefined
  readonly pausedAtStep?: string | undefined
  readonly iterationsUsed?: number | undefined
  readonly toolCallMessages?: ReadonlyArray<unknown> | undefined
  readonly accumulatedOutputs?: { readonly [stepId: string]: unknown } | undefined
  readonly trace: boolean
}

/** The request of `execute`. */
export interface ExecuteRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly body: ExecuteBody
}

/** A run that ended. Keys that nothing depends on are absent where the server leaves them out or sends another type. */
export const ExecuteEnded = Schema.Struct({
  status: Schema.Literal("completed", "failed"),
  result: Schema.optional(Schema.Unknown),
  flowId: lenient(Schema.String),
  blockCount: lenient(Schema.Number),
  executionId: lenient(Schema.String)
})

/** One tool call as it is on the wire; `arguments` is JSON text. */
export const WireToolCall = Schema.Struct({
  id: Schema.String,
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})

/** */
export interface WireToolCall extends Schema.Schema.Type<typeof WireToolCall> {}

/**
 * A run that waits for tool results. `toolCallMessages` is opaque and goes back verbatim; where `toolCalls` cannot be
 * read, its last assistant message names the calls.
 */
export const ExecutePaused = Schema.Struct({
  status: Schema.Literal("tool_calls_required"),
  /** The id of the run; absent: that of the request. */
  executionId: lenient(Schema.String),
  pausedAtStep: Schema.String,
  iterationsUsed: lenientWith(Schema.Number, 0),
  toolCallMessages: Schema.Array(Schema.Unknown),
  toolCalls: lenient(Schema.Array(Schema.Unknown)),
  accumulatedOutputs: lenient(KeptObject),
  flowId: lenient(Schema.String),
  blockCount: lenient(Schema.Number)
})

/** */
export interface ExecuteEnded {
  readonly status: "completed" | "failed"
  readonly result?: unknown
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly executionId?: string | undefined
  readonly requestId?: string | undefined
  /** The body as it came; not enumerable. */
  readonly raw?: unknown
}

/** */
export interface ExecutePaused {
  readonly status: "tool_calls_required"
  readonly executionId?: string | undefined
  readonly pausedAtStep: string
  readonly iterationsUsed: number
  readonly toolCallMessages: ReadonlyArray<unknown>
  readonly toolCalls?: ReadonlyArray<unknown> | undefined
  readonly accumulatedOutputs?: { readonly [stepId: string]: unknown } | undefined
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly requestId?: string | undefined
  /** The body as it came; not enumerable. */
  readonly raw?: unknown
}

/** The response of `/execute` with status 200. */
export const ExecuteResponse = Schema.Union(ExecuteEnded, ExecutePaused)

/** */
export type ExecuteResponse = ExecuteEnded | ExecutePaused
