import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { WireEvent } from "../../FlowEvent.js"
import type { FlowRun, Trace } from "../../Trace.js"
import * as Address from "../flow/address.js"
import { type ReadBody, readBody } from "../operations/responseBody.js"
import type {
  RunListRequest,
  RunListResponse,
  RunRequest,
  StepTraceRequest,
  StepTraceResponse,
  TraceStreamRequest
} from "../operations/traceRequests.js"
import { fromSource, type Pull, type Source, toSource } from "../runtime/streamPull.js"
import type { Caller } from "./call.js"
import { events } from "./eventStream.js"
import type { LiveError } from "./retrying.js"
import type { Choice } from "./runPaths.js"

/** The request of a read, without its path. */
const get = (request: RunRequest) => ({
  context: request,
  httpMethod: "GET" as const,
  flow: request.flow,
  sessionId: undefined,
  body: undefined,
  executionId: request.executionId
})

/** Reads a run under the paths of the client. */
const read = <A>(
  caller: Caller,
  request: RunRequest,
  rest: string,
  decode: ReadBody<A>
): Effect.Effect<A, LiveError> => {
  const choose = () => caller.runPaths.of(request, rest)
  return caller.send({ ...get(request), path: choose().path, choose, decode })
}

/**
 * `GET …/runs/{executionId}/trace`.
 *
 * @see contract 9.1
 */
export const trace = (caller: Caller) => (request: RunRequest): Effect.Effect<Trace, LiveError> =>
  read(caller, request, "/trace", readBody.trace)

/** Events under the first of the paths that is not refused. */
class ChosenEvents implements Source<WireEvent, LiveError> {
  private readonly first: Source<WireEvent, LiveError>
  private current: Source<WireEvent, LiveError>
  private isJudged = false

  constructor(
    private readonly choice: Choice,
    private readonly open: (path: string) => Source<WireEvent, LiveError>
  ) {
    this.current = this.first = open(choice.path)
  }

  readonly pull: Pull<WireEvent, LiveError> = Effect.suspend(() =>
    this.isJudged ? this.current.pull : Effect.matchEffect(this.current.pull, {
      onFailure: (end) => this.judge(Option.match(end, { onNone: () => Either.void, onSome: Either.left }), end),
      onSuccess: (chunk) => {
        this.isJudged = true
        this.choice.judge(Either.void)
        return Effect.succeed(chunk)
      }
    })
  )

  private judge(
    outcome: Either.Either<void, LiveError>,
    end: Option.Option<LiveError>
  ): Pull<WireEvent, LiveError> {
    const judged = this.choice.judge(outcome)
    if (judged === undefined) {
      this.current = this.open(this.choice.path)
      return Effect.zipRight(this.first.close(Exit.void), this.pull)
    }
    this.isJudged = true
    return Effect.fail(Either.isLeft(judged) ? Option.some(judged.left) : end)
  }

  readonly close = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.zipRight(this.first.close(exit), this.current === this.first ? Effect.void : this.current.close(exit))
}

/**
 * `GET …/runs/{executionId}/trace/stream`.
 *
 * @see contract 9.3
 */
export const traceStream = (caller: Caller) => (request: TraceStreamRequest): Stream.Stream<WireEvent, LiveError> =>
  fromSource(() =>
    new ChosenEvents(
      caller.runPaths.of(request, "/trace/stream"),
      (path) => toSource(events(caller, { ...get(request), context: request, path, isRun: false, isExecute: false }))
    )
  )

/**
 * `GET …/runs/{executionId}/steps/{stepId}/trace`.
 *
 * @see contract 9.2
 */
export const stepTrace =
  (caller: Caller) => (request: StepTraceRequest): Effect.Effect<StepTraceResponse, LiveError> => {
    const { attempt, loopIndex, stepId } = request
    const query = [
      ...(attempt === undefined ? [] : [`attempt=${attempt}`]),
      ...(loopIndex === undefined ? [] : [`loop_index=${loopIndex}`])
    ].join("&")
    const path = `/steps/${Address.encode(stepId)}/trace`
    const decode: ReadBody<StepTraceResponse> = attempt === "all" ? readBody.stepAttempts : readBody.stepTrace
    return read(caller, request, query === "" ? path : `${path}?${query}`, decode)
  }

/**
 * `GET …/runs/{executionId}`.
 *
 * @see contract 9.4
 */
export const runSummary = (caller: Caller) => (request: RunRequest): Effect.Effect<FlowRun, LiveError> =>
  read(caller, request, "", readBody.runSummary)

/**
 * `GET /flow-runs?flow_id=…`.
 *
 * @see contract 9.6
 */
export const runList = (caller: Caller) => (request: RunListRequest): Effect.Effect<RunListResponse, LiveError> => {
  const query = [
    `flow_id=${encodeURIComponent(request.flowId)}`,
    ...(request.limit === undefined ? [] : [`limit=${request.limit}`]),
    ...(request.status === undefined ? [] : [`status=${request.status}`]),
    ...(request.cursor === undefined ? [] : [`cursor=${encodeURIComponent(request.cursor)}`])
  ].join("&")
  return caller.send({
    context: request,
    httpMethod: "GET",
    path: `/flow-runs?${query}`,
    flow: undefined,
    sessionId: undefined,
    body: undefined,
    executionId: undefined,
    decode: readBody.runList
  })
}
