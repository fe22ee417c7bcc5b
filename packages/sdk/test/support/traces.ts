/** Stored steps, and runs of an emulator whose steps take their time. */
import { Emulator } from "@effect-noukai/emulator"
import type { Trace } from "@effect-noukai/sdk"
import { Effect, Stream, TestClock } from "effect"

export const step = (rest: Partial<Trace.StepTrace>): Trace.StepTrace => ({
  stepId: "s",
  attempt: 1,
  status: "completed",
  truncated: false,
  ...rest
})

/** Lets every step take its milliseconds on the clock, as soon as it has begun. */
export const passTime = (durations: Readonly<Record<string, number>>) =>
  Effect.flatMap(Emulator, (emulator) =>
    Effect.forkScoped(Stream.runForEach(
      emulator.events,
      (event) => event.type === "StepStarted" ? TestClock.adjust(durations[event.stepId] ?? 0) : Effect.void
    )))
