/**
 * The handles of jobs, and the operations on them.
 *
 * @see contract 8.4
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Job, OnceJob, WaitOptions } from "../../Job.js"
import { type CallError, FlowExecutionError, type InvalidRequestError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { receivedAs } from "../errors/errorClass.js"
import { invalid, known, unchecked } from "../errors/makeError.js"
import type { ReadOptions } from "../input/callOptions.js"
import { checkCall, checkDuration, checkSchedule } from "../input/checks.js"
import { guarded, type InputRules, take } from "../input/take.js"
import { totalTimeout } from "../operations/totalTimeout.js"
import { scheduleDriver } from "../retry/retry.js"
import * as Spans from "../telemetry/spans.js"
import { monotonic, type Pause, pauseOf, sleep } from "../time/clock.js"
import { milliseconds } from "../time/duration.js"
import { timeLimit } from "../time/timeLimit.js"
import * as Poll from "./jobPoll.js"
import type { JobTarget, PollOutcome } from "./jobPoll.js"
import { isEnded, type JobCancelled, type JobEnded, type JobFailed, type JobStatus, problemOf } from "./jobStatus.js"

/** The facts of a submission beside the execution id. */
export interface SubmissionFacts {
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly sessionId?: string | undefined
}

/** The options of one poll. */
export interface PollOptions {
  /** The limit of the poll with its attempts; 0 runs out before anything is sent. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
  /** The schedule of retries; `Schedule.stop` for a single attempt. Default: the client's. */
  readonly retry?: ReadOptions["retry"]
}

const handleParts: unique symbol = Symbol("@effect-noukai/sdk/handleParts")

/** The operations of a handle that are not part of its interface. */
interface HandleParts<A> {
  /** The sleep of its client. */
  readonly pause: Pause
  readonly poll: (options: PollOptions) => Effect.Effect<JobStatus<A>, CallError>
}

/** The part of a handle that is needed to poll it. One that was made elsewhere has no `handleParts`. */
export interface Pollable<A> {
  readonly executionId: string
  readonly poll: Effect.Effect<JobStatus<A>, CallError>
  readonly [handleParts]?: HandleParts<A>
}

/** The sleep of a handle's client. */
export const pauseOfHandle = (job: Pollable<unknown>): Pause => job[handleParts]?.pause ?? sleep

/** Polls a handle once, without the retries of its client, so that a refusal is seen at once. */
export const pollAttempt = <A>(job: Pollable<A>): Effect.Effect<JobStatus<A>, CallError> =>
  job[handleParts]?.poll({ retry: Schedule.stop }) ?? job.poll

export const isPollable = (job: unknown): boolean =>
  Predicate.isRecord(job) && Effect.isEffect(job["poll"]) && typeof job["executionId"] === "string"

const checkJob = (method: string, job: unknown): Either.Either<void, InvalidRequestError> =>
  guarded(method, "job", () =>
    isPollable(job)
      ? Either.void
      : Either.left(invalid(method, "job", "must be a job, as submit and attach give it")))

const defaultSchedule: Schedule.Schedule<unknown> = Schedule.spaced("2 seconds")

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

const wait = Effect.fnUntraced(function*(
  target: JobTarget,
  method: string,
  given: WaitOptions = {}
): Effect.fn.Return<JobEnded, CallError> {
  const { addressText, executionId, http } = target
  const options = yield* take(method, waitRules, given, { flow: addressText, executionId })
  const ms = yield* milliseconds(method, "timeout", options.timeout ?? defaultTimeout)
  const deadline = (yield* monotonic) + (ms ?? Infinity)
  const seen: { last?: PollOutcome } = {}
  const polls = Poll.polls(() => ({
    executionId,
    poll: Poll.poll(target, method, options),
    next: scheduleDriver(options.schedule ?? defaultSchedule),
    pause: pauseOf(http),
    deadline
  }))
  const polling = Stream.runForEach(ms === 0 ? Stream.take(polls, 1) : polls, (outcome) =>
    Effect.sync(() => {
      seen.last = outcome
    }))
  const gaveUp = (detail: string) => Effect.failSync(() => Poll.gaveUp(target, method, seen.last, detail))
  yield* ms === undefined || ms === 0 ? polling : timeLimit(polling, ms, gaveUp(`after ${ms} ms`))
  const status = seen.last?.status
  if (status !== undefined && isEnded(status)) return status
  return yield* gaveUp(ms === 0 ? "after one poll" : Poll.scheduleEnded)
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

/** Makes the handle of a job; `more` are the fields of its kind. */
const makeHandle = <More extends object>(target: JobTarget, facts: SubmissionFacts, more: More): Job & More => {
  const { address, executionId, http } = target
  const spanned = <A extends JobStatus, E>(name: string, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Spans.readSpan(name, { address, executionId }, (status) => ({ status: Poll.label(status) }), self)
  const poll = ({ timeout, ...options }: PollOptions = {}) =>
    spanned(spanNames.jobPoll, Poll.poll(target, "Job.poll", options, timeout))
  const ended = (method: string, options: WaitOptions | undefined) =>
    spanned(spanNames.jobWait, wait(target, method, options))
  const parts: HandleParts<unknown> = { pause: pauseOf(http), poll }
  const handle = {
    executionId,
    ...known<SubmissionFacts>(facts),
    ...more,
    poll: poll(),
    wait: (options?: WaitOptions) => ended("Job.wait", options),
    result: (options?: WaitOptions) =>
      Effect.flatMap(ended("Job.result", options), (status) =>
        status.status === "completed"
          ? Effect.succeed(status.result)
          : Effect.fail(notCompleted(target, "Job.result", status))),
    updates: Spans.readStreamSpan(
      spanNames.jobUpdates,
      { address, executionId },
      Poll.updates(() => ({
        executionId,
        poll: Poll.poll(target, "Job.updates", {}),
        next: scheduleDriver(defaultSchedule),
        pause: parts.pause
      }))
    )
  }
  return Object.defineProperty(handle, handleParts, { value: parts })
}

export const make = (target: JobTarget, facts: SubmissionFacts): Job => makeHandle(target, facts, {})

/** The handle of a job that runs once per key. */
export const makeOnce = (target: JobTarget, facts: SubmissionFacts, reused: boolean): OnceJob =>
  makeHandle(target, facts, { reused })

const pollRules: InputRules<PollOptions, PollOptions> = {
  field: "options",
  pick: (given) => ({ timeout: given.timeout, retry: given.retry }),
  check: ({ retry, timeout }) => checkDuration("timeout", timeout) ?? checkSchedule("retry", retry)
}

/** `Job.poll`. Of handles made elsewhere it is not known how far a request has come. */
export const poll = Effect.fnUntraced(function*<A>(
  job: Pollable<A>,
  given: PollOptions
): Effect.fn.Return<JobStatus<A>, CallError> {
  const method = "Job.poll"
  const options = yield* take(method, pollRules, given)
  yield* checkJob(method, job)
  const parts = job[handleParts]
  if (parts !== undefined) return yield* parts.poll(options)
  const ms = yield* milliseconds(method, "timeout", options.timeout ?? Infinity)
  return yield* totalTimeout(
    job.poll,
    ms,
    { method, flow: undefined, executionId: () => job.executionId, onlyReads: true },
    { sent: ms === 0 ? "no" : "unknown" }
  )
})

/** `Job.updates`. */
export const updates = <A>(
  job: Pollable<A>,
  schedule: Schedule.Schedule<unknown, JobStatus<A>>
): Stream.Stream<JobStatus<A>, CallError> =>
  Stream.unwrap(Effect.gen(function*() {
    const method = "Job.updates"
    yield* checkJob(method, job)
    const found = checkSchedule("schedule", schedule ?? null)
    if (found !== undefined) return yield* invalid(method, found.field, found.reason)
    return Poll.updates(() => ({
      executionId: job.executionId,
      poll: job.poll,
      next: scheduleDriver(schedule),
      pause: pauseOfHandle(job)
    }))
  }))
