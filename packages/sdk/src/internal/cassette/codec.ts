/** Answers of the endpoints, read back from JSON. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as E from "../../NoukaiError.js"
import { canonical, readEither } from "../core/json.js"
import { issueText } from "../core/mismatch.js"
import { isStream } from "../kit/endpoints.js"
import { digitsOf, withDigits } from "../kit/plainJson.js"
import { type AnsweredOperation, type Operations, readBody } from "../operations/requests.js"
import { WireEvent } from "../operations/wireEvent.js"
import type { RecordedAnswer, RecordedError, RecordedOperation, RecordedValue, Status } from "./recording.js"
import { maskSecrets } from "./secretForms.js"

export type OperationRequest<K extends AnsweredOperation> = Operations[K]["request"]

export type OperationResponse<K extends AnsweredOperation> = Operations[K]["response"]

const requestIdIn = (json: unknown): string | undefined =>
  Predicate.isRecord(json) && typeof json.requestId === "string" ? json.requestId : undefined

/**
 * Decodes the body as the server sent it, in the order of keys of a recording, or else the value that was decoded from
 * it.
 */
export const decodeValue = <K extends AnsweredOperation>(
  endpoint: K,
  { received, requestId, value }: RecordedValue
): Either.Either<OperationResponse<K>, string> => {
  const raw = received === undefined ? undefined : canonical(value)
  const facts = received === undefined ? { raw, requestId: requestIdIn(value) } : { raw, requestId }
  return Either.mapLeft(readBody[endpoint](raw ?? value, facts), maskSecrets)
}

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

/** Checks that an answer fits calls of an endpoint. A text is the reason why it does not. */
export const checkAnswer = (endpoint: RecordedOperation, answer: RecordedAnswer): Either.Either<unknown, string> => {
  if ("error" in answer) return decodeError(answer.error, "")
  if (isStream(endpoint)) {
    if (!("events" in answer)) return Either.left("this endpoint answers with events")
    const { end, events } = answer
    return Either.all([decodeEvents(events), typeof end === "string" ? Either.void : decodeError(end.error, "")])
  }
  if ("events" in answer) return Either.left("this endpoint answers with no events")
  if ("statuses" in answer) {
    return endpoint === "pollJob"
      ? Either.all(answer.statuses.map((status) => checkStatus(endpoint, status)))
      : Either.left("only jobs have statuses")
  }
  return endpoint === "pollJob" ? Either.left("a job has statuses") : checkStatus(endpoint, answer)
}

const checkStatus = (endpoint: AnsweredOperation, status: Status): Either.Either<unknown, string> =>
  "error" in status ? decodeError(status.error, "") : decodeValue(endpoint, status)

/** Reads a recorded value by a schema. The message of a mismatch quotes values, but not secrets. */
export const readRecorded = <A, I>(schema: Schema.Schema<A, I>): (value: unknown) => Either.Either<A, string> => {
  const read = readEither(schema)
  return (value) => Either.mapLeft(read(value), (issue) => maskSecrets(issueText(issue)))
}

const decode = readRecorded(
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
)

/**
 * Fields that are not recorded: a cause may name paths of the recording machine, and a replay sets its own operation.
 */
const leftOut: ReadonlySet<string> = new Set(["cause", "method", "name", "message", "stack"])

/** The error of a call that can be recorded. */
export type RecordableError = E.CallError | E.OnceError

export const encodeError = (error: RecordableError): RecordedError => {
  const fields = Object.entries(error).filter(([key, value]) => value !== undefined && !leftOut.has(key))
  return withDigits({ ...Object.fromEntries(fields), _tag: error._tag }, digitsOf(error))
}

export const decodeError = (recorded: RecordedError, method: string): Either.Either<RecordableError, string> =>
  Either.map(decode({ ...recorded, method }), (error) => withDigits(error, digitsOf(recorded)))
