/**
 * Reading runs: checks, clocks and spans around the run endpoints of the seam (contract 9).
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Progress, RequestContext } from "../../CallOptions.js"
import type { FlowAddress, FlowRef } from "../../Flow.js"
import { type HttpError, type InvalidRequestError, UnexpectedResponseError } from "../../NoukaiError.js"
import type { StepTraceResponse } from "../../RunCall.js"
import type { ListOptions, RunOptions, StepTraceOptions } from "../../RunOptions.js"
import { spanNames } from "../../Telemetry.js"
import type { FlowRun, Trace } from "../../Trace.js"
import { invalid } from "../errors/invalid.js"
import { unchecked } from "../errors/unchecked.js"
import * as Address from "../flow/address.js"
import type { HttpService } from "../seam/httpService.js"
import * as Spans from "../telemetry/spans.js"
import { milliseconds } from "../time/duration.js"
import { totalTimeout } from "../time/totalTimeout.js"

interface Run {
  readonly flow: FlowAddress
  readonly executionId: string
}

/**
 * The run that is meant, or why it cannot be asked for.
 *
 * @internal
 */
export const resolveRun = (
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  executionId: string
): Either.Either<Run, InvalidRequestError> =>
  Either.flatMap(
    Address.resolve(method, flow, http.defaults),
    (address) => Either.map(Address.segment(method, "executionId", executionId), () => ({ flow: address, executionId }))
  )

/** One call under the total clock. */
const timed = <A>(
  http: HttpService,
  method: string,
  options: RunOptions,
  run: Run | undefined,
  ask: (context: RequestContext) => Effect.Effect<A, HttpError>
): Effect.Effect<A, HttpError> =>
  Effect.suspend(() => {
    const total = milliseconds(method, "timeout", options.timeout ?? http.defaults.timeout ?? Infinity)
    if (Either.isLeft(total)) return Effect.fail(total.left)
    const progress: Progress = { sent: "no" }
    return totalTimeout(
      ask({ method, options, progress }),
      total.right,
      {
        method,
        flow: run === undefined ? undefined : Address.format(run.flow),
        executionId: () => run?.executionId,
        onlyReads: true
      },
      progress
    )
  })

const noOutcome = () => ({})

/** @internal */
export const trace =
  (http: HttpService) =>
  (flow: FlowRef<never>, executionId: string, options: RunOptions = {}): Effect.Effect<Trace, HttpError> =>
    Effect.suspend(() => {
      const method = "RunService.trace"
      const run = resolveRun(http, method, flow, executionId)
      if (Either.isLeft(run)) return Effect.fail(run.left)
      return Spans.readSpan(
        spanNames.runTrace,
        { address: run.right.flow, executionId },
        ({ flowRun }) => ({ status: flowRun.status }),
        timed(http, method, options, run.right, (context) => http.trace({ ...context, ...run.right }))
      )
    })

/** @internal */
export const summary =
  (http: HttpService) =>
  (flow: FlowRef<never>, executionId: string, options: RunOptions = {}): Effect.Effect<FlowRun, HttpError> =>
    Effect.suspend(() => {
      const method = "RunService.summary"
      const run = resolveRun(http, method, flow, executionId)
      if (Either.isLeft(run)) return Effect.fail(run.left)
      return Spans.readSpan(
        spanNames.runSummary,
        { address: run.right.flow, executionId },
        ({ status }) => ({ status }),
        timed(http, method, options, run.right, (context) => http.runSummary({ ...context, ...run.right }))
      )
    })

const isIndex = (value: unknown, minimum: number): boolean =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= minimum

const checkStepOptions = (
  method: string,
  stepId: string,
  { attempt, loopIndex }: Pick<StepTraceOptions, "attempt" | "loopIndex">
): Either.Either<void, InvalidRequestError> => {
  const step = Address.segment(method, "stepId", stepId)
  if (Either.isLeft(step)) return Either.left(step.left)
  if (attempt !== undefined && attempt !== "latest" && attempt !== "all" && !isIndex(attempt, 1)) {
    return Either.left(invalid(method, "attempt", "must be \"latest\", \"all\" or an integer of at least 1"))
  }
  return loopIndex === undefined || isIndex(loopIndex, 0)
    ? Either.void
    : Either.left(invalid(method, "loopIndex", "must be an integer of at least 0"))
}

/** @internal */
export const stepTrace = (http: HttpService) =>
(
  flow: FlowRef<never>,
  executionId: string,
  stepId: string,
  options: StepTraceOptions = {}
): Effect.Effect<StepTraceResponse, HttpError> =>
  Effect.suspend(() => {
    const method = "RunService.stepTrace"
    const run = Either.flatMap(
      resolveRun(http, method, flow, executionId),
      (run) => Either.map(checkStepOptions(method, stepId, options), () => run)
    )
    if (Either.isLeft(run)) return Effect.fail(run.left)
    const attempt = options.attempt === "latest" ? undefined : options.attempt
    const asked = timed(http, method, options, run.right, (context) =>
      http.stepTrace({ ...context, ...run.right, stepId, attempt, loopIndex: options.loopIndex }))
    return Spans.readSpan(
      spanNames.runStepTrace,
      { address: run.right.flow, executionId, stepId },
      noOutcome,
      Effect.filterOrFail(asked, (response) =>
        "attempts" in response === (attempt === "all"), () =>
        new UnexpectedResponseError({
          method,
          flow: Address.format(run.right.flow),
          executionId,
          reason: attempt === "all" ? "one attempt came instead of all" : "all attempts came instead of one",
          isRetryable: false
        }, unchecked))
    )
  })

const statuses: ReadonlySet<unknown> = new Set(["running", "completed", "failed", "cancelled"])

const checkList = (method: string, options: ListOptions): Either.Either<void, InvalidRequestError> => {
  const flowId = Address.segment(method, "flowId", options.flowId)
  if (Either.isLeft(flowId)) return Either.left(flowId.left)
  const { limit, status } = options
  if (limit !== undefined && !(isIndex(limit, 1) && limit <= 100)) {
    return Either.left(invalid(method, "limit", "must be an integer from 1 to 100"))
  }
  return status === undefined || statuses.has(status)
    ? Either.void
    : Either.left(invalid(method, "status", "must be \"running\", \"completed\", \"failed\" or \"cancelled\""))
}

/** @internal */
export const list = (http: HttpService) => (options: ListOptions): Effect.Effect<ReadonlyArray<FlowRun>, HttpError> =>
  Effect.suspend(() => {
    const method = "RunService.list"
    const checked = checkList(method, options)
    if (Either.isLeft(checked)) return Effect.fail(checked.left)
    const { flowId, limit, status } = options
    return Spans.readSpan(
      spanNames.runList,
      {},
      noOutcome,
      Effect.map(
        timed(http, method, options, undefined, (context) => http.runList({ ...context, flowId, limit, status })),
        ({ runs }) => runs
      )
    )
  })
