import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Stream from "effect/Stream"
import type { WireEvent } from "../../FlowEvent.js"
import type { BudgetExceededError, InvalidRequestError } from "../../NoukaiError.js"
import * as Address from "../flow/address.js"
import type { Streams } from "../operations/operations.js"
import { readBody } from "../operations/responseBody.js"
import type {
  ExecuteRequest,
  ExecuteResponse,
  ForwardRequest,
  ForwardResponse,
  StepRequest
} from "../operations/runRequests.js"
import type { RequestContext } from "../options/callOptions.js"
import { deferred, fromSource, toSource } from "../runtime/streamPull.js"
import { isOk } from "../transport/response.js"
import { type Attempt, type Caller, limited, observed } from "./call.js"
import { events } from "./eventStream.js"
import type { LiveError } from "./retrying.js"

/**
 * `POST …/execute` for a relay. Sent once, since it is never known whether a run that may be billed has begun. The log
 * hook sees the attempt, and never its body.
 *
 * @see contract 13.2
 */
export const forward = (caller: Caller) => (request: ForwardRequest): Effect.Effect<ForwardResponse, LiveError> =>
  Effect.withFiberRuntime((fiber) => {
    const { scrub } = caller
    const endpoint = {
      context: request,
      httpMethod: "POST",
      path: `${Address.basePath(request.flow)}${Address.versionPath(request.version)}/execute`,
      flow: request.flow,
      sessionId: request.sessionId,
      body: request.body,
      executionId: undefined
    } as const
    const prepared = caller.request(endpoint, fiber)
    if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
    const attempt: Attempt = {
      endpoint,
      request: prepared.right,
      info: { method: "POST", path: endpoint.path, attempt: 0 },
      tell: caller.sinkOf(fiber)
    }
    const sent = observed(caller, attempt, false, caller.transport.send(prepared.right))
    return limited(
      caller,
      endpoint,
      Effect.map(sent, ({ status, text }) => ({ status, text: isOk(status) ? scrub(text) : scrub.cut(text) }))
    )
  })

/**
 * `POST …/step`.
 *
 * @see contract 7
 */
export const step = (caller: Caller) => (request: StepRequest): Stream.Stream<WireEvent, LiveError> =>
  events(caller, {
    context: request,
    httpMethod: "POST",
    path: `${Address.basePath(request.flow)}${Address.versionPath(request.version)}/step`,
    flow: request.flow,
    sessionId: request.sessionId,
    body: request.body,
    executionId: request.body.executionId,
    isRun: true,
    isExecute: request.asExecute !== undefined
  })

const send =
  (caller: Caller, path: (request: ExecuteRequest) => string) =>
  (request: ExecuteRequest): Effect.Effect<ExecuteResponse, LiveError> =>
    caller.send({
      context: request,
      httpMethod: "POST",
      path: path(request),
      flow: request.flow,
      sessionId: request.sessionId,
      body: request.body,
      executionId: request.body.executionId,
      decode: readBody.execute
    })

/**
 * `POST …/execute`.
 *
 * @see contract 5
 */
export const execute = (caller: Caller): (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, LiveError> =>
  send(
    caller,
    ({ flow, version }) => `${Address.basePath(flow)}${Address.versionPath(version)}/execute`
  )

/**
 * `POST` of an execution to a relay, whose server chooses the flow.
 *
 * @see contract 13.1
 */
export const executeAt = (
  caller: Caller,
  path: string
): (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, LiveError> => send(caller, () => path)

/** Reserves the cost of a run in the budgets around its call, before a request of it is sent. */
export const reserving =
  <Q extends RequestContext, A, E>(send: (request: Q) => Effect.Effect<A, E>) =>
  (request: Q): Effect.Effect<A, E | BudgetExceededError | InvalidRequestError> =>
    request.reserve === undefined
      ? send(request)
      : Effect.zipRight(request.reserve, Effect.suspend(() => send(request)))

export const reservingStream = (open: Streams["step"]): Streams["step"] => (request) => {
  const { reserve } = request
  return reserve === undefined
    ? open(request)
    : fromSource(() => deferred(Effect.map(reserve, () => toSource(open(request)))))
}
