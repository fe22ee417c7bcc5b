/**
 * The attempts at a request: another one for as long as the kind of error, the schedule and the retry budget allow.
 *
 * @see contract 12.1
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { ApiError, InvalidRequestError, NoukaiError, UnexpectedResponseError } from "../../NoukaiError.js"
import type { AttemptInfo } from "../../Telemetry.js"
import { known } from "../core/makeError.js"
import type { Pause } from "../core/time.js"
import { afterARunMayExist } from "../options/callOptions.js"
import * as Metrics from "../telemetry/metrics.js"
import type { EventSink } from "../telemetry/tell.js"
import type { CallConfig, RequestDescription } from "./request.js"
import { isBackoff, serverDelay, shouldRetry } from "./retry.js"

export type LiveError = ApiError | InvalidRequestError | UnexpectedResponseError

/** The capacity of a bucket, which is full at first. */
const capacity = 500

/** The cost of a retry after the server asked for fewer requests, and after any other failure. */
const throttlingCost = 5
const transientCost = 14

/** The return of a success that took no retry. */
const plainReturn = 1

/**
 * A budget of retries that keeps a client from making an outage worse: retries under the default policy take tokens
 * from one bucket per client, and successes put tokens back.
 */
export interface RetryBudget {
  /** Takes the cost of a retry after this error: the cost, or `undefined` when too little is left. */
  readonly take: (error: NoukaiError) => number | undefined
  /** Returns the cost of the last retry of a call that succeeded; `undefined`: it took none. */
  readonly succeeded: (taken?: number) => void
}

/** Makes a full budget. `onLevel` sees the first level and every change. */
export const makeBudget = (onLevel: (tokens: number) => void): RetryBudget => {
  let tokens = capacity
  onLevel(tokens)
  return {
    take: (error) => {
      const cost = error._tag === "RateLimitError" ? throttlingCost : transientCost
      if (cost > tokens) return undefined
      tokens -= cost
      onLevel(tokens)
      return cost
    },
    succeeded: (taken = plainReturn) => {
      if (tokens === capacity) return
      tokens = Math.min(capacity, tokens + taken)
      onLevel(tokens)
    }
  }
}

/** A request that may take several attempts. */
export interface Attempts<A, R> {
  readonly endpoint: RequestDescription
  /** Whether it may begin a run, or go on with one. */
  readonly isPost: boolean
  /** Whether the caller may consent to repeat one that may have arrived. */
  readonly retryPost: boolean
  readonly config: Pick<CallConfig, "retry" | "retryPost">
  /** The budget, which limits the default schedule alone. */
  readonly budget: RetryBudget
  readonly tell: EventSink | undefined
  readonly info: (attempt: number) => AttemptInfo
  readonly pause: Pause
  readonly attempt: (n: number) => Effect.Effect<A, LiveError, R>
}

/** Makes further attempts after the first one has failed. */
export const retried = <A, R>(
  { attempt, budget, config, endpoint, info, isPost, pause, tell, ...call }: Attempts<A, R>,
  first: LiveError
): Effect.Effect<A, LiveError, R> =>
  Effect.suspend(() => {
    const { context: { options, progress }, executionId } = endpoint
    const retryPost = call.retryPost && (options.retryPost ?? config.retryPost)
    const facts = { isPost, isFresh: executionId === undefined, retryPost }
    if (!shouldRetry(first, facts)) return Effect.fail(first)
    const schedule = options.retry ?? config.retry
    const isLimited = isBackoff(schedule)
    let error = first
    let retries = 0
    let taken: number | undefined
    // whether an attempt before the last one may have started a run
    let mayHaveRun = false
    const isAllowed = (failure: LiveError): boolean => {
      error = failure
      if (!shouldRetry(error, facts)) return false
      taken = isLimited ? budget.take(error) : undefined
      return !isLimited || taken !== undefined
    }
    const waiting = Effect.fnUntraced(function*(wait: Duration.Duration) {
      const { requestId, statusCode } = error
      const delay = Math.max(Duration.toMillis(wait), serverDelay(error))
      retries++
      if (tell !== undefined) {
        yield* tell({ ...info(retries), phase: "retry", delay, ...known({ statusCode, requestId }) })
      }
      yield* Metrics.countRetry(error)
      mayHaveRun ||= isPost && !error.isRetryable
      // while every attempt was refused, nothing has been sent
      if (isPost && !mayHaveRun) progress.sent = "no"
      // waits here, since the end of the client ends the wait
      yield* pause(delay)
      return Duration.zero
    })
    return Effect.suspend(() => retries === 0 ? Effect.fail(first) : attempt(retries)).pipe(
      Effect.retry(schedule.pipe(Schedule.check(isAllowed), Schedule.modifyDelayEffect((_, wait) => waiting(wait)))),
      Effect.tap(() => Effect.sync(() => budget.succeeded(taken))),
      Effect.mapError((error) => mayHaveRun ? afterARunMayExist(error, progress.sent) : error)
    )
  })

/** Makes the attempts. */
export const attempted = <A, R>(call: Attempts<A, R>): Effect.Effect<A, LiveError, R> =>
  Effect.matchEffect(call.attempt(0), {
    onFailure: (error) => retried(call, error),
    onSuccess: (answer) => {
      call.budget.succeeded()
      return Effect.succeed(answer)
    }
  })
