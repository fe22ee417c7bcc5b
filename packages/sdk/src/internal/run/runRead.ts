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
import { newError, type RefusalFacts } from "../core/makeError.js"
import { resolveFlow, timedRead } from "../operations/call.js"
import type { HttpService, Operations } from "../operations/operations.js"
import type { RunListResponse, StepTraceResponse } from "../operations/requests.js"
import * as Address from "../options/address.js"
import type { FlowAddress, FlowRef } from "../options/address.js"
import type { RequestContext } from "../options/callOptions.js"
import * as Options from "../options/readOptions.js"
import * as Spans from "../telemetry/spans.js"

interface RunAddress {
  readonly flow: FlowAddress
  readonly executionId: string
}

/** The run to read, and the settings of the read. */
export const resolveRead = <A extends object>(
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  executionId: string,
  decode: (method: string, given: A, facts: RefusalFacts) => Either.Either<A, InvalidRequestError>,
  given: A
): Either.Either<readonly [run: RunAddress, options: A], InvalidRequestError> =>
  Either.gen(function*() {
    const { address, addressText } = yield* resolveFlow(http, method, flow)
    yield* Address.segment(method, "executionId", executionId)
    return [{ flow: address, executionId }, yield* decode(method, given, { flow: addressText, executionId })]
  })

/** Limits one call by the total timeout. */
function timed<A>(
  http: HttpService,
  method: string,
  options: Options.RunOptions,
  run: RunAddress | undefined,
  ask: (context: RequestContext) => Effect.Effect<A, CallError>
): Effect.Effect<A, CallError> {
  return timedRead(http, method, options, {
    flow: run === undefined ? undefined : Address.format(run.flow),
    executionId: run?.executionId
  }, ask)
}

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
(flow: FlowRef<never>, executionId: string, given: Options.RunOptions = {}): Effect.Effect<A, CallError> =>
  Effect.gen(function*() {
    const [run, options] = yield* resolveRead(http, method, flow, executionId, Options.runOptions, given)
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
  given: Options.StepTraceOptions = {}
): Effect.Effect<StepTraceResponse, CallError> =>
  Effect.gen(function*() {
    const method = "RunService.stepTrace"
    yield* Address.segment(method, "stepId", stepId)
    const [run, options] = yield* resolveRead(http, method, flow, executionId, Options.stepTraceOptions, given)
    const attempt = options.attempt === "latest" ? undefined : options.attempt
    const asked = timed(http, method, options, run, (context) =>
      http.request("stepTrace", { ...context, ...run, stepId, attempt, loopIndex: options.loopIndex }))
    return yield* Spans.readSpan(
      spanNames.runStepTrace,
      { address: run.flow, executionId, stepId },
      noOutcome,
      Effect.filterOrFail(asked, (response) =>
        "attempts" in response === (attempt === "all"), () =>
        newError(UnexpectedResponseError, {
          method,
          flow: Address.format(run.flow),
          executionId,
          reason: attempt === "all" ? "one attempt came instead of all" : "all attempts came instead of one"
        }))
    )
  })

/** The page of a server that is told no limit. */
const defaultPage = 20

/** The part of a list that is asked for. */
interface PageRequest {
  readonly cursor: string | undefined
  readonly limit: number | undefined
}

export const list = (http: HttpService) => (given: Options.ListOptions): Stream.Stream<FlowRun, CallError> =>
  Stream.unwrap(Effect.gen(function*() {
    const method = "RunService.list"
    const options = yield* Options.listOptions(method, given)
    const { flowId, limit, status } = options
    const pages = new RunPages(limit ?? defaultPage)
    const first: PageRequest = { cursor: undefined, limit }
    return Stream.paginateChunkEffect(first, (asked) =>
      Effect.gen(function*() {
        const request = timed(http, method, options, undefined, (context) =>
          http.request("runList", { ...context, flowId, status, ...asked }))
        const taken = pages.take(yield* Spans.readSpan(spanNames.runList, {}, noOutcome, request))
        if (taken !== undefined) {
          const next = Option.map(Option.fromNullable(taken.next), (cursor): PageRequest => ({ ...asked, cursor }))
          return [Chunk.unsafeFromArray(taken.runs), next] as const
        }
        // where the cursor is ignored, the longest page is all that there is to ask for
        if (pages.widen()) {
          return [Chunk.empty(), Option.some({ cursor: undefined, limit: longestPage })] as const
        }
        return yield* newError(UnexpectedResponseError, {
          method,
          reason: "the server gave runs again that it had given: it does not page, and the rest cannot be listed"
        })
      }))
  }))

/** The runs of the longest page that the server gives. */
const longestPage = 100

export interface RunPage {
  readonly runs: RunListResponse["runs"]
  /** The cursor of the next page; absent after the last. */
  readonly next: string | undefined
}

/** The pages of one list. It remembers the ids of its runs: a page that shifted holds some of them again. */
export class RunPages {
  private readonly seen = new Set<string>()
  private cursor: string | undefined

  constructor(private limit: number) {}

  /** Goes on with the longest page, from its start, where the server does not page; `false` where it was the longest. */
  widen(): boolean {
    if (this.limit >= longestPage) return false
    this.limit = longestPage
    this.cursor = undefined
    return true
  }

  /** The runs of a page that are new; `undefined` where the server goes in circles. */
  take({ nextCursor, runs }: RunListResponse): RunPage | undefined {
    const fresh = runs.filter(({ id }) => this.seen.size < this.seen.add(id).size)
    if (nextCursor === undefined && runs.length < this.limit) return { runs: fresh, next: undefined }
    const next = nextCursor ?? runs.at(-1)!.id
    // a page of a filtered list may be empty
    if ((fresh.length === 0 && runs.length > 0) || next === this.cursor) return undefined
    this.cursor = next
    return { runs: fresh, next }
  }
}
