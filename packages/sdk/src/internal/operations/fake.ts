/** Forwarding through a service that decodes: a replay, a recording, a fake. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import type { CallError } from "../../NoukaiError.js"
import { known } from "../core/makeError.js"
import { digitsWithin, stringifyJson } from "../kit/plainJson.js"
import { type HttpService, orElse, type Requests, type Streams } from "./operations.js"
import type {
  EventsOnceRequest,
  ExecuteBody,
  ExecuteOnceRequest,
  ExecuteRequest,
  ForwardResponse,
  OnceRequest,
  OnceResponse
} from "./requests.js"
import type { WireEvent } from "./wireEvent.js"

/** The defect of all other operations: a test that needs them takes another layer. */
const notFaked = () =>
  Effect.dieMessage("layerTest only runs flows: use Noukai.layerScripted for jobs, traces and sessions")

/** Fields of a request of a step, which a request to run a flow does not have at its beginning. */
const ofStep = [
  ...["stepIndex", "inputOverrides", "runRemaining"] as const,
  ...["executionId", "accumulatedOutputs", "toolCallMessages", "iterationsUsed"] as const
]

/** A service whose runs complete at once, in one step, with the result of `f`. */
export const fakeHttp = (f: (slug: string, input: ExecuteBody) => Effect.Effect<unknown, CallError>): HttpService => {
  const step: Streams["step"] = (request) => {
    const body = Struct.omit(request.body, ...ofStep)
    const events = (result: unknown): ReadonlyArray<WireEvent> => [
      { type: "run_started", executionId: "ex_test", flowId: "fl_test", stepCount: 1 },
      { type: "step_started", stepId: "test" },
      { type: "step_completed", stepId: "test", output: result },
      { type: "flow_completed", executionId: "ex_test", result }
    ]
    return Stream.unwrap(Effect.map(f(request.flow.slug, body), (result) => Stream.fromIterable(events(result))))
  }
  const streams: Streams = { step, traceStream: () => Stream.fromEffect(notFaked()) }
  const execute: Requests["execute"] = (request) =>
    Effect.map(f(request.flow.slug, request.body), (result) => ({
      status: "completed",
      result,
      flowId: "fl_test",
      blockCount: 1,
      executionId: "ex_test"
    }))
  return {
    defaults: { org: "test", project: "test" },
    request: orElse({ execute, forward: forwardThrough(execute), ...onceThrough(execute, notFaked) }, notFaked),
    stream: (operation, input) => streams[operation](input)
  }
}

const json = (value: unknown): ForwardResponse => ({ status: 200, text: stringifyJson(value, digitsWithin(value)) })

/** The response of an error: the server's, or else the response of a failed run, which is made from the error. */
const failed = (
  error: CallError & { readonly retryAfter?: number | undefined }
): Effect.Effect<ForwardResponse, CallError> => {
  const { requestId, responseBody: text, retryAfter, statusCode: status } = error
  if (status !== undefined && text !== undefined) {
    return Effect.succeed({ status, text, ...known({ requestId, retryAfter: retryAfter?.toString() }) })
  }
  return error._tag !== "FlowExecutionError" ? Effect.fail(error) : Effect.succeed(json({
    status: "failed",
    result: error.result ?? error.detail ?? null,
    flowId: error.flowId ?? "",
    blockCount: error.blockCount ?? 0,
    executionId: error.executionId
  }))
}

/**
 * The operation `forward` by an `execute` that decodes: its response is the received body, or else one encoded again.
 */
export const forwardThrough = (execute: Requests["execute"]): Requests["forward"] => (request) =>
  execute({ ...request, body: { trace: false, ...request.body } }).pipe(
    // no server sends the step that failed
    Effect.map(({ raw, requestId: _, ...response }) =>
      json(raw ?? (response.status === "failed" ? Struct.omit(response, "stepId") : response))
    ),
    Effect.catchAll(failed)
  )

interface WithSession {
  readonly sessionId: string | undefined
}

const through = <Q extends WithSession, A, E>(run: (request: Q) => Effect.Effect<A, E>) =>
(
  { key: _key, rerunFailed: _rerunFailed, settle: _settle, silence: _silence, takeOver: _takeOver, ...request }:
    & OnceRequest
    & Q
): Effect.Effect<OnceResponse<A>, E> =>
  Effect.map(
    // the rest of `OnceRequest & Q` is a `Q`
    run(request as unknown as Q),
    (response) => ({ response, reused: false, sessionId: request.sessionId })
  )

/**
 * Runs `through` on the response of a run that runs once per key, such as one that records it, or gives a recorded one
 * in its place. What was not asked for was not found.
 */
export const onResponse = <A, E, E2>(
  { sessionId }: WithSession,
  asked: Effect.Effect<OnceResponse<A>, E>,
  through: (response: Effect.Effect<A, E>) => Effect.Effect<A, E2>
): Effect.Effect<OnceResponse<A>, E2> =>
  Effect.suspend(() => {
    let outcome: Omit<OnceResponse<A>, "response"> = { reused: false, sessionId }
    const response = Effect.map(asked, (given) => {
      outcome = given
      return given.response
    })
    return Effect.map(through(response), (response) => ({ ...outcome, response }))
  })

/** Running once per key by running, for services that hold what ran and look nothing up: a replay, a fake. */
export const onceThrough = (
  execute: Requests["execute"],
  submitJob: Requests["submitJob"]
): Pick<Requests, "eventsOnce" | "executeOnce" | "submitOnce"> => ({
  eventsOnce: through(({ sessionId, walk }: Pick<EventsOnceRequest, "sessionId" | "walk">) => walk.begin(sessionId)),
  executeOnce: through(({ walk, ...request }: ExecuteRequest & Pick<ExecuteOnceRequest, "walk">) =>
    walk?.begin(request.sessionId) ?? execute(request)
  ),
  submitOnce: through(submitJob)
})
