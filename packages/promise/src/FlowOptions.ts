/**
 * The options of a flow's operations.
 *
 * @since 0.1.0
 */
import type { ToolHandler } from "./Tool.js"

/**
 * The version of a flow that runs. `"production"`, the default, is the published version, or the draft while there is
 * none. `"draft"` is the live draft, which cannot be streamed. A number is that published version.
 *
 * @since 0.1.0
 * @category models
 */
export type VersionSpec = "draft" | "production" | number

/**
 * The options of `execute`.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteOptions {
  /** The user's message; excludes `messages`. */
  message?: string | undefined
  /** A conversation whose last entry is the current turn; excludes `message`. An empty one counts as absent. */
  messages?: ReadonlyArray<Record<string, unknown>> | undefined
  /** The flow's inputs, by name. */
  parameters?: Record<string, unknown> | undefined
  /** Fields to override, by step id. */
  blockOverrides?: Record<string, Record<string, unknown>> | undefined
  /** At most 10 images: `{ url, mime_type, filename? }`; `mimeType` is accepted too. */
  attachments?: ReadonlyArray<Record<string, unknown>> | undefined
  /** Tools in OpenAI's function format; at most 64. */
  tools?: ReadonlyArray<Record<string, unknown>> | undefined
  /** `"auto"`, `"none"`, `"required"`, or one of the tools. */
  toolChoice?: unknown
  /** Answers tool calls; without one a run that asks for them pauses. */
  toolHandler?: ToolHandler | undefined
  /** How many times the handler may run; 0 is never. Default: 10. */
  maxToolRounds?: number | undefined
  /**
   * The cost in US dollars above which the run is stopped with a `CostLimitError`: a number or decimal text above 0.
   * The cost is checked between steps, so the run may cost more than the limit by one step. With a limit, `execute`
   * requests one step at a time and reads the trace of the run before each further step and tool round; it cannot run
   * `messages` or the draft. A run that finished resolves, whatever it cost. Default: no limit.
   */
  maxCostUsd?: number | string | undefined
  /** Asks the server to keep input and output snapshots of this run. Default: false. */
  trace?: boolean | undefined
  /** Default: `"production"`. */
  version?: VersionSpec | undefined
  /** Milliseconds for each request, and on a stream for each silence. Default: the client's. */
  timeout?: number | undefined
  /** Ends the call; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** The session that the run is tagged with, for replay. Default: the scope's, then the client's. */
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
{}

/**
 * The options of running once per key.
 *
 * @since 0.1.0
 * @category options
 */
export interface OnceOptions {
  /** Whether a run that failed or was cancelled is followed by another one under the same key. Default: false. */
  rerunFailed?: boolean | undefined
  /**
   * Milliseconds after which an absence is looked at again before anything is sent, for servers whose list of runs
   * lags, on the start after a crash. Default: 0.
   */
  settle?: number | undefined
}

/**
 * The options of `executeOnce`: those of `execute` without a session, which is made of the key, and without
 * `maxCostUsd`, since the run is one request. `trace` is true unless it is set, so that the server keeps the result.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteOnceOptions extends Omit<ExecuteOptions, "sessionId" | "maxCostUsd">, OnceOptions {
  /**
   * Whether a run of the key that has not ended is followed to its end, where the call would reject with a
   * `RunInProgressError`. If it waits for tool results, this call answers it, so that a tool that ran may run again: set
   * it only on the start after a crash, when no other process runs the key. Default: false.
   */
  takeOver?: boolean | undefined
}

/**
 * The options of `executeAsyncOnce`: those of `executeAsync` without a session, which is made of the key.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteAsyncOnceOptions extends Omit<ExecuteAsyncOptions, "sessionId">, OnceOptions {}

/**
 * The options of `steps`: those of `execute` without a conversation.
 *
 * @since 0.1.0
 * @category options
 */
export interface StepsOptions extends Omit<ExecuteOptions, "messages"> {
  /** Outputs that later steps are given in place of the real ones, by step id. */
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
