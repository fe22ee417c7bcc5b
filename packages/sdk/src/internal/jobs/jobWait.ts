/**
 * Waiting for a job to end.
 *
 * @see contract 8.4
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import type { WaitOptions } from "../../Job.js"
import { type CallError, FlowExecutionError } from "../../NoukaiError.js"
import { receivedAs } from "../errors/errorClass.js"
import { known, unchecked } from "../errors/makeError.js"
import { checkCall, checkSchedule } from "../input/checks.js"
import { type InputRules, take } from "../input/take.js"
import { pollDelay, scheduleDriver } from "../retry/retry.js"
import { monotonic, pauseOf } from "../time/clock.js"
import { milliseconds } from "../time/duration.js"
import { timeLimit } from "../time/timeLimit.js"
import { isPassing, type JobTarget, pending, poll } from "./jobPoll.js"
import { isEnded, type JobCancelled, type JobEnded, type JobFailed, problemOf } from "./jobStatus.js"
import { gaveUp, outOfTime, type PollOutcome, scheduleEnded } from "./waitTimeout.js"

export const defaultSchedule: Schedule.Schedule<unknown> = Schedule.spaced("2 seconds")

const defaultTimeout = Duration.seconds(300)

const waitRules: InputRules<WaitOptions, WaitOptions> = {
  field: "options",
  pick: (given) => ({
    timeout: given.timeout,
    schedule: given.schedule,
    headers: given.headers,
    connectTimeout: given.connectTimeout,
    attemptTimeout: given.attemptTimeout,
    retry: given.retry
  }),
  check: (options) => checkSchedule("schedule", options.schedule) ?? checkCall(options)
}

const pollUntilEnded = Effect.fnUntraced(function*(
  target: JobTarget,
  method: string,
  options: WaitOptions,
  seen: PollOutcome,
  timeout: number
): Effect.fn.Return<JobEnded, CallError> {
  const deadline = (yield* monotonic) + timeout
  const next = scheduleDriver(options.schedule ?? defaultSchedule)
  const pause = pauseOf(target.http)
  while (true) {
    const outcome = yield* Effect.either(poll(target, method, options))
    if (Either.isRight(outcome)) {
      if (isEnded(outcome.right)) return outcome.right
      seen.status = outcome.right
      seen.failure = undefined
    } else {
      if (!isPassing(outcome.left)) return yield* outcome.left
      seen.failure = outcome.left
    }
    if (timeout === 0) return yield* gaveUp(target, method, seen, "after one poll")
    const delay = yield* next(seen.status ?? pending(target.executionId))
    if (delay === undefined) return yield* gaveUp(target, method, seen, scheduleEnded)
    const ms = Math.max(delay, pollDelay(seen.failure))
    const left = Math.max(deadline - (yield* monotonic), 0)
    // a poll that begins at the deadline could not be answered in time
    if ((yield* pause(Math.min(ms, left))) && ms >= left) return yield* gaveUp(target, method, seen, outOfTime(timeout))
  }
})

export const wait = (
  target: JobTarget,
  method: string,
  given: WaitOptions = {}
): Effect.Effect<JobEnded, CallError> =>
  Effect.suspend(() => {
    const facts = { flow: target.addressText, executionId: target.executionId }
    const taken = take(method, waitRules, given, facts)
    if (Either.isLeft(taken)) return Effect.fail(taken.left)
    const options = taken.right
    const timeout = milliseconds(method, "timeout", options.timeout ?? defaultTimeout)
    if (Either.isLeft(timeout)) return Effect.fail(timeout.left)
    const ms = timeout.right
    const seen: PollOutcome = { status: undefined, failure: undefined }
    const polling = pollUntilEnded(target, method, options, seen, ms ?? Infinity)
    return ms === undefined || ms === 0
      ? polling
      : timeLimit(polling, ms, Effect.failSync(() => gaveUp(target, method, seen, outOfTime(ms))))
  })

const notCompleted = (target: JobTarget, method: string, status: JobFailed | JobCancelled): FlowExecutionError => {
  const problem = problemOf(status)
  return receivedAs(
    new FlowExecutionError(
      known({
        method,
        flow: target.addressText,
        executionId: target.executionId,
        code: problem.code,
        detail: status.status === "cancelled" ? "the job was cancelled" : problem.message,
        result: status.error,
        isRetryable: false
      }),
      unchecked
    ),
    status.raw
  )
}

/** The result of a job that has ended, or the error of a job without one. */
export const resultOfStatus = (
  target: JobTarget,
  method: string,
  status: JobEnded
): Effect.Effect<unknown, FlowExecutionError> =>
  status.status === "completed" ? Effect.succeed(status.result) : Effect.fail(notCompleted(target, method, status))
