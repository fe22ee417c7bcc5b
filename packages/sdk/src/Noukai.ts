/**
 * The layers: live, over a client or `fetch` of yours, without streams, and fakes for tests.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import * as FlowService from "./FlowService.js"
import * as Retry from "./internal/http/retry.js"
import type { ExecuteBody } from "./internal/operations/requests.js"
import * as JobService from "./JobService.js"
import * as NoukaiConfig from "./NoukaiConfig.js"
import type { AuthenticationError, CallError, InvalidRequestError } from "./NoukaiError.js"
import * as NoukaiHttp from "./NoukaiHttp.js"
import * as RunService from "./RunService.js"
import * as SessionService from "./SessionService.js"
import * as Scripted from "./testing.js"

/**
 * The services that callers use.
 *
 * @since 0.1.0
 * @category models
 */
export type Services =
  | NoukaiHttp.NoukaiHttp
  | FlowService.FlowService
  | JobService.JobService
  | RunService.RunService
  | SessionService.SessionService

type OverHttp = FlowService.FlowService | JobService.JobService | RunService.RunService | SessionService.SessionService

/** The services, made in one effect: `Layer.mergeAll` starts a fiber for each, which takes longer than what it does. */
const makeServices: Effect.Effect<Context.Context<OverHttp>, never, NoukaiHttp.NoukaiHttp> = Effect.gen(function*() {
  const flows = yield* FlowService.make
  const jobs = yield* JobService.make
  const runs = yield* RunService.make
  const sessions = yield* SessionService.make
  return Context.make(FlowService.FlowService, flows).pipe(
    Context.add(JobService.JobService, jobs),
    Context.add(RunService.RunService, runs),
    Context.add(SessionService.SessionService, sessions)
  )
})

/**
 * Creates a new layer of the services over any `NoukaiHttp`. Two clients must not share one layer: a program builds a
 * shared layer once, so that the first client would answer for both, and a live client for a replay.
 *
 * @internal
 */
export const servicesOverHttp = (): Layer.Layer<OverHttp, never, NoukaiHttp.NoukaiHttp> =>
  Layer.fresh(Layer.effectContext(makeServices))

/**
 * The services over any `NoukaiHttp`: live, a replay, a script. A constant, which a program builds once: `Layer.fresh`
 * makes services for another `NoukaiHttp` beside it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOverHttp: Layer.Layer<OverHttp, never, NoukaiHttp.NoukaiHttp> = servicesOverHttp()

/**
 * The live services for a given configuration. A constant, which a program builds once: programs of several accounts
 * take {@link layer} for each, or `Layer.fresh`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServices: Layer.Layer<Services, never, NoukaiConfig.NoukaiConfig> = Layer.provideMerge(
  servicesOverHttp(),
  Layer.suspend(() => Layer.fresh(NoukaiHttp.layer))
)

/** All live services as one layer, since building several takes a third of the time in which a program starts. */
function layerOf<E>(
  makeConfig: Effect.Effect<NoukaiConfig.NoukaiConfig.Service, E>
): Layer.Layer<Services | NoukaiConfig.NoukaiConfig, E> {
  return Layer.scopedContext(Effect.gen(function*() {
    const config = yield* makeConfig
    const http = yield* NoukaiHttp.makeLive(config)
    const services = yield* Effect.provideService(makeServices, NoukaiHttp.NoukaiHttp, http)
    return services.pipe(Context.add(NoukaiHttp.NoukaiHttp, http), Context.add(NoukaiConfig.NoukaiConfig, config))
  }))
}

/**
 * The live services from options, and from the environment where they are silent.
 *
 * Fails while the layer is built, before any traffic: `AuthenticationError` for a key that is missing or does not begin
 * with `nk_`, `InvalidRequestError` for any other option that is wrong.
 *
 * @example
 * ```ts
 * import { Noukai } from "@effect-noukai/sdk"
 *
 * const layer = Noukai.layer({ org: "acme", project: "spelling", timeout: "2 minutes" })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: NoukaiConfig.Options = {}
): Layer.Layer<Services | NoukaiConfig.NoukaiConfig, AuthenticationError | InvalidRequestError> =>
  layerOf(NoukaiConfig.fromOptions(options))

/**
 * The live services from an application's own `Config`, and from the environment where that is silent. Fails as
 * {@link layer} does; a missing or wrong setting of yours is an `InvalidRequestError` that names it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<NoukaiConfig.Options>
): Layer.Layer<Services | NoukaiConfig.NoukaiConfig, AuthenticationError | InvalidRequestError> =>
  layerOf(NoukaiConfig.fromConfig(config))

/**
 * The live services from the environment: `NOUKAI_API_KEY`, `NOUKAI_ENV`, `NOUKAI_REPLAY_ENABLED`. Fails as {@link layer}
 * does.
 *
 * @example
 * ```ts
 * import { FlowService, NoukaiLive } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const flows = yield* FlowService
 *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
 * })
 *
 * const live = Effect.provide(program, NoukaiLive)
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const NoukaiLive: Layer.Layer<
  Services | NoukaiConfig.NoukaiConfig,
  AuthenticationError | InvalidRequestError
> = layer()

/**
 * The configuration alone, from options, and from the environment where they are silent, for the layers that require
 * it. Fails as {@link layer} does.
 *
 * @example
 * ```ts
 * import { Noukai } from "@effect-noukai/sdk"
 * import { Layer } from "effect"
 *
 * const traced = Noukai.layerFetch((url, init) => fetch(url, init)).pipe(
 *   Layer.provide(Noukai.layerOptions({ org: "acme", project: "spelling" }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOptions: (
  options?: NoukaiConfig.Options
) => Layer.Layer<NoukaiConfig.NoukaiConfig, AuthenticationError | InvalidRequestError> = NoukaiConfig.layer

/**
 * The live services over a platform `HttpClient` of yours, for proxies, custom certificates and fakes. There is no
 * connect clock, and a failure before a response counts as `sent: "unknown"`. Closing the layer ends the requests that
 * are under way; the client stays open.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Noukai } from "@effect-noukai/sdk"
 * import { Layer } from "effect"
 *
 * const live = Noukai.layerHttpClient.pipe(
 *   Layer.provide([Noukai.layerOptions(), FetchHttpClient.layer])
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpClient: Layer.Layer<
  Services,
  never,
  NoukaiConfig.NoukaiConfig | HttpClient.HttpClient
> = Layer.provideMerge(servicesOverHttp(), NoukaiHttp.layerHttpClient)

/**
 * The live services over a `fetch` of yours, on any platform: an instrumented one, or one that a test has replaced. It
 * is called with the URL as text and a plain `RequestInit`. There is no connect clock, and a failure before a response
 * counts as `sent: "unknown"`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFetch = (fetch: typeof globalThis.fetch): Layer.Layer<Services, never, NoukaiConfig.NoukaiConfig> =>
  Layer.provideMerge(servicesOverHttp(), NoukaiHttp.layerFetch(fetch))

/**
 * Fake flows in one line: `f` takes the slug (the last segment of the address) and the input that would have been sent,
 * and returns the result, which the flow's schema decodes as it does a real one. The `NoukaiHttp` of the fake runs flows
 * alone: it is for middleware, such as `Platform.sessions` and `Platform.relay` of the adapters.
 *
 * @example
 * ```ts
 * import { Noukai } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const fake = Noukai.layerTest((slug) => Effect.succeed({ text: `from ${slug}` }))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTest: (
  f: (slug: string, input: ExecuteBody) => Effect.Effect<unknown, CallError>
) => Layer.Layer<FlowService.FlowService | NoukaiHttp.NoukaiHttp> = FlowService.layerTest

/**
 * The services over a script: answers by operation, served in order. `ScriptedHttp` has the requests. A call beyond
 * the script is a defect, since the test did not expect it. Answers are built with `@effect-noukai/report/testing`. Throws a
 * `TypeError` for an operation that does not exist.
 *
 * @example
 * ```ts
 * import { Noukai } from "@effect-noukai/sdk"
 * import { completed } from "@effect-noukai/report/testing"
 *
 * const scripted = Noukai.layerScripted({ execute: [completed({ text: "hi" })] })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerScripted = (script: Scripted.Script = {}): Layer.Layer<Services | Scripted.ScriptedHttp> =>
  Layer.provideMerge(servicesOverHttp(), Scripted.layer(Scripted.checkedScript(script)))

/**
 * A schedule for callers that repeat calls by hand, with `Effect.retry`. It waits for the time of `retryAfter`, else
 * for a random time up to 1, 4, 16, 20, 20 … s; its output is the wait. It has no end of its own: bound it with
 * `times`, `Schedule.upTo` or `Effect.timeout`.
 *
 * It ends, so that the call fails with the error it has, on an error after which a run may exist (`isRetryable` is
 * false), on errors of other packages, and on a server that asks to wait for more than an hour. That a request refused
 * with 429 ran nothing is an assumption about the server.
 *
 * @example
 * ```ts
 * import { FlowService, Noukai } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const patient = Effect.flatMap(FlowService, (flows) =>
 *   flows.execute("acme/spelling/grade-3", { message: "The cat sat." }).pipe(
 *     Effect.retry({ schedule: Noukai.retryable, times: 8 })
 *   ))
 * ```
 *
 * @since 0.1.0
 * @category schedules
 */
export const retryable: Schedule.Schedule<Duration.Duration, unknown> = Retry.retryable
