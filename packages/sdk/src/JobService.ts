/**
 * Runs flows through the queue: submit now, ask later, in another process if need be.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Record from "effect/Record"
import type { ExecuteOptions, OnceOptions, ParametersInput } from "./Execution.js"
import type { AnyParameters, FlowRef } from "./Flow.js"
import { withFiber } from "./internal/core/fiber.js"
import { monotonic, toMillis } from "./internal/core/time.js"
import * as JobHandle from "./internal/jobs/jobHandle.js"
import { Arrivals, callbackOf, type CallbackOption, callbackProblem } from "./internal/kit/callback.js"
import type { QueuedOption } from "./internal/kit/runOptions.js"
import { type HttpService, resolveFlow, resolveRun, totalTimeout } from "./internal/operations/operations.js"
import type { OnceResponse, SubmitJobRequest, SubmitJobResponse } from "./internal/operations/requests.js"
import * as Address from "./internal/options/address.js"
import type { Progress } from "./internal/options/callOptions.js"
import * as CallOptions from "./internal/options/callOptions.js"
import { encodeParameters } from "./internal/options/flowCodec.js"
import { RunCosts } from "./internal/run/runCosts.js"
import * as RunInput from "./internal/run/runInput.js"
import * as Spans from "./internal/telemetry/spans.js"
import type { Job, OnceJob } from "./Job.js"
import type { CallError, InvalidRequestError, OnceError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"
import { spanNames } from "./Telemetry.js"

export type { CallbackOption } from "./internal/kit/callback.js"

/**
 * The types of {@link JobService}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace JobService {
  /**
   * The operations on runs in the queue.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Submits a run to the queue and returns its handle. The session id is the call's, the scope's, or the client's.
     *
     * A failure with `sent: "unknown"` may have submitted a run, so it is never repeated unless `retryPost` is set. An
     * answer without an execution id is an `UnexpectedResponseError`: the run exists, but cannot be found.
     *
     * @example
     * ```ts
     * import { JobService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const submit = Effect.gen(function*() {
     *   const jobs = yield* JobService
     *   const job = yield* jobs.submit("acme/spelling/grade-3", { message: "The cat sat." })
     *   return job.executionId // keep it: it finds the job from any process
     * })
     * ```
     */
    readonly submit: <A = unknown, P = AnyParameters>(
      flow: FlowRef<P, A>,
      input: SubmitInput<NoInfer<P>>
    ) => Effect.Effect<Job<A>, CallError>

    /**
     * Submits a run to the queue once per key, across crashes and processes, as long as the server keeps its sessions,
     * and gives its handle. The key names the run among all of this flow and version, so it must name the input too.
     * The queue keeps the result in every capture mode, so that every later call of the key can read it.
     *
     * The session of the run is made of the key and looked up before anything is sent. A job that is found is given
     * (`reused: true`), also if it failed; with `rerunFailed` one that failed or was cancelled is followed by
     * another. Two of them are an `AmbiguousRunError`, a session that is gone is a `ResultNotStoredError` (`expired`),
     * and a key of `executeOnce` is an `InvalidRequestError`. The limits between processes, and `settle`, are described at
     * `FlowService.executeOnce`.
     *
     * @example
     * ```ts
     * import { JobService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const grade = (row: { readonly id: string; readonly text: string }) =>
     *   Effect.gen(function*() {
     *     const jobs = yield* JobService
     *     const job = yield* jobs.submitOnce(`grades-${row.id}`, "acme/spelling/grade-3", { message: row.text })
     *     return yield* job.result()
     *   })
     * ```
     */
    readonly submitOnce: <A = unknown, P = AnyParameters>(
      key: string,
      flow: FlowRef<P, A>,
      input: SubmitOnceInput<NoInfer<P>>
    ) => Effect.Effect<OnceJob<A>, CallError | OnceError>

    /**
     * The handle of a job that was submitted elsewhere, from its execution id. Nothing is sent; an id that does not fit
     * into a path is an `InvalidRequestError`.
     *
     * @example
     * ```ts
     * import { JobService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const collect = (executionId: string) =>
     *   Effect.gen(function*() {
     *     const jobs = yield* JobService
     *     const job = yield* jobs.attach("acme/spelling/grade-3", executionId)
     *     return yield* job.result({ timeout: "10 minutes" })
     *   })
     * ```
     */
    readonly attach: <A = unknown, P = AnyParameters>(
      flow: FlowRef<P, A>,
      executionId: string,
      options?: AttachOptions
    ) => Effect.Effect<Job<A>, InvalidRequestError>
  }
}

/**
 * Runs flows in the queue: submit now, ask later.
 *
 * @since 0.1.0
 * @category tags
 */
export class JobService extends Context.Tag("@effect-noukai/sdk/JobService")<JobService, JobService.Service>() {}

/**
 * The options of a job, without its parameters. The queue takes no tools, attachments or `messages`.
 *
 * @since 0.1.0
 * @category options
 */
export interface SubmitOptions
  extends CallOptions.CallOptions, Pick<ExecuteOptions, Exclude<QueuedOption, "parameters"> | "version" | "sessionId">
{
  /** The limit of the submission with its attempts, not of the run. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * Asks for a webhook when the job has ended. With `nudges`, `wait`, `result` and `Job.waitAll` wait for it and then poll;
   * where none comes, they poll after 5 seconds, then after twice as long, up to a minute. `url` is sent with the key of the
   * job as `job` in its query. After 20 jobs of a client that ended without a webhook, it logs a warning once, and polls
   * as without one. A replay sends nothing, and does not wait for it. Default: no webhook.
   *
   * @see docs/wire.md#webhooks
   */
  readonly callback?: CallbackOption | undefined
}

/**
 * The input of `submit`. `parameters` is required exactly when the flow's schema requires some.
 *
 * @since 0.1.0
 * @category options
 */
export type SubmitInput<P = AnyParameters> = SubmitOptions & ParametersInput<P>

/**
 * The input of `submitOnce`: the input of `submit`, without a session, which is made of the key. `snapshots` is false unless it
 * is set: the queue keeps results by itself. `retryPost` does not apply.
 *
 * @since 0.1.0
 * @category options
 */
export type SubmitOnceInput<P = AnyParameters> = Omit<SubmitOptions, "sessionId"> & ParametersInput<P> & OnceOptions

/**
 * The options of attaching to a job of another process.
 *
 * @since 0.1.0
 * @category options
 */
export interface AttachOptions {
  /** The time from now in which a 404 means `pending`, for an id that was submitted a moment ago. Default: 0. */
  readonly grace?: Duration.DurationInput | undefined
}

/** The time after a submission in which a 404 means `pending`, in milliseconds. */
const submitGrace = 5000

/** Options of `FlowService` that the queue does not take. */
const unqueued = CallOptions.refused("is not taken by the queue: use FlowService")

const submitFields = {
  ...Record.map(RunInput.executeFields, () => unqueued),
  ...RunInput.begun,
  callback: CallOptions.checked(callbackProblem)
}

const submitInput = CallOptions.decoder<SubmitInput>("input", () => submitFields)

const submitOnceInput = CallOptions.decoder<SubmitInput & OnceOptions>(
  "input",
  () => ({ ...submitFields, ...RunInput.once })
)

const attachOptions = CallOptions.decoder<AttachOptions>("options", () => ({ grace: CallOptions.duration }))

/** The queue of a client. */
interface Queue {
  readonly http: HttpService
  readonly arrivals: Arrivals
}

type SubmittedJob = Job & { readonly reused?: boolean }

/** Sends the request of a job. */
type Send<E> = (
  request: SubmitJobRequest,
  input: SubmitInput & OnceOptions
) => Effect.Effect<OnceResponse<SubmitJobResponse>, E>

/** Checks a run, submits it, and returns its handle. */
const submitting =
  <E>({ arrivals, http }: Queue, isKeyed: boolean, send: Send<E>) =>
  (flow: FlowRef<never>, given: SubmitInput & OnceOptions): Effect.Effect<SubmittedJob, CallError | E> =>
    withFiber((fiber) => {
      const method = isKeyed ? "JobService.submitOnce" : "JobService.submit"
      const resolved = resolveRun(fiber, http, method, flow, isKeyed ? submitOnceInput : submitInput, given)
      if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
      const { address, addressText, input, sessionId, total, version } = resolved.right
      const progress: Progress = { sent: "no" }
      const call = { http, method, address, addressText, options: input, total: undefined, maxCostUsd: undefined }
      const costs = RunCosts.of(fiber, call)
      const post = (parameters: unknown): Effect.Effect<SubmittedJob, CallError | E> => {
        const body = RunInput.submittedFields(input, parameters)
        const reserve = costs?.reserve(undefined)
        const callback = input.callback && { url: input.callback.url, job: undefined }
        const request = { method, flow: address, version, sessionId, options: input, progress, reserve, body, callback }
        const facts = { method, flow: addressText, executionId: () => undefined }
        return Effect.zipWith(
          totalTimeout(send(request, input), total, facts, progress),
          monotonic,
          ({ response: { blockCount, executionId, flowId }, reused, sessionId }, now) => {
            const target = {
              http,
              flow,
              address,
              addressText,
              executionId,
              costs,
              graceEnds: now + submitGrace,
              callback: callbackOf(arrivals, input.callback, request.callback?.job)
            }
            return JobHandle.make(target, { flowId, blockCount, sessionId }, isKeyed ? { reused } : {})
          }
        )
      }
      const encoded = encodeParameters(method, addressText, flow, input.parameters)
      return Spans.flowCall(
        fiber,
        "submit",
        spanNames.submitJob,
        { address, http, version, sessionId: isKeyed ? undefined : sessionId },
        ({ reused }) => [reused === true ? "reused" : "submitted"],
        Effect.flatMap(encoded, (parameters) => {
          const posted = post(parameters)
          // a job that was submitted is settled when it has ended
          return costs?.settling(posted, () => ({ executionId: undefined, sent: progress.sent }), false) ?? posted
        })
      )
    })

const attach = (http: HttpService) =>
(
  flow: FlowRef<never>,
  executionId: string,
  options: AttachOptions = {}
): Effect.Effect<Job, InvalidRequestError> =>
  Effect.gen(function*() {
    const method = "JobService.attach"
    const { address, addressText } = yield* resolveFlow(http, method, flow)
    yield* Address.segment(method, "executionId", executionId)
    const { grace = 0 } = yield* attachOptions(method, options, { flow: addressText })
    const graceEnds = (yield* monotonic) + (toMillis(grace) ?? 0)
    return JobHandle.make({ http, flow, address, addressText, executionId, costs: undefined, graceEnds }, {}, {})
  })

/**
 * Makes the service over `NoukaiHttp`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<JobService.Service, never, NoukaiHttp> = Effect.map(NoukaiHttp, (http) => {
  const queue = { http, arrivals: new Arrivals() }
  const submit = submitting(queue, false, (request) =>
    Effect.map(
      http.request("submitJob", request),
      (response) => ({ response, reused: false, sessionId: request.sessionId })
    ))
  const submitOnce = (key: string, flow: FlowRef<never>, input: SubmitOnceInput) =>
    Effect.zipRight(
      CallOptions.checkKey("JobService.submitOnce", key),
      submitting(queue, true, (request, { rerunFailed = false, settle = 0 }) =>
        http.request("submitOnce", { ...request, key, rerunFailed, settle: toMillis(settle) ?? 0 }))(flow, input)
    )
  return {
    submit: submit as JobService.Service["submit"],
    submitOnce: submitOnce as JobService.Service["submitOnce"],
    attach: attach(http) as JobService.Service["attach"]
  }
})

/**
 * The service over {@link NoukaiHttp}: live, in a replay, or scripted by a test.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<JobService, never, NoukaiHttp> = Layer.effect(JobService, make)
