/**
 * A run in the queue, and the operations on it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import * as JobPoll from "./internal/jobs/jobPoll.js"
import type { JobEnded, JobStatus } from "./internal/jobs/jobPoll.js"
import * as WaitAll from "./internal/jobs/jobWaitAll.js"
import type { ReadOptions } from "./internal/options/callOptions.js"
import type { CallError } from "./NoukaiError.js"

export type { ServerProblem } from "./internal/core/runProblem.js"
export { isEnded, problemOf } from "./internal/jobs/jobPoll.js"
export type {
  JobCancelled,
  JobCompleted,
  JobEnded,
  JobFailed,
  JobPending,
  JobRunning,
  JobStatus,
  JobUnknown,
  PollOptions
} from "./internal/jobs/jobPoll.js"
export type { WaitAllOptions } from "./internal/jobs/jobWaitAll.js"

/**
 * The options of waiting for a job.
 *
 * @since 0.1.0
 * @category options
 */
export interface WaitOptions<in A = unknown> extends ReadOptions {
  /**
   * The limit of the wait, from its start. A poll in flight is interrupted then, and none begins at the deadline or
   * later. 0: one poll, and no waiting. `Duration.infinity`: no limit. Default: 300 seconds.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * The times of the polls, given the status seen last. The first poll is made at once. A schedule that ends ends the
   * wait, as the timeout does. Default: 2 seconds after each poll.
   */
  readonly schedule?: Schedule.Schedule<unknown, JobStatus<A>> | undefined
  /** The limit of one attempt at a poll. Default: 30 seconds, or the client's if that is shorter. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
}

/**
 * A submitted run. Nothing here can start a second one: every operation only reads.
 *
 * @since 0.1.0
 * @category models
 */
export interface Job<out A = unknown> {
  /** The id of the run. Keep it to attach to the job in another process. */
  readonly executionId: string
  /** The server's id of the flow. Absent on a handle that was attached. */
  readonly flowId?: string
  /** The server's count of blocks. Absent on a handle that was attached. */
  readonly blockCount?: number
  /** The session of the run, if any. Absent on a handle that was attached. */
  readonly sessionId?: string

  /**
   * Polls once. In the first 5 seconds after the submission a 404 means `pending`, since a worker writes the row; later
   * it is a `FlowNotFoundError`. At its own `timeout` it is an `APITimeoutError` (`clock: "total"`), whose `sent` says how
   * far the request had come.
   */
  readonly poll: (options?: JobPoll.PollOptions) => Effect.Effect<JobStatus<A>, CallError>

  /**
   * Polls until the job has ended. A job that failed or was cancelled is a status here.
   *
   * Fails with `APITimeoutError` (`clock: "wait"`, `executionId`, `lastStatus`) at the timeout. A poll that failed in
   * passing (a 502, a reset, a rate limit) does not end the wait; any other error does. `Retry-After` delays the next
   * poll, by at most a minute.
   */
  readonly wait: (options?: WaitOptions<A>) => Effect.Effect<JobEnded<A>, CallError>

  /**
   * Waits as `wait` does, and gives the result. A job that failed or was cancelled is a `FlowExecutionError`.
   */
  readonly result: (options?: WaitOptions<A>) => Effect.Effect<A, CallError>

  /**
   * The changes of the status, polled every 2 seconds, up to and with the last one. Polls that failed in passing are
   * skipped until they have gone on for 300 seconds without an answer. `Retry-After` delays the next poll, by at most a
   * minute.
   */
  readonly updates: Stream.Stream<JobStatus<A>, CallError>
}

/**
 * A job of `submitOnce`: submitted by this call or, with `reused`, found under its key.
 *
 * @since 0.1.0
 * @category models
 */
export interface OnceJob<out A = unknown> extends Job<A> {
  /** Whether another call submitted it, in this process or another. */
  readonly reused: boolean
}

/**
 * The changes of the status, polled on a schedule of the caller's. When the schedule ends, the stream ends without an
 * error, whether the job has ended or not.
 *
 * @example
 * ```ts
 * import * as Job from "@effect-noukai/sdk/Job"
 * import { Schedule, Stream } from "effect"
 *
 * const watch = (job: Job.Job) => Job.updates(job, Schedule.spaced("500 millis")).pipe(Stream.map((s) => s.status))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export function updates<A>(
  job: Job<A>,
  schedule: Schedule.Schedule<unknown, JobStatus<A>>
): Stream.Stream<JobStatus<A>, CallError> {
  return JobPoll.updates(job, schedule)
}

/**
 * A job, and how waiting for it ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobOutcome<out A = unknown> {
  /** The handle as it was given. */
  readonly job: Job<A>
  /** The last status, be it `completed`, `failed` or `cancelled`; or the error of a poll that cannot be repeated. */
  readonly outcome: Exit.Exit<JobEnded<A>, CallError>
}

/**
 * Waits for many jobs and tells the outcome of each as it ends, with polls that are bounded in number, for any
 * number of jobs. `jobs` may also be a stream of jobs that are not all known yet.
 *
 * A job that failed or was cancelled, whose poll fails for good (a 404, a result that does not fit the schema), or whose
 * schedule ends, is an outcome like any other; the others are waited for. Polls that failed in passing are repeated, until
 * a job has seen five in a row over 300 seconds; then the last failure is its outcome. `Retry-After` delays the next poll
 * of a job, and after a 429 those of all, by at most a minute.
 *
 * Fails with `AuthenticationError` and with the end of the client (`CLIENT_CLOSED`), which are of all jobs alike, with
 * `APITimeoutError` (`clock: "wait"`) at the timeout, which says how many have not ended, with `InvalidRequestError`
 * (`field`: the option, or `jobs`) before anything is sent, and with the failure of a stream of jobs. Outcomes that are
 * known come before a failure.
 *
 * A job that is given again while it is waited for is polled and told once, by its execution id. A slow reader
 * slows down the polling: at most 16 outcomes, and those of the polls under way, are held. Interruption ends all polls. A
 * job that is waited for takes about 10 kB beside its handle.
 *
 * @example
 * ```ts
 * import * as Job from "@effect-noukai/sdk/Job"
 * import { Effect, Exit, Stream } from "effect"
 *
 * const report = (jobs: ReadonlyArray<Job.Job>) =>
 *   Job.waitAll(jobs, { timeout: "1 hour" }).pipe(
 *     Stream.runForEach(({ job, outcome }) =>
 *       Effect.log(job.executionId, Exit.isSuccess(outcome) ? outcome.value.status : outcome.cause)
 *     )
 *   )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const waitAll = <A, E = never, R = never>(
  jobs: Iterable<Job<A>> | Stream.Stream<Job<A>, E, R>,
  options: WaitAll.WaitAllOptions<A> = {}
): Stream.Stream<JobOutcome<A>, CallError | E, R> => WaitAll.waitAll<Job<A>, A, E, R>(jobs, options)
