/**
 * When a failed attempt is made again, and how long to wait.
 *
 * @see contract 12.1
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import type { NoukaiError, RateLimitError } from "../../NoukaiError.js"
import { unsafeMonotonic } from "../time/clock.js"

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

/** The longest wait of one call, ours or the server's, in milliseconds. */
const cap = 20_000

/** The longest that the next poll of a job is put off because the server says so, in milliseconds. */
const pollCap = 60_000

const backoffs = new WeakSet<object>()

/**
 * Whether a schedule is the default policy, whatever its number of retries: the one that a budget limits.
 *
 * @internal
 */
export const isBackoff = (schedule: Schedule.Schedule<unknown, never>): boolean => backoffs.has(schedule)

/**
 * Before retry k, from 0, in milliseconds: min(20 s, 1 s × 4^k).
 *
 * @internal
 */
export const longestBackoff = (retry: number): number => Math.min(cap, 1000 * 4 ** retry)

/**
 * Full jitter: before retry k anything up to `longestBackoff`.
 *
 * @internal
 */
export const backoff = (maxRetries: number): Schedule.Schedule<number> => {
  const schedule = Schedule.modifyDelayEffect(
    Schedule.recurs(maxRetries),
    (retry) => Effect.map(Random.next, (share) => Duration.millis(share * longestBackoff(retry)))
  )
  backoffs.add(schedule)
  return schedule
}

/** Statuses that may pass by themselves. */
const transientStatus: ReadonlySet<number> = new Set([408, 500, 502, 503, 504])

/**
 * The code of the error of a client that is closed, and so is not to be asked again.
 *
 * @internal
 */
export const clientClosed = "CLIENT_CLOSED"

/**
 * Whether the same request may well succeed a moment later, regardless of what sending it again could cost.
 *
 * @internal
 */
export const isTransient = (error: NoukaiError): boolean => {
  switch (error._tag) {
    case "RateLimitError":
      return true
    case "APIConnectionError":
      return error.code !== clientClosed
    case "APITimeoutError":
      return error.clock === "connect" || error.clock === "attempt" || error.clock === "firstByte"
    default:
      return isTransientStatus(error.statusCode)
  }
}

/** @internal */
export const isTransientStatus = (status: number | undefined): boolean =>
  status !== undefined && transientStatus.has(status)

/**
 * What the server asked to wait, in milliseconds; 0 if it asked for nothing that makes sense.
 *
 * @internal
 */
export const serverDelay = (error: NoukaiError): number => {
  const seconds = error._tag === "RateLimitError" || error._tag === "FlowExecutionError" ? error.retryAfter : undefined
  return seconds !== undefined && seconds > 0 ? seconds * 1000 : 0
}

/**
 * How long the next poll of a job is put off after this failure: what the server asked for, but at most a minute, since
 * it is the caller's clock that says for how long a job is watched.
 *
 * @internal
 */
export const pollDelay = (error: NoukaiError | undefined): number =>
  error === undefined ? 0 : Math.min(serverDelay(error), pollCap)

/**
 * Whether the same request may well succeed within what a call waits by itself, regardless of what sending it again could
 * cost: not if the server asks for a longer wait than 20 s.
 *
 * @internal
 */
export const mayPassSoon = (error: NoukaiError): boolean => serverDelay(error) <= cap && isTransient(error)

/** How servers and proxies call it that there were too many requests. */
const rateLimitCode = /rate.?limit|too.?many.?requests|throttl/i

/** Whether the server refused the request before it ran anything: an assumption about the server. */
const wasRefused = (error: RateLimitError): boolean =>
  error.isRetryable && (error.code === undefined || rateLimitCode.test(error.code))

/**
 * What a request may cost when it is sent again.
 *
 * @internal
 */
export interface Repeating {
  readonly isPost: boolean
  /** Of a POST: it begins a run, and so names none. */
  readonly isFresh: boolean
  /** The caller's consent to send a POST again that may have arrived. */
  readonly retryPost: boolean
}

/**
 * Whether this client sends the request again: reads that failed transiently, a POST only when it never left, was refused
 * before it began a run, or the caller opted in.
 *
 * @internal
 */
export const shouldRetry = (error: NoukaiError, { isFresh, isPost, retryPost }: Repeating): boolean => {
  if (!mayPassSoon(error)) return false
  if (!isPost || retryPost) return true
  switch (error._tag) {
    case "RateLimitError":
      return isFresh && wasRefused(error)
    case "APIConnectionError":
    case "APITimeoutError":
      return error.sent === "no"
    default:
      return false
  }
}

/**
 * The waits of one call, in milliseconds: what `schedule` says, but at least what the server asked for. `undefined`
 * when the schedule is done.
 *
 * @internal
 */
export const backoffDriver = (
  schedule: Schedule.Schedule<unknown, NoukaiError>
): (error: NoukaiError) => Effect.Effect<number | undefined> => {
  const next = scheduleDriver(schedule)
  return (error) =>
    Effect.map(next(error), (delay) => delay === undefined ? undefined : Math.max(delay, serverDelay(error)))
}
