import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleInterval from "effect/ScheduleInterval"
import { isNoukaiError, type NoukaiError } from "../../NoukaiError.js"
import { longestBackoff, serverDelay } from "./retry.js"

/** The longest wait that a server may ask for, in milliseconds. */
const maxServerDelay = 3_600_000

const delayAfter = (error: NoukaiError, retry: number): Effect.Effect<number> => {
  const told = serverDelay(error)
  return told > 0 ? Effect.succeed(told) : Effect.map(Random.next, (share) => share * longestBackoff(retry))
}

const isWorthIt = (error: unknown): error is NoukaiError =>
  isNoukaiError(error) && error.isRetryable && serverDelay(error) <= maxServerDelay

/** @internal */
export const retryable: Schedule.Schedule<Duration.Duration, unknown> = Schedule.makeWithState(
  0,
  (now, error: unknown, retry) =>
    isWorthIt(error)
      ? Effect.map(delayAfter(error, retry), (delay) => [
        retry + 1,
        Duration.millis(delay),
        ScheduleDecision.continueWith(ScheduleInterval.after(now + delay))
      ])
      : Effect.succeed([retry, Duration.zero, ScheduleDecision.done])
)
