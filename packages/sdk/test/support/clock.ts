/** Time in tests that wait for real sockets. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"

const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Completes when something sleeps on the test clock until this instant, in milliseconds. */
export const sleepingUntil = (instant: number): Effect.Effect<void> =>
  Effect.flatMap(
    TestClock.sleeps(),
    (sleeps) => Chunk.contains(sleeps, instant) ? Effect.void : Effect.zipRight(turn, sleepingUntil(instant))
  )
