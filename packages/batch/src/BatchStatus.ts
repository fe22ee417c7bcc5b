/**
 * Types of plans, runs, statuses, progress and results of batches.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type { RefusedRow, RowState } from "./BatchRow.js"
import type { BatchStore } from "./BatchStore.js"

/**
 * The rows of a source, compared with the ledger.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchPlan {
  readonly batch: string
  /** Rows that are new. */
  readonly added: number
  /** Rows that the ledger has with the same input, or now takes from this source, by state. */
  readonly known: { readonly [state in RowState]?: number }
  /** Rows that cannot be run: they do not fit the schema, or have no input. */
  readonly invalid: number
  /** The first 100 invalid rows. */
  readonly invalidRows: ReadonlyArray<RefusedRow>
  /** Rows that were invalid in the ledger, and can be run now. They count among `known`. */
  readonly mended: number
  /** Rows that were never sent and whose input changed. They take the input of this source, and count among `known`. */
  readonly updated: number
  /**
   * Pending rows of the ledger that are not run: this source does not have them, or has them with another input though
   * they were sent. They run again when the source has them.
   */
  readonly absent: number
  /** Rows, new or pending, that `select` leaves out. They count neither among `ready` nor among `known`. */
  readonly unselected: number
  /** Rows that a run would begin: those that are new or mended, and not invalid. Pending rows of the ledger are not among them. */
  readonly ready: number
  /** The number of rows of the source that the batch refuses. */
  readonly refusedCount: number
  /** The first 100 refused rows, in source order: without a key, with the key of another row, or with a changed input. */
  readonly refused: ReadonlyArray<RefusedRow>
}

/**
 * A batch of a ledger.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchInfo {
  readonly batch: string
  /** The text `org/project/slug` of its flow. */
  readonly flow: string
  readonly version: string
  /** When it was first planned, in milliseconds since 1970. */
  readonly createdAt: number
  /** The note of its definition. */
  readonly note?: string
}

/**
 * The options of a plan.
 *
 * @since 0.1.0
 * @category options
 */
export interface PlanOptions {
  /** As in {@link RunOptions}. Default: all rows. */
  readonly select?: RowSelection | undefined
}

/**
 * The rows of a batch with one flow and one version.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchTarget {
  /** The address of the flow. */
  readonly flow: string
  readonly version: string
  readonly states: { readonly [state in RowState]?: number }
}

/**
 * How far a batch is.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchStatus {
  readonly batch: string
  /** The text `org/project/slug` of its flow. */
  readonly flow: string
  /** The version of its flow: `production`, `draft`, or a number. */
  readonly version: string
  /** Its rows by flow and version, in source order. Absent unless rows have a flow or version of their own. */
  readonly targets?: ReadonlyArray<BatchTarget>
  /** A fingerprint of the rows of its last source. Absent until a source was planned completely. */
  readonly definition?: BatchDefinition
  /**
   * - `running`: a process runs it. In a shared database it stays `running` if all its processes were killed.
   * - `completed`: every row of its last source is settled, also those that failed: see `isClean`. Pending rows that
   *   are `absent` are not of that source.
   * - `incomplete`: it stopped early; `stop` has the reason. The next run continues it.
   * - `paused`: someone paused it. Resume it and run it again to continue. Rows in flight run to their end.
   * - `cancelled`: it was cancelled.
   */
  readonly status: "running" | "completed" | "incomplete" | "paused" | "cancelled"
  /**
   * Whether the batch is `completed`, every row of its last source is `done`, and no row was refused. A completed batch
   * that is not clean has rows that failed, were reported, refused or cancelled, or are invalid.
   */
  readonly isClean: boolean
  readonly stop?: BatchStop
  /** The number of its rows. */
  readonly rows: number
  /** The number of its rows in each state. */
  readonly states: { readonly [state in RowState]: number }
  /** The number of pending rows that are not run, since the last source does not have them with their input. */
  readonly absent: number
  /** The number of pending rows that are not run, since the `select` of the last run leaves them out. */
  readonly unselected: number
  /** The number of pending rows that failed, and wait for the time of their next attempt. */
  readonly waiting: number
  /** The number of attempts that a later attempt replaced. Each of them may have been billed. */
  readonly retries: number
  /**
   * The number of submitted rows that timed out. Their runs continue and may be billed. The next run polls them and
   * never sends them again.
   */
  readonly timedOut: number
  /**
   * The number of rows of its last source that were refused: without a key, with the key of another row, or with a
   * changed input. Rows with an unknown outcome are `states.reported`.
   */
  readonly refused: number
  /** Rows whose runs were found at the server; this ledger did not begin them. */
  readonly adopted: number
  /**
   * The exact cost of its rows in US dollars, as decimal text, including all attempts. An unknown cost counts as the
   * amount reserved for the row, or as 0 without a budget; with a later budget, as `maxCostPerRow`. Absent if the batch
   * reads no costs.
   */
  readonly costUsd?: string
  /**
   * The number of rows with an attempt of unknown cost, also of those that ran before the batch read costs. Absent if the
   * batch reads no costs. `costUsd` is exact if it is 0; otherwise the rows cost at least `costUsd` without `assumedUsd`.
   */
  readonly unknownCosts?: number
  /** The part of `costUsd` that was reserved for unknown costs, as decimal text. Absent if nothing was. */
  readonly assumedUsd?: string
}

/**
 * A fingerprint of the rows of a batch.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchDefinition {
  /**
   * A SHA-256 in hexadecimal digits. It covers the flow, the version, the operation, the schemas, and the key and input
   * of each row that can be run, in any order. Two batches with the same hash run the same rows.
   */
  readonly hash: string
  /** When a source last changed the hash, in milliseconds since 1970. Absent until then. */
  readonly changedAt?: number
}

/**
 * Why a batch stopped before its rows were settled.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchStop {
  /**
   * `budget`: another row might exceed it. `failures`: more than `maxFailures` rows failed. `refused`: the key, the
   * account or the flow is wrong, or a replay has no recording for a row. `unreachable`: no request succeeded for five
   * minutes. `timeout`: all other rows are settled. `unselected`: all selected rows are settled. `interrupted`,
   * `paused`, `cancelled`: someone requested it. `killed`: its process is gone, and no other process works on its
   * ledger. Only a status has `killed`, never a summary.
   */
  readonly reason:
    | "budget"
    | "failures"
    | "refused"
    | "unreachable"
    | "timeout"
    | "unselected"
    | "interrupted"
    | "paused"
    | "cancelled"
    | "killed"
  readonly message: string
  /** The part of `message` that says what to do, for programs with words of their own. Absent without advice. */
  readonly advice?: string
  /** The HTTP status of the refusal: 401 and 403 concern the key. Absent for any other reason. */
  readonly statusCode?: number
}

/**
 * The end of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchSummary extends BatchStatus {
  readonly status: "completed" | "incomplete" | "paused" | "cancelled"
  /** The content of the source. */
  readonly plan: BatchPlan
}

/**
 * Some rows of a batch: those with one of the keys and one of the states.
 *
 * @since 0.1.0
 * @category options
 */
export interface RowSelection {
  /**
   * Patterns of keys: `*` matches any text, `?` one character, and a backslash escapes the next character. A row must
   * match one of them. Default: every key.
   */
  readonly key?: string | ReadonlyArray<string> | undefined
  /** Default: every state. */
  readonly state?: RowState | ReadonlyArray<RowState> | undefined
}

/**
 * The options of a run. The ledger stores them for every process that takes part.
 *
 * @since 0.1.0
 * @category options
 */
export interface RunOptions {
  /** The limit of rows in flight in each process. Default: 32. */
  readonly concurrency?: number | undefined
  /**
   * The limit of rows in flight in all processes together. Each lane of the engine has an equal share. Default: none.
   */
  readonly fleetConcurrency?: number | undefined
  /** The rows per second that all processes together may begin, by the clock of the ledger. Default: no limit. */
  readonly rate?: number | undefined
  /**
   * Each attempt is a run of its own and is billed. The number of attempts at a row, at most 100, if its run fails for
   * a reason that may pass, such as an error of the provider. A schedule instead sets the waits between attempts. It is
   * read once, before the batch runs, for at most 100 waits. Invalid input, cancelled runs and rows in doubt are not
   * retried. Default: 1.
   */
  readonly attempts?: number | Schedule.Schedule<unknown> | undefined
  /** The wait before the second attempt if `attempts` is a number. It doubles, up to a minute. Default: 1 second. */
  readonly backoff?: Duration.DurationInput | undefined
  /**
   * The rows to begin. Rows in flight continue, selected or not. Other rows stay pending for a run that selects them,
   * and the batch is `incomplete`. States are those of rows that are not settled. Default: all.
   */
  readonly select?: RowSelection | undefined
  /** The number of rows that may fail or be reported before the batch stops, after all their attempts. Default: no limit. */
  readonly maxFailures?: number | undefined
  /**
   * The budget of all rows in US dollars: a number, or exact decimal text such as `"0.067"`. The cost of a row is
   * reserved before it is sent and read afterwards, with one request. The batch stops as `incomplete` before a row that
   * might exceed the budget. Default: none.
   */
  readonly budgetUsd?: number | string | undefined
  /**
   * The assumed cost of one row in US dollars until ten costs are known: a number, or exact decimal text. Required with
   * `budgetUsd`.
   */
  readonly maxCostPerRow?: number | string | undefined
  /** Whether to read the cost of each row after it, with one request. Default: only with `budgetUsd` or `steps`. */
  readonly cost?: boolean | undefined
  /**
   * The ids of the steps whose outputs to keep: see `steps` of `RowResult`. They are read with the costs, which are then
   * read by default. The server keeps outputs of runs whose input has `snapshots`. Default: none.
   */
  readonly steps?: ReadonlyArray<string> | undefined
  /**
   * The time within which the server lists a run that has begun. A row that may have been sent waits this long before
   * its run is looked up. Default: 5 seconds, the longest time that the server takes to list a job.
   */
  readonly grace?: Duration.DurationInput | undefined
  /**
   * Whether to look up a row before it is sent, because another ledger of the same batch may have run it. This takes
   * one read per row. Default: true.
   */
  readonly adopt?: boolean | undefined
  /**
   * The time that a row may be running, counted from the first report of the server, or its first failure to report a
   * status. A row that times out frees its slot, but its run continues at the server and may be billed. Later runs of
   * the batch count from the same time. `Duration.infinity`: no limit. Default: 1 hour.
   */
  readonly rowTimeout?: Duration.DurationInput | undefined
  /** The same for a pending job, counted from its submission, or from when a later run found it. Default: no limit. */
  readonly pendingTimeout?: Duration.DurationInput | undefined
  /** The time that rows in flight may continue after an interruption. Default: 30 seconds. */
  readonly stopWithin?: Duration.DurationInput | undefined
}

/**
 * How far a batch is, and how fast it goes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  readonly batch: string
  readonly status: BatchStatus["status"]
  readonly rows: number
  readonly done: number
  readonly failed: number
  /** Rows with an unknown outcome. */
  readonly reported: number
  /** Rows that timed out. */
  readonly timedOut: number
  readonly uncertain: number
  /** Rows in flight. */
  readonly running: number
  /** Rows that are settled, of all kinds. */
  readonly settled: number
  /** Rows settled per second, over the last half minute. */
  readonly rowsPerSecond: number
  /** The estimated time left, in milliseconds; absent until a rate is known. */
  readonly etaMs?: number
  /** As in {@link BatchStatus}. */
  readonly costUsd?: string
  /** As in {@link BatchStatus}. */
  readonly unknownCosts?: number
  /** As in {@link BatchStatus}. */
  readonly assumedUsd?: string
}

/**
 * The order of results. `"input"`: all rows, in the order of the source. `"done"`: only settled rows, in the order in
 * which they settled.
 *
 * @since 0.1.0
 * @category options
 */
export interface ResultsOptions {
  /** Default: `"input"`. */
  readonly order?: "input" | "done" | undefined
  /** With `order: "done"`: the rows after the one of this `settledNo`. Default: 0, all. */
  readonly after?: number | undefined
  /** Whether to include `input`. Default: false. */
  readonly withInput?: boolean | undefined
  /**
   * With `order: "done"`: whether rows that settle later follow, until the batch ends or stops. After a stop, rows in flight
   * still settle: read them with the last `settledNo` as `after`. Default: false.
   */
  readonly follow?: boolean | undefined
  /** Default: all rows. */
  readonly select?: RowSelection | undefined
}

/**
 * The rows of a page.
 *
 * @since 0.1.0
 * @category options
 */
export interface PageOptions {
  /** The rows after the one of this `no`. Default: 0. */
  readonly after?: number | undefined
  /** Instead, the last rows before the one of this `no`. Default: none. */
  readonly before?: number | undefined
  /** The number of rows. Default: 50. */
  readonly limit?: number | undefined
  /** `"timedOut"`: submitted rows that timed out. Default: every state. */
  readonly state?: RowState | "timedOut" | ReadonlyArray<RowState | "timedOut"> | undefined
  /** The `no` of each row, instead of the options above. Default: none. */
  readonly numbers?: ReadonlyArray<number> | undefined
  /** Whether to include `input`, `result`, `calls` and `steps`. Default: false. */
  readonly withDocuments?: boolean | undefined
}

/**
 * Which rows to run again.
 *
 * @since 0.1.0
 * @category options
 */
export type RetryOptions =
  & (
    | { readonly only: "failed" | "cancelled" | "invalid" }
    | {
      readonly only: "done" | "reported"
      /** Done rows ran, and reported rows may have run. A retry runs and bills them again. */
      readonly acceptDoubleRuns: true
    }
  )
  & {
    /** The rows to retry. Default: all. */
    readonly select?: RowSelection | undefined
  }

/**
 * A batch that is compared.
 *
 * @since 0.1.0
 * @category options
 */
export interface DiffSide<out E = never, out R = never> {
  /** Its id. Default: the id of the only batch in its ledger. */
  readonly batch?: string | undefined
  readonly ledger: Layer.Layer<BatchStore, E, R>
}
