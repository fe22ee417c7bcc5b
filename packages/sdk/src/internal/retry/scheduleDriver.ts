import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import { unsafeMonotonic } from "../time/monotonic.js"

/**
 * Steps a schedule by hand: the milliseconds to wait after each input, `undefined` when the schedule is done. Holds the
 * state of one walk through the schedule, which begins at the time of day and then goes on evenly, whatever becomes of
 * the wall clock.
 *
 * @internal
 */
export const scheduleDriver = <In>(
  schedule: Schedule.Schedule<unknown, In>
): (input: In) => Effect.Effect<number | undefined> => {
  let state: unknown = schedule.initial
  let toWallClock: number | undefined
  return (input) =>
    Effect.clockWith((clock) =>
      Effect.suspend(() => {
        const elapsed = unsafeMonotonic(clock)
        toWallClock ??= clock.unsafeCurrentTimeMillis() - elapsed
        const now = elapsed + toWallClock
        return Effect.map(schedule.step(now, input, state), ([next, _, decision]) => {
          state = next
          return ScheduleDecision.isDone(decision)
            ? undefined
            : Math.max(ScheduleIntervals.start(decision.intervals) - now, 0)
        })
      })
    )
}
