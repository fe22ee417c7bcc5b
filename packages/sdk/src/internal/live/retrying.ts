/**
 * Repeats a call whose first attempt failed, for as long as the schedule, the retry budget and the kind of error allow.
 *
 * @see contract 12.1
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Schedule from "effect/Schedule"
import type { AttemptInfo } from "../../LogHook.js"
import type { ApiError, InvalidRequestError, NoukaiError, UnexpectedResponseError } from "../../NoukaiError.js"
import type { Progress } from "../input/callOptions.js"
import { backoffDriver, isBackoff } from "../retry/retry.js"
import type { RetryBudget } from "../retry/retryBudget.js"
import * as Metrics from "../telemetry/metrics.js"
import type { EventSink } from "../telemetry/tell.js"
import type { Pause } from "../time/clock.js"

export type LiveError = ApiError | InvalidRequestError | UnexpectedResponseError

export interface RetryOptions<A, R> {
  readonly first: LiveError
  /** Whether the same request may be sent once more. */
  readonly mayRetry: (error: LiveError) => boolean
  readonly schedule: Schedule.Schedule<unknown, NoukaiError>
  /** The budget, which limits the default schedule alone. */
  readonly budget: RetryBudget
  readonly tell: EventSink | undefined
  readonly info: (attempt: number) => AttemptInfo
  readonly pause: Pause
  readonly attempt: (n: number) => Effect.Effect<Either.Either<A, LiveError>, never, R>
  /** The progress of a call that may begin a run; it is reset while every attempt was refused. */
  readonly progress: Progress | undefined
  /** The error of the call. `mayHaveRun`: an attempt before the last one may have started a run. */
  readonly givingUp: (error: LiveError, mayHaveRun: boolean) => LiveError
}

export const retried = <A, R>(
  { attempt, budget, first, givingUp, info, mayRetry, pause, progress, schedule, tell }: RetryOptions<A, R>
): Effect.Effect<A, LiveError, R> =>
  Effect.gen(function*() {
    const isLimited = isBackoff(schedule)
    const next = backoffDriver(schedule)
    let error = first
    let mayHaveRun = false
    for (let n = 1; mayRetry(error); n++) {
      const delay = yield* next(error)
      if (delay === undefined) break
      const taken = isLimited ? budget.take(error) : 0
      if (taken === undefined) break
      if (tell !== undefined) {
        yield* tell({
          ...info(n),
          phase: "retry",
          delay,
          ...(error.statusCode === undefined ? undefined : { statusCode: error.statusCode }),
          ...(error.requestId === undefined ? undefined : { requestId: error.requestId })
        })
      }
      yield* Metrics.countRetry(error)
      mayHaveRun ||= !error.isRetryable
      if (progress !== undefined && !mayHaveRun) progress.sent = "no"
      yield* pause(delay)
      const outcome = yield* attempt(n)
      if (Either.isRight(outcome)) {
        budget.succeeded(isLimited ? taken : undefined)
        return outcome.right
      }
      error = outcome.left
    }
    return yield* givingUp(error, mayHaveRun)
  })
