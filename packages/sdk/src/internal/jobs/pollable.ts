/** The handle of a job as far as it is needed to poll it. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { CallError, InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../core/makeError.js"
import { limitOf, type Pause, sleep } from "../core/time.js"
import { scheduleDriver } from "../http/retry.js"
import { totalTimeout } from "../operations/call.js"
import type { ReadOptions } from "../options/callOptions.js"
import * as Fields from "../options/fields.js"
import { options } from "../options/options.js"
import { updates as updatesOf } from "./jobPoll.js"
import type { JobStatus } from "./jobStatus.js"

/** The options of one poll. */
export interface PollOptions {
  /** The limit of the poll with its attempts; 0 runs out before anything is sent. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
  /** The schedule of retries; `Schedule.stop` for a single attempt. Default: the client's. */
  readonly retry?: ReadOptions["retry"]
}

export const handleParts: unique symbol = Symbol("@effect-noukai/sdk/handleParts")

/** The operations of a handle that are not part of its interface. */
export interface HandleParts<A> {
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
  isPollable(job)
    ? Either.void
    : Either.left(invalid(method, "job", "must be a job, as submit and attach return it"))

const pollOptions = options<PollOptions>("options", () => ({ timeout: Fields.duration, retry: Fields.schedule }))

/** `Job.poll`. Of handles made elsewhere it is not known how far a request has come. */
export const poll = Effect.fnUntraced(function*<A>(
  job: Pollable<A>,
  given: PollOptions
): Effect.fn.Return<JobStatus<A>, CallError> {
  const method = "Job.poll"
  const checked = yield* pollOptions(method, given)
  yield* checkJob(method, job)
  const parts = job[handleParts]
  if (parts !== undefined) return yield* parts.poll(checked)
  const ms = limitOf(checked.timeout ?? Infinity)
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
    if (!Schedule.isSchedule(schedule)) return yield* invalid(method, "schedule", "must be a Schedule")
    return updatesOf(() => ({
      executionId: job.executionId,
      poll: job.poll,
      next: scheduleDriver(schedule),
      pause: pauseOfHandle(job)
    }))
  }))
