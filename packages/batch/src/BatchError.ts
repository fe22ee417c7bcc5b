/**
 * The errors of a batch. A failed row is not an error of the batch: it is the state of the row.
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
 * A source cannot be read further: a file is missing, or its text cannot be divided into rows. Or all rows of a source
 * are invalid or refused. A single wrong row is `invalid` instead.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchSourceError extends Schema.TaggedError<BatchSourceError>("@effect-noukai/batch/BatchSourceError")(
  "BatchSourceError",
  {
    /** The path of the file, or the place of the first row if no row can be run. */
    source: Schema.String,
    /** The line, from 1, if known. */
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
 * The ledger could not be read or written. Rows in flight keep their state in the ledger, and the next run of the batch
 * continues from there.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchStoreError extends Schema.TaggedError<BatchStoreError>("@effect-noukai/batch/BatchStoreError")(
  "BatchStoreError",
  {
    /** The operation that failed, in the past tense. */
    operation: Schema.String,
    /** The message of the database. */
    detail: Schema.String,
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    return `the ledger failed while it ${this.operation}: ${this.detail}`
  }
}

/**
 * Another process works on this ledger. A ledger in a file allows only one at a time.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchLockedError extends Schema.TaggedError<BatchLockedError>("@effect-noukai/batch/BatchLockedError")(
  "BatchLockedError",
  {
    /** The path of the ledger. */
    file: Schema.String,
    /** The id of the process that works on it, if known. */
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
 * The ledger has a batch of this id with another flow, version or operation, so their results would mix. Choose another
 * id, or `Batch.forget` the old batch.
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
 * A file of results could not be written, or the file there is not one of this batch. The file is left unchanged.
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
 * The errors of an operation on a batch in the ledger.
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
