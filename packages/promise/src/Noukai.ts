/**
 * The client.
 *
 * @since 0.1.0
 */
import * as FlowAddress from "@effect-noukai/sdk/FlowAddress"
import { JobService } from "@effect-noukai/sdk/JobService"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { Flow } from "./Flow.js"
import { Client } from "./internal/client.js"
import { openClient } from "./internal/openClient.js"
import { promiseError } from "./internal/promiseError.js"
import { Job } from "./Job.js"
import type { LogEvent } from "./LogEvent.js"
import type { NoukaiTransport } from "./NoukaiTransport.js"

/**
 * Noukai itself, or a server on this machine.
 *
 * @since 0.1.0
 * @category models
 */
export type NoukaiEnv = "dev" | "production"

/**
 * The options of a client. One that is absent comes from the environment, then from its default.
 *
 * @since 0.1.0
 * @category options
 */
export interface NoukaiOptions {
  /** `nk_…`. Default: `NOUKAI_API_KEY`. An empty one is refused. */
  apiKey?: string | undefined
  /** `"dev"` is `http://localhost:8080/api/v1`. Default: `NOUKAI_ENV`, else `"production"`. */
  env?: NoukaiEnv | undefined
  /** The port of `"dev"`, for a local server on another one. Default: 8080. */
  port?: number | undefined
  /** Default organisation, for flows named by a bare slug. With `project` or not at all. */
  org?: string | undefined
  /** Default project, for flows named by a bare slug. With `org` or not at all. */
  project?: string | undefined
  /** Milliseconds for each request; on a stream, for each silence. Default: 300,000. */
  timeout?: number | undefined
  /** How often a request that only reads is repeated; 0: never. Default: 1. */
  maxRetries?: number | undefined
  /** Sees every request. What it throws is ignored. */
  onLog?: ((event: LogEvent) => void) | undefined
  /** Lets `onLog` see bodies. Default: false. */
  logPayloads?: boolean | undefined
  /** Session id of calls that have none of their own and are in no trace scope. Default: none. */
  sessionId?: string | undefined
  /** Ends every call of the client that is under way, and every later one. */
  signal?: AbortSignal | undefined
  /** Node: an undici `Dispatcher`, for proxies. It is not closed with the client. Default: own connections. */
  dispatcher?: unknown
}

/**
 * `"slug"` with the client's default organisation and project, `"org/project/slug"`, or all three by name.
 *
 * @since 0.1.0
 * @category models
 */
export type FlowIdentifier = string | { org: string; project: string; slug: string }

/**
 * A client: it holds connections until it is closed, but does not keep a process alive.
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
  /** Default organisation, if there is one. */
  readonly defaultOrg: string | undefined
  /** Default project, if there is one. */
  readonly defaultProject: string | undefined
  /** Default session id, if there is one. */
  readonly defaultSessionId: string | undefined
  private readonly client: Client

  /**
   * Throws an `AuthenticationError` for a key that is missing or does not begin with `nk_`, and an
   * `InvalidRequestError` for any other option that is wrong.
   */
  constructor(options?: NoukaiOptions)
  /** @internal */
  constructor(options: NoukaiOptions | Client)
  constructor(options: NoukaiOptions | Client = {}) {
    this.client = options instanceof Client ? options : openClient(options)
    const { org, project, sessionId } = this.client.defaults
    this.defaultOrg = org
    this.defaultProject = project
    this.defaultSessionId = sessionId
  }

  /** For `traceScope({ transport })`; nothing else. */
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
   * A job that was submitted elsewhere, by its execution id. Nothing is sent.
   */
  job(flow: FlowIdentifier, executionId: string): Job {
    const address = this.address(flow)
    const attached = Effect.flatMap(JobService, (jobs) => jobs.attach(address, executionId))
    return new Job(this.client, attached, { executionId, flowId: undefined, sessionId: undefined })
  }

  private address(identifier: FlowIdentifier): FlowAddress.FlowAddress {
    const address = FlowAddress.resolve(identifier, this.client.defaults)
    if (Either.isLeft(address)) throw promiseError(address.left)
    return address.right
  }

  /**
   * Ends what is under way and releases the connections. Later calls reject. Again: does nothing more.
   */
  close(): Promise<void> {
    return this.client.lifetime.close()
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
