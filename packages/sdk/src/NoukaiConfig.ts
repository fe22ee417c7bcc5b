/**
 * The configuration of a client: key, environment, defaults, clocks, retries.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import * as Struct from "effect/Struct"
import * as Invalid from "./internal/core/makeError.js"
import { known, newError, type Problem, problem, readable } from "./internal/core/makeError.js"
import { toMillis } from "./internal/core/time.js"
import { type Rate, resolveRate } from "./internal/http/limiter.js"
import { backoff } from "./internal/http/retry.js"
import * as CallOptions from "./internal/options/callOptions.js"
import { extra } from "./internal/options/headers.js"
import { AuthenticationError, InvalidRequestError, type NoukaiError } from "./NoukaiError.js"
import type { LogHook } from "./Telemetry.js"

export type { Rate } from "./internal/http/limiter.js"

/**
 * The types of {@link NoukaiConfig}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace NoukaiConfig {
  /**
   * The checked configuration. Clocks of `Duration.infinity` are off.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly apiKey: Redacted.Redacted<string>
    /** Scheme, host and port. */
    readonly origin: string
    /** The path before `/seq`: `/api/v1`. */
    readonly prefix: string
    readonly org?: string | undefined
    readonly project?: string | undefined
    readonly sessionId?: string | undefined
    readonly connectTimeout: Duration.Duration
    readonly attemptTimeout: Duration.Duration
    readonly timeout: Duration.Duration
    readonly firstByteTimeout: Duration.Duration
    readonly idleTimeout: Duration.Duration
    readonly retry: Schedule.Schedule<unknown, NoukaiError>
    readonly retryPost: boolean
    /** Absent: no limit. */
    readonly maxConcurrency?: number | undefined
    /** `undefined`: no limit. */
    readonly rate: { readonly limit: number; readonly interval: Duration.Duration } | undefined
    readonly replayEnabled: boolean
    readonly runPaths: "auto" | "seq" | "flow-runs"
    /** Absent: the rule of `Options`. */
    readonly isSessionNotFound?: ((body: string) => boolean) | undefined
    readonly headers: Readonly<Record<string, string>>
    readonly maxResponseBytes: number
    readonly maxFrameBytes: number
    readonly log?: LogHook | undefined
    readonly logPayloads: boolean
    readonly stepSpans: boolean | "payloads"
    readonly dispatcher?: unknown
  }
}

/**
 * The configuration of a client, checked.
 *
 * @since 0.1.0
 * @category tags
 */
export class NoukaiConfig extends Context.Tag("@effect-noukai/sdk/NoukaiConfig")<
  NoukaiConfig,
  NoukaiConfig.Service
>() {}

/**
 * The options that every client has, of Noukai and of a relay.
 *
 * @since 0.1.0
 * @category options
 */
export interface ClientOptions {
  /** The time until the request is on a socket, where the transport can see that (Node). Default: 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** The limit of one attempt, its body included. Default: 300 seconds. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /** The limit of the whole call: attempts, waits and tool rounds. Default: none. */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * Retries of the default policy, of reads and of requests that never left or were refused (429) before a run; 0:
   * none. Default: 1.
   */
  readonly maxRetries?: number | undefined
  /**
   * A schedule in place of the default policy (full jitter up to 1, 4, 16, 20 s …). `maxRetries` does not apply to it.
   */
  readonly retry?: Schedule.Schedule<unknown, NoukaiError> | undefined
  /**
   * The number of requests of runs (`execute`, `resume`, `submit`, event streams for as long as they are open) that are
   * in flight. Requests above the limit wait their turn, first come, first served. A run that is paused for tool calls
   * does not count. The wait counts against `timeout` alone. Default: no limit.
   */
  readonly maxConcurrency?: number | undefined
  /**
   * The number of requests that leave in a time, reads and retries included: a number is per second, or
   * `{ limit: 200, interval: "1 minute" }`. Those above it wait their turn, as with `maxConcurrency`. Default: no limit.
   */
  readonly rate?: number | Rate | undefined
  /** The limit of a response, in bytes; a longer one is an `UnexpectedResponseError`. Default: 64 MiB. */
  readonly maxResponseBytes?: number | undefined
  /** A hook that sees every attempt. Default: none. */
  readonly log?: LogHook | undefined
  /** Whether `log` sees bodies. Default: false. */
  readonly logPayloads?: boolean | undefined
  /** An undici `Dispatcher`, on Node, for proxies. It is not closed with the layer. Default: an own `Agent`. */
  readonly dispatcher?: unknown
}

/**
 * The options of a client, all optional. `NOUKAI_API_KEY`, `NOUKAI_ENV` and `NOUKAI_REPLAY_ENABLED` are read where an
 * option is absent; an option always wins.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends ClientOptions {
  /** The key, `nk_…`. Default: `NOUKAI_API_KEY`. An empty key is refused, not replaced by the variable. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /**
   * The server: `"production"`, or `"dev"` (also `"development"`) for `http://localhost:8080`. Default: `NOUKAI_ENV`,
   * else `"production"`.
   */
  readonly env?: "production" | "dev" | "development" | undefined
  /** The port of the `dev` environment. Default: 8080. */
  readonly port?: number | undefined
  /**
   * The server by URL, instead of `env`: `https://api.noukai.xyz/api/v1`, `https://api.noukai.dev/api/v1` or a loopback
   * address. Any other URL is refused, since the key is sent there.
   */
  readonly baseUrl?: string | undefined
  /** Default organisation, for flows named by a bare slug. Requires `project`. */
  readonly org?: string | undefined
  /** Default project, for flows named by a bare slug. Requires `org`. */
  readonly project?: string | undefined
  /** The session of calls that name none and are in no `TraceScope`. Default: none. */
  readonly sessionId?: string | undefined
  /** The time from sending to the first byte of a streamed body. Default: 300 seconds. */
  readonly firstByteTimeout?: Duration.DurationInput | undefined
  /** The time between two arrivals of bytes of a stream. Default: 300 seconds. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** Whether to repeat a POST that may have arrived, which may run and bill a flow twice. Default: false. */
  readonly retryPost?: boolean | undefined
  /** Whether `TraceScope.replay` may replay. Default: `NOUKAI_REPLAY_ENABLED` is 1, true, yes or on. */
  readonly replayEnabled?: boolean | undefined
  /**
   * The paths under which runs are read: `"seq"` for `/seq/{org}/{project}/{flow}/runs`, `"flow-runs"` for `/flow-runs`.
   * `"auto"` reads from the first, reads from the second if the first answers 401, 403 or 404, and remembers which one
   * answered. Default: `"auto"`.
   */
  readonly runPaths?: "auto" | "seq" | "flow-runs" | undefined
  /**
   * Whether the body of a 404, at most 64 KiB of it, says that a session does not exist. Where it is `true`, runs once
   * per key and batches send a paid run, also one that ran before. For a server with words of its own; only `true`
   * counts, and an error that it throws is `false`. Default: complete JSON whose `detail` has the code `NOT_FOUND` or
   * `SESSION_NOT_FOUND`, or is a text such as `Session not found`.
   */
  readonly isSessionNotFound?: ((body: string) => boolean) | undefined
  /** Headers of every request; reserved ones are dropped. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The limit of an event of a stream, in bytes; a longer one is an `UnexpectedResponseError`. Default: 16 MiB. */
  readonly maxFrameBytes?: number | undefined
  /**
   * Whether an `execute` or `resume` that ended gets the spans of its steps, where a tracer is installed. Its trace is
   * read: one more request and a wait of at most 5 seconds. A failure of it changes nothing. `"payloads"` adds the input,
   * output and error of each step, its messages, and the arguments and results of tools, as JSON of at most 4,096
   * characters each. Default: false.
   */
  readonly stepSpans?: boolean | "payloads" | undefined
}

const method = "NoukaiConfig"

/**
 * The defaults of `Options`; durations as the options take them, sizes in bytes.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults = {
  connectTimeout: "10 seconds",
  attemptTimeout: "300 seconds",
  timeout: Duration.infinity,
  firstByteTimeout: "300 seconds",
  idleTimeout: "300 seconds",
  maxRetries: 1,
  retryPost: false,
  replayEnabled: false,
  runPaths: "auto",
  maxResponseBytes: 64 * 1024 * 1024,
  maxFrameBytes: 16 * 1024 * 1024,
  logPayloads: false,
  stepSpans: false
} as const satisfies Options

const invalid = (field: string, reason: string): InvalidRequestError => Invalid.invalid(method, field, reason)

const noKey = (detail: string): AuthenticationError => newError(AuthenticationError, { method, detail })

const checkKey = (
  apiKey: Redacted.Redacted<string> | undefined
): Either.Either<Redacted.Redacted<string>, AuthenticationError> => {
  if (apiKey === undefined) return Either.left(noKey("no key was given and NOUKAI_API_KEY is not set"))
  if (!Redacted.isRedacted(apiKey)) return Either.left(noKey("the key must be a Redacted string"))
  const value: unknown = Redacted.value(apiKey)
  if (typeof value !== "string") {
    return Either.left(noKey(`the key must be a string, not ${Object.prototype.toString.call(value).slice(8, -1)}`))
  }
  if (value === "") return Either.left(noKey("the key is empty"))
  if (!value.startsWith("nk_")) return Either.left(noKey("the key does not begin with nk_"))
  return /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)
    ? Either.right(apiKey)
    : Either.left(noKey("the API key contains invalid characters"))
}

const hosted: ReadonlySet<string> = new Set(["api.noukai.xyz", "api.noukai.dev"])

const prefix = "/api/v1"

const allowed =
  "must be https://api.noukai.xyz/api/v1, https://api.noukai.dev/api/v1, or http(s) on a loopback address (localhost, 127.x.x.x, [::1])"

const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)

const isAllowed = (url: URL): boolean => {
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return false
  if (isLoopback(url.hostname)) return url.protocol === "http:" || url.protocol === "https:"
  return url.protocol === "https:" && url.port === "" && hosted.has(url.hostname)
}

/**
 * The server that the options name: one of the two hosted hosts over https, or loopback, since the key is sent there. No
 * variable of the environment names another host.
 *
 * @see docs/wire.md#servers-and-keys
 */
const serverOf = (
  options: Options
): Either.Either<Pick<NoukaiConfig.Service, "origin" | "prefix">, InvalidRequestError> => {
  const refuse = (field: string, reason: string) => Either.left(invalid(field, reason))
  const { baseUrl: given, env, port } = options
  if (given !== undefined) {
    if (env !== undefined || port !== undefined) {
      return refuse("baseUrl", "give either baseUrl, or env (with an optional port)")
    }
    const url = typeof given === "string" && URL.canParse(given) ? new URL(given) : undefined
    if (url === undefined || !isAllowed(url)) return refuse("baseUrl", allowed)
    const path = url.pathname.replace(/\/+$/, "")
    return Either.right({ origin: url.origin, prefix: path === "" ? prefix : path })
  }
  if (env === "dev" || env === "development") {
    const dev = port === undefined ? 8080 : port
    return Number.isInteger(dev) && dev > 0 && dev < 65_536
      ? Either.right({ origin: `http://localhost:${dev}`, prefix })
      : refuse("port", "must be an integer from 1 to 65535")
  }
  if (env !== undefined && env !== "production") {
    return refuse("env", "must be \"production\", \"dev\" or \"development\"")
  }
  return port === undefined
    ? Either.right({ origin: "https://api.noukai.xyz", prefix })
    : refuse("port", "goes with env \"dev\" only")
}

type ClockField = "connectTimeout" | "attemptTimeout" | "timeout" | "firstByteTimeout" | "idleTimeout"

const clock = (field: ClockField, options: Options): Duration.Duration =>
  Duration.millis(toMillis(options[field] ?? defaults[field]) ?? Infinity)

const checkDefaults = ({ org, project }: Options): Problem | undefined => {
  if ((org === undefined) !== (project === undefined)) {
    return problem(org === undefined ? "org" : "project", "org and project go together: give both or none")
  }
  return org === "" || project === "" ? problem(org === "" ? "org" : "project", "must not be empty") : undefined
}

/** The key and the server are checked where the client is made, which has errors of its own for them. */
const clientOptions = CallOptions.decoder<Options>("options", () => ({
  ...CallOptions.ofClient,
  apiKey: CallOptions.anything,
  env: CallOptions.anything,
  port: CallOptions.anything,
  baseUrl: CallOptions.anything,
  org: CallOptions.text,
  project: CallOptions.text,
  sessionId: CallOptions.sessionId,
  firstByteTimeout: CallOptions.duration,
  idleTimeout: CallOptions.duration,
  retryPost: CallOptions.flag,
  replayEnabled: CallOptions.flag,
  runPaths: CallOptions.oneOf("auto", "seq", "flow-runs"),
  isSessionNotFound: CallOptions.callback,
  maxFrameBytes: CallOptions.count(1),
  stepSpans: CallOptions.must(
    (value) => typeof value === "boolean" || value === "payloads",
    "must be true, false or \"payloads\""
  )
}), checkDefaults)

/**
 * The settings without the server and the key.
 *
 * @internal
 */
export const resolveSettings = (
  options: Options
): Either.Either<Omit<NoukaiConfig.Service, "apiKey" | "origin" | "prefix">, InvalidRequestError> =>
  Either.gen(function*() {
    const { maxRetries, rate, ...given } = Struct.omit(
      { ...defaults, ...known(options) },
      ...["apiKey", "env", "port", "baseUrl"] as const
    )
    return {
      ...given,
      connectTimeout: clock("connectTimeout", options),
      attemptTimeout: clock("attemptTimeout", options),
      timeout: clock("timeout", options),
      firstByteTimeout: clock("firstByteTimeout", options),
      idleTimeout: clock("idleTimeout", options),
      retry: given.retry ?? backoff(maxRetries),
      rate: rate === undefined ? undefined : resolveRate(rate),
      headers: yield* extra(method, given.headers ?? {})
    }
  })

const resolveOptions = (
  options: Options
): Either.Either<NoukaiConfig.Service, AuthenticationError | InvalidRequestError> =>
  Either.gen(function*() {
    const apiKey = yield* readable(method, "apiKey", () => checkKey(options.apiKey))
    const { origin, prefix } = yield* serverOf(options)
    return { apiKey, origin, prefix, ...(yield* resolveSettings(options)) }
  })

/**
 * Checks options, without the environment.
 *
 * Fails with `AuthenticationError` when the key is missing or does not begin with `nk_`, and with
 * `InvalidRequestError` for anything else that is wrong.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<NoukaiConfig.Service, AuthenticationError | InvalidRequestError> =>
  Effect.suspend(() => Either.flatMap(clientOptions(method, options), resolveOptions))

const environmentOf = (value: string): Either.Either<"production" | "dev", InvalidRequestError> => {
  if (value === "" || value === "production") return Either.right("production")
  if (value === "dev" || value === "development") return Either.right("dev")
  return Either.left(invalid("NOUKAI_ENV", "must be unset, empty, \"production\", \"dev\" or \"development\""))
}

const switchedOn: ReadonlySet<string> = new Set(["1", "true", "yes", "on"])

/**
 * Whether the environment allows replays: `NOUKAI_REPLAY_ENABLED` is 1, true, yes or on, in any case.
 *
 * @since 0.1.0
 * @category options
 */
export const replayEnabled: Config.Config<boolean> = Config.map(
  Config.withDefault(Config.string("NOUKAI_REPLAY_ENABLED"), ""),
  (value) => switchedOn.has(value.trim().toLowerCase())
)

const fromConfigError = (error: ConfigError.ConfigError): InvalidRequestError =>
  newError(InvalidRequestError, { method, field: "configuration", reason: "could not be read", detail: String(error) })

/** An application's own settings as one, if it gave any. */
const unwrapped = (config: Config.Config.Wrap<Options>): Effect.Effect<Config.Config<Options>, InvalidRequestError> =>
  Effect.try({
    try: () => Config.unwrap(config),
    catch: () => invalid("configuration", "must be a Config, or an object of them")
  })

/** Adds the variables of the environment where the options are silent. */
const withEnvironment = (given: Options): Effect.Effect<Options, InvalidRequestError> =>
  Effect.gen(function*() {
    const options = yield* clientOptions(method, given)
    const apiKey = options.apiKey ?? Option.getOrUndefined(yield* Config.option(Config.redacted("NOUKAI_API_KEY")))
    const found = { ...options, apiKey, replayEnabled: options.replayEnabled ?? (yield* replayEnabled) }
    if (options.env !== undefined || options.baseUrl !== undefined) return found
    const env = yield* environmentOf((yield* Config.withDefault(Config.string("NOUKAI_ENV"), "")).trim())
    return { ...found, env }
  }).pipe(Effect.mapError((error) => error._tag === "InvalidRequestError" ? error : fromConfigError(error)))

/**
 * Makes the configuration that {@link layer} provides.
 *
 * @internal
 */
export const fromOptions = (
  options: Options
): Effect.Effect<NoukaiConfig.Service, AuthenticationError | InvalidRequestError> =>
  Effect.flatMap(withEnvironment(options), make)

/**
 * Makes the configuration that {@link layerConfig} provides.
 *
 * @internal
 */
export const fromConfig = (
  config: Config.Config.Wrap<Options>
): Effect.Effect<NoukaiConfig.Service, AuthenticationError | InvalidRequestError> =>
  unwrapped(config).pipe(
    Effect.flatMap(Effect.mapError(fromConfigError)),
    Effect.flatMap(withEnvironment),
    Effect.flatMap(make)
  )

/**
 * The configuration from options, and from the environment where they are silent.
 *
 * Fails with `AuthenticationError` for a key that is missing or does not begin with `nk_`, and with
 * `InvalidRequestError` for any other option that is wrong.
 *
 * @example
 * ```ts
 * import { layer } from "@effect-noukai/sdk/NoukaiConfig"
 *
 * const config = layer({ org: "acme", project: "spelling", attemptTimeout: "2 minutes" })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<NoukaiConfig, AuthenticationError | InvalidRequestError> =>
  Layer.effect(NoukaiConfig, fromOptions(options))

/**
 * The configuration from an application's own `Config`, and from the environment where that is silent.
 *
 * Fails as {@link layer} does; a missing or wrong setting of yours is an `InvalidRequestError` that names it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<NoukaiConfig, AuthenticationError | InvalidRequestError> =>
  Layer.effect(NoukaiConfig, fromConfig(config))
