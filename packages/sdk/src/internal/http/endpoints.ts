import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type { BudgetExceededError, InvalidRequestError, SessionError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { withFiber } from "../core/fiber.js"
import { maxDepth, nestsTooDeep } from "../core/json.js"
import { known } from "../core/makeError.js"
import { noSession } from "../core/runProblem.js"
import { deferred, readApart, toSource } from "../core/streamPull.js"
import { jobKey } from "../kit/callback.js"
import { type EndpointName, endpoints, restOf } from "../kit/endpoints.js"
import type { Requests, Streams } from "../operations/operations.js"
import type * as R from "../operations/requests.js"
import { answeredOperations, readAttempt, readAttempts, readBody } from "../operations/requests.js"
import { isSameSession, isSessionId, newSessionId, notSessionId } from "../operations/scope.js"
import type { WireEvent } from "../operations/wireEvent.js"
import * as Address from "../options/address.js"
import type { RequestContext } from "../options/callOptions.js"
import * as Spans from "../telemetry/spans.js"
import { type Attempt, type Caller, limited, observed } from "./call.js"
import { events } from "./eventStream.js"
import { type LiveError, ofSession } from "./statusError.js"

/** A request about a flow, `POST …`. */
type FlowRequest = R.FlowRequest & { readonly body: unknown }

const flowPath = (request: FlowRequest, name: EndpointName): string =>
  Address.basePath(request.flow) + Address.versionPath(request.version) + restOf(name, request)

/** The description of a `POST` about a flow. */
const post = (request: FlowRequest, path: string, executionId: string | undefined) => {
  const { body, flow, sessionId } = request
  return { context: request, httpMethod: "POST" as const, path, flow, sessionId, body, executionId }
}

/** The description of a `GET`. */
const get = (context: RequestContext & Partial<Pick<R.RunRequest, "flow" | "executionId">>, path: string) => {
  const { executionId, flow } = context
  return { context, httpMethod: "GET" as const, path, flow, sessionId: undefined, body: undefined, executionId }
}

/**
 * `POST …/execute` for a relay. Sent once, since it is never known whether a run that may be billed has begun. The log
 * hook sees the attempt, and never its body.
 *
 * @see docs/wire.md#relays
 */
const forward = (caller: Caller) => (request: R.ForwardRequest): Effect.Effect<R.ForwardResponse, LiveError> =>
  withFiber((fiber) => {
    const endpoint = post(request, flowPath(request, "execute"), undefined)
    const prepared = caller.request(endpoint, fiber)
    if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
    const attempt: Attempt = {
      endpoint,
      request: prepared.right,
      info: { method: "POST", path: endpoint.path, attempt: 0 },
      tell: caller.sinkOf(fiber)
    }
    const sent = observed(caller, attempt, false, caller.sendText(prepared.right))
    return limited(
      caller,
      endpoint,
      Effect.map(sent, ({ header, status, text }) => ({
        status,
        text,
        ...known({ retryAfter: header("retry-after"), requestId: header("x-request-id") })
      }))
    )
  })

/**
 * `POST …/step`.
 *
 * @see docs/wire.md#step
 */
const step = (caller: Caller) => (request: R.StepRequest): Stream.Stream<WireEvent, LiveError> =>
  events(caller, {
    isRun: true,
    isExecute: request.asExecute !== undefined,
    ...post(request, flowPath(request, "step"), request.body.executionId)
  })

/**
 * `POST` of an execution to a relay, whose server chooses the flow.
 *
 * @see docs/wire.md#relays
 */
export const executeAt =
  (caller: Caller, path: string) => (request: R.ExecuteRequest): Effect.Effect<R.ExecuteResponse, LiveError> =>
    caller.send({ decode: readBody.execute, ...post(request, path, request.body.executionId) })

/** Reserves the cost of a run in the budgets around its call, before a request of it is sent. */
export const reserving =
  <Q extends RequestContext, A, E>(send: (request: Q) => Effect.Effect<A, E>) =>
  (request: Q): Effect.Effect<A, E | BudgetExceededError | InvalidRequestError> =>
    request.reserve === undefined
      ? send(request)
      : Effect.zipRight(request.reserve, Effect.suspend(() => send(request)))

const reservingStream = (open: Streams["step"]): Streams["step"] => (request) => {
  const { reserve } = request
  return reserve === undefined
    ? open(request)
    : readApart(() => deferred(Effect.map(reserve, () => toSource(open(request)))))
}

const readSubmitted: R.ReadBody<R.SubmitJobResponse> = (json, received) =>
  Either.filterOrLeft(
    readBody.submitJob(json, received),
    ({ executionId }) => Either.isRight(Address.segment("", "executionId", executionId)),
    () => "executionId is not an id that a path can carry"
  )

/** The id of a run as a part of a path. It came from the server, which may have sent any text. */
const idOf = ({ executionId, method }: Pick<R.RunRequest, "executionId" | "method">) =>
  Address.segment(method, "executionId", executionId)

/** The operations that are one `GET` each. */
type Read = {
  readonly [K in R.AnsweredOperation]: (typeof endpoints)[K]["method"] extends "GET" ? K : never
}[R.AnsweredOperation]

const isRead = (name: R.AnsweredOperation): name is Read => endpoints[name].method === "GET"

/** The request of a read that is below a flow or a run. */
type ReadRequest = RequestContext & Partial<Pick<R.RunRequest, "flow" | "executionId">>

/** The live form of a read, by its row in the table of endpoints. */
const read =
  <K extends Read>(caller: Caller, name: K, decode: R.ReadBody<R.Operations[K]["response"]> = readBody[name]) =>
  (request: R.Operations[K]["request"] & ReadRequest): Effect.Effect<R.Operations[K]["response"], LiveError> => {
    const rest = restOf(name, request)
    const { executionId, flow, method } = request
    const path = flow === undefined ? rest : Address.basePath(flow) + rest
    if (executionId === undefined) return caller.send({ decode, ...get(request, path) })
    return Effect.flatMap(idOf({ method, executionId }), (id) => {
      if (flow === undefined || endpoints[name].under !== "run") return caller.send({ decode, ...get(request, path) })
      const choose = () => caller.runPaths.of(flow, id, rest)
      return caller.send({ choose, decode, ...get(request, choose().path) })
    })
  }

/** The live forms of all reads. */
// of each name its own form
const reads = (caller: Caller) =>
  Object.fromEntries(
    answeredOperations.filter(isRead).map((name) => [name, read(caller, name)])
  ) as Pick<Requests, Read>

/**
 * `GET …/runs/{executionId}/trace/stream`, under the first of the paths that is not refused.
 *
 * @see docs/wire.md#live-traces
 */
const traceStream = (caller: Caller) => (request: R.TraceStreamRequest): Stream.Stream<WireEvent, LiveError> =>
  Stream.suspend(() => {
    const id = idOf(request)
    if (Either.isLeft(id)) return Stream.fail(id.left)
    const choice = caller.runPaths.of(request.flow, id.right, restOf("traceStream", request))
    let isAnswered = false
    const open = (): Stream.Stream<WireEvent, LiveError> =>
      events(caller, { ...get(request, choice.path), context: request, isRun: false, isExecute: false }).pipe(
        Stream.mapChunks((chunk) => {
          if (!isAnswered) choice.judge(Either.void)
          isAnswered = true
          return chunk
        }),
        Stream.catchAll((error) => {
          const judged = isAnswered ? Either.left(error) : choice.judge(Either.left(error))
          return judged === undefined ? open() : Stream.fail(Either.isLeft(judged) ? judged.left : error)
        })
      )
    return open()
  })

/** Reads a session and checks its depth, since it is walked again and again: compared, redacted, written. */
const readSession = (sessionId: string): R.ReadBody<R.SessionResponse> => (json, received) =>
  nestsTooDeep(json)
    ? Either.left(`the session nests deeper than ${maxDepth} levels`)
    : Either.filterOrLeft(
      readBody.session(json, received),
      (read) => isSameSession(read.sessionId, sessionId),
      () => "the server answered with another session"
    )

/** Whether a 404 says that the session does not exist, by the rule of the caller's or else by ours. */
const isAbsence = ({ config: { isSessionNotFound } }: Caller, sessionId: string) => (body: string): boolean => {
  if (isSessionNotFound === undefined) return noSession(body, sessionId)
  try {
    return isSessionNotFound(body) === true
  } catch {
    // a run is sent for a clear yes only
    return false
  }
}

/** The limit of a poll, which reads one row and so gets less time than a run. */
const pollTimeout = Duration.seconds(30)

/** The body of a submission with the address of its webhook, which has the key of the job. */
const withCallback = <B extends object>(
  callback: R.CallbackRequest | undefined,
  sessionId: string | undefined,
  body: B
): Effect.Effect<B & { readonly callbackUrl?: string }> =>
  callback === undefined
    ? Effect.succeed(body)
    : Effect.gen(function*() {
      const job = (sessionId && (yield* jobKey(sessionId))) || (yield* newSessionId)
      callback.job = job
      const url = new URL(callback.url)
      url.searchParams.set("job", job)
      return { ...body, callbackUrl: url.href }
    })

/** The live form of each endpoint. */
export const live = (caller: Caller) => {
  const { send } = caller
  const attemptTimeout = Duration.min(caller.config.attemptTimeout, pollTimeout)
  const requests: Omit<Requests, "eventsOnce" | "executeOnce" | "submitOnce"> = {
    ...reads(caller),
    /**
     * `POST …/execute`.
     *
     * @see docs/wire.md#execute
     */
    execute: reserving((request) => executeAt(caller, flowPath(request, "execute"))(request)),
    forward: forward(caller),
    /**
     * `POST …/jobs`.
     *
     * @see docs/wire.md#jobs
     */
    submitJob: reserving((request) =>
      Effect.flatMap(
        withCallback(request.callback, request.sessionId, request.body),
        (body) =>
          send({ decode: readSubmitted, ...post({ ...request, body }, flowPath(request, "submitJob"), undefined) })
      )
    ),
    /**
     * `GET …/jobs/{executionId}`. An attempt takes at most 30 s unless the call says otherwise.
     *
     * @see docs/wire.md#polls
     */
    pollJob: (request) =>
      read(caller, "pollJob")({
        ...request,
        options: { ...request.options, attemptTimeout: request.options.attemptTimeout ?? attemptTimeout }
      }),
    stepTrace: (request) => read(caller, "stepTrace", request.attempt === "all" ? readAttempts : readAttempt)(request),
    /**
     * `GET /seq/sessions/{sessionId}`. The id may come from a stranger's request, so that only a UUID becomes part of a
     * path.
     *
     * @see docs/wire.md#sessions
     */
    session: (request) => {
      const { mayBeAbsent, method, sessionId } = request
      if (!isSessionId(sessionId)) return Effect.fail(notSessionId(method, sessionId))
      const failing = Effect.mapError(
        read(caller, "session", readSession(sessionId))(request),
        ofSession(isAbsence(caller, sessionId))
      )
      const isExpected = (error: SessionError): boolean =>
        mayBeAbsent === true && error._tag === "ReplaySessionNotFoundError" && error.isAbsent === true
      const answered = Effect.catchIf(
        Effect.map(failing, Either.right),
        isExpected,
        (error) => Effect.succeed(Either.left(error))
      )
      return Effect.flatten(Spans.readSpan(spanNames.session, { sessionId }, () => ({}), answered))
    }
  }
  return { requests, streams: { step: reservingStream(step(caller)), traceStream: traceStream(caller) } }
}
