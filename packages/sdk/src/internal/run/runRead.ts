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
import * as Trace from "../../Trace.js"
import type { FlowRun, RunCost } from "../../Trace.js"
import { parseCost } from "../core/cost.js"
import { type RefusalFacts, unchecked } from "../core/makeError.js"
import { resolveFlow, timedRead } from "../operations/call.js"
import type { HttpService, Operations } from "../operations/operations.js"
import type { RunListResponse, StepTraceResponse } from "../operations/requests.js"
import * as Address from "../options/address.js"
import type { FlowAddress, FlowRef } from "../options/address.js"
import type { RequestContext } from "../options/callOptions.js"
import {
  type ListOptions,
  listOptions,
  type RunOptions,
  runOptions,
  type StepTraceOptions,
  stepTraceOptions
} from "../options/readOptions.js"
import * as Spans from "../telemetry/spans.js"

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

/** The run to read, and the settings of the read. */
export const resolveRead = <A extends object>(
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  executionId: string,
  decode: (method: string, given: A, facts: RefusalFacts) => Either.Either<A, InvalidRequestError>,
  given: A
): Either.Either<readonly [run: RunAddress, options: A], InvalidRequestError> =>
  Either.flatMap(resolveRun(http, method, flow, executionId), (run) =>
    Either.map(
      decode(method, given, { flow: Address.format(run.flow), executionId }),
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
  Effect.gen(function*() {
    const [run, options] = yield* resolveRead(http, method, flow, executionId, runOptions, given)
    return yield* Spans.readSpan(
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

export const stepTrace = (http: HttpService) =>
(
  flow: FlowRef<never>,
  executionId: string,
  stepId: string,
  given: StepTraceOptions = {}
): Effect.Effect<StepTraceResponse, CallError> =>
  Effect.gen(function*() {
    const method = "RunService.stepTrace"
    yield* Address.segment(method, "stepId", stepId)
    const [run, options] = yield* resolveRead(http, method, flow, executionId, stepTraceOptions, given)
    const attempt = options.attempt === "latest" ? undefined : options.attempt
    const asked = timed(http, method, options, run, (context) =>
      http.request("stepTrace", { ...context, ...run, stepId, attempt, loopIndex: options.loopIndex }))
    return yield* Spans.readSpan(
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

/** The page of a server that is told no limit. */
const defaultPage = 20

/** The part of a list that is asked for. */
interface PageRequest {
  readonly cursor: string | undefined
  readonly limit: number | undefined
}

export const list = (http: HttpService) => (given: ListOptions): Stream.Stream<FlowRun, CallError> =>
  Stream.unwrap(Effect.gen(function*() {
    const method = "RunService.list"
    const options = yield* listOptions(method, given)
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
  }))

/** The runs that are remembered, so that one that a shifted page holds again is not given twice. */
const capacity = 1_000

/** The runs of the longest page that the server gives. */
export const longestPage = 100

export interface RunPage {
  readonly runs: RunListResponse["runs"]
  /** The cursor of the next page; absent after the last. */
  readonly next: string | undefined
}

export class RunPages {
  private readonly seen = new Set<string>()
  /** A cursor that was asked for, to recognise when pages come again: moved at every doubling of the pages since. */
  private checkpoint: string | undefined
  private since = 0
  private until = 1

  constructor(private limit: number) {}

  /** Goes on with the longest page, from its start, where the server does not page; `false` where it was the longest. */
  widen(): boolean {
    if (this.limit >= longestPage) return false
    this.limit = longestPage
    this.checkpoint = undefined
    return true
  }

  /** The runs of a page that are new; `undefined` where the server goes in circles. */
  take({ nextCursor, runs }: RunListResponse): RunPage | undefined {
    const inPage = new Set<string>()
    const fresh = runs.filter(({ id }) => !this.seen.has(id) && inPage.size < inPage.add(id).size)
    if (nextCursor === undefined && runs.length < this.limit) return { runs: fresh, next: undefined }
    // a page of a filtered list may be empty
    if (fresh.length === 0 && runs.length > 0) return undefined
    for (const { id } of fresh) {
      this.seen.add(id)
      if (this.seen.size > capacity) { for (const oldest of this.seen) if (this.seen.delete(oldest)) break }
    }
    const next = nextCursor ?? runs.at(-1)!.id
    return this.comesAgain(next) ? undefined : { runs: fresh, next }
  }

  private comesAgain(cursor: string): boolean {
    if (cursor === this.checkpoint) return true
    if (++this.since === this.until) {
      this.checkpoint = cursor
      this.until *= 2
      this.since = 0
    }
    return false
  }
}
