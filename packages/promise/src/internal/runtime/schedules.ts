/** Schedules of the SDK from functions that return delays. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleInterval from "effect/ScheduleInterval"
import type { Delays } from "../../RuntimeModels.js"

/** Returns a schedule. Each use of it begins the delays again. `translate` makes the input of the function. */
export const scheduleOf = <In, Out>(
  delays: Delays<Out> | undefined,
  translate: (input: In) => Out
): Schedule.Schedule<unknown, In> | undefined => {
  if (delays === undefined) return undefined
  type Next = ReturnType<Delays<Out>>
  const begun: { readonly next: Next | undefined } = { next: undefined }
  return Schedule.makeWithState(
    begun,
    (now, input: In, { next = delays() }) =>
      Effect.map(Effect.promise(async () => await next(translate(input))), (delay) => [
        { next },
        undefined,
        delay === undefined
          ? ScheduleDecision.done
          : ScheduleDecision.continueWith(ScheduleInterval.after(now + delay))
      ])
  )
}
