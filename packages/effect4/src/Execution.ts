/**
 * The inputs and results of runs, with the names of `@effect-noukai/sdk`.
 *
 * @since 0.1.0
 */
import type { FlowCursor, PausedState } from "@effect-noukai/promise/runtime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { AnyParameters } from "./Flow.js"
import type { CallError, NoukaiError } from "./NoukaiError.js"
import type { ToolCall, ToolChoice, ToolResult } from "./Tools.js"

/**
 * The options of a read.
 *
 * @since 0.1.0
 * @category options
 */
export interface ReadOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Until the request is on a socket. Default: the client's. */
  readonly connectTimeout?: Duration.Input | undefined
  /** Of one attempt with its body. Default: the client's. */
  readonly attemptTimeout?: Duration.Input | undefined
  /** Of the whole call. Default: the client's. */
  readonly timeout?: Duration.Input | undefined
  /** Default: the client's. */
  readonly retry?: Schedule.Schedule<unknown, NoukaiError> | undefined
}

/**
 * A message of a conversation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Message {
  readonly role: "user" | "assistant" | "tool"
  readonly content?: string | null | undefined
  readonly [key: string]: unknown
}

/**
 * An image.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attachment {
  readonly kind?: "url" | undefined
  readonly url: string
  readonly mime_type: "image/jpeg" | "image/png" | "image/webp" | "image/gif"
  readonly filename?: string | undefined
}

/**
 * The options of a run.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteOptions extends ReadOptions {
  /** The user's message; excludes `messages`. */
  readonly message?: string | undefined
  /** A conversation; excludes `message`. */
  readonly messages?: ReadonlyArray<Message> | undefined
  readonly blockOverrides?: { readonly [stepId: string]: { readonly [field: string]: unknown } } | undefined
  readonly attachments?: ReadonlyArray<Attachment> | undefined
  readonly toolChoice?: ToolChoice | undefined
  /** Default: 10. */
  readonly maxToolRounds?: number | undefined
  /** Default: 4. */
  readonly toolConcurrency?: number | undefined
  /** Whether a failure of a tool is the failure of the call, or is reported to the model. Default: `"fail"`. */
  readonly onToolFailure?: "fail" | "report" | undefined
  /** Whether the server stores the inputs and outputs of this run. Default: false. */
  readonly snapshots?: boolean | undefined
  /** Default: `"production"`. */
  readonly version?: "production" | "draft" | number | undefined
  /** Default: the scope's, then the client's. */
  readonly sessionId?: string | undefined
  /** Whether a POST that may have begun a run is sent again, which may bill twice. Default: false. */
  readonly retryPost?: boolean | undefined
  /** The cost in US dollars above which the run stops. Default: no limit. */
  readonly maxCostUsd?: number | string | undefined
}

/**
 * The parameters of a run. They are required exactly when the flow requires some.
 *
 * @since 0.1.0
 * @category options
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export type ParametersInput<P = AnyParameters> = {} extends P ? { readonly parameters?: P | undefined }
  : { readonly parameters: P }

/**
 * The tools of a run, and the hook that stores its pauses.
 *
 * @since 0.1.0
 * @category options
 */
export interface ToolsInput<T = undefined, X = Effect.Effect<void>> {
  /** Default: none; the run cannot pause. */
  readonly tools?: T
  /** Runs at each pause, before anything answers it. A failure leaves the run paused. */
  readonly onPause?: ((state: PausedState) => X) | undefined
}

/**
 * The input of `execute`.
 *
 * @since 0.1.0
 * @category options
 */
export type ExecuteInput<P = AnyParameters, T = undefined, X = Effect.Effect<void>> =
  & ExecuteOptions
  & ParametersInput<P>
  & ToolsInput<T, X>

/**
 * The options of a run once per key.
 *
 * @since 0.1.0
 * @category options
 */
export interface OnceOptions {
  /** Whether another run follows a failed or cancelled run of the key. Default: false. */
  readonly rerunFailed?: boolean | undefined
  /** The time after which a missing run is looked up again. Default: 0. */
  readonly settle?: Duration.Input | undefined
}

/**
 * The options of a run that another call may have begun.
 *
 * @since 0.1.0
 * @category options
 */
export interface TakeOverOptions {
  /** Whether the call goes on with an unfinished run of the key. Default: false. */
  readonly takeOver?: boolean | undefined
  /** The silence after which such a run counts as left. Default: 2 minutes. */
  readonly silence?: Duration.Input | undefined
}

/**
 * The input of `executeOnce`.
 *
 * @since 0.1.0
 * @category options
 */
export type ExecuteOnceInput<P = AnyParameters, T = undefined, X = Effect.Effect<void>> =
  & Omit<ExecuteOptions, "sessionId">
  & ParametersInput<P>
  & ToolsInput<T, X>
  & OnceOptions
  & TakeOverOptions

/**
 * The input of `resume`.
 *
 * @since 0.1.0
 * @category options
 */
export type ResumeInput<T = undefined, X = Effect.Effect<void>> =
  & ReadOptions
  & Pick<ExecuteOptions, "maxToolRounds" | "toolConcurrency" | "onToolFailure" | "maxCostUsd" | "retryPost">
  & ToolsInput<T, X>

/**
 * The options of a stream.
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamOptions extends Omit<ExecuteOptions, "messages" | "version" | "attemptTimeout" | "retryPost"> {
  readonly firstByteTimeout?: Duration.Input | undefined
  readonly idleTimeout?: Duration.Input | undefined
  readonly version?: "production" | number | undefined
  /** Outputs that replace the real ones for later steps, by step id. */
  readonly inputOverrides?: { readonly [stepId: string]: unknown } | undefined
  /** Goes on from the cursor of an event or an error, of this process or another. */
  readonly from?: FlowCursor | undefined
  /** Goes on after a cut. The step that was cut off runs again and may be billed again. Default: off. */
  readonly heal?: Schedule.Schedule<unknown, NoukaiError> | undefined
  /** Of `events`: runs all steps in one response. Default: false. */
  readonly runRemaining?: boolean | undefined
}

/**
 * The input of `events` and `steps`.
 *
 * @since 0.1.0
 * @category options
 */
export type EventsInput<P = AnyParameters, T = undefined> =
  & StreamOptions
  & (ParametersInput<P> | { readonly parameters?: P | undefined; readonly from: FlowCursor })
  & Pick<ToolsInput<T>, "tools">

/**
 * The input of `eventsOnce`.
 *
 * @since 0.1.0
 * @category options
 */
export type EventsOnceInput<P = AnyParameters, T = undefined> =
  & Omit<StreamOptions, "from" | "sessionId">
  & ParametersInput<P>
  & Pick<ToolsInput<T>, "tools">
  & OnceOptions
  & TakeOverOptions

/**
 * A run that succeeded. `raw` is the response as received; it is not enumerable.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteResult<out A = unknown> {
  readonly status: "completed"
  readonly result: A
  readonly executionId?: string
  readonly flowId?: string
  readonly blockCount?: number
  readonly sessionId?: string
  readonly requestId?: string
  readonly raw?: unknown
}

/**
 * A run once per key that succeeded.
 *
 * @since 0.1.0
 * @category models
 */
export interface OnceResult<out A = unknown> extends ExecuteResult<A> {
  /** Whether another call began it, in this process or another. */
  readonly reused: boolean
}

/**
 * A run that waits for the results of tools.
 *
 * @since 0.1.0
 * @category models
 */
export interface PausedResult<out A = unknown, out R = never>
  extends Pick<ExecuteResult, "flowId" | "blockCount" | "sessionId" | "requestId" | "raw">
{
  readonly status: "tool_calls_required"
  readonly executionId: string
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** The pause as JSON, for `resume` in another process. */
  readonly state: PausedState
  readonly resume: (
    results: ReadonlyArray<ToolResult>
  ) => Effect.Effect<ExecuteResult<A> | PausedResult<A, R>, CallError, R>
}

/**
 * A run once per key that waits for the results of tools.
 *
 * @since 0.1.0
 * @category models
 */
export interface OncePausedResult<out A = unknown, out R = never> extends PausedResult<A, R> {
  readonly reused: boolean
}
