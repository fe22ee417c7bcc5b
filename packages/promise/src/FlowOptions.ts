/**
 * What the operations of a flow take.
 *
 * @since 0.1.0
 */
import type { ToolHandler } from "./Tool.js"

/**
 * `"production"`, the default: what is published, or the draft while nothing is. `"draft"`: the live draft, which cannot
 * be streamed. N: the published version N.
 *
 * @since 0.1.0
 * @category models
 */
export type VersionSpec = "draft" | "production" | number

/**
 * What a run is given.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecuteOptions {
  /** The user's message. With `messages`: not both. */
  message?: string | undefined
  /** A conversation; its last entry is the current turn. An empty one counts as absent. */
  messages?: ReadonlyArray<Record<string, unknown>> | undefined
  /** The flow's inputs, by name. */
  parameters?: Record<string, unknown> | undefined
  /** Fields to override, by step id. */
  blockOverrides?: Record<string, Record<string, unknown>> | undefined
  /** At most 10 images: `{ url, mime_type, filename? }`; `mimeType` is accepted too. */
  attachments?: ReadonlyArray<Record<string, unknown>> | undefined
  /** In OpenAI's function format; at most 64. */
  tools?: ReadonlyArray<Record<string, unknown>> | undefined
  /** `"auto"`, `"none"`, `"required"`, or one of the tools. */
  toolChoice?: unknown
  /** Answers tool calls; without one a run that asks for them pauses. */
  toolHandler?: ToolHandler | undefined
  /** How often the handler may run; 0: never. Default: 10. */
  maxToolRounds?: number | undefined
  /** Asks the server to keep input and output snapshots of this run. Default: false. */
  trace?: boolean | undefined
  /** Default: `"production"`. */
  version?: VersionSpec | undefined
  /** Milliseconds for each request; on a stream, for each silence. Default: the client's. */
  timeout?: number | undefined
  /** Ends the call; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Tags the run for replay. Default: the scope's, then the client's. */
  sessionId?: string | undefined
}

/**
 * What a run in the queue is given: that of `execute`, without tools, conversation and attachments.
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
 * What a run step by step is given: that of `execute`, without a conversation.
 *
 * @since 0.1.0
 * @category options
 */
export interface StepsOptions extends Omit<ExecuteOptions, "messages"> {
  /** Replacement outputs, by step id, for what the next steps are given. */
  inputOverrides?: Record<string, unknown> | undefined
}

/**
 * What a run with all its events is given.
 *
 * @since 0.1.0
 * @category options
 */
export interface EventsOptions extends StepsOptions {
  /** All steps in one response. Default: false. */
  runRemaining?: boolean | undefined
}
