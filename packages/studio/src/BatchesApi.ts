/**
 * The part of the studio's API about batches in ledgers.
 *
 * @since 0.1.0
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as Schema from "effect/Schema"
import { EventStream, Index, NotFound, Payload, Unavailable } from "./RunsApi.js"

/**
 * A batch, as a row of the list.
 *
 * @since 0.1.0
 * @category models
 */
export const BatchSummary = Schema.Struct({
  /** The name of its ledger: the path of a file below the folder, or `postgres`. */
  ledger: Schema.String,
  batch: Schema.String,
  flow: Schema.String,
  version: Schema.String,
  createdAt: Schema.Number,
  /** `running`, `completed`, `incomplete`, `paused` or `cancelled`. */
  status: Schema.String,
  /** Whether it is completed and every row is done. */
  isClean: Schema.Boolean,
  rows: Schema.Number,
  settled: Schema.Number,
  failed: Schema.Number,
  /** Rows whose outcome is not known. */
  doubtful: Schema.Number,
  /** The known costs of its rows. Absent if no costs are read. */
  costUsd: Schema.optional(Schema.String),
  /** The number of rows whose cost is not wholly known. Absent of an exact cost. */
  unknownCosts: Schema.optional(Schema.Number)
})

/** @since 0.1.0 */
export interface BatchSummary extends Schema.Schema.Type<typeof BatchSummary> {}

/**
 * All batches of all ledgers, newest first.
 *
 * @since 0.1.0
 * @category models
 */
export const BatchList = Schema.Struct({
  /** The folder and the database that were searched. */
  searched: Schema.Array(Schema.String),
  batches: Schema.Array(BatchSummary),
  /** The files that cannot be read as ledgers. */
  problems: Schema.Array(Schema.Struct({ ledger: Schema.String, message: Schema.String }))
})

/** @since 0.1.0 */
export interface BatchList extends Schema.Schema.Type<typeof BatchList> {}

/**
 * How often a number occurs. The bounds of the buckets grow; the first one begins at 0.
 *
 * @since 0.1.0
 * @category models
 */
export const Histogram = Schema.Struct({
  buckets: Schema.Array(Schema.Struct({ from: Schema.Number, to: Schema.Number, count: Schema.Number })),
  /** The settled rows whose number is known, and the others. */
  known: Schema.Number,
  unknown: Schema.Number,
  median: Schema.optional(Schema.Number),
  p95: Schema.optional(Schema.Number),
  max: Schema.optional(Schema.Number)
})

/** @since 0.1.0 */
export interface Histogram extends Schema.Schema.Type<typeof Histogram> {}

/**
 * Rows with one error.
 *
 * @since 0.1.0
 * @category models
 */
export const ErrorGroup = Schema.Struct({
  /** The kind and the code of the error: a filter of rows. */
  error: Schema.String,
  kind: Schema.String,
  code: Schema.optional(Schema.String),
  /** The message of one of its rows. */
  message: Schema.String,
  rows: Schema.Number,
  /** The key of that row. */
  key: Schema.String
})

/** @since 0.1.0 */
export interface ErrorGroup extends Schema.Schema.Type<typeof ErrorGroup> {}

/**
 * A batch without its rows.
 *
 * @since 0.1.0
 * @category models
 */
export const BatchDetail = Schema.Struct({
  ...BatchSummary.fields,
  /** Why it stopped before its rows were settled. */
  stop: Schema.optional(Schema.Struct({ reason: Schema.String, message: Schema.String })),
  /** The number of rows in each state. */
  states: Schema.Record({ key: Schema.String, value: Schema.Number }),
  absent: Schema.Number,
  unselected: Schema.Number,
  waiting: Schema.Number,
  retries: Schema.Number,
  timedOut: Schema.Number,
  refused: Schema.Number,
  adopted: Schema.Number,
  unknownCosts: Schema.optional(Schema.Number),
  definition: Schema.optional(Schema.Struct({ hash: Schema.String, changedAt: Schema.optional(Schema.Number) })),
  /** The number of settled rows that the histograms and errors are made of: fewer than `settled` while they are counted. */
  counted: Schema.Number,
  /** Rows settled per second, and the time left, while it runs and both are known. */
  rowsPerSecond: Schema.optional(Schema.Number),
  etaMs: Schema.optional(Schema.Number),
  /** Milliseconds per row. */
  durations: Histogram,
  /** US dollars per row. */
  costs: Histogram,
  /** The most frequent first: at most 50. */
  errors: Schema.Array(ErrorGroup),
  /** Commands about it, to paste. */
  commands: Schema.Array(Schema.Struct({ does: Schema.String, command: Schema.String })),
  notes: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface BatchDetail extends Schema.Schema.Type<typeof BatchDetail> {}

/**
 * A row of a batch, without its input and result.
 *
 * @since 0.1.0
 * @category models
 */
export const BatchRow = Schema.Struct({
  no: Schema.Number,
  key: Schema.String,
  /** Where it was read: `rows.jsonl:17`. */
  at: Schema.String,
  state: Schema.String,
  /** The number of its attempts so far. */
  attempt: Schema.Number,
  flow: Schema.String,
  version: Schema.String,
  error: Schema.optional(
    Schema.Struct({ kind: Schema.String, code: Schema.optional(Schema.String), message: Schema.String })
  ),
  executionId: Schema.optional(Schema.String),
  /** The known costs of its attempts. */
  costUsd: Schema.optional(Schema.String),
  /** Present if the cost of an attempt is unknown. */
  unknownCosts: Schema.optional(Schema.Number),
  durationMs: Schema.optional(Schema.Number),
  settledAt: Schema.optional(Schema.Number)
})

/** @since 0.1.0 */
export interface BatchRow extends Schema.Schema.Type<typeof BatchRow> {}

/**
 * A page of rows in the order of the input.
 *
 * @since 0.1.0
 * @category models
 */
export const BatchRowPage = Schema.Struct({
  rows: Schema.Array(BatchRow),
  /** Whether rows come before and after the page. */
  hasBefore: Schema.Boolean,
  hasAfter: Schema.Boolean
})

/** @since 0.1.0 */
export interface BatchRowPage extends Schema.Schema.Type<typeof BatchRowPage> {}

/**
 * A row of a batch with its input, result and attempts.
 *
 * @since 0.1.0
 * @category models
 */
export const BatchRowDetail = Schema.Struct({
  row: BatchRow,
  /** The session under which its run is found at the server. */
  sessionId: Schema.optional(Schema.String),
  input: Payload,
  result: Payload,
  attempts: Schema.Array(Schema.Struct({
    attempt: Schema.Number,
    state: Schema.String,
    executionId: Schema.optional(Schema.String),
    error: Schema.optional(Schema.String),
    costUsd: Schema.optional(Schema.String),
    startedAt: Schema.optional(Schema.Number),
    settledAt: Schema.optional(Schema.Number)
  })),
  /** Of a row in doubt: what is known of it, and what to do, in sentences. */
  doubt: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface BatchRowDetail extends Schema.Schema.Type<typeof BatchRowDetail> {}

/**
 * Which rows a page has. All conditions hold for each of them.
 *
 * @since 0.1.0
 * @category models
 */
export const BatchRowFilter = Schema.Struct({
  /** The state of the rows. `doubtful`: the rows whose outcome is not known. */
  state: Schema.optional(Schema.String),
  /** The `error` of an {@link ErrorGroup}. The rows are those that were counted, as in {@link BatchDetail}. */
  error: Schema.optional(Schema.String),
  /** A pattern of keys: `*` is any text, `?` one character. */
  key: Schema.optional(Schema.String),
  /** The rows after this number, or those before it, nearest first in input order. Default: from the first. */
  after: Schema.optional(Index),
  before: Schema.optional(Index),
  /** Default: 50, the most: 500. */
  limit: Schema.optional(Index)
})

/** @since 0.1.0 */
export interface BatchRowFilter extends Schema.Schema.Type<typeof BatchRowFilter> {}

const BatchAddress = { ledger: Schema.String, batch: Schema.String }

/**
 * The endpoints of batches. All are reads.
 *
 * @since 0.1.0
 * @category api
 */
export const batchesGroup = HttpApiGroup.make("batches")
  .add(HttpApiEndpoint.get("batches", "/batches").addSuccess(BatchList))
  .add(HttpApiEndpoint.get("batch", "/batch").setUrlParams(Schema.Struct(BatchAddress)).addSuccess(BatchDetail))
  /** Events named `batch`, each a {@link BatchDetail}, while it runs; the last one is `end`, or `problem`. */
  .add(
    HttpApiEndpoint.get("watchBatch", "/batch/watch").setUrlParams(Schema.Struct(BatchAddress)).addSuccess(EventStream)
  )
  .add(
    HttpApiEndpoint.get("rows", "/batch/rows")
      .setUrlParams(Schema.Struct({ ...BatchAddress, ...BatchRowFilter.fields }))
      .addSuccess(BatchRowPage)
  )
  .add(
    HttpApiEndpoint.get("row", "/batch/row")
      .setUrlParams(Schema.Struct({ ...BatchAddress, key: Schema.String }))
      .addSuccess(BatchRowDetail)
  )
  .addError(NotFound)
  .addError(Unavailable)
