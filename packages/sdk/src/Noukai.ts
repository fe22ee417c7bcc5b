/**
 * Everything at once: the layers that provide all services.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import * as FlowService from "./FlowService.js"
import * as Retryable from "./internal/retry/retryable.js"
import * as JobService from "./JobService.js"
import * as NoukaiConfig from "./NoukaiConfig.js"
import type { AuthenticationError, InvalidRequestError } from "./NoukaiError.js"
import * as NoukaiHttp from "./NoukaiHttp.js"
import * as RunService from "./RunService.js"

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

/**
 * The services over a given seam.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOverHttp: Layer.Layer<
  FlowService.FlowService | JobService.JobService | RunService.RunService,
  never,
  NoukaiHttp.NoukaiHttp
> = Layer.mergeAll(FlowService.layer, JobService.layer, RunService.layer)

/**
 * The live services for a given configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServices: Layer.Layer<Services, never, NoukaiConfig.NoukaiConfig> = Layer.provideMerge(
  layerOverHttp,
  NoukaiHttp.layer
)

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
  Layer.provideMerge(layerServices, NoukaiConfig.layer(options))

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
  Layer.provideMerge(layerServices, NoukaiConfig.layerConfig(config))

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
 * A schedule for who makes calls again by hand, with `Effect.retry`. It waits what the server asked for (`retryAfter`), and
 * where it asked for nothing anything up to 1, 4, 16, 20, 20 … s; its output is the wait. It goes on for as long as you let
 * it: bound it with `times`, `Schedule.upTo` or `Effect.timeout`.
 *
 * It ends, so that the call fails with the error it has, on what may have run (`isRetryable` is false), on errors that are
 * not ours, and on a server that asks to wait for more than an hour. That a request which was refused with 429 ran nothing
 * is an assumption about the server.
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
export const retryable: Schedule.Schedule<Duration.Duration, unknown> = Retryable.retryable
