/**
 * The recordings of a replay.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { call } from "./internal/call.js"
import { failures } from "./internal/failures.js"
import type { ReplayLeftoverError } from "./NoukaiError.js"
import type { NoukaiHttp } from "./NoukaiHttp.js"

/**
 * @since 0.1.0
 */
export declare namespace ReplayCassette {
  /**
   * The recordings.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Fails if some recordings were not used. */
    readonly verify: Effect.Effect<void, ReplayLeftoverError>
  }
}

/**
 * The recordings of a replay.
 *
 * @since 0.1.0
 * @category tags
 */
export class ReplayCassette extends Context.Service<ReplayCassette, ReplayCassette.Service>()(
  "@effect-noukai/effect4/ReplayCassette"
) {}

/**
 * Makes the service over a connection.
 *
 * @internal
 */
export const make = ({ runtime }: NoukaiHttp.Service): ReplayCassette.Service => ({
  verify: call(failures.leftover, () => runtime.verify())
})
