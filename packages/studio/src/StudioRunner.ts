/**
 * The part of a studio that starts runs.
 *
 * @since 0.1.0
 */
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { RunInput } from "./RunAgainApi.js"

/**
 * The types of {@link StudioRunner}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace StudioRunner {
  /**
   * Starts runs, which cost money.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Begins a run in a session of its own, and waits for its end. `begun` is called as soon as the id of the run is known.
     * A failure whose request may have reached the server may have begun a run: it is not repeated.
     */
    readonly run: (
      input: RunInput,
      sessionId: string,
      begun: (executionId: string) => Effect.Effect<void>
    ) => Effect.Effect<void, CallError>
  }
}

/**
 * Starts the runs of a studio. A studio without it starts none.
 *
 * @since 0.1.0
 * @category tags
 */
export class StudioRunner
  extends Context.Tag("@effect-noukai/studio/StudioRunner")<StudioRunner, StudioRunner.Service>()
{}
