/**
 * A local Noukai server with real HTTP, real state and your own flows.
 *
 * @since 0.1.0
 */
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { EmulatorError } from "./EmulatorError.js"
import type { EmulatorOptions } from "./EmulatorOptions.js"
import type { EmulatorService } from "./EmulatorService.js"
import { serve } from "./internal/serve.js"

/**
 * The types of {@link Emulator}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace Emulator {
  /**
   * A running emulator: its address, ledger and controls.
   *
   * @since 0.1.0
   * @category models
   */
  export type Service = EmulatorService
}

/**
 * A running emulator. {@link layer} starts one.
 *
 * @since 0.1.0
 * @category tags
 */
export class Emulator extends Context.Tag("@effect-noukai/emulator/Emulator")<Emulator, Emulator.Service>() {
  /**
   * An emulator, and a client configuration for it: {@link layer}.
   *
   * @since 0.1.0
   */
  static layer(options: EmulatorOptions = {}): Layer.Layer<Emulator | NoukaiConfig.NoukaiConfig, EmulatorError> {
    return layer(options)
  }
}

/**
 * The options of an emulator.
 *
 * @since 0.1.0
 * @category options
 */
export type Options = EmulatorOptions

/**
 * Starts an emulator for the life of the scope. Its time is the `Clock` of the fiber that runs the effect.
 *
 * Fails with `EmulatorError`: `PortInUse` or `Listen` if the server cannot listen, `File` if the flows file cannot be
 * read, `InvalidFlow` if the file, a flow or a fault is wrong.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (options?: Options) => Effect.Effect<Emulator.Service, EmulatorError, Scope.Scope> = serve

/**
 * An emulator, and a client configuration for it.
 *
 * Fails with `EmulatorError` as {@link make} does, and with the reason `Config` if `options.config` is not valid.
 *
 * @example
 * ```ts
 * import { Emulator } from "@effect-noukai/emulator"
 * import { FlowService, Noukai } from "@effect-noukai/sdk"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const flows = yield* FlowService
 *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
 * })
 *
 * const local = Effect.provide(program, Layer.provide(Noukai.layerServices, Emulator.layer()))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Emulator | NoukaiConfig.NoukaiConfig, EmulatorError> =>
  Layer.scopedContext(
    Effect.gen(function*() {
      const emulator = yield* make(options)
      const config = yield* Effect.mapError(
        NoukaiConfig.make({ ...options.config, apiKey: emulator.apiKey, baseUrl: emulator.baseUrl }),
        (cause) => new EmulatorError({ reason: "Config", message: cause.message, cause })
      )
      return Context.make(Emulator, emulator).pipe(Context.add(NoukaiConfig.NoukaiConfig, config))
    })
  )
