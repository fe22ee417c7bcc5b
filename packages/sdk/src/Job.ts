/**
 * A run in the queue, and what can be asked of it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import type { ReadOptions } from "./internal/input/callOptions.js"
import type { JobEnded, JobStatus } from "./internal/jobs/jobStatus.js"
import * as Updates from "./internal/jobs/jobUpdates.js"
import type { CallError } from "./NoukaiError.js"

export { isEnded } from "./internal/jobs/jobStatus.js"
export type {
  JobCancelled,
  JobCompleted,
  JobEnded,
  JobFailed,
  JobPending,
  JobRunning,
  JobStatus,
  JobUnknown
} from "./internal/jobs/jobStatus.js"

/**
 * How to wait for a job.
 *
 * @since 0.1.0
 * @category options
 */
export interface WaitOptions<in A = unknown> extends ReadOptions {
  /**
   * Until this has passed since waiting began; a poll in flight is then interrupted, and none begins at the deadline
   * or later. 0: one poll, and no waiting. `Duration.infinity`: for as long as it takes. Default: 300 seconds.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * When to poll again, given the status just seen. The first poll is made at once. A schedule that ends ends the
   * waiting, as the timeout does. Default: 2 seconds after each poll.
   */
  readonly schedule?: Schedule.Schedule<unknown, JobStatus<A>> | undefined
  /** One attempt at a poll. Default: 30 seconds, or the client's if that is shorter. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
}

/**
 * A submitted run. Nothing here can start a second one: everything only reads.
 *
 * @since 0.1.0
 * @category models
 */
export interface Job<out A = unknown> {
  /** The id of the run. Keep it to attach to the job in another process. */
  readonly executionId: string
  /** The server's id of the flow. Absent on a handle that was attached. */
  readonly flowId: string | undefined
  /** As a result has it. Absent on a handle that was attached. */
  readonly blockCount: number | undefined
  /** The session that the run was tagged with, if any; not known on a handle that was attached. */
  readonly sessionId: string | undefined

  /**
   * Asks once. In the first 5 seconds after the submission a 404 means `pending`, since the row is written by a worker;
   * later it is a `FlowNotFoundError`.
   */
  readonly poll: Effect.Effect<JobStatus<A>, CallError>

  /**
   * Polls until the job has ended. That it failed or was cancelled is a status here.
   *
   * Fails with `APITimeoutError` (`clock: "wait"`, `executionId`, `lastStatus`) when the time is over. A poll that
   * failed in passing (a 502, a reset, a rate limit) does not end the waiting; any other error does. A server that asks
   * for time (`Retry-After`) puts the next poll off for at most a minute.
   */
  readonly wait: (options?: WaitOptions<A>) => Effect.Effect<JobEnded<A>, CallError>

  /**
   * Waits as `wait` does, and gives the result. A job that failed or was cancelled is a `FlowExecutionError`.
   */
  readonly result: (options?: WaitOptions<A>) => Effect.Effect<A, CallError>

  /**
   * The statuses as they change, polled every 2 seconds, up to and with the last one. Failures in passing are
   * passed over until they have gone on for 300 seconds without an answer. A server that asks for time (`Retry-After`)
   * puts the next poll off for at most a minute.
   */
  readonly updates: Stream.Stream<JobStatus<A>, CallError>
}

/**
 * `job.updates` on a schedule of the caller's. When the schedule ends, the stream ends without an error, whether the job
 * has ended or not.
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
export const updates = <A>(
  job: Job<A>,
  schedule: Schedule.Schedule<unknown, JobStatus<A>>
): Stream.Stream<JobStatus<A>, CallError> => Updates.ofJob(job, schedule)
