/**
 * The part of a studio that starts runs.
 *
 * @since 0.1.0
 */
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import { FlowService } from "@effect-noukai/sdk/FlowService"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
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
     * A run that failed at a step has ended, too. A failure whose request may have reached the server may have begun a run.
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

const over = (flows: FlowService.Service): StudioRunner.Service => ({
  run: ({ flow, startAt, version, ...input }, sessionId, begun) => {
    if (version === "draft") {
      const { inputOverrides: _, maxCostUsd: __, ...whole } = input
      return flows.execute(flow, { ...whole, version, sessionId }).pipe(
        Effect.flatMap(({ executionId }) => executionId === undefined ? Effect.void : begun(executionId))
      )
    }
    const flowVersion = version === undefined || version === "production" ? "production" : Number(version)
    const from = startAt && { version: 1, flow, flowVersion, rounds: 0, ...startAt } as const
    return flows.events(flow, {
      ...input,
      ...flowVersion !== "production" && { version: flowVersion },
      ...from !== undefined && { from, asNewRun: true },
      sessionId
    }).pipe(
      Stream.runForEach((event) =>
        event.type === "run_started" && event.executionId !== "" ? begun(event.executionId) : Effect.void
      )
    )
  }
})

/**
 * Starts runs through `FlowService`, one step per request, as `noukai run` does in a terminal. A draft runs in one request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<StudioRunner.Service, never, FlowService> = Effect.map(FlowService, over)

/**
 * Starts runs through `FlowService`: {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<StudioRunner, never, FlowService> = Layer.effect(StudioRunner, make)

/**
 * Starts runs of an emulator of this process. Its client is made for the first run.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEmulator = ({ apiKey, baseUrl }: EmulatorService): Layer.Layer<StudioRunner> =>
  Layer.scoped(
    StudioRunner,
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const runner = yield* Effect.promise(() => import("@effect-noukai/sdk/Noukai")).pipe(
        Effect.flatMap((Noukai) => Layer.buildWithScope(Noukai.layer({ apiKey, baseUrl }), scope)),
        Effect.map((context) => over(Context.get(context, FlowService))),
        Effect.cached
      )
      return { run: (input, sessionId, begun) => Effect.flatMap(runner, ({ run }) => run(input, sessionId, begun)) }
    })
  )
