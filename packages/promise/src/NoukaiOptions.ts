/**
 * The options of a client.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "./LogEvent.js"

/**
 * The server of a client: Noukai itself, or one on this machine.
 *
 * @since 0.1.0
 * @category models
 */
export type NoukaiEnv = "dev" | "production"

/**
 * A limit on requests: no more than `limit` leave within any `interval`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimit {
  /** At least 1. */
  limit: number
  /** Milliseconds, more than 0. */
  interval: number
}

/**
 * The options of a client. An absent option is read from the environment, then takes its default.
 *
 * @since 0.1.0
 * @category options
 */
export interface NoukaiOptions {
  /** `nk_…`. Default: `NOUKAI_API_KEY`. An empty one is refused. */
  apiKey?: string | undefined
  /** `"dev"` is `http://localhost:8080/api/v1`. Default: `NOUKAI_ENV`, else `"production"`. */
  env?: NoukaiEnv | undefined
  /** The port of `"dev"`. Default: 8080. */
  port?: number | undefined
  /** The default organisation of flows named by a bare slug; needs `project`. */
  org?: string | undefined
  /** The default project of flows named by a bare slug; needs `org`. */
  project?: string | undefined
  /** Milliseconds for each request, and on a stream for each silence. Default: 300,000. */
  timeout?: number | undefined
  /**
   * How many times a request is repeated that only reads, or was refused (429) before a run; 0 is never. Default: 1.
   */
  maxRetries?: number | undefined
  /**
   * How many requests of runs (`execute`, `resume`, `executeAsync`, event streams for as long as they are open) are
   * under way at once. Further ones wait their turn, first come, first served; a run that is paused for tool calls
   * holds no place. `timeout` does not count the wait. Default: no limit.
   */
  maxConcurrency?: number | undefined
  /**
   * How many requests leave in a time, reads and retries included; further ones wait their turn. A number is per
   * second. Default: no limit.
   */
  rate?: number | RateLimit | undefined
  /**
   * Whether the body of a 404, at most 64 KiB of it, says that a session does not exist. Where it is `true`, runs once
   * per key send a paid run, also one that ran before. For a server with words of its own; only `true` counts, and an
   * error that it throws is `false`. Default: complete JSON whose `detail` has the code `NOT_FOUND` or
   * `SESSION_NOT_FOUND`, or is a text such as `Session not found`.
   */
  isSessionNotFound?: ((body: string) => boolean) | undefined
  /** Told of every request. An error that it throws is ignored. */
  onLog?: ((event: LogEvent) => void) | undefined
  /** Shows bodies to `onLog`. Default: false. */
  logPayloads?: boolean | undefined
  /** The session id of calls that have none of their own and are in no trace scope. Default: none. */
  sessionId?: string | undefined
  /** Ends every call of the client that is under way, and every later one. */
  signal?: AbortSignal | undefined
  /**
   * An undici `Dispatcher` on Node, for proxies. Closing the client leaves it open. Default: connections of the
   * client's own.
   */
  dispatcher?: unknown
  /**
   * The function that sends requests; excludes `dispatcher`. With it nothing is retried, whatever `maxRetries` says,
   * and `sent` is `"unknown"` until there is a response. Default: `globalThis.fetch` if it was replaced since this
   * package was imported, else the platform's best transport.
   */
  fetch?: typeof globalThis.fetch | undefined
}
