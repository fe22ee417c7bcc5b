/**
 * Rows: their states, and what became of them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The state of a row.
 *
 * - `pending`: to be run, as long as the source has it with this input.
 * - `intent`: about to be sent; written before anything leaves.
 * - `uncertain`: it may have been sent, and no run is known yet.
 * - `submitted`: its run is known. With an `error` of the kind `TimedOut` nobody asks for it before the next run of the batch.
 * - `done`: its run completed.
 * - `failed`: its run failed, or the server refused it.
 * - `cancelled`: its run, or the batch before it ran, was cancelled.
 * - `reported`: what became of it cannot be known, or its result cannot be read. Nothing runs it again unasked.
 * - `invalid`: it cannot be sent as it stands in the source. Nothing was sent.
 *
 * @since 0.1.0
 * @category models
 */
export const RowState = Schema.Literal(
  "pending",
  "intent",
  "uncertain",
  "submitted",
  "done",
  "failed",
  "cancelled",
  "reported",
  "invalid"
)

/**
 * The state of a row.
 *
 * @since 0.1.0
 * @category models
 */
export type RowState = typeof RowState.Type

/**
 * A state in which a row stays until someone asks for more.
 *
 * @since 0.1.0
 * @category models
 */
export const SettledState = Schema.Literal("done", "failed", "cancelled", "reported", "invalid")

/**
 * A state in which a row stays until someone asks for more.
 *
 * @since 0.1.0
 * @category models
 */
export type SettledState = typeof SettledState.Type

/**
 * Why a row has no result.
 *
 * @since 0.1.0
 * @category models
 */
export const RowError = Schema.Struct({
  /**
   * The kind of the error: the tag of the error of a call (`FlowExecutionError`, `InvalidRequestError`), or one of the
   * batch's own: `InvalidRow`, `InputChanged`, `DuplicateKey`, `AmbiguousRun`, `RunNotFound`, `ResultNotStored`,
   * `TimedOut`, `UnexpectedResult`, `Cancelled`, `Defect` (a tool threw).
   */
  kind: Schema.String,
  /** The failure and its remedy, for people. */
  message: Schema.String,
  /** The code of the server's error, if any. */
  code: Schema.optionalWith(Schema.String, { exact: true }),
  /** The status of the server's answer, if any. */
  statusCode: Schema.optionalWith(Schema.Number, { exact: true }),
  /** The runs that may be this row's, where there is more than one. */
  executionIds: Schema.optionalWith(Schema.Array(Schema.String), { exact: true })
})

/**
 * Why a row has no result.
 *
 * @since 0.1.0
 * @category models
 */
export type RowError = typeof RowError.Type

/**
 * The tokens of a run, all its steps together.
 *
 * @since 0.1.0
 * @category models
 */
export const RowTokens = Schema.Struct({ prompt: Schema.Number, completion: Schema.Number, total: Schema.Number })

/**
 * The tokens of a run, all its steps together.
 *
 * @since 0.1.0
 * @category models
 */
export type RowTokens = typeof RowTokens.Type

/**
 * A row as it stands in the ledger.
 *
 * @since 0.1.0
 * @category models
 */
export interface RowResult<out A = unknown> {
  /** Its place in the input, from 1. */
  readonly no: number
  /** Its key, unique in the batch. */
  readonly key: string
  /** Where it was read: `rows.jsonl:17`, or `row 17`. */
  readonly at: string
  readonly state: RowState
  /** The number of its attempts, from 1: each may have been billed. */
  readonly attempt: number
  /** The version of the flow, as the batch names it: `production`, `draft`, or a number. */
  readonly version: string
  /** The input of its run. Present where results are read with `withInput`, unless the row is invalid. */
  readonly input?: unknown
  /** The result of its run. Present exactly when it is `done`. */
  readonly result?: A
  /** Why it has no result. Present when it is `failed`, `reported`, `invalid` or `cancelled`, or timed out. */
  readonly error?: RowError
  /** Its run, where it is known. */
  readonly executionId?: string
  /** Whether its run was found at the server, and not begun by this ledger. */
  readonly adopted: boolean
  /** The cost of its run in US dollars, as decimal text. Absent where the batch reads no costs, or the cost is unknown. */
  readonly costUsd?: string
  /**
   * The cost of its run cannot be read: the trace is not there, or has a cost that is negative or not a decimal. The
   * budget counts what was reserved for the row. Absent otherwise.
   */
  readonly isCostUnknown?: true
  /**
   * The time of its run in milliseconds. Where the batch reads costs: from the start to the end of the run, as its trace
   * says. Otherwise from its request until this program saw its end, the wait in the queue and for the next poll included;
   * absent where another process sent it.
   */
  readonly durationMs?: number
  /** The tokens of its run. Present where the batch reads costs and the trace has tokens. */
  readonly tokens?: RowTokens
  /** When it was settled, in milliseconds since 1970. */
  readonly settledAt?: number
  /** Its place among the settled rows, in the order in which they settled. */
  readonly settledNo?: number
}

/**
 * One attempt at a row: a run, or what may have been one.
 *
 * @since 0.1.0
 * @category models
 */
export interface RowAttempt {
  /** Its number, from 1. */
  readonly attempt: number
  /** The state that it ended in, or the state of the row at its newest attempt. */
  readonly state: RowState
  readonly executionId?: string
  /** Why it has no result. */
  readonly error?: RowError
  /** As of {@link RowResult}. */
  readonly costUsd?: string
  /** As of {@link RowResult}. */
  readonly isCostUnknown?: true
  /** The last moment at which its request may have left, in milliseconds since 1970. Absent where none did. */
  readonly startedAt?: number
  /** When it was settled, in milliseconds since 1970. */
  readonly settledAt?: number
}

/**
 * A row of a batch in a comparison: as in {@link RowResult}.
 *
 * @since 0.1.0
 * @category models
 */
export const ComparedRow = Schema.Struct({
  state: RowState,
  attempt: Schema.Number,
  result: Schema.optionalWith(Schema.Unknown, { exact: true }),
  error: Schema.optionalWith(RowError, { exact: true }),
  executionId: Schema.optionalWith(Schema.String, { exact: true }),
  costUsd: Schema.optionalWith(Schema.String, { exact: true }),
  durationMs: Schema.optionalWith(Schema.Number, { exact: true })
})

/**
 * A row of a batch in a comparison: as in {@link RowResult}.
 *
 * @since 0.1.0
 * @category models
 */
export type ComparedRow = typeof ComparedRow.Type

/**
 * The rows of two batches under one key.
 *
 * @since 0.1.0
 * @category models
 */
export const RowComparison = Schema.Struct({
  key: Schema.String,
  /** `removed`: the first batch alone has the key. `added`: the second one alone has it. */
  kind: Schema.Literal("same", "changed", "removed", "added"),
  /**
   * The differences of a changed row. `outcome`: the state, or the kind or code of the error. `output`: the result, whatever
   * the order of its fields. `cost`: the cost, where both are known. Durations always differ, and are not compared.
   */
  differs: Schema.Array(Schema.Literal("outcome", "output", "cost")),
  before: Schema.optionalWith(ComparedRow, { exact: true }),
  after: Schema.optionalWith(ComparedRow, { exact: true })
})

/**
 * The rows of two batches under one key.
 *
 * @since 0.1.0
 * @category models
 */
export type RowComparison = typeof RowComparison.Type

/**
 * A row of a source that is no row of the batch, because it has no key of its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface RefusedRow {
  /** Where it stands: `rows.jsonl:17`. */
  readonly at: string
  /** Its key, where it has one: another row has it too, or had another input. */
  readonly key?: string
  readonly error: RowError
}

/**
 * Whether a row stays as it is until someone asks for more.
 *
 * @since 0.1.0
 * @category guards
 */
export const isSettled: (state: RowState) => state is SettledState = Schema.is(SettledState)
