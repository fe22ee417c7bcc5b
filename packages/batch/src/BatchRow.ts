/**
 * Rows: their states and results.
 *
 * @since 0.1.0
 */
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import * as Schema from "effect/Schema"

/**
 * The state of a row.
 *
 * - `pending`: to be run, as long as the source has it with this input.
 * - `intent`: about to be sent; written before anything leaves.
 * - `uncertain`: it may have been sent, and no run is known yet.
 * - `submitted`: its run is known. With an `error` of the kind `TimedOut`, only the next run of the batch polls it again.
 * - `done`: its run completed.
 * - `failed`: its run failed, or the server refused it.
 * - `cancelled`: its run, or the batch before it ran, was cancelled.
 * - `reported`: its outcome is unknown, or its result cannot be read. It is never run again unless you request it.
 * - `invalid`: it cannot be sent as the source has it. Nothing was sent.
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
 * A final state: a row leaves it only on request.
 *
 * @since 0.1.0
 * @category models
 */
export const SettledState = Schema.Literal("done", "failed", "cancelled", "reported", "invalid")

/**
 * A final state: a row leaves it only on request.
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
  /** The possible runs of this row, if there are several. */
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
 * A call of a tool of the batch by the model, with the result of its handler.
 *
 * @since 0.1.0
 * @category models
 */
export const RowCall = Schema.Struct({
  id: Schema.String,
  /** The name of the tool. */
  tool: Schema.String,
  /** The arguments of the call; their text if it is not JSON. */
  arguments: Schema.Unknown,
  /** The content that was sent to the model. */
  result: Schema.optionalWith(Schema.Unknown, { exact: true }),
  /** Why the call did not reach a handler: the tool is unknown, or the arguments do not fit. */
  error: Schema.optionalWith(Schema.Literal("unknown tool", "bad arguments"), { exact: true })
})

/**
 * A call of a tool of the batch by the model, with the result of its handler.
 *
 * @since 0.1.0
 * @category models
 */
export type RowCall = typeof RowCall.Type

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
  /** The number of its attempts, from 1. Each may have been billed. */
  readonly attempt: number
  /** The address of its flow. */
  readonly flow: string
  /** The version of its flow, as the batch names it: `production`, `draft`, or a number. */
  readonly version: string
  /** The input of its run. Present if results are read with `withInput`, unless the row is invalid. */
  readonly input?: unknown
  /** The result of its run. Present exactly when it is `done`. */
  readonly result?: A
  /** Why it has no result. Present when it is `failed`, `reported`, `invalid` or `cancelled`, or timed out. */
  readonly error?: RowError
  /** The id of its run, if known. */
  readonly executionId?: string
  /** Whether its run was found at the server; this ledger did not begin it. */
  readonly adopted: boolean
  /**
   * The cost of its run, its newest attempt, in US dollars, as decimal text. Absent if the batch reads no costs or the
   * cost is unknown.
   */
  readonly costUsd?: string
  /**
   * Whether its cost cannot be read: the trace is missing, or has a cost that is negative or not a decimal. The budget
   * then counts the amount reserved for the row. Absent otherwise.
   */
  readonly isCostUnknown?: true
  /**
   * The cost of the row in US dollars, as decimal text: the sum of the known costs of all its attempts. Equals `costUsd`
   * after one attempt. Absent if no cost is known.
   */
  readonly attemptsCostUsd?: string
  /** Whether the cost of an attempt cannot be read, so that `attemptsCostUsd` lacks it. Absent otherwise. */
  readonly isAttemptsCostUnknown?: true
  /**
   * The time of its run in milliseconds. If the batch reads costs, from the start to the end of the run in its trace.
   * Otherwise from its request until this program saw its end, including queue and polling. Absent if another process
   * sent it.
   */
  readonly durationMs?: number
  /** The tokens of its run. Present if the batch reads costs and the trace has tokens. */
  readonly tokens?: RowTokens
  /**
   * The calls of the tools of its run, in order. Present once a run with tools ended. Absent if some calls are unknown,
   * because another ledger began the run.
   */
  readonly calls?: ReadonlyArray<RowCall>
  /**
   * The outputs of the steps of its run that the option `steps` of the run names, by step id. A step is absent if the server
   * did not keep its output whole: it did not complete, or the run was sent without `snapshots`. Outputs of the
   * iterations of a loop form a list.
   */
  readonly steps?: { readonly [stepId: string]: unknown }
  /** The reason for which `Batch.settle` found its run. */
  readonly evidence?: string
  /** When it was settled, in milliseconds since 1970. */
  readonly settledAt?: number
  /** Its place among the settled rows, in the order in which they settled. */
  readonly settledNo?: number
}

/**
 * The facts of a settled row that totals are made of: as in {@link RowResult}.
 *
 * @since 0.1.0
 * @category models
 */
export interface SettledRow extends Pick<RowResult, "no" | "error" | "attemptsCostUsd" | "isAttemptsCostUnknown"> {
  readonly settledNo: number
  readonly settledAt: number
  readonly state: SettledState
  readonly durationMs: number | null
}

/**
 * One attempt at a row: a run, or a possible run.
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
  /** The last moment at which its request may have left, in milliseconds since 1970. Absent if none left. */
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
  isCostUnknown: Schema.optionalWith(Schema.Literal(true), { exact: true }),
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
   * The differences of a changed row. `outcome`: the state, or the kind or code of the error. `output`: the result,
   * ignoring the order of fields. `cost`: the cost, if both are known. Durations always differ and are not compared.
   */
  differs: Schema.Array(Schema.Literal("outcome", "output", "cost")),
  /** The places in which the outputs differ, at most 100. Present if the output differs. */
  changes: Schema.optionalWith(Schema.Array(ValueDiff.Change), { exact: true }),
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
 * A row of a source that the batch refuses.
 *
 * @since 0.1.0
 * @category models
 */
export interface RefusedRow {
  /** Where it stands: `rows.jsonl:17`. */
  readonly at: string
  /** Its key, if it has one: another row has the same key, or the key had another input. */
  readonly key?: string
  readonly error: RowError
}

/**
 * Whether a state is final: a row leaves it only on request.
 *
 * @since 0.1.0
 * @category guards
 */
export const isSettled: (state: RowState) => state is SettledState = Schema.is(SettledState)
