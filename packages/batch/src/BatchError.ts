/**
 * The errors of a batch. The failure of one row is no error of the batch: it is the state of the row.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A definition, an option or an id that cannot be used. Nothing was sent and nothing was written.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidBatchError extends Schema.TaggedError<InvalidBatchError>("@effect-noukai/batch/InvalidBatchError")(
  "InvalidBatchError",
  {
    /** The operation: `Batch.run`. */
    method: Schema.String,
    /** The option that is wrong. */
    field: Schema.String,
    /** The rule that it breaks. */
    reason: Schema.String
  }
) {
  override get message(): string {
    return `${this.method}: ${this.field} ${this.reason}`
  }
}

/**
 * A source that cannot be read any further: a file that is not there, or whose text cannot be divided into rows. Or a
 * source whose rows are all invalid or refused. One row that is wrong is not such an error: it is `invalid`.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchSourceError extends Schema.TaggedError<BatchSourceError>("@effect-noukai/batch/BatchSourceError")(
  "BatchSourceError",
  {
    /** The source: the path of its file, or the place of its first row where none can be run. */
    source: Schema.String,
    /** The line, from 1, where it is known. */
    line: Schema.optionalWith(Schema.Number, { exact: true }),
    reason: Schema.String,
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    return `${this.source}${this.line === undefined ? "" : `:${this.line}`}: ${this.reason}`
  }
}

/**
 * The ledger could not be read or written. What was in flight stays in the ledger as it was, and the next run of the
 * batch goes on from there.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchStoreError extends Schema.TaggedError<BatchStoreError>("@effect-noukai/batch/BatchStoreError")(
  "BatchStoreError",
  {
    /** The act that failed. */
    operation: Schema.String,
    /** The words of the database. */
    detail: Schema.String,
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    return `the ledger failed while it ${this.operation}: ${this.detail}`
  }
}

/**
 * Another process works on this ledger, which one process alone may do.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchLockedError extends Schema.TaggedError<BatchLockedError>("@effect-noukai/batch/BatchLockedError")(
  "BatchLockedError",
  {
    /** The path of the ledger. */
    file: Schema.String,
    /** The process that works on it, if it says so. */
    pid: Schema.optionalWith(Schema.Number, { exact: true })
  }
) {
  override get message(): string {
    const who = this.pid === undefined ? "another process" : `process ${this.pid}`
    return `${this.file}: ${who} works on this ledger; wait for it, or share a ledger in PostgreSQL`
  }
}

/**
 * The ledger has no batch of this id.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchNotFoundError extends Schema.TaggedError<BatchNotFoundError>(
  "@effect-noukai/batch/BatchNotFoundError"
)("BatchNotFoundError", {
  /** The id of the batch. */
  batch: Schema.String
}) {
  override get message(): string {
    return `the ledger has no batch ${JSON.stringify(this.batch)}`
  }
}

/**
 * A batch of this id stands in the ledger with another flow, version or operation: its results would mix. Choose another
 * id, or `Batch.forget` the old one.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchConflictError extends Schema.TaggedError<BatchConflictError>(
  "@effect-noukai/batch/BatchConflictError"
)("BatchConflictError", {
  /** The id of the batch. */
  batch: Schema.String,
  /** The field that differs: `flow`, `version` or `operation`. */
  field: Schema.String,
  /** Its value in the ledger. */
  stored: Schema.String,
  /** Its value in the definition. */
  given: Schema.String
}) {
  override get message(): string {
    return `batch ${JSON.stringify(this.batch)} stands in the ledger with the ${this.field} ${this.stored}, not ` +
      `${this.given}: choose another id, or forget it first`
  }
}

/**
 * A file of results could not be written, or is not what it would be written to: what stands in it is left as it was.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchReportError extends Schema.TaggedError<BatchReportError>("@effect-noukai/batch/BatchReportError")(
  "BatchReportError",
  {
    /** The path of the file. */
    path: Schema.String,
    reason: Schema.String,
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    return `${this.path}: ${this.reason}`
  }
}

/**
 * The errors of an operation on a batch that stands in the ledger.
 *
 * @since 0.1.0
 * @category errors
 */
export type LedgerError = BatchNotFoundError | BatchStoreError | InvalidBatchError

/**
 * The errors of planning and running.
 *
 * @since 0.1.0
 * @category errors
 */
export type BatchError = BatchConflictError | BatchSourceError | BatchStoreError | InvalidBatchError
