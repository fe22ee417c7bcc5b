import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"

/**
 * Steps a schedule by hand: the milliseconds to wait after each input, `undefined` when the schedule is done. Holds the
 * state of one walk through the schedule.
 *
 * @internal
 */
export const scheduleDriver = <In>(
  schedule: Schedule.Schedule<unknown, In>
): (input: In) => Effect.Effect<number | undefined> => {
  let state: unknown = schedule.initial
  return (input) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) =>
        Effect.map(schedule.step(now, input, state), ([next, _, decision]) => {
          state = next
          return ScheduleDecision.isDone(decision)
            ? undefined
            : Math.max(ScheduleIntervals.start(decision.intervals) - now, 0)
        })
    )
}
