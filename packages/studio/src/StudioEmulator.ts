/**
 * The emulator of a studio: what it serves, the requests of its ledger, and its faults.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type {
  EmulatorRequestDetail,
  EmulatorRequestPage,
  EmulatorState,
  EmulatorWebhookPage,
  FaultSwitch,
  InvalidFaults
} from "./EmulatorApi.js"
import type { NotFound } from "./RunsApi.js"

/**
 * The types of {@link StudioEmulator}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace StudioEmulator {
  /**
   * The operations on an emulator. The reads add nothing to its ledger.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly state: Effect.Effect<EmulatorState>
    /** Subscribes to changes. The stream has an element whenever the state or the ledger may have changed. */
    readonly changes: Effect.Effect<Stream.Stream<void>, never, Scope.Scope>
    /** A part of the requests that match a text, newest first. */
    readonly requests: (
      text: string,
      page: { readonly offset: number; readonly limit: number }
    ) => Effect.Effect<EmulatorRequestPage>
    readonly request: (id: string) => Effect.Effect<EmulatorRequestDetail, NotFound>
    /** The newest webhooks of jobs, newest first. */
    readonly webhooks: (limit: number) => Effect.Effect<EmulatorWebhookPage>
    /** Replaces the faults that the studio switched on. Those of files and programs stay. */
    readonly switchOn: (faults: FaultSwitch) => Effect.Effect<EmulatorState, InvalidFaults>
    /** Removes the faults that the studio switched on. */
    readonly switchOff: Effect.Effect<EmulatorState>
  }
}

/**
 * The emulator of a studio. A studio without one has no view of it.
 *
 * @since 0.1.0
 * @category tags
 */
export class StudioEmulator
  extends Context.Tag("@effect-noukai/studio/StudioEmulator")<StudioEmulator, StudioEmulator.Service>()
{}
