/**
 * One poll of a job: the request, the grace after a submission, and the resulting status.
 *
 * @see contract 8.2, 8.3
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import { type CallError, type NoukaiError, UnexpectedResponseError } from "../../NoukaiError.js"
import { invalid, known, unchecked } from "../errors/makeError.js"
import { isOfRun, otherRun } from "../errors/runProblem.js"
import type { FlowAddress, FlowRef } from "../flow/flow.js"
import { decodeResult } from "../flow/flowCodec.js"
import type { Progress, ReadOptions } from "../input/callOptions.js"
import { checkDuration, checkSchedule } from "../input/checks.js"
import { guarded, type InputRules, take } from "../input/take.js"
import { withRaw } from "../json/raw.js"
import type { PollJobResponse } from "../operations/jobRequests.js"
import type { HttpService } from "../operations/operations.js"
import { totalOf } from "../operations/resolvedCall.js"
import { totalTimeout } from "../operations/totalTimeout.js"
import { isTransient } from "../retry/retry.js"
import { isEndedStatus, type RunCosts } from "../run/runCosts.js"
import { monotonic, type Pause, sleep } from "../time/clock.js"
import { milliseconds } from "../time/duration.js"
import type { JobCompleted, JobPending, JobStatus } from "./jobStatus.js"

/** The facts that a handle has of its job. */
export interface JobTarget {
  readonly http: HttpService
  readonly flow: FlowRef<never>
  readonly address: FlowAddress
  readonly addressText: string
  readonly executionId: string
  /** The costs of the job, which hold a part of its budgets until it has ended. */
  readonly costs: RunCosts | undefined
  /** The instant of the monotonic clock, in milliseconds, before which a 404 means `pending`. */
  readonly graceEnds: number
}

/** The options of one poll. */
export interface PollOptions {
  /** The limit of the poll with its attempts; 0 runs out before anything is sent. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
  /** The schedule of retries; `Schedule.stop` for a single attempt. Default: the client's. */
  readonly retry?: ReadOptions["retry"]
}

const pollRules: InputRules<PollOptions, PollOptions> = {
  field: "options",
  pick: (given) => ({ timeout: given.timeout, retry: given.retry }),
  check: ({ retry, timeout }) => checkDuration("timeout", timeout) ?? checkSchedule("retry", retry)
}

/** The operations of a handle that are not part of its interface. */
interface HandleParts {
  /** The sleep of its client. */
  readonly pause: Pause
  readonly poll: (options: PollOptions) => Effect.Effect<JobStatus, CallError>
}

const handleParts = new WeakMap<object, HandleParts>()

/** Keeps the parts of a handle. */
export const keeping = <A extends object>(handle: A, parts: HandleParts): A => {
  handleParts.set(handle, parts)
  return handle
}

/** The sleep of a handle's client; the plain one for handles made elsewhere. */
export const pauseOfHandle = (handle: object): Pause => handleParts.get(handle)?.pause ?? sleep

/** The part of a handle that is needed to poll it. */
export interface Pollable<A> {
  readonly executionId: string
  readonly poll: Effect.Effect<JobStatus<A>, CallError>
}

/** Polls a handle; one that was made elsewhere without the options. */
const pollOfHandle = <A>(job: Pollable<A>, options: PollOptions) =>
  // the handle decodes with its own flow
  handleParts.get(job)?.poll(options) as Effect.Effect<JobStatus<A>, CallError> | undefined

/** Polls a handle once, without the retries of its client, so that a refusal is seen at once. */
export const pollAttempt = <A>(job: Pollable<A>): Effect.Effect<JobStatus<A>, CallError> =>
  pollOfHandle(job, { retry: Schedule.stop }) ?? job.poll

export const pending = (executionId: string): JobPending => ({ status: "pending", executionId })

/** The server's name of a status. */
export const label = (status: JobStatus): string => status.status === "unknown" ? status.reported : status.status

/**
 * Whether a failed poll tells nothing about the job, so that the next one may be answered. A 404 of a gateway is one.
 */
export const isPassing = (error: NoukaiError): boolean =>
  error._tag === "APITimeoutError" || isTransient(error) || (error._tag === "FlowNotFoundError" && !error.isAbsent)

const completed = (
  target: JobTarget,
  method: string,
  response: PollJobResponse
): Effect.Effect<JobCompleted, UnexpectedResponseError> =>
  Effect.map(
    decodeResult(target.flow, {
      method,
      address: target.addressText,
      executionId: target.executionId,
      requestId: response.requestId
    }, response.result),
    (result) => withRaw({ status: "completed", executionId: target.executionId, result }, response.raw)
  )

/** The error of an answer that tells nothing of the job. A result in it is kept. */
const unexpected = (
  { addressText, executionId }: JobTarget,
  method: string,
  { requestId, result }: PollJobResponse,
  reason: string
): UnexpectedResponseError =>
  new UnexpectedResponseError(
    known({ method, flow: addressText, executionId, requestId, reason, result, isRetryable: false }),
    unchecked
  )

/** An unknown status is not the last one, unless it has a result, which would otherwise be lost. */
const unknown = (
  target: JobTarget,
  method: string,
  response: PollJobResponse
): Effect.Effect<JobStatus, UnexpectedResponseError> => {
  const { executionId } = target
  const { raw, result, status } = response
  return result === undefined || result === null
    ? Effect.succeed(withRaw({ status: "unknown", executionId, reported: status }, raw))
    : Effect.fail(
      unexpected(target, method, response, `unknown status ${JSON.stringify(status)}`)
    )
}

const statusOf = (
  target: JobTarget,
  method: string,
  response: PollJobResponse
): Effect.Effect<JobStatus, UnexpectedResponseError> => {
  const { executionId } = target
  const { error, raw, result, status } = response
  if (!isOfRun(executionId, response.executionId)) {
    return Effect.fail(
      unexpected(target, method, response, otherRun(response.executionId))
    )
  }
  switch (status) {
    case "completed":
      return completed(target, method, response)
    case "failed":
    case "cancelled":
      return Effect.succeed(withRaw({ status, executionId, error: error ?? result }, raw))
    case "pending":
    case "running":
      return Effect.succeed(withRaw({ status, executionId }, raw))
    default:
      return unknown(target, method, response)
  }
}

/** Polls once. `timeout` limits the poll with its attempts; without one the client's does. */
export const poll = (
  target: JobTarget,
  method: string,
  options: ReadOptions,
  timeout?: Duration.DurationInput
): Effect.Effect<JobStatus, CallError> =>
  Effect.flatMap(monotonic, (asked) => {
    const progress: Progress = { sent: "no" }
    let hasEnded = false
    const total = totalOf(target.http, method, timeout)
    if (Either.isLeft(total)) return Effect.fail(total.left)
    const answered = Effect.matchEffect(
      target.http.request("pollJob", {
        method,
        options,
        progress,
        flow: target.address,
        executionId: target.executionId
      }),
      {
        onFailure: (error) =>
          error._tag === "FlowNotFoundError" && asked < target.graceEnds
            ? Effect.succeed(pending(target.executionId))
            : Effect.fail(error),
        onSuccess: (response): Effect.Effect<JobStatus, CallError> => {
          hasEnded = isEndedStatus(response.status)
          return statusOf(target, method, response)
        }
      }
    )
    const { costs, executionId } = target
    const polled = totalTimeout(
      answered,
      total.right,
      { method, flow: target.addressText, executionId: () => executionId, onlyReads: true },
      progress
    )
    return costs === undefined ?
      polled :
      Effect.flatMap(
        Effect.exit(polled),
        (exit) => hasEnded ? Effect.zipRight(costs.settle({ executionId, sent: "yes", goesOn: false }), exit) : exit
      )
  })

const handlePoll = "Job.poll"

export const noJob = "must be a job, as submit and attach give it"

/** One poll of a handle. Of handles made elsewhere it is not known how far a request has come. */
export const ofJob = <A>(
  job: Pollable<A>,
  given: PollOptions
): Effect.Effect<JobStatus<A>, CallError> =>
  Effect.suspend(() => {
    const taken = take(handlePoll, pollRules, given)
    if (Either.isLeft(taken)) return Effect.fail(taken.left)
    const { timeout } = taken.right
    const polled = pollOfHandle(job, taken.right)
    if (polled !== undefined) return polled
    const limited = Either.flatMap(
      milliseconds(handlePoll, "timeout", timeout ?? Infinity),
      (ms) =>
        guarded(handlePoll, "job", () => {
          const { executionId, poll } = job
          return Effect.isEffect(poll) && typeof executionId === "string"
            ? Either.right({ executionId, poll, ms })
            : Either.left(invalid(handlePoll, "job", noJob))
        })
    )
    if (Either.isLeft(limited)) return Effect.fail(limited.left)
    const { executionId, ms, poll } = limited.right
    return totalTimeout(
      poll,
      ms,
      { method: handlePoll, flow: undefined, executionId: () => executionId, onlyReads: true },
      { sent: ms === 0 ? "no" : "unknown" }
    )
  })
