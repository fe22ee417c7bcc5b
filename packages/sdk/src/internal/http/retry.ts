/**
 * The rules of retries: whether a failed attempt is made again, and when.
 *
 * @see docs/wire.md#retries
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleInterval from "effect/ScheduleInterval"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import { isNoukaiError, type NoukaiError } from "../../NoukaiError.js"
import { unsafeMonotonic } from "../core/time.js"
import { repeatability } from "../kit/repeatability.js"

/**
 * Steps a schedule by hand: the milliseconds to wait after each input, `undefined` when the schedule is done. Holds the
 * state of one walk through the schedule, which begins at the time of day and then goes on evenly, even if the wall
 * clock is set.
 */
export function scheduleDriver<In>(
  schedule: Schedule.Schedule<unknown, In>
): (input: In) => Effect.Effect<number | undefined> {
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

/** The longest wait of one call, by the backoff or by `Retry-After`, in milliseconds. */
const cap = 20_000

/** The longest delay of the next poll of a job by `Retry-After`, in milliseconds. */
const pollCap = 60_000

const isDefault: unique symbol = Symbol("@effect-noukai/sdk/backoff")

/** Whether a schedule is the default policy, with any number of retries: only that one is limited by a budget. */
export const isBackoff = (schedule: Schedule.Schedule<unknown, never>): boolean => isDefault in schedule

/** The longest wait before retry k, from 0, in milliseconds: min(20 s, 1 s × 4^k). */
export const longestBackoff = (retry: number): number => Math.min(cap, 1000 * 4 ** retry)

/** The default policy, with full jitter: before retry k any wait up to `longestBackoff`. */
export const backoff = (maxRetries: number): Schedule.Schedule<number> =>
  Object.assign(
    Schedule.modifyDelayEffect(
      Schedule.recurs(maxRetries),
      (retry) => Effect.map(Random.next, (share) => Duration.millis(share * longestBackoff(retry)))
    ),
    { [isDefault]: true }
  )

/** The wait that the server asked for, in milliseconds; 0 if it asked for none, or sent garbage. */
export const serverDelay = (error: NoukaiError): number => {
  const seconds = error._tag === "RateLimitError" || error._tag === "FlowExecutionError" ? error.retryAfter : undefined
  return seconds !== undefined && seconds > 0 ? seconds * 1000 : 0
}

/**
 * The delay of the next poll of a job after a failure, in milliseconds: the wait that the server asked for, but at most
 * a minute, since the caller's timeout decides for how long a job is watched.
 */
export const pollDelay = (error: NoukaiError | undefined): number =>
  error === undefined ? 0 : Math.min(serverDelay(error), pollCap)

/**
 * Whether the same request may succeed within the longest wait of a call (20 s), regardless of the cost of sending it
 * again.
 */
export const mayPassSoon = (error: NoukaiError): boolean =>
  serverDelay(error) <= cap && repeatability(error).passes === "soon"

/** The facts that decide whether a request may be sent again. */
export interface RepeatFacts {
  readonly isPost: boolean
  /** Whether a POST names no run, and so begins one. */
  readonly isFresh: boolean
  /** The caller's consent to repeat a POST that may have arrived. */
  readonly retryPost: boolean
}

/**
 * Whether the client sends the request again: a read that failed transiently, a POST only when it never left, was
 * refused before it began a run, or the caller opted in.
 */
export const shouldRetry = (error: NoukaiError, { isFresh, isPost, retryPost }: RepeatFacts): boolean => {
  if (!mayPassSoon(error)) return false
  if (!isPost || retryPost) return true
  return repeatability(error).run === "no" && (isFresh || error._tag !== "RateLimitError")
}

/**
 * The waits of one call, in milliseconds: the waits of `schedule`, but at least `Retry-After`.
 * `undefined` when the schedule is done.
 */
export const backoffDriver = (
  schedule: Schedule.Schedule<unknown, NoukaiError>
): (error: NoukaiError) => Effect.Effect<number | undefined> => {
  const next = scheduleDriver(schedule)
  return (error) =>
    Effect.map(next(error), (delay) => delay === undefined ? undefined : Math.max(delay, serverDelay(error)))
}

/** The longest wait that a server may ask for, in milliseconds. */
const maxServerDelay = 3_600_000

const delayAfter = (error: NoukaiError, retry: number): Effect.Effect<number> => {
  const told = serverDelay(error)
  return told > 0 ? Effect.succeed(told) : Effect.map(Random.next, (share) => share * longestBackoff(retry))
}

const isWorthIt = (error: unknown): error is NoukaiError =>
  isNoukaiError(error) && error.isRetryable && serverDelay(error) <= maxServerDelay

/** The schedule of callers that try again themselves. */
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
