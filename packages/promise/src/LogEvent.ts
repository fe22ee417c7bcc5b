/**
 * What `onLog` sees.
 *
 * @since 0.1.0
 */

/**
 * - `request`: before each attempt.
 * - `response`: after each attempt's response.
 * - `retry`: before the wait that precedes the next attempt.
 * - `error`: an attempt ended without a usable response.
 * - `scope_open`, `scope_close`: entering and leaving a trace scope; always paired.
 *
 * Never a header and never the key; bodies only with `logPayloads`.
 *
 * @since 0.1.0
 * @category models
 */
export interface LogEvent {
  phase: "request" | "response" | "retry" | "error" | "scope_open" | "scope_close"
  /** Not of scopes. */
  method?: string
  /** Relative to the base URL. Not of scopes. */
  path?: string
  /** From 0. Not of scopes. */
  attempt?: number
  /** True for event streams. */
  streaming?: boolean
  statusCode?: number
  requestId?: string
  requestBody?: unknown
  responseBody?: unknown
  /** Of `retry`: milliseconds until the next attempt. */
  delay?: number
  /** Of `error`: the name of the error class. */
  error?: string
  /** Of `error`. */
  message?: string
  /** Of scopes. */
  mode?: "normal" | "capture" | "replay"
  /** Of scopes. */
  sessionId?: string | null
}
