/**
 * A callback that sees attempts, retries and scopes: never a header, never the key, a body only with `logPayloads`.
 *
 * @since 0.1.0
 */

/**
 * The fields that every event of one HTTP attempt has.
 *
 * @since 0.1.0
 * @category models
 */
export interface AttemptInfo {
  readonly method: "GET" | "POST"
  /** The path relative to the base URL, with its `/seq` prefix. */
  readonly path: string
  /** The number of the attempt, from 0. */
  readonly attempt: number
  /** True for event streams, whose response bodies are never logged. */
  readonly streaming?: true
}

/**
 * - `request`: before each attempt.
 * - `response`: after each attempt's response, before it is mapped to an error.
 * - `retry`: before the wait that precedes the next attempt. `delay` is in milliseconds.
 * - `error`: an attempt ended without a usable response; `error` is the `_tag`.
 * - `scope_open`, `scope_close`: entering and leaving a `TraceScope`; always paired.
 *
 * @since 0.1.0
 * @category models
 */
export type LogEvent =
  | AttemptInfo & { readonly phase: "request"; readonly requestBody?: string }
  | AttemptInfo & {
    readonly phase: "response"
    readonly statusCode: number
    readonly requestId?: string
    readonly responseBody?: string
  }
  | AttemptInfo & {
    readonly phase: "retry"
    readonly delay: number
    readonly statusCode?: number
    readonly requestId?: string
  }
  | AttemptInfo & { readonly phase: "error"; readonly error: string; readonly message: string }
  | {
    readonly phase: "scope_open" | "scope_close"
    readonly mode: "capture" | "replay" | "session"
    readonly sessionId: string
  }

/**
 * A function that is called synchronously with every event. An exception of it is swallowed and reported once per
 * client as a warning, so that a hook never breaks a call.
 *
 * @example
 * ```ts
 * import type { LogHook } from "@effect-noukai/sdk/LogHook"
 *
 * const log: LogHook = (event) => {
 *   if (event.phase === "retry") console.warn(`${event.path}: again in ${event.delay} ms`)
 * }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export type LogHook = (event: LogEvent) => void
