/**
 * The client.
 *
 * @since 0.1.0
 */
import { type FlowAddress, resolve as resolveFlow } from "@effect-noukai/sdk/Flow"
import { JobService } from "@effect-noukai/sdk/JobService"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { Flow } from "./Flow.js"
import { Client } from "./internal/client/client.js"
import { openClient } from "./internal/client/openClient.js"
import { promiseError } from "./internal/errors/promiseError.js"
import { waitAll } from "./internal/jobs/waitAll.js"
import { Job, type JobOutcome, type WaitAllOptions } from "./Job.js"
import type { NoukaiOptions } from "./NoukaiOptions.js"
import type { NoukaiTransport } from "./NoukaiTransport.js"

export type { ClientOptions, NoukaiEnv, NoukaiOptions, RateLimit } from "./NoukaiOptions.js"

/**
 * The address of a flow: `"org/project/slug"`, its three fields, or `"slug"` with the client's organisation and
 * project.
 *
 * @since 0.1.0
 * @category models
 */
export type FlowIdentifier = string | { org: string; project: string; slug: string }

/**
 * A client. It keeps connections open until it is closed, but does not keep a process alive.
 *
 * @example
 * ```ts
 * import { Noukai } from "@effect-noukai/promise"
 *
 * const grade = async (text: string) => {
 *   await using noukai = new Noukai({ timeout: 60_000 })
 *   const done = await noukai.flow("acme/spelling/grade-3").execute({ message: text })
 *   return done.result
 * }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export class Noukai {
  /** The default organisation. */
  declare readonly defaultOrg?: string
  /** The default project. */
  declare readonly defaultProject?: string
  /** The default session id. */
  declare readonly defaultSessionId?: string
  private readonly client: Client

  /**
   * Throws an `AuthenticationError` for a key that is missing or does not begin with `nk_`. Throws an
   * `InvalidRequestError` for any other wrong option.
   */
  constructor(options?: NoukaiOptions)
  /** @internal */
  constructor(options: NoukaiOptions | Client)
  constructor(options?: NoukaiOptions | Client) {
    this.client = Client.is(options) ? options : openClient(options)
    const { org, project, sessionId } = this.client.defaults
    if (org !== undefined) this.defaultOrg = org
    if (project !== undefined) this.defaultProject = project
    if (sessionId !== undefined) this.defaultSessionId = sessionId
  }

  /** The value for `traceScope({ transport })`; it has no other use. */
  get _transport(): NoukaiTransport {
    return this.client
  }

  /**
   * Returns a flow of this client. Throws an `InvalidRequestError` for a wrong address, and for a bare slug if the
   * client has no organisation and project.
   */
  flow(identifier: FlowIdentifier): Flow {
    return new Flow(this.client, this.address(identifier))
  }

  /**
   * Returns a handle of an earlier job, by its execution id. Sends nothing. Throws as `flow` does.
   */
  job(flow: FlowIdentifier, executionId: string): Job {
    const address = this.address(flow)
    const attached = Effect.flatMap(JobService, (jobs) => jobs.attach(address, executionId))
    return new Job(this.client, attached, { executionId })
  }

  /**
   * Waits for many jobs and emits each as it ends, with a limited rate of polls. A failed or cancelled job has a
   * status. A job whose polls fail for good has an error. Both leave the other jobs alone.
   *
   * The loop rejects at `timeout`, for a refused key, and when the client is closed. Duplicate jobs are emitted once. A
   * slow reader slows down the polls. Leaving the loop ends them.
   *
   * @example
   * ```ts
   * import type { Job, Noukai } from "@effect-noukai/promise"
   *
   * const report = async (noukai: Noukai, jobs: ReadonlyArray<Job>) => {
   *   for await (const { job, status, error } of noukai.waitAll(jobs, { timeout: 3_600_000 })) {
   *     console.log(job.executionId, error === undefined ? status.status : error.message)
   *   }
   * }
   * ```
   */
  waitAll(jobs: Iterable<Job> | AsyncIterable<Job>, options?: WaitAllOptions): AsyncIterable<JobOutcome> {
    return waitAll(this.client, jobs, options)
  }

  /**
   * Ends the calls in flight and closes the connections. A run in flight may go on and be billed. Later calls reject.
   */
  close(): Promise<void> {
    return this.client.lifetime.close()
  }

  /** Calls `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private address(identifier: FlowIdentifier): FlowAddress {
    const address = resolveFlow(identifier, this.client.defaults)
    if (Either.isLeft(address)) throw promiseError(address.left)
    return address.right
  }
}
