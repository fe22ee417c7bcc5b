/**
 * What the endpoints answer, read back from JSON.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { ExecuteResponse } from "../../ExecuteCall.js"
import { WireEvent } from "../../FlowEvent.js"
import { PollJobResponse, SubmitJobResponse } from "../../JobCall.js"
import type { Answer, Endpoint } from "../../RecordedCassette.js"
import { RunListResponse } from "../../RunCall.js"
import { SessionResponse } from "../../SessionCall.js"
import { FlowRun, StepAttempts, StepTrace, Trace } from "../../Trace.js"
import { issueText, readEither } from "../schema/schemaReader.js"
import type { HttpService } from "../seam/httpService.js"
import { decodeError } from "./errorCodec.js"

/** Endpoints that answer once. @internal */
export type EffectEndpoint = Exclude<Endpoint, StreamEndpoint>

/** Endpoints that answer with events. @internal */
export type StreamEndpoint = "step" | "traceStream"

/** @internal */
export type Request<K extends Endpoint> = Parameters<HttpService[K]>[0]

/** @internal */
export type Response<K extends EffectEndpoint> = Effect.Effect.Success<ReturnType<HttpService[K]>>

type Decoder<A> = (json: unknown) => Either.Either<A, string>

const decoder = <A, I>(schema: Schema.Schema<A, I>): Decoder<A> => {
  const decode = readEither(schema)
  return (json) => Either.mapLeft(decode(json), issueText)
}

const requestIdIn = (json: unknown): { readonly requestId?: string } =>
  Predicate.isRecord(json) && typeof json.requestId === "string" ? { requestId: json.requestId } : {}

/** The id of the request is no part of a body. */
const withRequestId = <A extends object>(decode: Decoder<A>): Decoder<A & { readonly requestId?: string }> => (json) =>
  Either.map(decode(json), (value) => Object.assign({}, value, requestIdIn(json)))

const isStepAttempts = Schema.is(StepAttempts)

const decodeAttempts = decoder(StepAttempts)

const decodeStep = decoder(StepTrace)

const decoders: { readonly [K in EffectEndpoint]: Decoder<Response<K>> } = {
  execute: withRequestId(decoder(ExecuteResponse)),
  submitJob: decoder(SubmitJobResponse),
  pollJob: withRequestId(decoder(PollJobResponse)),
  trace: decoder(Trace),
  stepTrace: (json) => isStepAttempts(json) ? decodeAttempts(json) : decodeStep(json),
  runSummary: decoder(FlowRun),
  runList: decoder(RunListResponse),
  session: decoder(SessionResponse)
}

/** @internal */
export const decodeValue = <K extends EffectEndpoint>(endpoint: K, json: unknown): Either.Either<Response<K>, string> =>
  decoders[endpoint](json)

const isEvent = Schema.is(WireEvent)

/** @internal */
export const decodeEvents = (events: ReadonlyArray<unknown>): Either.Either<ReadonlyArray<WireEvent>, string> => {
  const bad = events.findIndex((event) => !isEvent(event))
  return bad < 0
    ? Either.right(events as ReadonlyArray<WireEvent>)
    : Either.left(`event ${bad + 1} is no event`)
}

const isStream = (endpoint: Endpoint): endpoint is StreamEndpoint => endpoint === "step" || endpoint === "traceStream"

const check = (result: Either.Either<unknown, string>): string | undefined =>
  Either.isLeft(result) ? result.left : undefined

/**
 * What is wrong with an answer, if it could not be given to a call of this endpoint.
 *
 * @internal
 */
export const problemOfAnswer = (endpoint: Endpoint, answer: Answer): string | undefined => {
  if ("unanswered" in answer) return undefined
  if ("error" in answer) return check(decodeError(answer.error, ""))
  if ("events" in answer) {
    if (!isStream(endpoint)) return "this endpoint answers with no events"
    return check(decodeEvents(answer.events)) ??
      (typeof answer.end === "string" ? undefined : check(decodeError(answer.end.error, "")))
  }
  if (isStream(endpoint)) return "this endpoint answers with events"
  if ("statuses" in answer) {
    if (endpoint !== "pollJob") return "only jobs have statuses"
    return answer.statuses.map((status) =>
      "error" in status ? check(decodeError(status.error, "")) : check(decodeValue(endpoint, status.value))
    ).find((problem) => problem !== undefined)
  }
  return endpoint === "pollJob" ? "a job has statuses" : check(decodeValue(endpoint, answer.value))
}
