/** Answers of the endpoints, read back from JSON. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as E from "../../NoukaiError.js"
import { canonical } from "../core/json.js"
import { issueText } from "../core/mismatch.js"
import { readEither } from "../core/wire.js"
import type { Operations } from "../operations/operations.js"
import type { StepTraceResponse } from "../operations/requests.js"
import { type ReadBody, readBody } from "../operations/responseBody.js"
import { WireEvent } from "../operations/wireEvent.js"
import type { RecordedAnswer, RecordedError, RecordedOperation, RecordedValue } from "./RecordedCassette.js"
import { withoutSecrets } from "./secretForms.js"

/** Endpoints that answer once. */
export type AnsweredOperation = Exclude<RecordedOperation, StreamedOperation>

/** Endpoints that answer with events. */
export type StreamedOperation = "step" | "traceStream"

export type OperationRequest<K extends AnsweredOperation> = Operations[K]["request"]

export type OperationResponse<K extends AnsweredOperation> = Operations[K]["response"]

type Decoder<A> = (recorded: RecordedValue) => Either.Either<A, string>

const requestIdIn = (json: unknown): string | undefined =>
  Predicate.isRecord(json) && typeof json.requestId === "string" ? json.requestId : undefined

/**
 * Decodes the body as the server sent it, in the order of keys of a recording, or else the value that was decoded from
 * it.
 */
function decoder<A>(read: ReadBody<A>): Decoder<A> {
  return ({ received, requestId, value }) =>
    quotingNoSecret(value, (json) => {
      if (received === undefined) return read(json, { raw: undefined, requestId: requestIdIn(json) })
      const raw = canonical(json)
      return read(raw, { raw, requestId })
    })
}

const readStepTrace: ReadBody<StepTraceResponse> = (json, received) =>
  Predicate.isRecord(json) && Array.isArray(json.attempts) && typeof json.status !== "string"
    ? readBody.stepAttempts(json, received)
    : readBody.stepTrace(json, received)

const decoders: { readonly [K in AnsweredOperation]: Decoder<OperationResponse<K>> } = {
  execute: decoder(readBody.execute),
  submitJob: decoder(readBody.submitJob),
  pollJob: decoder(readBody.pollJob),
  trace: decoder(readBody.trace),
  stepTrace: decoder(readStepTrace),
  runSummary: decoder(readBody.runSummary),
  runList: decoder(readBody.runList),
  session: decoder(readBody.session)
}

export const decodeValue = <K extends AnsweredOperation>(
  endpoint: K,
  recorded: RecordedValue
): Either.Either<OperationResponse<K>, string> => decoders[endpoint](recorded)

/** The recorded form of an answer: the body where there is one. */
export const encodeValue = (value: unknown): RecordedValue => {
  const raw = Predicate.hasProperty(value, "raw") ? value.raw : undefined
  if (raw === undefined) return { value }
  const requestId = requestIdIn(value)
  return { value: raw, received: true, ...(requestId === undefined ? undefined : { requestId }) }
}

const isEvent = Schema.is(WireEvent)

export const decodeEvents = (events: ReadonlyArray<unknown>): Either.Either<ReadonlyArray<WireEvent>, string> => {
  const bad = events.findIndex((event) => !isEvent(event))
  return bad < 0
    ? Either.right(events as ReadonlyArray<WireEvent>)
    : Either.left(`event ${bad + 1} is no event`)
}

const isStream = (endpoint: RecordedOperation): endpoint is StreamedOperation =>
  endpoint === "step" || endpoint === "traceStream"

const check = (result: Either.Either<unknown, string>): string | undefined =>
  Either.isLeft(result) ? result.left : undefined

/** The reason why an answer does not fit calls of an endpoint, if it does not. */
export const problemOfAnswer = (endpoint: RecordedOperation, answer: RecordedAnswer): string | undefined => {
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
      "error" in status ? check(decodeError(status.error, "")) : check(decodeValue(endpoint, status))
    ).find((problem) => problem !== undefined)
  }
  return endpoint === "pollJob" ? "a job has statuses" : check(decodeValue(endpoint, answer))
}

/** Reads a recorded value. The message of a mismatch quotes values, but not secrets. */
export function quotingNoSecret<A>(
  value: unknown,
  read: (value: unknown) => Either.Either<A, string>
): Either.Either<A, string> {
  const whole = read(value)
  if (Either.isRight(whole)) return whole
  const masked = read(withoutSecrets(value))
  return Either.isLeft(masked) ? masked : Either.left("a value does not fit")
}

/** Reads a recorded value by a schema. */
export const readRecorded = <A, I>(schema: Schema.Schema<A, I>): (value: unknown) => Either.Either<A, string> => {
  const read = readEither(schema)
  return (value) => quotingNoSecret(value, (json) => Either.mapLeft(read(json), issueText))
}

/** Made when an error is first read: few programs do. */
const recordableErrors = () =>
  Schema.Union(
    E.AuthenticationError,
    E.PermissionDeniedError,
    E.FlowNotFoundError,
    E.InsufficientCreditsError,
    E.RateLimitError,
    E.FlowExecutionError,
    E.APIConnectionError,
    E.APITimeoutError,
    E.InvalidRequestError,
    E.UnexpectedResponseError,
    E.BudgetExceededError,
    E.RunInProgressError,
    E.ResultNotStoredError,
    E.AmbiguousRunError,
    E.ReplayMissError,
    E.ReplayForbiddenError,
    E.ReplaySessionNotFoundError,
    E.ReplaySessionExpiredError,
    E.ReplayInvalidSessionError,
    E.ReplayNoSnapshotsError
  )

let decode: ((value: unknown) => Either.Either<RecordableError, string>) | undefined

/**
 * Fields that are not recorded: a cause may name paths of the recording machine, and a replay sets its own operation.
 */
const leftOut: ReadonlySet<string> = new Set(["cause", "method", "name", "message", "stack"])

/** The error of a call that can be recorded. */
export type RecordableError = E.CallError | E.OnceError

export const encodeError = (error: RecordableError): RecordedError => ({
  ...Object.fromEntries(Object.entries(error).filter(([key, value]) => value !== undefined && !leftOut.has(key))),
  _tag: error._tag
})

export const decodeError = (recorded: RecordedError, method: string): Either.Either<RecordableError, string> =>
  (decode ??= readRecorded(recordableErrors()))({ ...recorded, method })
