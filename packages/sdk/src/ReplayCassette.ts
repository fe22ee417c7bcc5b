/**
 * The state of one replay: the recordings that calls have taken.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { ReplayLeftoverError } from "./NoukaiError.js"

export { Change, Difference, Match, RecordedCall, ReplayedCall, ReplayReport } from "./internal/core/replayReport.js"

/**
 * The types of {@link ReplayCassette}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace ReplayCassette {
  /**
   * The operations on the replay of a program.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Fails with `ReplayLeftoverError` if there are recordings that no call has taken; its `report` lists them.
     * Recordings that no call can take do not count.
     */
    readonly verify: Effect.Effect<void, ReplayLeftoverError>
  }
}

/**
 * The replay that a program runs in.
 *
 * @since 0.1.0
 * @category tags
 */
export class ReplayCassette extends Context.Tag("@effect-noukai/sdk/ReplayCassette")<
  ReplayCassette,
  ReplayCassette.Service
>() {
  /**
   * Fails with `ReplayLeftoverError` if there are recordings that no call has taken: the last line of a test.
   *
   * @example
   * ```ts
   * import { FlowService, NoukaiReplay, ReplayCassette } from "@effect-noukai/sdk"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const flows = yield* FlowService
   *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
   * })
   *
   * const test = program.pipe(
   *   Effect.zipLeft(ReplayCassette.verify),
   *   Effect.provide(NoukaiReplay.fromFile("test/cassettes/grade.json"))
   * )
   * ```
   *
   * @since 0.1.0
   */
  static readonly verify: Effect.Effect<void, ReplayLeftoverError, ReplayCassette> = Effect.suspend(() =>
    Effect.flatMap(ReplayCassette, (cassette) => cassette.verify)
  )
}
