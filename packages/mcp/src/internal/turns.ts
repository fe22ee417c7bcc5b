/** The turns of runs: some at a time, the others wait in order. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { failure, type ToolFailure } from "./failure.js"

/** Runs an effect when its turn has come. */
export interface Turns {
  readonly take: <A>(effect: Effect.Effect<A, ToolFailure>) => Effect.Effect<A, ToolFailure>
}

/** A call that has waited for `wait` fails, and has begun nothing. */
export const make = (concurrency: number, wait: Duration.Duration): Turns => {
  const places = Effect.unsafeMakeSemaphore(concurrency)
  const others = concurrency === 1 ? "another run is" : `${concurrency} other runs are`
  const busy = failure("BUSY", `${others} in progress; nothing was started, so call again later`)
  return {
    take: (effect) =>
      Effect.suspend(() => {
        let state: "waiting" | "runs" | "late" = "waiting"
        const runs = places.withPermits(1)(Effect.suspend(() => {
          if (state === "late") return busy
          state = "runs"
          return effect
        }))
        const late = Effect.zipRight(
          Effect.sleep(wait),
          Effect.suspend(() => {
            if (state === "runs") return Effect.never
            state = "late"
            return busy
          })
        )
        return Effect.raceFirst(runs, late)
      })
  }
}
