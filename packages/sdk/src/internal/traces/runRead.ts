/**
 * Reads runs: the checks, clocks and spans around the run endpoints.
 *
 * @see contract 9
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { type CallError, type InvalidRequestError, UnexpectedResponseError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import type { FlowRun, RunCost } from "../../Trace.js"
import * as Trace from "../../Trace.js"
import { parseCost } from "../cost/decimal.js"
import { problem, unchecked } from "../errors/makeError.js"
import * as Address from "../flow/address.js"
import type { FlowAddress, FlowRef } from "../flow/flow.js"
import type { RequestContext } from "../input/callOptions.js"
import { checkCall, checkCount, checkOneOf } from "../input/checks.js"
import { type InputRules, take } from "../input/take.js"
import type { HttpService, Operations } from "../operations/operations.js"
import { resolveFlow } from "../operations/resolvedCall.js"
import { timedRead } from "../operations/timedRead.js"
import type { StepTraceResponse } from "../operations/traceRequests.js"
import * as Spans from "../telemetry/spans.js"
import type { ListOptions, RunOptions, StepTraceOptions } from "./runOptions.js"
import { longestPage, RunPages } from "./runPages.js"

interface RunAddress {
  readonly flow: FlowAddress
  readonly executionId: string
}

/** The run to read, or the error of an input that names none. */
const resolveRun = (
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  executionId: string
): Either.Either<RunAddress, InvalidRequestError> =>
  Either.flatMap(
    resolveFlow(http, method, flow),
    ({ address }) =>
      Either.map(Address.segment(method, "executionId", executionId), () => ({ flow: address, executionId }))
  )

export const pickOptions = (given: RunOptions): RunOptions => ({
  timeout: given.timeout,
  headers: given.headers,
  connectTimeout: given.connectTimeout,
  attemptTimeout: given.attemptTimeout,
  retry: given.retry
})

const readRules: InputRules<RunOptions, RunOptions> = { field: "options", pick: pickOptions, check: checkCall }

/** The run to read, and the settings of the read. */
export const resolveRead = <A, B extends object>(
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  executionId: string,
  rules: InputRules<A, B>,
  given: A
): Either.Either<readonly [run: RunAddress, options: B], InvalidRequestError> =>
  Either.flatMap(resolveRun(http, method, flow, executionId), (run) =>
    Either.map(
      take(method, rules, given, { flow: Address.format(run.flow), executionId }),
      (options) => [run, options]
    ))

/** Limits one call by the total timeout. */
const timed = <A>(
  http: HttpService,
  method: string,
  options: RunOptions,
  run: RunAddress | undefined,
  ask: (context: RequestContext) => Effect.Effect<A, CallError>
): Effect.Effect<A, CallError> =>
  timedRead(http, method, options, {
    flow: run === undefined ? undefined : Address.format(run.flow),
    executionId: run?.executionId
  }, ask)

const noOutcome = () => ({})

/** An operation that reads one run: its name, its span and what that says, the question, and what is made of the answer. */
interface RunReading<K extends "trace" | "runSummary", A> {
  readonly method: string
  readonly span: string
  readonly operation: K
  readonly valueOf: (response: Operations[K]["response"], executionId: string) => A
  readonly outcomeOf: (value: A) => Spans.RunOutcome
}

/** Reads one run, and keeps the id of its flow. */
const reading = <K extends "trace" | "runSummary", A>(
  { method, operation, outcomeOf, span, valueOf }: RunReading<K, A>
) =>
(http: HttpService) =>
(flow: FlowRef<never>, executionId: string, given: RunOptions = {}): Effect.Effect<A, CallError> =>
  Effect.suspend(() => {
    const resolved = resolveRead(http, method, flow, executionId, readRules, given)
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const [run, options] = resolved.right
    return Spans.readSpan(
      span,
      { address: run.flow, executionId },
      outcomeOf,
      Effect.map(
        timed(http, method, options, run, (context) => http.request(operation, { ...context, ...run })),
        (response) => valueOf(response, executionId)
      )
    )
  })

export const trace = reading({
  method: "RunService.trace",
  span: spanNames.runTrace,
  operation: "trace",
  valueOf: identity<Trace.Trace>,
  outcomeOf: ({ flowRun }) => ({ status: flowRun.status })
})

/** Whether a cost can be read. A step without one cost nothing. */
const isReadable = (costUsd: unknown): boolean =>
  costUsd === undefined || costUsd === null || (typeof costUsd === "string" && parseCost(costUsd) !== undefined)

/** Whether all costs of a trace can be read. A cost that is not a decimal is absent from its steps, so the response counts. */
const areCostsReadable = ({ raw, steps }: Trace.Trace): boolean => {
  const sent = Predicate.isRecord(raw) && Array.isArray(raw.steps) ? raw.steps : steps
  return sent.every((step: unknown) => Predicate.isRecord(step) && isReadable(step.costUsd))
}

export const cost = reading({
  method: "RunService.cost",
  span: spanNames.runCost,
  operation: "trace",
  valueOf: (trace, executionId): RunCost => ({
    executionId,
    status: trace.flowRun.status,
    isKnown: trace.steps.length > 0 && areCostsReadable(trace),
    ...Trace.totals(trace)
  }),
  outcomeOf: ({ costUsd, status, tokens }) => ({ status, costUsd, tokens })
})

export const summary = reading({
  method: "RunService.summary",
  span: spanNames.runSummary,
  operation: "runSummary",
  valueOf: identity<FlowRun>,
  outcomeOf: ({ status }) => ({ status })
})

const isIndex = (value: unknown, minimum: number): boolean =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= minimum

const stepRules: InputRules<StepTraceOptions, StepTraceOptions> = {
  field: "options",
  pick: (given) => ({ ...pickOptions(given), attempt: given.attempt, loopIndex: given.loopIndex }),
  check: (options) =>
    (options.attempt === undefined || options.attempt === "latest" || options.attempt === "all" ||
        isIndex(options.attempt, 1)
      ? undefined
      : problem("attempt", "must be \"latest\", \"all\" or an integer of at least 1")) ??
      checkCount("loopIndex", options.loopIndex, 0) ??
      checkCall(options)
}

export const stepTrace = (http: HttpService) =>
(
  flow: FlowRef<never>,
  executionId: string,
  stepId: string,
  given: StepTraceOptions = {}
): Effect.Effect<StepTraceResponse, CallError> =>
  Effect.suspend(() => {
    const method = "RunService.stepTrace"
    const resolved = Either.flatMap(
      Address.segment(method, "stepId", stepId),
      () => resolveRead(http, method, flow, executionId, stepRules, given)
    )
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const [run, options] = resolved.right
    const attempt = options.attempt === "latest" ? undefined : options.attempt
    const asked = timed(http, method, options, run, (context) =>
      http.request("stepTrace", { ...context, ...run, stepId, attempt, loopIndex: options.loopIndex }))
    return Spans.readSpan(
      spanNames.runStepTrace,
      { address: run.flow, executionId, stepId },
      noOutcome,
      Effect.filterOrFail(asked, (response) =>
        "attempts" in response === (attempt === "all"), () =>
        new UnexpectedResponseError({
          method,
          flow: Address.format(run.flow),
          executionId,
          reason: attempt === "all" ? "one attempt came instead of all" : "all attempts came instead of one",
          isRetryable: false
        }, unchecked))
    )
  })

const statuses = ["running", "completed", "failed", "cancelled"]

const listRules: InputRules<ListOptions, ListOptions> = {
  field: "options",
  pick: (given) => ({
    ...pickOptions(given),
    flowId: given.flowId,
    limit: given.limit,
    status: given.status
  }),
  check: (options) =>
    Address.checkSegment("flowId", options.flowId) ??
      (options.limit === undefined || (isIndex(options.limit, 1) && options.limit <= 100)
        ? undefined
        : problem("limit", "must be an integer from 1 to 100")) ??
      checkOneOf("status", options.status, statuses) ??
      checkCall(options)
}

/** The page of a server that is told no limit. */
const defaultPage = 20

/** The part of a list that is asked for. */
interface PageRequest {
  readonly cursor: string | undefined
  readonly limit: number | undefined
}

export const list = (http: HttpService) => (given: ListOptions): Stream.Stream<FlowRun, CallError> =>
  Stream.suspend(() => {
    const method = "RunService.list"
    const taken = take(method, listRules, given)
    if (Either.isLeft(taken)) return Stream.fail(taken.left)
    const options = taken.right
    const { flowId, limit, status } = options
    const pages = new RunPages(limit ?? defaultPage)
    const page = ({ cursor, limit }: PageRequest) =>
      Spans.readSpan(
        spanNames.runList,
        {},
        noOutcome,
        timed(
          http,
          method,
          options,
          undefined,
          (context) => http.request("runList", { ...context, flowId, limit, status, cursor })
        )
      )
    const first: PageRequest = { cursor: undefined, limit }
    const doesNotPage = () =>
      new UnexpectedResponseError({
        method,
        reason: "the server gave runs again that it had given: it does not page, and the rest cannot be listed",
        isRetryable: false
      }, unchecked)
    return Stream.paginateChunkEffect(
      first,
      (asked) =>
        Effect.flatMap(page(asked), (response) => {
          const taken = pages.take(response)
          if (taken !== undefined) {
            const next = Option.map(Option.fromNullable(taken.next), (cursor): PageRequest => ({ ...asked, cursor }))
            return Effect.succeed([Chunk.unsafeFromArray(taken.runs), next] as const)
          }
          // where the cursor is ignored, the longest page is all that there is to ask for
          return pages.widen()
            ? Effect.succeed([Chunk.empty(), Option.some({ cursor: undefined, limit: longestPage })] as const)
            : Effect.fail(doesNotPage())
        })
    )
  })
