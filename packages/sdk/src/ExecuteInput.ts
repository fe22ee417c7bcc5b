/**
 * What a run is given.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { AnyParameters, FlowVersion } from "./Flow.js"
import type { CallOptions } from "./internal/input/callOptions.js"
import type { ToolChoice } from "./Tools.js"

export type { CallOptions, ReadOptions, StreamOptions } from "./internal/input/callOptions.js"

/**
 * An entry of `messages`; other keys pass through untouched.
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
 * An image for the flow: an https URL of at most 2,048 characters that anyone can reach.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attachment {
  readonly kind?: "url" | undefined
  readonly url: string
  readonly mime_type: "image/jpeg" | "image/png" | "image/webp" | "image/gif"
  /** At most 255 characters, without `/`, `\` or `..`. */
  readonly filename?: string | undefined
}

/**
 * What a run may be given, but for its parameters and tools.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteOptions extends CallOptions {
  /** The user's message. With `messages`: not both. */
  readonly message?: string | undefined
  /** A conversation; its last entry is the current turn. An empty one counts as absent. */
  readonly messages?: ReadonlyArray<Message> | undefined
  /** Fields to override, by step id. Default: none. */
  readonly blockOverrides?: { readonly [stepId: string]: { readonly [field: string]: unknown } } | undefined
  /** At most 10. Default: none. */
  readonly attachments?: ReadonlyArray<Attachment> | undefined
  /** Which tools the model may or must call. Default: not sent. */
  readonly toolChoice?: ToolChoice | undefined
  /** How often a handler may run; 0: never. Default: 10. */
  readonly maxToolRounds?: number | undefined
  /** How many calls of one round run at a time (tools made by `Tools.make`). Default: 4. */
  readonly toolConcurrency?: number | undefined
  /** A failing handler fails the run, or is reported to the model as a tool error. Default: `"fail"`. */
  readonly onToolFailure?: "fail" | "report" | undefined
  /** Asks the server to keep input and output snapshots of this run. Default: false. */
  readonly trace?: boolean | undefined
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** Tags the run for replay. Default: the scope's, then the client's. */
  readonly sessionId?: string | undefined
  /** The whole call: attempts, waits and tool rounds. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * The parameters of a run, required exactly when the flow's schema requires some.
 *
 * @since 0.1.0
 * @category options
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export type ParametersInput<P = AnyParameters> = {} extends P ? {
    /** Named inputs of the flow. Default: none. */
    readonly parameters?: P | undefined
  }
  : {
    /** Named inputs of the flow. */
    readonly parameters: P
  }

/**
 * The tools of a run.
 *
 * @since 0.1.0
 * @category options
 */
export type ToolsInput<T = undefined> = {
  /**
   * What the flow may call while it runs: declarations by hand (the run may pause), `Tools.handle`, `Tools.make`, or an
   * `@effect/ai` toolkit. At most 64. Default: none.
   */
  readonly tools?: T
}

/**
 * What `execute` takes. `parameters` is required exactly when the flow's schema requires some.
 *
 * @since 0.1.0
 * @category options
 */
export type ExecuteInput<P = AnyParameters, T = undefined> = ExecuteOptions & ParametersInput<P> & ToolsInput<T>

/**
 * What `resume` may be given: everything else of the first call travels in the paused state.
 *
 * @since 0.1.0
 * @category options
 */
export type ResumeInput<T = undefined> =
  & CallOptions
  & Pick<ExecuteOptions, "maxToolRounds" | "toolConcurrency" | "onToolFailure" | "timeout">
  & {
    /** What answers the rounds after this one. Default: the tools of the first call, answered by hand. */
    readonly tools?: T
  }
