import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { WireEvent } from "../../FlowEvent.js"
import type { FlowRun, Trace } from "../../Trace.js"
import * as Address from "../flow/address.js"
import type { FlowAddress } from "../flow/flow.js"
import type { RequestContext } from "../input/callOptions.js"
import { type ReadBody, readBody } from "../operations/responseBody.js"
import type {
  RunListRequest,
  RunListResponse,
  RunRequest,
  StepTraceRequest,
  StepTraceResponse,
  TraceStreamRequest
} from "../operations/traceRequests.js"
import type { Caller } from "./call.js"
import { events } from "./eventStream.js"
import type { LiveError } from "./retrying.js"

/** The path of a run, in the family of paths that the client is configured for. */
const runPath = (caller: Caller, flow: FlowAddress, executionId: string): string => {
  const id = Address.encode(executionId)
  return caller.config.runPaths === "flow-runs" ? `/flow-runs/${id}` : `${Address.basePath(flow)}/runs/${id}`
}

const get = <A>(
  caller: Caller,
  context: RequestContext,
  path: string,
  run: { readonly flow: FlowAddress; readonly executionId: string } | undefined,
  decode: ReadBody<A>
): Effect.Effect<A, LiveError> =>
  caller.send({
    context,
    httpMethod: "GET",
    path,
    flow: run?.flow,
    sessionId: undefined,
    body: undefined,
    executionId: run?.executionId,
    decode
  })

/**
 * `GET …/runs/{executionId}/trace`.
 *
 * @see contract 9.1
 * @internal
 */
export const trace = (caller: Caller) => (request: RunRequest): Effect.Effect<Trace, LiveError> =>
  get(caller, request, `${runPath(caller, request.flow, request.executionId)}/trace`, request, readBody.trace)

/**
 * `GET …/runs/{executionId}/trace/stream`.
 *
 * @see contract 9.3
 * @internal
 */
export const traceStream = (caller: Caller) => (request: TraceStreamRequest): Stream.Stream<WireEvent, LiveError> =>
  events(caller, {
    context: request,
    httpMethod: "GET",
    path: `${runPath(caller, request.flow, request.executionId)}/trace/stream`,
    flow: request.flow,
    sessionId: undefined,
    body: undefined,
    executionId: request.executionId,
    isRun: false,
    isExecute: false
  })

/**
 * `GET …/runs/{executionId}/steps/{stepId}/trace`.
 *
 * @see contract 9.2
 * @internal
 */
export const stepTrace =
  (caller: Caller) => (request: StepTraceRequest): Effect.Effect<StepTraceResponse, LiveError> => {
    const { attempt, executionId, flow, loopIndex, stepId } = request
    const query = [
      ...(attempt === undefined ? [] : [`attempt=${attempt}`]),
      ...(loopIndex === undefined ? [] : [`loop_index=${loopIndex}`])
    ].join("&")
    const path = `${runPath(caller, flow, executionId)}/steps/${Address.encode(stepId)}/trace`
    const decode: ReadBody<StepTraceResponse> = attempt === "all" ? readBody.stepAttempts : readBody.stepTrace
    return get(caller, request, query === "" ? path : `${path}?${query}`, request, decode)
  }

/**
 * `GET …/runs/{executionId}`.
 *
 * @see contract 9.4
 * @internal
 */
export const runSummary = (caller: Caller) => (request: RunRequest): Effect.Effect<FlowRun, LiveError> =>
  get(caller, request, runPath(caller, request.flow, request.executionId), request, readBody.runSummary)

/**
 * `GET /flow-runs?flow_id=…`.
 *
 * @see contract 9.6
 * @internal
 */
export const runList = (caller: Caller) => (request: RunListRequest): Effect.Effect<RunListResponse, LiveError> => {
  const query = [
    `flow_id=${encodeURIComponent(request.flowId)}`,
    ...(request.limit === undefined ? [] : [`limit=${request.limit}`]),
    ...(request.status === undefined ? [] : [`status=${request.status}`]),
    ...(request.cursor === undefined ? [] : [`cursor=${encodeURIComponent(request.cursor)}`])
  ].join("&")
  return get(caller, request, `/flow-runs?${query}`, undefined, readBody.runList)
}
