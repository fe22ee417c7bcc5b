/**
 * Flows with schemas: `noukai.flow(address, { parameters, result })`.
 *
 * @since 0.1.0
 */
import type { ExecuteResult, OnceResult, PausedResult } from "./ExecuteResult.js"
import type { Flow } from "./Flow.js"
import type {
  EventsOnceOptions,
  EventsOptions,
  ExecuteAsyncOnceOptions,
  ExecuteAsyncOptions,
  ExecuteOnceOptions,
  ExecuteOptions,
  ResumeOptions,
  StepsOptions
} from "./FlowOptions.js"
import type { Job, PollOptions, WaitOptions } from "./Job.js"
import type { JobStatus } from "./JobStatus.js"
import type { PausedState } from "./StoredRun.js"
import type { StepCompleted, StreamEvent } from "./StreamEvent.js"

/**
 * The arguments of an operation whose options are `O`. They are required exactly when the flow requires parameters.
 *
 * @since 0.1.0
 * @category options
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export type TypedOptions<O, P> = {} extends P ? [options?: Omit<O, "parameters"> & { parameters?: P | undefined }]
  : [options: Omit<O, "parameters"> & { parameters: P }]

/**
 * A run that succeeded. Its result fits the schema of the flow.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompletedResult<A> extends ExecuteResult {
  status: "completed"
  result: A
}

/**
 * The server's description of a failed run, of any kind. If the compiler names this type, check that `status` is
 * `"completed"` before you read `result`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResultOfStatusFailed {
  /** Not a field: it sets this type apart from the results of flows. */
  readonly "check `status` before `result`"?: never
}

/**
 * A run that failed. `result` is the server's description of the failure.
 *
 * @since 0.1.0
 * @category models
 */
export interface FailedResult extends ExecuteResult {
  status: "failed"
  result?: ResultOfStatusFailed
}

/**
 * A run of a typed flow that waits for the results of tools.
 *
 * @since 0.1.0
 * @category models
 */
export interface TypedPausedResult<A> extends PausedResult {
  resume(args: { toolResults: Record<string, unknown>[] }): Promise<TypedResult<A>>
}

/**
 * The outcome of a run of a typed flow. `status` distinguishes the three.
 *
 * @since 0.1.0
 * @category models
 */
export type TypedResult<A> = CompletedResult<A> | FailedResult | TypedPausedResult<A>

/**
 * The state of a job of a typed flow.
 *
 * @since 0.1.0
 * @category models
 */
export type TypedJobStatus<A> =
  | JobStatus & { status: "completed"; result: A }
  | JobStatus & { status: "pending" | "running" | "failed" | "cancelled" }

/**
 * A run in the queue, of a typed flow. A result that does not fit rejects as in {@link TypedFlow}.
 *
 * @since 0.1.0
 * @category models
 */
export interface TypedJob<A> extends Job {
  poll(options?: PollOptions): Promise<TypedJobStatus<A>>
  wait(options?: WaitOptions): Promise<TypedJobStatus<A>>
}

/**
 * A job from `submitOnce` of a typed flow, new or existing.
 *
 * @since 0.1.0
 * @category models
 */
export interface TypedOnceJob<A> extends TypedJob<A> {
  /** Whether another call submitted it, in this process or another. */
  readonly reused: boolean
}

/**
 * A flow whose parameters are `P` and whose result is `A`, from `noukai.flow(address, { parameters, result })`. Its
 * operations are those of {@link Flow}.
 *
 * A result that does not fit was paid for, so it is not lost: the call rejects with an `UnexpectedResponseError`, whose
 * `result` is the value from the server and whose message names the fields. Parameters that do not fit reject with an
 * `InvalidRequestError` before anything is sent. Schemas may validate asynchronously.
 *
 * @example
 * ```ts
 * import type { CompletedResult, Noukai } from "@effect-noukai/promise"
 * import { z } from "zod"
 *
 * const grade = async (noukai: Noukai, text: string): Promise<number | undefined> => {
 *   const flow = noukai.flow("acme/spelling/grade-3", {
 *     parameters: z.object({ difficulty: z.enum(["easy", "hard"]) }),
 *     result: z.object({ score: z.number(), feedback: z.string() })
 *   })
 *   const done = await flow.execute({ message: text, parameters: { difficulty: "easy" } })
 *   return done.status === "completed" ? done.result.score : undefined
 * }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export interface TypedFlow<P, A> extends Pick<Flow, "org" | "project" | "slug" | "run"> {
  /** As `execute` of {@link Flow}. The result of a completed run fits the schema. */
  execute(...[options]: TypedOptions<ExecuteOptions, P>): Promise<TypedResult<A>>
  /** As `executeOnce` of {@link Flow}. The result of an existing run is checked too. */
  executeOnce(key: string, ...[options]: TypedOptions<ExecuteOnceOptions, P>): Promise<OnceResult<TypedResult<A>>>
  /** As `resume` of {@link Flow}. The result of a completed run fits the schema. */
  resume(state: PausedState, options: ResumeOptions): Promise<TypedResult<A>>
  /** As `executeAsync` of {@link Flow}. */
  executeAsync(...[options]: TypedOptions<ExecuteAsyncOptions, P>): Promise<TypedJob<A>>
  /** As `submitOnce` of {@link Flow}. */
  submitOnce(key: string, ...[options]: TypedOptions<ExecuteAsyncOnceOptions, P>): Promise<TypedOnceJob<A>>
  /** Another name of `submitOnce`. */
  executeAsyncOnce(key: string, ...[options]: TypedOptions<ExecuteAsyncOnceOptions, P>): Promise<TypedOnceJob<A>>
  /** As `steps` of {@link Flow}. */
  steps(...[options]: TypedOptions<StepsOptions, P>): AsyncIterable<StepCompleted>
  /** As `events` of {@link Flow}. The result of `flow_completed` fits the schema; the loop rejects if it does not. */
  events(...[options]: TypedOptions<EventsOptions, P>): AsyncIterable<StreamEvent<A>>
  /** As `eventsOnce` of {@link Flow}. The result of `flow_completed` fits the schema; the loop rejects if it does not. */
  eventsOnce(key: string, ...[options]: TypedOptions<EventsOnceOptions, P>): AsyncIterable<StreamEvent<A>>
  /** As `job` of {@link Flow}. */
  job(executionId: string): TypedJob<A>
}
