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

export type { NoukaiEnv, NoukaiOptions, RateLimit } from "./NoukaiOptions.js"

/**
 * The name of a flow: `"slug"` with the client's default organisation and project, `"org/project/slug"`, or all three
 * as fields.
 *
 * @since 0.1.0
 * @category models
 */
export type FlowIdentifier = string | { org: string; project: string; slug: string }

/**
 * A client. It holds connections until it is closed, but keeps no process alive.
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
  /** The default organisation, if there is one. */
  declare readonly defaultOrg?: string
  /** The default project, if there is one. */
  declare readonly defaultProject?: string
  /** The default session id, if there is one. */
  declare readonly defaultSessionId?: string
  private readonly client: Client

  /**
   * Throws an `AuthenticationError` for a key that is missing or does not begin with `nk_`, and an
   * `InvalidRequestError` for any other option that is wrong.
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
   * A flow of this client. Throws an `InvalidRequestError` when the identifier is wrong, or is a bare slug and the
   * client has no default organisation and project.
   */
  flow(identifier: FlowIdentifier): Flow {
    return new Flow(this.client, this.address(identifier))
  }

  /**
   * A job that was submitted elsewhere, by its execution id. Nothing is sent. Throws as `flow` does.
   */
  job(flow: FlowIdentifier, executionId: string): Job {
    const address = this.address(flow)
    const attached = Effect.flatMap(JobService, (jobs) => jobs.attach(address, executionId))
    return new Job(this.client, attached, { executionId })
  }

  /**
   * Waits for many jobs and gives each as it ends, with a bounded number of polls a second. A job that failed or was
   * cancelled has a status, one whose polls fail for good an error; the others are waited for.
   *
   * The loop rejects at `timeout`, for a key that is refused, and when the client is closed. A job that is given twice is
   * given out once. Reading slowly slows down the polling; leaving the loop ends it.
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
   * Ends the calls under way and releases the connections. Later calls reject. Closing twice is harmless.
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
