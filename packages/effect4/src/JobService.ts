// tools, hooks and schemas of the caller have any errors and services; the public types derive them
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * Runs flows in the queue of the server.
 *
 * @since 0.1.0
 */
import type { RuntimeJob, RuntimeJobStatus } from "@effect-noukai/promise/runtime"
import type { Nudges } from "@effect-noukai/promise/webhook"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import type { ExecuteOptions, OnceOptions, ParametersInput, ReadOptions } from "./Execution.js"
import type { AnyParameters, FlowRef } from "./Flow.js"
import { call, type Open, stream } from "./internal/call.js"
import { decoded, encoded, refOf, withResult } from "./internal/codec.js"
import { type Failures, failures } from "./internal/failures.js"
import { inputOf } from "./internal/input.js"
import type { CallError, InvalidRequestError, OnceError } from "./NoukaiError.js"
import type { NoukaiHttp } from "./NoukaiHttp.js"

/**
 * The options of a job: those of a run without conversation, attachments and tools.
 *
 * @since 0.1.0
 * @category options
 */
export interface SubmitOptions
  extends
    ReadOptions,
    Pick<ExecuteOptions, "message" | "blockOverrides" | "snapshots" | "version" | "sessionId" | "retryPost">
{
  /** Asks for a webhook when the job has ended. `wait` polls when `nudges` passes it on. Default: no webhook. */
  readonly callback?: {
    /** The address of a handler of webhooks: `https`, on a public address. */
    readonly url: string
    /** `nudges()` of `@effect-noukai/promise/webhook`. */
    readonly nudges?: Nudges | undefined
  } | undefined
}

/**
 * The input of `submit`.
 *
 * @since 0.1.0
 * @category options
 */
export type SubmitInput<P = AnyParameters> = SubmitOptions & ParametersInput<P>

/**
 * The input of `submitOnce`.
 *
 * @since 0.1.0
 * @category options
 */
export type SubmitOnceInput<P = AnyParameters> =
  & Omit<SubmitOptions, "sessionId">
  & ParametersInput<P>
  & OnceOptions

/**
 * The status of a job.
 *
 * @since 0.1.0
 * @category models
 */
export type JobStatus<A = unknown> =
  | JobEnded<A>
  | { readonly status: "pending" | "running"; readonly executionId: string; readonly raw?: unknown }
  | {
    readonly status: "unknown"
    readonly executionId: string
    /** The status as the server names it. */
    readonly reported: string
    readonly raw?: unknown
  }

/**
 * The last status of a job.
 *
 * @since 0.1.0
 * @category models
 */
export type JobEnded<A = unknown> =
  | { readonly status: "completed"; readonly executionId: string; readonly result: A; readonly raw?: unknown }
  | {
    readonly status: "failed" | "cancelled"
    readonly executionId: string
    /** The error as the server sent it. */
    readonly error: unknown
    readonly raw?: unknown
  }

/**
 * The options of waiting for a job.
 *
 * @since 0.1.0
 * @category options
 */
export interface WaitOptions<in A = unknown> extends Omit<ReadOptions, "timeout"> {
  /** Default: 300 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** The waits between polls. Default: 2 seconds. */
  readonly schedule?: Schedule.Schedule<unknown, JobStatus<A>> | undefined
}

/**
 * A job. No operation starts a second run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Job<in out A = unknown, out R = never> {
  readonly executionId: string
  readonly flowId?: string
  readonly blockCount?: number
  readonly sessionId?: string
  /** Polls once. */
  readonly poll: (options?: ReadOptions) => Effect.Effect<JobStatus<A>, CallError, R>
  /** Polls until the job has ended, completed or not. */
  readonly wait: (options?: WaitOptions<A>) => Effect.Effect<JobEnded<A>, CallError, R>
  /** Waits for the result. A job that did not complete is a `FlowExecutionError`. */
  readonly result: (options?: WaitOptions<A>) => Effect.Effect<A, CallError, R>
  /** Emits each status that differs from the one before, up to the last. */
  readonly updates: Stream.Stream<JobStatus<A>, CallError, R>
}

/**
 * A job from `submitOnce`.
 *
 * @since 0.1.0
 * @category models
 */
export interface OnceJob<in out A = unknown, out R = never> extends Job<A, R> {
  /** Whether another call submitted it, in this process or another. */
  readonly reused: boolean
}

/**
 * @since 0.1.0
 */
export declare namespace JobService {
  /**
   * The operations on jobs.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Submits a run to the queue. */
    readonly submit: <A = unknown, P = AnyParameters, S = never>(
      flow: FlowRef<P, A, S>,
      input: SubmitInput<NoInfer<P>>
    ) => Effect.Effect<Job<A, S>, CallError, S>

    /** Submits a run once per key, or returns the existing job of the key in any state. */
    readonly submitOnce: <A = unknown, P = AnyParameters, S = never>(
      key: string,
      flow: FlowRef<P, A, S>,
      input: SubmitOnceInput<NoInfer<P>>
    ) => Effect.Effect<OnceJob<A, S>, CallError | OnceError, S>

    /** Returns the handle of an earlier job. Sends nothing. */
    readonly attach: <A = unknown, P = AnyParameters, S = never>(
      flow: FlowRef<P, A, S>,
      executionId: string,
      options?: {
        /** The time in which a job that is not found counts as pending. Default: 0. */
        readonly grace?: Duration.Input | undefined
      }
    ) => Effect.Effect<Job<A, S>, InvalidRequestError>
  }
}

/**
 * The service of jobs.
 *
 * @since 0.1.0
 * @category tags
 */
export class JobService extends Context.Service<JobService, JobService.Service>()(
  "@effect-noukai/effect4/JobService"
) {}

type AnyRef = FlowRef<never, unknown, unknown>

const statusOf = (method: string, flow: AnyRef, status: RuntimeJobStatus) =>
  status.status === "completed" ? withResult(method, flow, status) : Effect.succeed(status)

const jobOf = (flow: AnyRef, job: RuntimeJob) => ({
  ...job,
  poll: (options: object = {}) =>
    Effect.flatMap(
      call<RuntimeJobStatus, CallError>(failures.call, (context, code) => job.poll(inputOf(options, code), context)),
      (status) => statusOf("Job.poll", flow, status)
    ),
  wait: (options: object = {}) =>
    Effect.flatMap(
      call<RuntimeJobStatus, CallError>(failures.call, (context, code) => job.wait(inputOf(options, code), context)),
      (status) => statusOf("Job.wait", flow, status)
    ),
  result: (options: object = {}) =>
    Effect.flatMap(
      call<unknown, CallError>(failures.call, (context, code) => job.result(inputOf(options, code), context)),
      (result) => decoded("Job.result", flow, job, result)
    ),
  updates: stream(
    failures.call,
    Effect.succeed<Open<RuntimeJobStatus, unknown>>((context) => job.updates(context)),
    (status) => statusOf("Job.updates", flow, status)
  )
})

const submitted = <E>(
  tags: Failures<E>,
  method: string,
  flow: AnyRef,
  input: object,
  make: (input: object, context: object) => Promise<RuntimeJob>
) =>
  Effect.flatMap(encoded(method, flow, input), (input) =>
    Effect.map(
      call<RuntimeJob, E>(tags, (context, code) => make(inputOf(input, code), context)),
      (job) => jobOf(flow, job)
    ))

/**
 * Makes the service over a connection.
 *
 * @internal
 */
export const make = ({ runtime }: NoukaiHttp.Service): JobService.Service => {
  const service = {
    submit: (flow: AnyRef, input: object) =>
      submitted(
        failures.call,
        "JobService.submit",
        flow,
        input,
        (input, context) => runtime.submit(refOf(flow), input, context)
      ),
    submitOnce: (key: string, flow: AnyRef, input: object) =>
      submitted(
        failures.once,
        "JobService.submitOnce",
        flow,
        input,
        (input, context) => runtime.submitOnce(key, refOf(flow), input, context)
      ),
    attach: (flow: AnyRef, executionId: string, options: object = {}) =>
      Effect.map(
        call<RuntimeJob, InvalidRequestError>(failures.refusal, (context, code) =>
          runtime.attach(refOf(flow), executionId, inputOf(options, code), context)),
        (job) =>
          jobOf(flow, job)
      )
  }
  // the schemas of a flow have the types that the interface derives from it
  return service as JobService.Service
}
