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
import type { ParametersInput } from "./ExecuteInput.js"
import type { AnyParameters, FlowRef, FlowVersion } from "./Flow.js"
import { type Problem, problem } from "./internal/errors/makeError.js"
import * as Address from "./internal/flow/address.js"
import * as Input from "./internal/flow/executeInput.js"
import { encodeParameters } from "./internal/flow/flowCodec.js"
import type { CallOptions, Progress } from "./internal/input/callOptions.js"
import { checkDuration } from "./internal/input/checks.js"
import { type InputRules, take } from "./internal/input/take.js"
import * as JobHandle from "./internal/jobs/jobHandle.js"
import { rememberFlowId } from "./internal/operations/flowIds.js"
import type { HttpService } from "./internal/operations/operations.js"
import { resolveCall, resolveFlow } from "./internal/operations/resolvedCall.js"
import { totalTimeout } from "./internal/operations/totalTimeout.js"
import { resolveSession } from "./internal/scope/sessionId.js"
import * as Metrics from "./internal/telemetry/metrics.js"
import * as Spans from "./internal/telemetry/spans.js"
import { monotonic } from "./internal/time/clock.js"
import { milliseconds } from "./internal/time/duration.js"
import type { Job } from "./Job.js"
import type { CallError, InvalidRequestError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"
import { spanNames } from "./Telemetry.js"

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
     * Puts a run into the queue and gives its handle. The session id is the call's, the scope's, or the client's.
     *
     * A failure with `sent: "unknown"` may have queued a run, so it is never repeated unless `retryPost` is set. An
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
export interface SubmitOptions extends CallOptions {
  /** The user's message. */
  readonly message?: string | undefined
  /** Fields to override, by step id. */
  readonly blockOverrides?: { readonly [stepId: string]: { readonly [field: string]: unknown } } | undefined
  /** Asks the server to keep input and output snapshots of this run. Default: false. */
  readonly trace?: boolean | undefined
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** The session of the run, for replay. Default: the scope's, then the client's. */
  readonly sessionId?: string | undefined
  /** The limit of the submission with its attempts, not of the run. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * The input of `submit`. `parameters` is required exactly when the flow's schema requires some.
 *
 * @since 0.1.0
 * @category options
 */
export type SubmitInput<P = AnyParameters> = SubmitOptions & ParametersInput<P>

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

const refused = ["tools", "toolChoice", "attachments", "messages"] as const

type SubmitFields = SubmitInput & { readonly [K in typeof refused[number]]?: unknown }

const checkRefused = (input: SubmitFields): Problem | undefined => {
  const field = refused.find((name) => input[name] !== undefined)
  return field === undefined ? undefined : problem(field, "is not taken by the queue: use FlowService")
}

const submitRules: InputRules<SubmitFields, SubmitFields> = {
  field: "input",
  pick: (given) => ({
    message: given.message,
    parameters: given.parameters,
    blockOverrides: given.blockOverrides,
    trace: given.trace,
    version: given.version,
    sessionId: given.sessionId,
    headers: given.headers,
    connectTimeout: given.connectTimeout,
    attemptTimeout: given.attemptTimeout,
    timeout: given.timeout,
    retry: given.retry,
    retryPost: given.retryPost,
    tools: given.tools,
    toolChoice: given.toolChoice,
    attachments: given.attachments,
    messages: given.messages
  }),
  check: (input) =>
    checkRefused(input) ??
      Input.checkMessages(input.message, undefined) ??
      Input.checkParameters(input.parameters) ??
      Input.checkOverrides("blockOverrides", input.blockOverrides, true) ??
      Input.checkRun(input)
}

const attachRules: InputRules<AttachOptions, AttachOptions> = {
  field: "options",
  pick: (given) => ({ grace: given.grace }),
  check: ({ grace }) => checkDuration("grace", grace)
}

const submit = (http: HttpService) => (flow: FlowRef<never>, given: SubmitInput): Effect.Effect<Job, CallError> =>
  Effect.withFiberRuntime((fiber) => {
    const method = "JobService.submit"
    const resolved = resolveCall(http, method, flow, submitRules, given)
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const { address, addressText, input, total } = resolved.right
    const version = Address.checkVersion(method, input.version)
    if (Either.isLeft(version)) return Effect.fail(version.left)

    const session = resolveSession(fiber, http, input.sessionId, { method, flow: addressText })
    if (Either.isLeft(session)) return Effect.fail(session.left)
    const sessionId = session.right
    const progress: Progress = { sent: "no" }
    const post = (parameters: unknown) =>
      totalTimeout(
        http.request("submitJob", {
          method,
          flow: address,
          version: version.right,
          sessionId,
          options: input,
          progress,
          body: {
            message: input.message,
            parameters,
            blockOverrides: input.blockOverrides,
            trace: input.trace ?? false
          }
        }),
        total,
        { method, flow: addressText, executionId: () => undefined },
        progress
      )
    const submitted = Effect.flatMap(
      Effect.flatMap(encodeParameters(method, addressText, flow, input.parameters), post),
      ({ blockCount, executionId, flowId }) =>
        Effect.map(monotonic, (now) => {
          rememberFlowId(http, addressText, flowId)
          return JobHandle.make(
            { http, flow, address, addressText, executionId, graceEnds: now + submitGrace },
            { flowId, blockCount, sessionId }
          )
        })
    )
    return Metrics.counted(
      fiber,
      "submit",
      () => "submitted",
      Spans.flowSpan(fiber, spanNames.executeAsync, address, version.right, submitted)
    )
  })

const attach = (http: HttpService) =>
(
  flow: FlowRef<never>,
  executionId: string,
  options: AttachOptions = {}
): Effect.Effect<Job, InvalidRequestError> =>
  Effect.flatMap(monotonic, (now) => {
    const method = "JobService.attach"
    return Either.gen(function*() {
      const { address, addressText } = yield* resolveFlow(http, method, flow)
      yield* Address.segment(method, "executionId", executionId)
      const taken = yield* take(method, attachRules, options, { flow: addressText })
      const grace = yield* milliseconds(method, "grace", taken.grace ?? 0)
      return JobHandle.make(
        {
          http,
          flow,
          address,
          addressText,
          executionId,
          graceEnds: now + (grace ?? Infinity)
        },
        { flowId: undefined, blockCount: undefined, sessionId: undefined }
      )
    })
  })

/**
 * Makes the service over `NoukaiHttp`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<JobService.Service, never, NoukaiHttp> = Effect.map(NoukaiHttp, (http) => ({
  submit: submit(http) as JobService.Service["submit"],
  attach: attach(http) as JobService.Service["attach"]
}))

/**
 * The service over {@link NoukaiHttp}: live, in a replay, or scripted by a test.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<JobService, never, NoukaiHttp> = Layer.effect(JobService, make)
