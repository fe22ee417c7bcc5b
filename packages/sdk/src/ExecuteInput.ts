/**
 * The input of a run.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { PausedState } from "./ExecuteResult.js"
import type { AnyParameters, FlowVersion } from "./Flow.js"
import type { CallOptions } from "./internal/options/callOptions.js"
import type { ToolChoice } from "./Tools.js"

export type { CallOptions, ReadOptions, StreamOptions } from "./internal/options/callOptions.js"

/**
 * An entry of `messages`. Other keys are sent untouched.
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
 * The options of a run, without its parameters and tools.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteOptions extends CallOptions {
  /** The user's message. Not together with `messages`. */
  readonly message?: string | undefined
  /** A conversation; its last entry is the current turn. An empty one counts as absent. */
  readonly messages?: ReadonlyArray<Message> | undefined
  /** Fields to override, by step id. Default: none. */
  readonly blockOverrides?: { readonly [stepId: string]: { readonly [field: string]: unknown } } | undefined
  /** At most 10. Default: none. */
  readonly attachments?: ReadonlyArray<Attachment> | undefined
  /** Which tools the model may or must call. Default: not sent. */
  readonly toolChoice?: ToolChoice | undefined
  /** The limit of calls of the tool handler; 0: none. Default: 10. */
  readonly maxToolRounds?: number | undefined
  /** How many calls of one round are answered at a time, by tools made by `Tools.make`. Default: 4. */
  readonly toolConcurrency?: number | undefined
  /** Whether a failing handler fails the run, or is reported to the model as a tool error. Default: `"fail"`. */
  readonly onToolFailure?: "fail" | "report" | undefined
  /** Asks the server to keep the inputs and outputs of the run's steps ("snapshots"). Default: false. */
  readonly snapshots?: boolean | undefined
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** The session of the run, for replay. Default: the scope's, then the client's. */
  readonly sessionId?: string | undefined
  /** The limit of the whole call: attempts, waits and tool rounds. Default: the client's, none. */
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
   * The tools that the flow may call while it runs: declarations by hand (the run may pause), `Tools.handle`,
   * `Tools.make`, or an `@effect/ai` toolkit. At most 64. Default: none.
   */
  readonly tools?: T
}

/**
 * An amount of US dollars: a number, or exact decimal text such as `"0.25"`.
 *
 * @since 0.1.0
 * @category options
 */
export type CostLimit = number | string

/**
 * The limit of what a run may cost.
 *
 * @since 0.1.0
 * @category options
 */
export interface CostInput {
  /**
   * The cost in US dollars above which the run is stopped. The cost is checked between steps, so the run may cost more
   * than the limit by one step. An amount of 0 or less is an `InvalidRequestError` before anything is sent.
   *
   * With a limit, `execute` requests one step at a time over `/step`, and so cannot run `messages` or the draft. Before
   * each further step and each tool round the trace of the run is read: one more request. A run that has cost more than
   * the limit fails there with a `CostLimitError`, which has its cursor. A run that finished returns its result,
   * whatever it cost. Two kinds of responses are not stopped: `runRemaining` of `events`, and `resume` of a run that
   * began without a limit, whose cost is checked between tool rounds only. Default: no limit, and nothing is read.
   */
  readonly maxCostUsd?: CostLimit | undefined
}

/**
 * The hook at each pause of a run. `X` is its effect, whose errors and requirements the call has too.
 *
 * @since 0.1.0
 * @category options
 */
export interface PauseInput<X = Effect.Effect<void>> {
  /**
   * Is given the state of each pause for tool calls, before any of them is answered: by a handler, or by the caller of
   * `resume`. The run goes on when the effect ends, so that what it stores is there after a crash, for `resume` in
   * another process. Its failure fails the call; the run stays paused. Default: nothing is done.
   */
  readonly onPause?: ((state: PausedState) => X) | undefined
}

/**
 * The input of `execute`. `parameters` is required exactly when the flow's schema requires some.
 *
 * @since 0.1.0
 * @category options
 */
export type ExecuteInput<P = AnyParameters, T = undefined, X = Effect.Effect<void>> =
  & ExecuteOptions
  & ParametersInput<P>
  & ToolsInput<T>
  & CostInput
  & PauseInput<X>

/**
 * The options of running once per key.
 *
 * @since 0.1.0
 * @category options
 */
export interface OnceOptions {
  /** Whether a run that failed or was cancelled is followed by another one under the same key. Default: false. */
  readonly rerunFailed?: boolean | undefined
  /**
   * The time after which an absence is looked at again before anything is sent, for servers whose list of runs lags, on
   * the start after a crash. Default: 0, an absence is believed at once.
   */
  readonly settle?: Duration.DurationInput | undefined
}

/**
 * The option of going on with a run that another process began.
 *
 * @since 0.1.0
 * @category options
 */
export interface TakeOverOptions {
  /**
   * Whether a run of the key that has not ended is followed to its end, where it would be a `RunInProgressError`. If it
   * waits for tool results, this call answers it, so that a tool that ran may run again: set it only on the start after
   * a crash, when no other process runs the key. It needs a key that may read the events of runs. Default: false.
   */
  readonly takeOver?: boolean | undefined
}

/**
 * The input of `executeOnce`: that of `execute`, without a session, which is made of the key, and without `maxCostUsd`,
 * since the run is one request and cannot be stopped. `snapshots` is true unless it
 * is set, so that the server keeps the result for later calls of the key. `retryPost` does not apply to the request that
 * begins the run.
 *
 * @since 0.1.0
 * @category options
 */
export type ExecuteOnceInput<P = AnyParameters, T = undefined, X = Effect.Effect<void>> =
  & Omit<ExecuteOptions, "sessionId">
  & ParametersInput<P>
  & ToolsInput<T>
  & PauseInput<X>
  & OnceOptions
  & TakeOverOptions

/**
 * The input of `resume`. Everything else of the first call travels in the paused state.
 *
 * @since 0.1.0
 * @category options
 */
export type ResumeInput<T = undefined, X = Effect.Effect<void>> =
  & CallOptions
  & PauseInput<X>
  & Pick<ExecuteOptions, "maxToolRounds" | "toolConcurrency" | "onToolFailure" | "timeout">
  & {
    /** The tools for the rounds after this one. Default: the tools of the first call, answered by hand. */
    readonly tools?: T
  }
  & CostInput
