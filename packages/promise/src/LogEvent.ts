/**
 * The events of `onLog`.
 *
 * @since 0.1.0
 */

/**
 * An event of one request or of a trace scope:
 *
 * - `request`: before each attempt.
 * - `response`: after each attempt's response.
 * - `retry`: before the wait that precedes the next attempt.
 * - `error`: an attempt ended without a usable response.
 * - `scope_open`, `scope_close`: the begin and end of a trace scope, always paired.
 *
 * Events contain no headers and no key. They contain bodies only with `logPayloads`.
 *
 * @since 0.1.0
 * @category models
 */
export interface LogEvent {
  phase: "request" | "response" | "retry" | "error" | "scope_open" | "scope_close"
  /** Absent on scopes. */
  method?: string
  /** Relative to the base URL; absent on scopes. */
  path?: string
  /** From 0; absent on scopes. */
  attempt?: number
  /** True for event streams. */
  streaming?: boolean
  statusCode?: number
  requestId?: string
  requestBody?: unknown
  responseBody?: unknown
  /** On `retry`: milliseconds until the next attempt. */
  delay?: number
  /** On `error`: the name of the error class. */
  error?: string
  /** On `error`: its message. */
  message?: string
  /** On scopes. */
  mode?: "normal" | "capture" | "replay"
  /** On scopes. */
  sessionId?: string | null
}
