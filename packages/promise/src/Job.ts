// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * A run in the queue.
 *
 * @since 0.1.0
 */
import type * as SdkJob from "@effect-noukai/sdk/Job"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Client } from "./internal/client/client.js"
import type { Services } from "./internal/client/lifetime.js"
import { jobStatus } from "./internal/jobs/jobStatus.js"
import { intervalOf, millisOf } from "./internal/options/reading.js"
import { type Names, takeKnown } from "./internal/options/unknown.js"
import type { JobStatus } from "./JobStatus.js"
import type { NoukaiError } from "./NoukaiError.js"
import type { RateLimit } from "./NoukaiOptions.js"

/**
 * The options of one poll.
 *
 * @since 0.1.0
 * @category options
 */
export interface PollOptions {
  /** Milliseconds for the poll with its retries; 0 times out before anything is sent. Default: 30,000 per attempt. */
  timeout?: number | undefined
  /** Ends the call. The call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/**
 * The options of `wait`.
 *
 * @since 0.1.0
 * @category options
 */
export interface WaitOptions {
  /** Milliseconds until `wait` rejects with an `APITimeoutError`. Default: 300,000. */
  timeout?: number | undefined
  /** Milliseconds between two polls. Default: 2,000. */
  pollInterval?: number | undefined
  /** Ends the call. The call rejects with the signal's reason. The job continues. */
  signal?: AbortSignal | undefined
}

/**
 * The options of `noukai.waitAll`.
 *
 * @since 0.1.0
 * @category options
 */
export interface WaitAllOptions {
  /** Milliseconds until the loop rejects with an `APITimeoutError`; 0 polls each job once. Default: no limit. */
  timeout?: number | undefined
  /**
   * Milliseconds between two polls of a job. Default: a quarter of the time since the wait began, at least 2,000 and at
   * most 60,000.
   */
  pollInterval?: number | undefined
  /** The number of polls in flight. Default: 8. */
  concurrency?: number | undefined
  /** The rate limit of polls. A number is per second. Default: 20. */
  rate?: number | RateLimit | undefined
  /** Ends the loop, which rejects with the signal's reason. The jobs continue. */
  signal?: AbortSignal | undefined
}

/**
 * A job that ended, with its last status, or a job whose polls failed for good, with the error.
 *
 * @since 0.1.0
 * @category models
 */
export type JobOutcome =
  | { job: Job; status: JobStatus; error?: undefined }
  | { job: Job; status?: undefined; error: NoukaiError }

const waitNames: Names<WaitOptions> = { timeout: true, pollInterval: true, signal: true }

/**
 * A run in the queue, from `flow.executeAsync(…)` or `noukai.job(…)`. No method starts a second run.
 *
 * @since 0.1.0
 * @category models
 */
export class Job {
  /** The id that attaches to the job from another process. */
  readonly executionId: string
  /** The id of the flow; empty on a job from `noukai.job(…)`. */
  readonly flowId: string
  /** The session of the run. */
  declare readonly sessionId?: string
  private readonly client: Client
  private readonly job: Effect.Effect<SdkJob.Job, unknown, Services>

  /** @internal */
  constructor(
    client: Client,
    job: Effect.Effect<SdkJob.Job, unknown, Services>,
    facts: Pick<SdkJob.Job, "executionId" | "flowId" | "sessionId">
  ) {
    this.client = Client.of(client, "Job", "noukai.job(flow, id)")
    this.job = job
    this.executionId = facts.executionId
    this.flowId = facts.flowId ?? ""
    if (facts.sessionId !== undefined) this.sessionId = facts.sessionId
  }

  /**
   * Returns the handle of the SDK, or `undefined` for a value that is not a job.
   *
   * @internal
   */
  static handleOf(job: unknown): Effect.Effect<SdkJob.Job, unknown, Services> | undefined {
    try {
      return job instanceof Job ? job.job : undefined
    } catch {
      // a proxy that cannot be read
      return undefined
    }
  }

  /**
   * Polls once. In the first 5 seconds after its submission, a job that is not found counts as `pending`.
   *
   * @example
   * ```ts
   * import type { Job } from "@effect-noukai/promise"
   *
   * const isRunning = async (job: Job) => (await job.poll()).status === "running"
   * ```
   */
  async poll(options?: PollOptions): Promise<JobStatus> {
    const operation = "job.poll"
    const { input: timeout, signal } = takeKnown(
      operation,
      options,
      { timeout: true, signal: true },
      (given) => millisOf(operation, "timeout", given.timeout)
    )
    const polled = Effect.flatMap(this.job, (job) => job.poll({ timeout }))
    return await this.client.run(Effect.map(polled, jobStatus), signal)
  }

  /**
   * Polls until the job has ended. Resolves with the status of a failed or cancelled job too.
   *
   * @example
   * ```ts
   * import type { Job } from "@effect-noukai/promise"
   *
   * const result = async (job: Job) => {
   *   const ended = await job.wait({ timeout: 600_000 })
   *   return ended.status === "completed" ? ended.result : undefined
   * }
   * ```
   */
  async wait(options?: WaitOptions): Promise<JobStatus> {
    const operation = "job.wait"
    const { input: { interval, timeout }, signal } = takeKnown(operation, options, waitNames, (given) => ({
      timeout: millisOf(operation, "timeout", given.timeout),
      interval: intervalOf(operation, "pollInterval", given.pollInterval)
    }))
    const schedule = interval === undefined ? undefined : Schedule.spaced(interval)
    const ended = Effect.flatMap(this.job, (job) => job.wait({ timeout, schedule }))
    return await this.client.run(Effect.map(ended, jobStatus), signal)
  }
}

/**
 * A job from `flow.submitOnce(…)`, new or existing.
 *
 * @since 0.1.0
 * @category models
 */
export class OnceJob extends Job {
  /** Whether another call submitted it, in this process or another. */
  readonly reused: boolean

  /** @internal */
  constructor(client: Client, job: SdkJob.OnceJob) {
    super(client, Effect.succeed(job), job)
    this.reused = job.reused
  }
}
