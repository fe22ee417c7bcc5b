/**
 * Reads runs: the checks, clocks and spans around the run endpoints.
 *
 * @see docs/wire.md#runs
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type CallError, type InvalidRequestError, UnexpectedResponseError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import * as Trace from "../../Trace.js"
import { newError } from "../core/makeError.js"
import { isCount } from "../kit/names.js"
import { type HttpService, ofRead, resolveFlow, runOptions, timedRead } from "../operations/operations.js"
import type * as Operation from "../operations/requests.js"
import * as Address from "../options/address.js"
import type { TimedReadOptions } from "../options/callOptions.js"
import * as CallOptions from "../options/callOptions.js"
import * as Spans from "../telemetry/spans.js"

/** The attempt to read: the latest, every one, or one by its number, from 1. */
export type Attempt = "latest" | "all" | number

/** The options of reading one step: its attempt, and its iteration of a loop. */
export interface StepTraceOptions<out At extends Attempt = Attempt> extends TimedReadOptions {
  /** The attempt. Default: `"latest"`. */
  readonly attempt?: At | undefined
  /** The iteration, from 0, of a step in a loop. */
  readonly loopIndex?: number | undefined
}

/** The value of `stepTrace`: all attempts for `"all"`, one otherwise. */
export type StepTraceOf<At extends Attempt> = At extends "all" ? Trace.StepAttempts : Trace.StepTrace

/** The options of listing runs. */
export interface ListOptions extends TimedReadOptions {
  /** The server's id of the flow: `flowId` of a result, a job, a trace or a session. */
  readonly flowId: string
  /** The number of runs of a page, which is one request: 1 to 100. Default: the server's, 20. */
  readonly limit?: number | undefined
  /** The status of the runs. Default: any. */
  readonly status?: "running" | "completed" | "failed" | "cancelled" | undefined
}

export const stepTraceOptions = CallOptions.decoder<StepTraceOptions>("options", () => ({
  ...ofRead,
  attempt: CallOptions.must(
    (value) => value === "latest" || value === "all" || isCount(value, 1),
    "must be \"latest\", \"all\" or an integer of at least 1"
  ),
  loopIndex: CallOptions.count(0)
}))

export const listOptions = CallOptions.decoder<ListOptions>(
  "options",
  () => ({
    ...ofRead,
    flowId: CallOptions.anything,
    limit: CallOptions.count(1, 100),
    status: CallOptions.oneOf("running", "completed", "failed", "cancelled")
  }),
  ({ flowId }) => Address.checkSegment("flowId", flowId)
)

type RunAddress = Pick<Operation.RunRequest, "flow" | "executionId">

/** The run to read, and the settings of the read. */
export const resolveRead = <A extends object>(
  http: HttpService,
  method: string,
  flow: Address.FlowRef<never>,
  executionId: string,
  decode: CallOptions.Decode<A>,
  given: A
): Either.Either<readonly [run: RunAddress, options: A], InvalidRequestError> =>
  Either.gen(function*() {
    const { address, addressText } = yield* resolveFlow(http, method, flow)
    yield* Address.segment(method, "executionId", executionId)
    return [{ flow: address, executionId }, yield* decode(method, given, { flow: addressText, executionId })]
  })

const noOutcome = () => ({})

/** Reads one run by an operation. */
const reading = <K extends "trace" | "runSummary", A>(
  method: string,
  span: string,
  operation: K,
  valueOf: (response: Operation.Operations[K]["response"], executionId: string) => A,
  outcomeOf: (value: A) => Spans.RunOutcome
) =>
(http: HttpService) =>
(flow: Address.FlowRef<never>, executionId: string, given: TimedReadOptions = {}): Effect.Effect<A, CallError> =>
  Effect.gen(function*() {
    const [run, options] = yield* resolveRead(http, method, flow, executionId, runOptions, given)
    const facts = { flow: Address.format(run.flow), executionId }
    const response = timedRead(
      http,
      method,
      options,
      facts,
      (context) => http.request(operation, { ...context, ...run })
    )
    const value = Effect.map(response, (response) => valueOf(response, executionId))
    return yield* Spans.readSpan(span, { address: run.flow, executionId }, outcomeOf, value)
  })

export const trace = reading(
  "RunService.trace",
  spanNames.trace,
  "trace",
  identity<Trace.Trace>,
  ({ flowRun }) => ({ status: flowRun.status })
)

export const cost = reading(
  "RunService.cost",
  spanNames.runCost,
  "trace",
  Trace.costOf,
  ({ costUsd, status, tokens, unknownCosts }) => ({ status, costUsd, unknownCosts, tokens })
)

export const summary = reading(
  "RunService.summary",
  spanNames.runSummary,
  "runSummary",
  identity<Trace.FlowRun>,
  ({ status }) => ({ status })
)

export const stepTrace = (http: HttpService) =>
(
  flow: Address.FlowRef<never>,
  executionId: string,
  stepId: string,
  given: StepTraceOptions = {}
): Effect.Effect<Operation.StepTraceResponse, CallError> =>
  Effect.gen(function*() {
    const method = "RunService.stepTrace"
    yield* Address.segment(method, "stepId", stepId)
    const [run, options] = yield* resolveRead(http, method, flow, executionId, stepTraceOptions, given)
    const attempt = options.attempt === "latest" ? undefined : options.attempt
    const facts = { flow: Address.format(run.flow), executionId }
    const asked = timedRead(http, method, options, facts, (context) =>
      http.request("stepTrace", { ...context, ...run, stepId, attempt, loopIndex: options.loopIndex }))
    return yield* Spans.readSpan(
      spanNames.stepTrace,
      { address: run.flow, executionId, stepId },
      noOutcome,
      Effect.filterOrFail(asked, (response) =>
        "attempts" in response === (attempt === "all"), () =>
        newError(UnexpectedResponseError, {
          method,
          ...facts,
          reason: attempt === "all" ? "one attempt came instead of all" : "all attempts came instead of one"
        }))
    )
  })

/** The page of a server that is told no limit. */
const defaultPage = 20

/** The part of a list that is asked for. */
type PageRequest = Pick<Operation.RunListRequest, "cursor" | "limit">

export const list = (http: HttpService) => (given: ListOptions): Stream.Stream<Trace.FlowRun, CallError> =>
  Stream.unwrap(Effect.gen(function*() {
    const method = "RunService.list"
    const options = yield* listOptions(method, given)
    const { flowId, limit, status } = options
    const pages = new RunPages(limit ?? defaultPage)
    const first: PageRequest = { cursor: undefined, limit }
    return Stream.paginateChunkEffect(first, (asked) =>
      Effect.gen(function*() {
        const request = timedRead(http, method, options, {}, (context) =>
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
  readonly runs: Operation.RunListResponse["runs"]
  /** The cursor of the next page; absent after the last. */
  readonly next: string | undefined
}

/** The pages of one list. It remembers the ids of its runs: a page that shifted has some of them again. */
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
  take({ nextCursor, runs }: Operation.RunListResponse): RunPage | undefined {
    const fresh = runs.filter(({ id }) => this.seen.size < this.seen.add(id).size)
    if (nextCursor === undefined && runs.length < this.limit) return { runs: fresh, next: undefined }
    const next = nextCursor ?? runs.at(-1)!.id
    // a page of a filtered list may be empty
    if ((fresh.length === 0 && runs.length > 0) || next === this.cursor) return undefined
    this.cursor = next
    return { runs: fresh, next }
  }
}
