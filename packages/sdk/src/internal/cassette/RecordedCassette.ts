/** What was recorded on this side: every call that crossed the seam, with what came of it. */
import * as Schema from "effect/Schema"

/**
 * The endpoints of the seam.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Operation = Schema.Literal(
  "execute",
  "step",
  "submitJob",
  "pollJob",
  "trace",
  "stepTrace",
  "traceStream",
  "runSummary",
  "runList",
  "session"
)

/**
 * @since 0.1.0
 * @category models
 */
export type Operation = Schema.Schema.Type<typeof Operation>

/**
 * A typed error, as its fields.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RecordedError = Schema.Struct(
  { _tag: Schema.String },
  Schema.Record({ key: Schema.String, value: Schema.Unknown })
)

/**
 * @since 0.1.0
 * @category models
 */
export interface RecordedError extends Schema.Schema.Type<typeof RecordedError> {}

/**
 * What an endpoint answered.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RecordedValue = Schema.Struct({
  value: Schema.Unknown,
  /** The value is the body as the server sent it, so that a replay has it as `raw`. Absent: what was made of the body. */
  received: Schema.optional(Schema.Literal(true)),
  /** Of what was received: the server's id of the request. */
  requestId: Schema.optional(Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface RecordedValue extends Schema.Schema.Type<typeof RecordedValue> {}

const Failure = Schema.Struct({ error: RecordedError })

/**
 * What came of a call.
 *
 * - `value`, `error`: an answer.
 * - `events`: a stream, and how it ended: `done` by itself, `left` by the program before that, cut by an error, or
 *   `unanswered` as the program gave up waiting for more.
 * - `statuses`: a job, as it was seen to change.
 * - `unanswered`: the program gave the call up.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Answer = Schema.Union(
  Failure,
  Schema.Struct({
    events: Schema.Array(Schema.Unknown),
    end: Schema.Union(Schema.Literal("done", "left", "unanswered"), Failure)
  }),
  Schema.Struct({ statuses: Schema.NonEmptyArray(Schema.Union(Failure, RecordedValue)) }),
  Schema.Struct({ unanswered: Schema.Literal(true) }),
  RecordedValue
)

/**
 * @since 0.1.0
 * @category models
 */
export type Answer = Schema.Schema.Type<typeof Answer>

/**
 * One recorded call. Values that differ from one recording to the next are in `RecordedCassette.meta`: ids stand as
 * `<id:…>`, times and costs are left out.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Entry = Schema.Struct({
  /** `org/project/slug` */
  flow: Schema.optional(Schema.String),
  endpoint: Operation,
  version: Schema.optional(Schema.String),
  /** Of flow, endpoint, version and input. */
  fingerprint: Schema.String,
  /** Among the calls of this fingerprint, from 1. */
  occurrence: Schema.Int.pipe(Schema.positive()),
  input: Schema.Unknown,
  answer: Answer
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/**
 * What differs from one recording of the same thing to the next.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Meta = Schema.Struct({
  /** What each `<id:…>` stands for. */
  ids: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** By `fingerprint.occurrence`. */
  entries: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({
      /** Place among all calls, in the order in which they began, from 1. */
      order: Schema.Number,
      /** Of `statuses`: when each was seen, in milliseconds since the submission. */
      at: Schema.optional(Schema.Array(Schema.Number)),
      /** What was left out of the answer, by JSON path. */
      values: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
    })
  })
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Meta extends Schema.Schema.Type<typeof Meta> {}

const recordedCassetteSchema = Schema.Struct({
  format: Schema.Literal("noukai-cassette/1"),
  kind: Schema.Literal("recording"),
  /** What the client added when this was recorded. */
  client: Schema.Struct({
    /** Where bare slugs belonged. */
    org: Schema.optional(Schema.String),
    project: Schema.optional(Schema.String),
    /** The total clock of a call, in milliseconds. */
    timeout: Schema.optional(Schema.Number),
    /** Whether sessions could be replayed with `TraceScope.replay`. */
    replayEnabled: Schema.optional(Schema.Literal(true))
  }),
  entries: Schema.Array(Entry),
  meta: Meta
})

/**
 * @since 0.1.0
 * @category models
 */
export interface RecordedCassette extends Schema.Schema.Type<typeof recordedCassetteSchema> {}

/**
 * Entries are in the order of flow, fingerprint and occurrence.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RecordedCassette: Schema.Schema<RecordedCassette, Schema.Schema.Encoded<typeof recordedCassetteSchema>> =
  recordedCassetteSchema
