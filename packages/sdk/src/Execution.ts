/**
 * The inputs and the results of runs.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { AnyParameters, FlowVersion } from "./Flow.js"
import type { FlowCursor, PausedState } from "./FlowCursor.js"
import type { CallOptions, StreamOptions } from "./internal/options/callOptions.js"
import type { CallError, NoukaiError } from "./NoukaiError.js"
import type { ToolCall, ToolChoice, ToolResult } from "./Tools.js"

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
   * `Tools.make` or `Tools.fromToolkit`. At most 64. Default: none.
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
   * the limit fails there with a `CostLimitError`, which has its cursor. A run that finished returns its result
   * at any cost. Two kinds of responses are not stopped: `runRemaining` of `events`, and `resume` of a run that
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
   *
   * `eventsOnce` waits for `silence` first. Then it requests the step that has not completed again, which may be billed a
   * second time. Two calls that take one run over at the same time each pay for each step that is left, once.
   */
  readonly takeOver?: boolean | undefined
  /**
   * The longest time without an event of a run that another call began. Then the run is taken over (`takeOver`), or the
   * call fails with a `RunInProgressError`. It must be longer than the slowest step. Default: 2 minutes.
   */
  readonly silence?: Duration.DurationInput | undefined
}

/**
 * The input of `executeOnce`: the input of `execute`, without a session, which is made of the key. `snapshots` is true unless it
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
  & CostInput
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

/**
 * The options of a streamed run, without its parameters and tools.
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamRunOptions
  extends
    Omit<ExecuteOptions, "messages" | "version" | "attemptTimeout" | "retryPost">,
    Pick<StreamOptions, "firstByteTimeout" | "idleTimeout">
{
  /** Default: the cursor's, else `"production"`. */
  readonly version?: Exclude<FlowVersion, "draft"> | undefined
  /** Outputs, by step id, that later steps see in place of the real ones. Default: none. */
  readonly inputOverrides?: { readonly [stepId: string]: unknown } | undefined
  /**
   * Goes on from the cursor of an event or an error, of this process or another. The outputs in it may have been
   * edited. A step that had not completed runs again; so does the last one, if the end of the run was lost.
   */
  readonly from?: FlowCursor | undefined
  /**
   * Begins a new run at the step of `from`, with the outputs in it: the steps before do not run again and are not paid for. Give
   * `message` and `parameters` if later steps need them. The id, the session and a tool pause of `from` are left out. Assumed: the
   * hosted service begins such a run. A server that does not refuses the request. Default: false.
   */
  readonly asNewRun?: boolean | undefined
  /**
   * Goes on after a cut, while the schedule lasts; the schedule begins anew when a step or a tool round has completed
   * since. A run is never started twice, but the step that was cut off runs again with each recurrence and may be
   * billed as often. Default: off.
   */
  readonly heal?: Schedule.Schedule<unknown, NoukaiError> | undefined
}

// eslint-disable-next-line @typescript-eslint/no-empty-object-type
type ParametersOrCursor<P> = {} extends P ? ParametersInput<P>
  : ParametersInput<P> | {
    /** Named inputs of the flow. Default: those that the cursor brings. */
    readonly parameters?: P | undefined
    readonly from: FlowCursor
  }

/**
 * The input of `events`. `parameters` is required exactly when the flow's schema requires some and `from` does not
 * bring them.
 *
 * @since 0.1.0
 * @category options
 */
export type EventsInput<P = AnyParameters, T = undefined> =
  & StreamRunOptions
  & {
    /** Runs all steps that are left in one response, without a pause after each. Default: false. */
    readonly runRemaining?: boolean | undefined
  }
  & ParametersOrCursor<P>
  & ToolsInput<T>
  & CostInput

/**
 * The input of `eventsOnce`: the input of `events`, without a session, which is made of the key, and without `from`.
 * `snapshots` is true unless it is set.
 *
 * @since 0.1.0
 * @category options
 */
export type EventsOnceInput<P = AnyParameters, T = undefined> =
  & Omit<StreamRunOptions, "from" | "sessionId">
  & Pick<EventsInput, "runRemaining">
  & ParametersInput<P>
  & ToolsInput<T>
  & CostInput
  & OnceOptions
  & TakeOverOptions

/**
 * The input of `steps`, which runs one step per request.
 *
 * @since 0.1.0
 * @category options
 */
export type StepsInput<P = AnyParameters, T = undefined> =
  & StreamRunOptions
  & ParametersOrCursor<P>
  & ToolsInput<T>
  & CostInput

/**
 * The result of a run that completed. A run that failed is a `FlowExecutionError` instead.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteResult<out A = unknown> {
  readonly status: "completed"
  readonly result: A
  /** Absent if the server did not say. */
  readonly executionId?: string
  /** The server's id of the flow, which `RunService.list` takes; absent if the server did not say. */
  readonly flowId?: string
  readonly blockCount?: number
  /** The session of the run, if any. */
  readonly sessionId?: string
  /** The server's id of the last request, for questions to its support. */
  readonly requestId?: string
  /**
   * The last response as the server sent it, unknown keys included, without the key. Not enumerable. Absent where no
   * server answered, as in the replay of a session.
   */
  readonly raw?: unknown
}

/**
 * The result of a run that completed, of this call or, with `reused`, of another one of the same key. Of a run that was
 * found, `result` is the last output that the server kept, and `raw`, `requestId` and `blockCount` are absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface OnceResult<out A = unknown> extends ExecuteResult<A> {
  /** Whether another call began the run, in this process or another. */
  readonly reused: boolean
}

/**
 * A run that waits for the results of `toolCalls`. A value, not a handle: nothing is sent until `resume` runs, and
 * `state` can be stored and resumed elsewhere with `FlowService.resume`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PausedResult<out A = unknown>
  extends Pick<ExecuteResult, "flowId" | "blockCount" | "sessionId" | "requestId" | "raw">
{
  readonly status: "tool_calls_required"
  readonly executionId: string
  /** The calls that wait for a result. */
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** The state to store, to resume the run later. */
  readonly state: PausedState
  /**
   * Goes on with exactly one result per call. Missing, unknown or duplicate results are an `InvalidRequestError` before
   * anything is sent. A run with `maxCostUsd` that has cost more is a `CostLimitError`.
   */
  readonly resume: (results: ReadonlyArray<ToolResult>) => Effect.Effect<ExecuteResult<A> | PausedResult<A>, CallError>
}

/**
 * A run of `executeOnce` that waits for the results of `toolCalls`.
 *
 * @since 0.1.0
 * @category models
 */
export interface OncePausedResult<out A = unknown> extends PausedResult<A> {
  /** Whether another call began the run: only with `takeOver`, since it is a `RunInProgressError` else. */
  readonly reused: boolean
}
