/**
 * What a client takes.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "./LogEvent.js"

/**
 * Noukai itself, or a server on this machine.
 *
 * @since 0.1.0
 * @category models
 */
export type NoukaiEnv = "dev" | "production"

/**
 * The options of a client. One that is absent comes from the environment, then from its default.
 *
 * @since 0.1.0
 * @category options
 */
export interface NoukaiOptions {
  /** `nk_…`. Default: `NOUKAI_API_KEY`. An empty one is refused. */
  apiKey?: string | undefined
  /** `"dev"` is `http://localhost:8080/api/v1`. Default: `NOUKAI_ENV`, else `"production"`. */
  env?: NoukaiEnv | undefined
  /** The port of `"dev"`, for a local server on another one. Default: 8080. */
  port?: number | undefined
  /** Default organisation, for flows named by a bare slug. With `project` or not at all. */
  org?: string | undefined
  /** Default project, for flows named by a bare slug. With `org` or not at all. */
  project?: string | undefined
  /** Milliseconds for each request; on a stream, for each silence. Default: 300,000. */
  timeout?: number | undefined
  /** How often a request is repeated that only reads, or was refused (429) before a run; 0: never. Default: 1. */
  maxRetries?: number | undefined
  /** Sees every request. What it throws is ignored. */
  onLog?: ((event: LogEvent) => void) | undefined
  /** Lets `onLog` see bodies. Default: false. */
  logPayloads?: boolean | undefined
  /** Session id of calls that have none of their own and are in no trace scope. Default: none. */
  sessionId?: string | undefined
  /** Ends every call of the client that is under way, and every later one. */
  signal?: AbortSignal | undefined
  /** Node: an undici `Dispatcher`, for proxies. It is not closed with the client. Default: own connections. */
  dispatcher?: unknown
  /**
   * What requests go through instead; not beside `dispatcher`. Nothing is retried then, whatever `maxRetries` says, and
   * `sent` is `"unknown"` until there is a response. Default: `globalThis.fetch` if it was replaced since this package was
   * imported, else what the platform does best.
   */
  fetch?: typeof globalThis.fetch | undefined
}
