/**
 * The services and the options of a client.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "@effect-noukai/promise/LogEvent"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { FlowService } from "./FlowService.js"
import type { JobService } from "./JobService.js"
import type { NoukaiHttp } from "./NoukaiHttp.js"
import type { RunService } from "./RunService.js"
import type { SessionService } from "./SessionService.js"

/**
 * The services of a client.
 *
 * @since 0.1.0
 * @category models
 */
export type Services = FlowService | JobService | RunService | SessionService | NoukaiHttp

/**
 * The options of a client. An absent one has the default of `@effect-noukai/sdk`.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Default: `NOUKAI_API_KEY`. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /** Default: `NOUKAI_ENV`, else `"production"`. */
  readonly env?: "production" | "dev" | "development" | undefined
  /** The port of `"dev"`. Default: 8080. */
  readonly port?: number | undefined
  readonly baseUrl?: string | undefined
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly sessionId?: string | undefined
  readonly connectTimeout?: Duration.Input | undefined
  readonly attemptTimeout?: Duration.Input | undefined
  readonly timeout?: Duration.Input | undefined
  readonly firstByteTimeout?: Duration.Input | undefined
  readonly idleTimeout?: Duration.Input | undefined
  /** Retries of reads, and of requests that a 429 refused before a run. Default: 1. */
  readonly maxRetries?: number | undefined
  readonly retryPost?: boolean | undefined
  readonly maxConcurrency?: number | undefined
  /** The rate limit of all requests. A number is per second. Default: none. */
  readonly rate?: number | { readonly limit: number; readonly interval: Duration.Input } | undefined
  /** Whether `TraceScope.replay` is allowed. Default: `NOUKAI_REPLAY_ENABLED`. */
  readonly replayEnabled?: boolean | undefined
  readonly isSessionNotFound?: ((body: string) => boolean) | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Called for every request. */
  readonly log?: ((event: LogEvent) => void) | undefined
  /** Whether `log` gets bodies. Default: false. */
  readonly logPayloads?: boolean | undefined
  /** Whether `execute` and `resume` add a span for each step, at the cost of one more read. Default: false. */
  readonly stepSpans?: boolean | "payloads" | undefined
  /** An undici `Dispatcher`, for proxies. */
  readonly dispatcher?: unknown
  /** Sends the requests; with it, nothing is retried. */
  readonly fetch?: typeof globalThis.fetch | undefined
}
