/**
 * The client.
 *
 * @since 0.1.0
 */
import { type FlowAddress, resolve as resolveFlow } from "@effect-noukai/sdk/Flow"
import * as Either from "effect/Either"
import { Flow } from "./Flow.js"
import { Client } from "./internal/client/client.js"
import { openClient } from "./internal/client/openClient.js"
import { promiseError } from "./internal/errors/promiseError.js"
import { typedTarget } from "./internal/execute/typedTarget.js"
import { waitAll } from "./internal/jobs/waitAll.js"
import { refusal } from "./internal/options/reading.js"
import type { Job, JobOutcome, WaitAllOptions } from "./Job.js"
import type { NoukaiOptions } from "./NoukaiOptions.js"
import type { NoukaiTransport } from "./NoukaiTransport.js"
import type {
  AnyParametersSchema,
  AnySchema,
  FlowSchemas,
  SchemaInput,
  SchemaOutput,
  StandardSchema
} from "./Schemas.js"
import type { TypedFlow } from "./TypedFlow.js"

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
 *   return done.status === "completed" ? done.result : undefined
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
   * Returns a typed flow of this client: see {@link TypedFlow}. The schemas are of Zod 4, Valibot, ArkType, Effect or
   * another library that implements Standard Schema. Throws as without schemas, and an `InvalidRequestError` for a value
   * that is not a schema.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   * import { z } from "zod"
   *
   * const score = async (noukai: Noukai, text: string) => {
   *   const grade = noukai.flow("acme/spelling/grade-3", { result: z.object({ score: z.number() }) })
   *   const done = await grade.execute({ message: text })
   *   return done.status === "completed" ? done.result.score : undefined
   * }
   * ```
   */
  flow<P extends AnySchema = AnyParametersSchema, R extends AnySchema = StandardSchema>(
    identifier: FlowIdentifier,
    schemas: FlowSchemas<P, R>
  ): TypedFlow<SchemaInput<P>, SchemaOutput<R>>
  /**
   * Returns a flow of this client. Throws an `InvalidRequestError` for a wrong address, and for a bare slug if the
   * client has no organisation and project.
   */
  flow(identifier: FlowIdentifier): Flow
  flow(identifier: FlowIdentifier, schemas?: FlowSchemas<AnySchema, AnySchema>, ...others: Array<unknown>): object {
    // a run of production in place of another version would be paid for
    if (others.some((other) => other !== undefined)) {
      throw refusal("noukai.flow", "options", "are not taken after the schemas: pass the version with the call")
    }
    const address = this.address(identifier)
    return new Flow(this.client, address, schemas === undefined ? address : typedTarget(address, schemas))
  }

  /**
   * Returns a handle of an earlier job, by its execution id. Sends nothing. Throws as `flow` does.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   *
   * const wait = (noukai: Noukai, executionId: string) => noukai.job("acme/spelling/grade-3", executionId).wait()
   * ```
   */
  job(flow: FlowIdentifier, executionId: string): Job {
    return this.flow(flow).job(executionId)
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
   *
   * @example
   * ```ts
   * import { Noukai } from "@effect-noukai/promise"
   *
   * const noukai = new Noukai()
   * process.once("SIGTERM", () => noukai.close())
   * ```
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
