/**
 * One flow over a data set. Each row runs once, even if processes crash.
 *
 * @since 0.1.0
 */
import type { Evidence, Expected } from "@effect-noukai/report/Reconcile"
import type { Flow, FlowService, InvalidRequestError, JobService, RunService, SessionService } from "@effect-noukai/sdk"
import type { Attachment, Message, ParametersInput } from "@effect-noukai/sdk/Execution"
import type { AnyParameters, FlowVersion } from "@effect-noukai/sdk/Flow"
import type { CallbackOption } from "@effect-noukai/sdk/JobService"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { BatchEngine } from "./BatchEngine.js"
import type { BatchError, BatchLockedError, LedgerError } from "./BatchError.js"
import type { RefusedRow, RowAttempt, RowComparison, RowResult, RowState, SettledRow } from "./BatchRow.js"
import type { BatchSource } from "./BatchSource.js"
import type {
  BatchInfo,
  BatchPlan,
  BatchStatus,
  BatchSummary,
  DiffSide,
  PageOptions,
  PlanOptions,
  Progress,
  ResultsOptions,
  RetryOptions,
  RunOptions
} from "./BatchStatus.js"
import type { BatchStore } from "./BatchStore.js"
import * as Definition from "./internal/definition.js"
import * as Diff from "./internal/diff.js"
import type { BatchTools } from "./internal/drive/executeRuns.js"
import * as Manage from "./internal/manage.js"
import * as PlanBatch from "./internal/planBatch.js"
import * as ReconcileBatch from "./internal/reconcile.js"
import * as RunBatch from "./internal/runBatch.js"
import * as Selection from "./internal/selection.js"

export type {
  BatchInfo,
  BatchPlan,
  BatchStatus,
  BatchStop,
  BatchSummary,
  DiffSide,
  PageOptions,
  PlanOptions,
  Progress,
  ResultsOptions,
  RetryOptions,
  RowSelection,
  RunOptions
} from "./BatchStatus.js"

/**
 * Marks the batches of {@link make}.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: typeof Definition.TypeId = Definition.TypeId

/**
 * Marks the batches of {@link make}.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * The recovery of runs after a crash. `"exact"`: jobs in the queue are found again with their results. `"reported"`: a
 * run in a request of its own may be billed and its result lost; its row is then `reported`.
 *
 * @since 0.1.0
 * @category models
 */
export type Recovery = "exact" | "reported"

/**
 * One flow over rows, with the key and the input of each row. `In` is the type of the rows of its source: the encoded
 * type of its schema, or `Row` without a schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface Batch<in out Row, out A = unknown, out Rec extends Recovery = Recovery, in In = Row> {
  readonly [TypeId]: {
    readonly _Row: (_: Row) => Row
    readonly _A: () => A
    readonly _Rec: () => Rec
    readonly _In: (_: In) => void
  }
  readonly id: string
  readonly flow: Flow.Flow<never, A> | string
  readonly version: FlowVersion
  readonly recovery: Rec
}

/**
 * The flow and version of one row.
 *
 * @since 0.1.0
 * @category options
 */
export interface RowTarget extends Definition.RowTarget {}

/**
 * The run of a row through the queue, which takes neither conversations nor attachments. `parameters` is required
 * exactly when the flow's schema requires some.
 *
 * @since 0.1.0
 * @category options
 */
export type JobInput<P = AnyParameters> = ParametersInput<P> & Definition.CommonInput & {
  readonly messages?: undefined
  readonly attachments?: undefined
}

/**
 * The run of a row in a request of its own.
 *
 * @since 0.1.0
 * @category options
 */
export type RequestInput<P = AnyParameters> = ParametersInput<P> & Definition.CommonInput & {
  /** A conversation; its last entry is the current turn. Not together with `message`. */
  readonly messages?: ReadonlyArray<Message> | undefined
  /** At most 10. Default: none. */
  readonly attachments?: ReadonlyArray<Attachment> | undefined
}

interface Common<Row, RowI, P, A> {
  /** Names the batch in its ledger and its runs at the server. The same id continues an earlier run. */
  readonly id: string
  readonly flow: Flow.FlowRef<P, A>
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** Decodes a row of the source. A row that does not fit is `invalid`. Default: rows are not decoded. */
  readonly row?: Schema.Schema<Row, RowI> | undefined
  /** The key of a row, unique in the batch: at most 1,024 UTF-16 code units. */
  readonly key: (row: Row) => string
  /**
   * The flow and version of a row, where they differ from the batch's. They must depend on the row alone: a key that was sent
   * elsewhere is refused. Default: the flow and version of the batch.
   */
  readonly target?: ((row: Row) => RowTarget) | undefined
  /** The limit of the input of a row, in bytes of its JSON, at most 64 MiB. A larger row is `invalid`. Default: 16 MiB. */
  readonly maxInputBytes?: number | undefined
  /** A text that the ledger keeps with the batch from its first plan on, for programs that manage batches. Default: none. */
  readonly note?: string | undefined
}

/**
 * The options of a batch through the queue.
 *
 * @since 0.1.0
 * @category options
 */
export interface JobOptions<Row, RowI, P, A, I extends JobInput<P> = JobInput<P>> extends Common<Row, RowI, P, A> {
  readonly operation?: "jobs" | undefined
  /**
   * The webhook of every job, for which its row waits before it polls. It belongs to the definition: each process that runs
   * rows needs it. Default: none, and rows are polled.
   */
  readonly callback?: CallbackOption | undefined
  /** The input of the run of a row. It must depend on the row alone: a key whose input changes is refused. */
  readonly input: (row: Row) => I
}

/**
 * The options of a batch in requests.
 *
 * @since 0.1.0
 * @category options
 */
export interface RequestOptions<Row, RowI, P, A, I extends RequestInput<P> = RequestInput<P>>
  extends Common<Row, RowI, P, A>
{
  /** For inputs that the queue does not take: conversations, attachments and tools. */
  readonly operation: "execute"
  /** The input of the run of a row. It must depend on the row alone: a key whose input changes is refused. */
  readonly input: (row: Row) => I
  /** Tools of every row, of `Tools.make` or `Tools.handle`. Default: none. */
  readonly tools?: BatchTools | undefined
}

/**
 * A batch: one flow, over the rows of any source. Nothing is sent or written before it is planned or run.
 *
 * @example
 * ```ts
 * import { Batch } from "@effect-noukai/batch"
 * import { Flow } from "@effect-noukai/sdk"
 * import { Schema } from "effect"
 *
 * const Grade = Flow.make("acme/spelling/grade-3", { result: Schema.Struct({ score: Schema.Number }) })
 *
 * const grading = Batch.make({
 *   id: "grades-2026-11",
 *   flow: Grade,
 *   row: Schema.Struct({ id: Schema.String, text: Schema.String }),
 *   key: (row) => row.id,
 *   input: (row) => ({ message: row.text })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  // literals that a row's input is made of keep their types
  <Row, RowI = Row, P = AnyParameters, A = unknown, const I extends JobInput<P> = JobInput<P>>(
    options: JobOptions<Row, RowI, P, A, I>
  ): Batch<Row, A, "exact", RowI>
  <Row, RowI = Row, P = AnyParameters, A = unknown, const I extends RequestInput<P> = RequestInput<P>>(
    options: RequestOptions<Row, RowI, P, A, I>
  ): Batch<Row, A, "reported", RowI>
} = Definition.make as never

/**
 * A source of rows `S` for a batch of rows `In`. `S` is `In`, or a type that only reading can check: `unknown`, or the
 * text columns of CSV.
 *
 * @since 0.1.0
 * @category models
 */
export type SourceOf<S, In, E = never, R = never> =
  & BatchSource<S, E, R>
  & ([S] extends [In] ? unknown
    : string extends keyof S ? [{ [K in keyof In]-?: In[K] }] extends [S] ? unknown : BatchSource<In, E, R>
    : unknown extends S ? unknown
    : BatchSource<In, E, R>)

/** The services that a run needs beside its engine and ledger. */
type Clients = FlowService | JobService | RunService | SessionService

/**
 * A dry run: compares the source with the ledger. Nothing is sent and nothing is written.
 *
 * @since 0.1.0
 * @category operations
 */
export const plan: <Row, A, Rec extends Recovery, In, S, E, R>(
  batch: Batch<Row, A, Rec, In>,
  source: SourceOf<S, In, E, R>,
  options?: PlanOptions
) => Effect.Effect<BatchPlan, BatchError | E, BatchStore | R> = PlanBatch.dry as never

/**
 * Runs the rows of a source that are not settled, and returns a summary. Failed rows do not fail the batch.
 *
 * The rows are planned first. It fails before anything is sent if the source cannot be read, or if none of its rows can
 * be run. Rows of an earlier run, of this process or another, continue where they were.
 *
 * After an interruption no more rows begin, and rows in flight continue for `stopWithin`. The next run continues from
 * the ledger, even after a crash.
 *
 * @example
 * ```ts
 * import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
 * import { NoukaiLive } from "@effect-noukai/sdk"
 * import { Effect, Layer } from "effect"
 *
 * const grading = Batch.make({
 *   id: "grades-2026-11",
 *   flow: "acme/spelling/grade-3",
 *   key: (row: { readonly id: string; readonly text: string }) => row.id,
 *   input: (row) => ({ message: row.text })
 * })
 *
 * const program = Batch.run(grading, BatchSource.fromIterable([{ id: "1", text: "The cat sat." }])).pipe(
 *   Effect.provide(Layer.mergeAll(BatchStore.layerFile("grades.ledger"), BatchEngine.layerLocal, NoukaiLive))
 * )
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const run: <Row, A, Rec extends Recovery, In, S, E, R>(
  batch: Batch<Row, A, Rec, In>,
  source: SourceOf<S, In, E, R>,
  options?: RunOptions
) => Effect.Effect<
  BatchSummary,
  BatchError | BatchLockedError | E,
  BatchEngine | BatchStore | Clients | R
> = RunBatch.run as never

/**
 * How far a batch is.
 *
 * @since 0.1.0
 * @category operations
 */
export const status: (batch: string) => Effect.Effect<BatchStatus, LedgerError, BatchStore> = Manage.status

/**
 * The progress of a batch until the end of its run, at most once a second, and less often if counting takes long. These
 * metrics have the label `batch`: `noukai_batch_rows_settled` (a counter, also by state), `noukai_batch_spent_usd`,
 * `noukai_batch_rows_running` and `noukai_batch_rows_uncertain`.
 *
 * @since 0.1.0
 * @category operations
 */
export const progress: (batch: string) => Stream.Stream<Progress, LedgerError, BatchStore> = Manage.progress

/**
 * The results of the rows of a batch. If you pass the batch itself, the schema of its flow decodes the results. A
 * result that does not fit becomes an error of the kind `UnexpectedResult`.
 *
 * @since 0.1.0
 * @category operations
 */
export const results: {
  <Row, A, Rec extends Recovery, In>(
    batch: Batch<Row, A, Rec, In>,
    options?: ResultsOptions
  ): Stream.Stream<RowResult<A>, LedgerError, BatchStore>
  (batch: string, options?: ResultsOptions): Stream.Stream<RowResult, LedgerError, BatchStore>
} = Manage.results as never

/**
 * The rows of some keys, by their keys. Keys without a row are absent. All rows are in memory at once: ask for few keys
 * if rows have large results. Otherwise as {@link results}.
 *
 * @since 0.1.0
 * @category operations
 */
export const resultsOf: {
  <Row, A, Rec extends Recovery, In>(
    batch: Batch<Row, A, Rec, In>,
    keys: ReadonlyArray<string>
  ): Effect.Effect<ReadonlyMap<string, RowResult<A>>, LedgerError, BatchStore>
  (batch: string, keys: ReadonlyArray<string>): Effect.Effect<ReadonlyMap<string, RowResult>, LedgerError, BatchStore>
} = Manage.resultsOf as never

/**
 * A page of rows in the order of the input. It reads no other rows, however many the batch has. A batch of many processes
 * may number rows of one state in another order than it read them.
 *
 * @since 0.1.0
 * @category operations
 */
export const page: (
  batch: string,
  options?: PageOptions
) => Effect.Effect<ReadonlyArray<RowResult>, LedgerError, BatchStore> = Manage.page

/**
 * Returns the id of the session in which an attempt at a row runs. `SessionService.get` lists its runs at the server.
 *
 * @since 0.1.0
 * @category operations
 */
export const session: (
  batch: string,
  row: RowResult
) => Effect.Effect<string, InvalidRequestError | LedgerError, BatchStore> = Manage.session

/**
 * The settled rows after the one of a `settledNo`, at most 2,000, without their documents: for totals. Default: the first ones.
 * Fails with `InvalidBatchError` for a number that is not an integer of at least 0.
 *
 * @since 0.1.0
 * @category operations
 */
export const settled: (
  batch: string,
  after?: number
) => Effect.Effect<ReadonlyArray<SettledRow>, LedgerError, BatchStore> = Manage.settled

/**
 * The `no` of each row whose key has a pattern, as in `RowSelection`, and a state (default: any), in the order of the input. It
 * searches all rows, in parts.
 *
 * @since 0.1.0
 * @category operations
 */
export const numbers: (
  batch: string,
  pattern: string,
  state?: RowState
) => Stream.Stream<number, LedgerError, BatchStore> = Manage.numbers

/**
 * Whether a key fits one of some patterns, as `RowSelection` does.
 *
 * @since 0.1.0
 * @category guards
 */
export const keyMatcher: (patterns: string | ReadonlyArray<string>) => (key: string) => boolean = Selection.matcher

/**
 * The batches of a ledger whose ids begin with a text, in the order in which they were first planned. Default: all.
 *
 * @since 0.1.0
 * @category operations
 */
export const list: (prefix?: string) => Effect.Effect<ReadonlyArray<BatchInfo>, LedgerError, BatchStore> = Manage.list

/**
 * Compares the rows of two batches by key: each key of the first batch in input order, then the keys that only the
 * second has. Equal rows are included. Nothing is written. Rows are read in parts, so batches of any size can be
 * compared.
 *
 * Fails with `InvalidBatchError` if `batch` is omitted and its ledger does not have exactly one batch.
 *
 * @example
 * ```ts
 * import { Batch, BatchStore } from "@effect-noukai/batch"
 * import { Stream } from "effect"
 *
 * const changed = Batch.diff(
 *   { ledger: BatchStore.layerFile("grades-1.ledger") },
 *   { ledger: BatchStore.layerFile("grades-2.ledger") }
 * ).pipe(Stream.filter(({ kind }) => kind !== "same"))
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const diff: <E, R, E2, R2>(
  before: DiffSide<E, R>,
  after: DiffSide<E2, R2>
) => Stream.Stream<RowComparison, LedgerError | E | E2, R | R2> = Diff.diff

/**
 * The rows of the last source that the batch refused, with the reasons.
 *
 * @since 0.1.0
 * @category operations
 */
export const refused: (batch: string) => Stream.Stream<RefusedRow, LedgerError, BatchStore> = Manage.refused

/**
 * Makes settled rows pending again, each at its next attempt, for the next run. Returns their number. `invalid` rows
 * were never sent: they are deleted, and the next source plans them anew. {@link attempts} keeps the earlier attempts.
 *
 * @since 0.1.0
 * @category operations
 */
export const retry: (
  batch: string,
  options: RetryOptions
) => Effect.Effect<number, BatchLockedError | LedgerError, BatchStore> = Manage.retry

/**
 * The attempts at the row of a key, the first one first. Each may have been billed. Attempts that were never sent are
 * left out, and so is the newest one until it begins.
 *
 * Fails with `InvalidBatchError` if no row of the batch has the key.
 *
 * @since 0.1.0
 * @category operations
 */
export const attempts: (
  batch: string,
  key: string
) => Effect.Effect<ReadonlyArray<RowAttempt>, LedgerError, BatchStore> = Manage.attempts

/**
 * Returns the runs that a batch believes it ran: the attempts at each row, in the order of the input. `Reconcile.findings`
 * of the SDK compares them with the server. Invalid rows are left out.
 *
 * @since 0.1.0
 * @category operations
 */
export const expected: (
  batch: string
) => Stream.Stream<Expected, LedgerError | InvalidRequestError, BatchStore> = ReconcileBatch.expected

/**
 * Settles rows that are `uncertain` or `reported` by evidence of their runs. Such a row is `submitted` with its run: the
 * next run of the batch reads its outcome, and does not send it again. Rows in another state, or at another attempt, do not
 * change. Returns the keys of the rows that changed. The amount that a budget assumed for a reported row stays counted.
 *
 * @since 0.1.0
 * @category operations
 */
export const settle: (
  batch: string,
  evidence: ReadonlyArray<Evidence>
) => Effect.Effect<ReadonlyArray<string>, BatchLockedError | LedgerError, BatchStore> = ReconcileBatch.settle

/**
 * Pauses a batch, whichever process runs it. Within about a second no more rows begin. Its run ends as `paused` when
 * the rows in flight have ended. Until it is resumed, no run begins a row, even after a restart. A completed or
 * cancelled batch does not change.
 *
 * @since 0.1.0
 * @category operations
 */
export const pause: (batch: string) => Effect.Effect<void, LedgerError, BatchStore> = Manage.pause

/**
 * Resumes a paused batch for its next run. It does not run the batch.
 *
 * @since 0.1.0
 * @category operations
 */
export const resume: (batch: string) => Effect.Effect<void, LedgerError, BatchStore> = Manage.resume

/**
 * Stops a batch for good, whichever process runs it. Pending rows are `cancelled`; rows in flight run to their end.
 * Returns the number of cancelled rows.
 *
 * @since 0.1.0
 * @category operations
 */
export const cancel: (batch: string) => Effect.Effect<number, LedgerError, BatchStore> = Manage.cancel

/**
 * Removes a batch from the ledger, with all inputs and results. Its runs stay at the server, in sessions derived from
 * the id, so a batch of the same id finds them.
 *
 * @since 0.1.0
 * @category operations
 */
export const forget: (batch: string) => Effect.Effect<void, BatchLockedError | LedgerError, BatchStore> = Manage.forget
