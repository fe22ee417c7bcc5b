/** The recording of a program: every call through `NoukaiHttp`, as JSON with its outcome. */
import * as Array from "effect/Array"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import { absentable, jsonCopy } from "../core/json.js"
import { known } from "../core/makeError.js"
import type { RecordedCall } from "../core/replayReport.js"
import { isEndedStatus } from "../core/runProblem.js"
import { streamNames } from "../kit/endpoints.js"
import { digitsAt, digitsIn } from "../kit/plainJson.js"
import { type AnsweredOperation, type EventStreams, readBody, SessionResponse } from "../operations/requests.js"
import type { RunOfSession } from "../operations/sessionRun.js"
import { type FlowAddress, type FlowVersion, format } from "../options/address.js"
import type { RequestContext } from "../options/callOptions.js"

/** The operations of `NoukaiHttp` that are recorded: all that are one request. */
export type RecordedOperation = AnsweredOperation | keyof EventStreams

/** */
export const RecordedOperation: Schema.Schema<RecordedOperation> = Schema.Literal(
  ...Record.keys(readBody),
  ...streamNames
)

/** A typed error, as its fields. */
export const RecordedError = Schema.Struct(
  { _tag: Schema.String },
  Schema.Record({ key: Schema.String, value: Schema.Unknown })
)

/** */
export interface RecordedError extends Schema.Schema.Type<typeof RecordedError> {}

/** The answer of an endpoint. */
export const RecordedValue = Schema.Struct({
  value: Schema.Unknown,
  /**
   * The value is the body as the server sent it; a replay returns it as `raw`. Absent: the value was decoded from the
   * body.
   */
  received: absentable(Schema.Literal(true)),
  /** The server's id of the request, of a body that was received. */
  requestId: absentable(Schema.String),
  /** The text of numbers in the value that a JavaScript number cannot hold. */
  digits: absentable(Schema.Unknown)
})

/** */
export interface RecordedValue extends Schema.Schema.Type<typeof RecordedValue> {}

const Failure = Schema.Struct({ error: RecordedError })

/**
 * The outcome of a call.
 *
 * - `value`, `error`: an answer.
 * - `events`: a stream, and its end: `done` by itself, `left` by the program before that, or cut by an error.
 * - `statuses`: the changes of a job's status.
 */
export const RecordedAnswer = Schema.Union(
  Failure,
  Schema.Struct({
    events: Schema.Array(Schema.Unknown),
    end: Schema.Union(Schema.Literal("done", "left"), Failure),
    /** The text of numbers in the events that a JavaScript number cannot hold, by the place of the event. */
    digits: absentable(Schema.Unknown)
  }),
  Schema.Struct({ statuses: Schema.NonEmptyArray(Schema.Union(Failure, RecordedValue)) }),
  RecordedValue
)

/** */
export type RecordedAnswer = Schema.Schema.Type<typeof RecordedAnswer>

/**
 * One recorded call. Values that differ between recordings of the same calls are in `RecordedCassette.meta`: ids are
 * replaced by `<id:…>`, times and costs are left out.
 */
export const Entry = Schema.Struct({
  /** `org/project/slug` */
  flow: absentable(Schema.String),
  endpoint: RecordedOperation,
  version: absentable(Schema.String),
  /** A hash of flow, endpoint, version and input. */
  fingerprint: Schema.String,
  /** The place among the calls of this fingerprint, from 1. */
  occurrence: Schema.Int.pipe(Schema.positive()),
  input: Schema.Unknown,
  /** The text of numbers of the input that a JavaScript number cannot hold. Opaque. */
  digits: absentable(Schema.Unknown),
  answer: RecordedAnswer
})

/** */
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/** The values that differ between recordings of the same calls. */
export const Meta = Schema.Struct({
  /** The id behind each `<id:…>`. */
  ids: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** By `fingerprint.occurrence`. */
  entries: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({
      /** The place among all calls, in the order in which they began, from 1. */
      order: Schema.Number,
      /**
       * The times of `statuses`, in milliseconds since the submission. Of a job that had not ended, one more: the time
       * of the last poll.
       */
      at: absentable(Schema.Array(Schema.Number)),
      /** The values that were left out of the answer, by JSON path. */
      values: absentable(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
    })
  })
})

/** */
export interface Meta extends Schema.Schema.Type<typeof Meta> {}

const recordedCassetteSchema = Schema.Struct({
  // first, since it tells the two kinds apart when a value is decoded
  kind: Schema.Literal("recording"),
  format: Schema.Literal("noukai-cassette/1"),
  /** The settings of the client that recorded. */
  client: Schema.Struct({
    /** The org and project of bare slugs. */
    org: absentable(Schema.String),
    project: absentable(Schema.String),
    /** The total timeout of a call, in milliseconds. */
    timeout: absentable(Schema.Number),
    /** Whether sessions could be replayed with `TraceScope.replay`. */
    replayEnabled: absentable(Schema.Literal(true))
  }),
  /** A call was interrupted, so that recordings are missing. The mode `once` records them. Absent: none are. */
  incomplete: absentable(Schema.Literal(true)),
  entries: Schema.Array(Entry),
  meta: Meta
})

/** */
export interface RecordedCassette extends Schema.Schema.Type<typeof recordedCassetteSchema> {}

/** A recording. Its entries are in the order of flow, fingerprint and occurrence. */
export const RecordedCassette: Schema.Schema<RecordedCassette, Schema.Schema.Encoded<typeof recordedCassetteSchema>> =
  recordedCassetteSchema

const sessionCassetteSchema = Schema.Struct({
  // first, since it tells the two kinds apart when a value is decoded
  kind: Schema.Literal("session"),
  format: Schema.Literal("noukai-cassette/1"),
  /** The org and project of bare slugs when the session was fetched. */
  client: Schema.Struct({ org: absentable(Schema.String), project: absentable(Schema.String) }),
  session: SessionResponse
})

/** */
export interface SessionCassette extends Schema.Schema.Type<typeof sessionCassetteSchema> {}

/** The runs of a session id, as the server gave them. */
export const SessionCassette: Schema.Schema<SessionCassette, Schema.Schema.Encoded<typeof sessionCassetteSchema>> =
  sessionCassetteSchema

/** The content of a cassette file: a session as the server gave it, or a recording. */
export const Cassette = Schema.Union(SessionCassette, RecordedCassette)

/** A session as the server gave it, or a recording. */
export type Cassette = Schema.Schema.Type<typeof Cassette>

/** The question of a call, by which its recording is found. */
export interface Question {
  readonly endpoint: RecordedOperation
  readonly flow: string | undefined
  readonly version: string | undefined
  readonly input: unknown
}

export interface Interaction extends Question {
  readonly answer: RecordedAnswer
  /** The times of `statuses`, in milliseconds. Of a job that had not ended, also the time of the last poll. */
  readonly at: ReadonlyArray<number> | undefined
}

/** A run of a session, which answers every call of the run. */
export interface SessionRecording extends Question {
  readonly answer: { readonly run: RunOfSession }
  readonly at: undefined
}

/** A recorded call, or a run of a session. */
export type Recording = Interaction | SessionRecording

/** The parts of requests that recordings look at. */
export interface AnyRequest extends RequestContext {
  readonly sessionId?: string | undefined
  readonly flow?: FlowAddress
  readonly version?: FlowVersion
  readonly body?: unknown
}

/** Fields of a request that are not part of the question. */
const aside: ReadonlySet<string> = new Set(["method", "options", "progress", "flow", "version", "sessionId"])

const inputOf = (endpoint: RecordedOperation, request: AnyRequest): unknown =>
  request.body ?? Object.fromEntries(
    Object.entries(request).filter(([key, value]) =>
      value !== undefined && (!aside.has(key) || (endpoint === "session" && key === "sessionId"))
    )
  )

/**
 * The question of a request, or `undefined` if it is not JSON. The session of the run is left out: it is another one
 * each time.
 */
export const questionOf = (endpoint: RecordedOperation, request: AnyRequest): Question | undefined => {
  try {
    return {
      endpoint,
      flow: request.flow === undefined ? undefined : format(request.flow),
      version: request.version === undefined ? undefined : String(request.version),
      input: jsonCopy(inputOf(endpoint, request))
    }
  } catch {
    return undefined
  }
}

/** The id of the run that a call goes on with, or asks about. */
export const executionIdOf = ({ input }: Question): string | undefined => {
  const id = Predicate.isRecord(input) ? input.executionId : undefined
  return typeof id === "string" ? id : undefined
}

/** The id of the run that a recorded call began, went on with, or asked about. */
export const runIdOf = (
  { answer, input }: { readonly answer: Recording["answer"]; readonly input: unknown }
): string | undefined => {
  if ("run" in answer) return answer.run.execution.executionId
  const values = "value" in answer ? [answer.value] : "events" in answer ? answer.events : []
  const id = [...values, input].map((value) => Predicate.isRecord(value) ? value.executionId : undefined)
    .find((found) => typeof found === "string" && found !== "")
  return typeof id === "string" ? id : undefined
}

/**
 * The group in which the call that begins a run is counted under `position`; `undefined` for a call that begins none.
 */
export const newRunsOf = (question: Question): string | undefined => {
  const { endpoint, flow } = question
  const begins = endpoint === "execute" || endpoint === "step" || endpoint === "submitJob"
  return begins && executionIdOf(question) === undefined ? `${endpoint} ${slugOf(flow)}` : undefined
}

/** The slug of an address, which is its last part. */
export const slugOf = (flow: string | undefined): string => flow?.split("/").at(-1) ?? ""

/** Whether the statuses of a job are all that there are: the last one is the end of the job, or an error. */
export const hasEnded = (statuses: ReadonlyArray<Status>): boolean => {
  const last = statuses.at(-1)
  return last === undefined || "error" in last || (Predicate.isRecord(last.value) && isEndedStatus(last.value.status))
}

/** The answer to a poll. */
export type Status = RecordedValue | { readonly error: RecordedError }

export interface AnswerMapping {
  readonly value: (recorded: RecordedValue) => RecordedValue
  readonly error: (error: RecordedError) => RecordedError
}

export const mapStatus = (status: Status, { error, value }: AnswerMapping): Status =>
  "error" in status ? { error: error(status.error) } : value(status)

/** An answer with its values, events and errors mapped. Each of them comes with the digits that are stored beside it. */
export const mapAnswer = (answer: RecordedAnswer, mapping: AnswerMapping): RecordedAnswer => {
  if ("statuses" in answer) return { statuses: Array.map(answer.statuses, (status) => mapStatus(status, mapping)) }
  if (!("events" in answer)) return mapStatus(answer, mapping)
  const { digits, end, events } = answer
  const mapped = events.map((value, place) => mapping.value({ value, ...known({ digits: digitsAt(digits, place) }) }))
  return {
    events: mapped.map(({ value }) => value),
    end: typeof end === "string" ? end : { error: mapping.error(end.error) },
    ...known({ digits: digitsIn(mapped.map(({ digits }, place) => [place, digits])) })
  }
}

/** A recorded call, for reports. */
export const recordedCall = (
  { number, recording }: { readonly recording: Recording; readonly number: number }
): RecordedCall => {
  const { endpoint, flow, version } = recording
  return { number, endpoint, ...known({ flow, version, executionId: runIdOf(recording) }) }
}
