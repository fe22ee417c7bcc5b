/**
 * The options of a flow's operations, and the bodies of its requests.
 *
 * @since 0.1.0
 */
import type { Nudges } from "@effect-noukai/sdk/Webhook"
import type { FlowCursor, PausedState } from "./StoredRun.js"
import type { ToolHandler } from "./Tool.js"
import type { Tool } from "./TypedTool.js"

/**
 * The version of a flow that runs. `"production"`, the default, is the published version, or the draft if nothing is
 * published. `"draft"` is the live draft, which cannot be streamed. A number is a published version.
 *
 * @since 0.1.0
 * @category models
 */
export type VersionSpec = "draft" | "production" | number

/**
 * The option for each pause of a run.
 *
 * @since 0.1.0
 * @category options
 */
export interface PauseOptions {
  /**
   * Called with the state of each pause for tool calls, before anything answers it. The run goes on when its promise
   * resolves, so that what it stores is there after a crash, for `flow.resume` in another process. If it rejects, the
   * call rejects with that error, and the run stays paused. Default: nothing is done.
   */
  onPause?: ((state: PausedState) => unknown) | undefined
}

/**
 * The options of `execute`.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteOptions extends PauseOptions {
  /** The user's message; excludes `messages`. */
  message?: string | undefined
  /** A conversation; excludes `message`. Its last entry is the current turn. An empty list counts as absent. */
  messages?: ReadonlyArray<Record<string, unknown>> | undefined
  /** The flow's inputs, by name. */
  parameters?: Record<string, unknown> | undefined
  /** Fields to override, by step id. */
  blockOverrides?: Record<string, Record<string, unknown>> | undefined
  /** At most 10 images: `{ url, mime_type, filename? }`; `mimeType` is accepted too. */
  attachments?: ReadonlyArray<Record<string, unknown>> | undefined
  /** Tools of `defineTool`, which answer their own calls, or tools in OpenAI's function format; at most 64. */
  tools?: ReadonlyArray<Record<string, unknown>> | ReadonlyArray<Tool> | undefined
  /**
   * `"auto"`, `"none"`, `"required"`, or the name of one tool: `{ type: "function", function: { name: "get_weather" } }`.
   * A tool of `defineTool` itself is refused.
   */
  toolChoice?: unknown
  /** Answers tool calls. Without a handler, a run that requires tool calls pauses. */
  toolHandler?: ToolHandler | undefined
  /** The number of rounds in which the handler may run; 0 is never. Default: 10. */
  maxToolRounds?: number | undefined
  /**
   * The cost in US dollars above which the run stops with a `CostLimitError`: a number or decimal text above 0. The
   * cost is checked between steps, so the run may exceed the limit by the cost of one step. With a limit, `execute`
   * requests one step at a time and reads the trace of the run before each further step and tool round. It cannot run
   * `messages` or the draft. A run that has finished resolves at any cost. Default: no limit.
   */
  maxCostUsd?: number | string | undefined
  /** Whether the server stores the inputs and outputs of this run. Default: false. */
  trace?: boolean | undefined
  /** Default: `"production"`. */
  version?: VersionSpec | undefined
  /** Milliseconds for each request, and in a stream for each silence. Default: the client's. */
  timeout?: number | undefined
  /** Ends the call. The call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** The session of the run, for replay. Default: the scope's, then the client's. */
  sessionId?: string | undefined
}

/**
 * The options of `executeAsync`: those of `execute` without tools, conversation and attachments.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteAsyncOptions extends
  Pick<
    ExecuteOptions,
    "message" | "parameters" | "blockOverrides" | "trace" | "version" | "timeout" | "signal" | "sessionId"
  >
{
  /**
   * Asks for a webhook when the job has ended: the address of a handler that the service can reach, and the `nudges` to which
   * that handler passes what it receives. `wait` and `waitAll` then poll when the webhook has come; where none comes, after
   * 5 seconds, then after twice as long, up to a minute. Default: no webhook.
   */
  callback?: JobCallback | undefined
}

/**
 * The webhook of a job.
 *
 * @since 0.1.0
 * @category options
 */
export interface JobCallback {
  /** The address of a handler of webhooks: `https`, on a public address. */
  url: string
  /** `nudges()` of `/webhook`. Absent: the job is polled as without a webhook. */
  nudges?: Nudges | undefined
}

/**
 * The options of a run once per key.
 *
 * @since 0.1.0
 * @category options
 */
export interface OnceOptions {
  /** Whether another run follows a failed or cancelled run of the key. Default: false. */
  rerunFailed?: boolean | undefined
  /**
   * Milliseconds after which a missing run is looked up again, before anything is sent. Set it after a crash, for
   * servers whose list of runs lags. Default: 0.
   */
  settle?: number | undefined
}

/**
 * The options of `executeOnce`: those of `execute` without `sessionId`, which is derived from the key.
 * `trace` is true by default, so that the server stores the result.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteOnceOptions extends Omit<ExecuteOptions, "sessionId">, OnceOptions {
  /**
   * Whether the call follows an unfinished run of the key to its end. By default it rejects with a
   * `RunInProgressError`. If the run waits for tool results, this call answers, so a tool may run twice. Set it only
   * after a crash, when no other process runs the key. Default: false.
   */
  takeOver?: boolean | undefined
}

/**
 * The options of `submitOnce`: those of `executeAsync` without `sessionId`, which is derived from the key.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteAsyncOnceOptions extends Omit<ExecuteAsyncOptions, "sessionId">, OnceOptions {}

/**
 * The options of `resume`. The other options of the first call are in the state.
 *
 * @since 0.1.0
 * @category options
 */
export interface ResumeOptions
  extends
    PauseOptions,
    Pick<ExecuteOptions, "tools" | "toolHandler" | "maxToolRounds" | "maxCostUsd" | "timeout" | "signal">
{
  /** One result for each call of `state.toolCalls`, as `PausedResult.resume` takes them. */
  toolResults: Record<string, unknown>[]
}

/**
 * How a cut stream goes on.
 *
 * @since 0.1.0
 * @category options
 */
export interface HealOptions {
  /** How often, until a step or a tool round has completed since. Default: 5. */
  attempts?: number | undefined
  /** Milliseconds before the first of them; each further wait is twice as long, up to 30 seconds. Default: 500. */
  delay?: number | undefined
}

/**
 * The options of `steps`: those of `execute` without a conversation and `onPause`.
 *
 * @since 0.1.0
 * @category options
 */
export interface StepsOptions extends Omit<ExecuteOptions, "messages" | "onPause"> {
  /**
   * Goes on from the cursor of an event or an error, of this process or another. Its outputs may have been edited. A
   * step that had not completed runs again; so does the last one, if the end of the run was lost.
   */
  from?: FlowCursor | undefined
  /**
   * Goes on after a cut. A run is never started twice, but the step that was cut off runs again with each attempt and may
   * be billed as often. `true`: with the defaults of {@link HealOptions}. Default: false.
   */
  heal?: boolean | HealOptions | undefined
  /** Outputs that replace the real ones for later steps, by step id. */
  inputOverrides?: Record<string, unknown> | undefined
}

/**
 * The options of `events`.
 *
 * @since 0.1.0
 * @category options
 */
export interface EventsOptions extends StepsOptions {
  /** Runs all steps in one response. Default: false. */
  runRemaining?: boolean | undefined
}

/**
 * The options of `eventsOnce`: those of `events` without `from`, and without `sessionId`, which is derived from the key.
 * `trace` is true by default.
 *
 * @since 0.1.0
 * @category options
 */
export interface EventsOnceOptions extends Omit<EventsOptions, "from" | "sessionId">, OnceOptions {
  /**
   * Whether the call goes on with a run of the key that has been silent for `silence`. By default the loop rejects with a
   * `RunInProgressError`. The step that had not completed runs again and may be billed again. Two calls that take over
   * at the same time each pay for each step that is left, once. Default: false.
   */
  takeOver?: boolean | undefined
  /**
   * Milliseconds without an event of a run that another call began, after which the run counts as silent. They must be
   * more than the slowest step takes. Default: 120,000.
   */
  silence?: number | undefined
}

/**
 * A message of a conversation.
 *
 * @since 0.1.0
 * @category models
 */
export interface ChatMessage {
  /** `"user"`, `"assistant"` or `"tool"`. */
  role: string
  content?: unknown
  toolCalls?: Record<string, unknown>[]
  toolCallId?: string
  name?: string
  [key: string]: unknown
}

/**
 * A duration as text, such as `"30 seconds"`.
 *
 * @since 0.1.0
 * @category models
 */
export type DurationText = `${number} ${"milli" | "second" | "minute" | "hour" | "day"}${"" | "s"}`

/**
 * The options of a relay flow.
 *
 * @since 0.1.0
 * @category options
 */
export interface CreateRelayFlowOptions {
  /** The URL of the relay. In a page, or with `fetch`, it may be relative: `/agent/execute`. */
  url: string
  /** The function that sends requests. It can add headers, such as your login. Default: the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined
  /** The limit of each request, its body included: text such as `"30 seconds"`, or SECONDS. Default: 300 seconds. */
  timeout?: DurationText | number | undefined
}

/**
 * The options of a relay's transport.
 *
 * @since 0.1.0
 * @category options
 */
export interface RelayExecuteTransportOptions extends CreateRelayFlowOptions {
  /** Ends every request. */
  signal?: AbortSignal | undefined
}

/**
 * The options of a run through a relay. The relay sets the version, and it sends no session.
 *
 * @since 0.1.0
 * @category options
 */
export interface RelayExecuteOptions
  extends Omit<ExecuteOptions, "version" | "sessionId" | "maxCostUsd" | "timeout" | "onPause">
{
  /** Tools in OpenAI's function format; at most 64. A relay takes no tools of `defineTool`. */
  tools?: ReadonlyArray<Record<string, unknown>> | undefined
  /** The limit of each request as text, such as `"30 seconds"`. Default: the timeout of the flow. */
  timeout?: DurationText | undefined
}

/**
 * The body of `POST …/execute`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteRequest {
  message?: string | null
  messages?: ChatMessage[]
  parameters?: Record<string, unknown>
  blockOverrides?: Record<string, Record<string, unknown>>
  attachments?: Record<string, unknown>[]
  tools?: Record<string, unknown>[]
  toolChoice?: unknown
  /** Resumes this run, together with `pausedAtStep` and `toolCallMessages`. */
  executionId?: string
  pausedAtStep?: string
  iterationsUsed?: number
  toolCallMessages?: Record<string, unknown>[]
  accumulatedOutputs?: Record<string, unknown>
  trace?: boolean
}

/**
 * The body of `POST …/step`.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepRequest {
  executionId?: string
  stepIndex?: number
  accumulatedOutputs?: Record<string, unknown>
  message?: string | null
  parameters?: Record<string, unknown>
  attachments?: Record<string, unknown>[]
  inputOverrides?: Record<string, unknown>
  blockOverrides?: Record<string, Record<string, unknown>>
  runRemaining?: boolean
  tools?: Record<string, unknown>[]
  toolChoice?: unknown
  toolCallMessages?: Record<string, unknown>[]
  iterationsUsed?: number
  trace?: boolean
}
