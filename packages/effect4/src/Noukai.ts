/**
 * The layers of a client.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { FlowService } from "./FlowService.js"
import { failures } from "./internal/failures.js"
import { configProblem, connection, layerOf, servicesOver } from "./internal/layers.js"
import * as Testing from "./internal/testing.js"
import type { AuthenticationError, CallError, InvalidRequestError } from "./NoukaiError.js"
import type { NoukaiHttp } from "./NoukaiHttp.js"
import type { Options, Services } from "./NoukaiOptions.js"

export type { Options, Services } from "./NoukaiOptions.js"

/**
 * Returns the services of a client. Each use of the layer opens its own client, which is closed with the layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Services, AuthenticationError | InvalidRequestError> =>
  layerOf(connection(failures.open, options), servicesOver)

/**
 * Returns the services of a client whose options are read from the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Wrap<Options>
): Layer.Layer<Services, AuthenticationError | InvalidRequestError> =>
  Layer.unwrap(Effect.map(Effect.mapError(Config.unwrap(config), configProblem), layer))

/**
 * The services of a client with the options of the environment, which is read through the `ConfigProvider`.
 *
 * @since 0.1.0
 * @category layers
 */
export const NoukaiLive: Layer.Layer<Services, AuthenticationError | InvalidRequestError> = layer()

/**
 * Returns a `FlowService` whose runs complete with the result of `f`. Nothing is sent.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTest = (
  f: (slug: string, input: Testing.TestInput) => Effect.Effect<unknown, CallError>
): Layer.Layer<FlowService | NoukaiHttp> => Testing.layerTest(f)
