/**
 * The options of a client.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "./LogEvent.js"

/**
 * The end of calls by their caller: an `AbortSignal`, or an object with these members, which is cheaper.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallSignal extends Pick<AbortSignal, "aborted" | "reason"> {
  addEventListener(type: "abort", listener: () => void): void
  removeEventListener(type: "abort", listener: () => void): void
}

/**
 * The server of a client: the hosted service, or a server on this machine.
 *
 * @since 0.1.0
 * @category models
 */
export type NoukaiEnv = "dev" | "production"

/**
 * A rate limit: at most `limit` requests are sent within any `interval`.
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
 * The fields of {@link NoukaiOptions}, for interfaces that extend them.
 *
 * @since 0.1.0
 * @category options
 */
export interface ClientOptions {
  /** The API key, `nk_…`. Default: `NOUKAI_API_KEY`. */
  apiKey?: string | undefined
  /** `"dev"` is `http://localhost:8080/api/v1`. Default: `NOUKAI_ENV`, else `"production"`. */
  env?: NoukaiEnv | undefined
  /** The port of `"dev"`. Default: 8080. */
  port?: number | undefined
  /** The organisation of flows with a bare slug; requires `project`. */
  org?: string | undefined
  /** The project of flows with a bare slug; requires `org`. */
  project?: string | undefined
  /** Milliseconds for each request, and in a stream for each silence. Default: 300,000. */
  timeout?: number | undefined
  /**
   * The number of retries of a read, and of a request that a 429 refused before a run; 0 is never. Default: 1.
   */
  maxRetries?: number | undefined
  /**
   * The number of requests of runs in flight: `execute`, `resume`, `executeAsync` and open event streams. Further
   * requests wait in order. A run that is paused for tool calls does not count. `timeout` does not include the wait.
   * Default: no limit.
   */
  maxConcurrency?: number | undefined
  /**
   * The rate limit of all requests, reads and retries included. Further requests wait. A number is per second. Default:
   * no limit.
   */
  rate?: number | RateLimit | undefined
  /**
   * Whether the body of a 404, at most 64 KiB, says that a session does not exist. After `true`, `executeOnce` sends a
   * paid run, even if the key has run before. Set it for a server with its own wording. An error that it throws counts
   * as `false`. Default: complete JSON whose `detail` has the code `NOT_FOUND` or `SESSION_NOT_FOUND`, or is a text
   * such as `Session not found`.
   */
  isSessionNotFound?: ((body: string) => boolean) | undefined
  /** Called for every request. Errors that it throws are ignored. */
  onLog?: ((event: LogEvent) => void) | undefined
  /** Whether `onLog` gets bodies. Default: false. */
  logPayloads?: boolean | undefined
  /** The session id of calls without their own and outside a scope. Default: none. */
  sessionId?: string | undefined
  /** Ends every call in flight and refuses later calls. */
  signal?: AbortSignal | undefined
  /**
   * An undici `Dispatcher` on Node, for proxies. Closing the client does not close it. Default: the client's own
   * connections.
   */
  dispatcher?: unknown
  /**
   * The function that sends requests; excludes `dispatcher`. With it, nothing is retried, `maxRetries` has no effect,
   * and `sent` is `"unknown"` until a response begins. Default: `globalThis.fetch` if it was replaced after this
   * package was imported, else the platform's best transport.
   */
  fetch?: typeof globalThis.fetch | undefined
  /**
   * Whether calls open spans in your OpenTelemetry, below the active span, and send a `traceparent`. Requires the package
   * `@opentelemetry/api`; without it, every call rejects with an `InvalidRequestError` before anything is sent. Spans
   * have no payloads. Default: false.
   */
  otel?: boolean | undefined
  /**
   * Whether `execute` and `resume` add a span for each step of the run. It costs one more read, and each call waits at
   * most 5 seconds for it. A failure of the read changes nothing. Implies `otel`. Default: false.
   */
  otelSteps?: boolean | undefined
  /**
   * Whether the spans of steps have the input, output, error and messages of the step, and those of tools the arguments
   * and the result, as JSON of at most 4,096 characters each. Implies `otelSteps`. Default: false.
   */
  otelStepPayloads?: boolean | undefined
  /**
   * The `Tracer` of `@opentelemetry/api` that opens the spans. Alone it turns nothing on and is refused. Default: the
   * tracer `@effect-noukai/promise` of the global provider.
   */
  tracer?: unknown
}

interface WithoutTracer extends ClientOptions {
  tracer?: undefined
}

interface WithSpans extends ClientOptions {
  otel: boolean | undefined
}

interface WithStepSpans extends ClientOptions {
  otelSteps: boolean | undefined
}

interface WithStepPayloads extends ClientOptions {
  otelStepPayloads: boolean | undefined
}

/**
 * The options of a client. An absent option comes from the environment, or else has its default. An unknown option is
 * refused with a hint. `tracer` requires `otel`, `otelSteps` or `otelStepPayloads`.
 *
 * @since 0.1.0
 * @category options
 */
export type NoukaiOptions = WithoutTracer | WithSpans | WithStepSpans | WithStepPayloads
