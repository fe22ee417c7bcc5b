/**
 * How far batches are, and what is asked of them.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type { RefusedRow, RowState } from "./BatchRow.js"
import type { BatchStore } from "./BatchStore.js"

/**
 * The content of a source beside that of the ledger, found by a plan.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchPlan {
  readonly batch: string
  /** Rows that are new. */
  readonly added: number
  /** Rows that stand in the ledger with the same input, or take it now, by state. */
  readonly known: { readonly [state in RowState]?: number }
  /** Rows that cannot be run: they do not fit the schema, or have no input. */
  readonly invalid: number
  /** The first 100 of them. */
  readonly invalidRows: ReadonlyArray<RefusedRow>
  /** Rows that were invalid in the ledger, and can be run now. They count among `known`. */
  readonly mended: number
  /** Rows that were never sent, and whose input has changed: they take the input of this source. They count among `known`. */
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
  /** The number of rows of the source that are no rows of the batch. */
  readonly refusedCount: number
  /** The first 100 of them, in the order of the source: those without a key, of a key that another row has, or whose input has changed. */
  readonly refused: ReadonlyArray<RefusedRow>
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
  /** A name for what its last source runs. Absent before a source was planned to its end. */
  readonly definition?: BatchDefinition
  /**
   * - `running`: some process runs it. In a database that processes share: or all of them were killed while they did.
   * - `completed`: every row of its last source is settled, also those that failed: see `isClean`. Pending rows that
   *   are `absent` are not of that source.
   * - `incomplete`: it stopped before; `stop` says why. Run again, it goes on.
   * - `paused`: someone paused it. It goes on when it is resumed and run again. Rows in flight go on to their ends.
   * - `cancelled`: it was cancelled.
   */
  readonly status: "running" | "completed" | "incomplete" | "paused" | "cancelled"
  /**
   * Whether there is nothing to look at: it is `completed`, every row of its last source is `done`, and none of them was
   * refused. A batch that is completed and not clean has rows that failed, were reported, are invalid or
   * cancelled, or that the source has and the batch does not.
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
  /** The number of attempts that were followed by another one of their row, and each of which may have been billed. */
  readonly retries: number
  /**
   * The number of submitted rows that timed out: their runs go on, and may be billed. The next run asks for them again, and
   * never sends them again.
   */
  readonly timedOut: number
  /**
   * The number of rows of its last source that are not rows of the batch: without a key, with the key of another row, or
   * with a changed input. Rows whose outcome is not known are `states.reported`.
   */
  readonly refused: number
  /** Rows whose runs were found at the server, and not begun by this ledger. */
  readonly adopted: number
  /**
   * The exact cost of its rows in US dollars, as decimal text, all attempts included. An unknown cost counts as the
   * amount that was reserved for the row, and as nothing without a budget. Absent where costs are not read.
   */
  readonly costUsd?: string
  /** The number of rows whose cost is unknown. Absent where costs are not read. */
  readonly unknownCosts?: number
}

/**
 * A name for what a batch runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchDefinition {
  /**
   * A SHA-256, in hexadecimal digits, of the flow, the version, the operation, the schemas, and the key and input of each
   * row that can be run, in any order. Two batches with the same hash run the same. It changes with each of these, and when
   * the source has more or fewer rows.
   */
  readonly hash: string
  /** When a source was planned whose hash was another one than before, in milliseconds since 1970. Absent until then. */
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
   * `budget`: another row might exceed it. `failures`: more rows failed than may. `refused`: the key, the account or the
   * flow is wrong. `unreachable`: nothing succeeded for five minutes. `timeout`: all other rows are settled.
   * `unselected`: all rows that were selected are settled. `interrupted`, `paused`, `cancelled`: someone wanted it.
   * `killed`: the process that ran it is gone, and no other one works on its ledger; a status has this, a summary never.
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
  /** The status of the answer that refused it: 401 and 403 are of the key. Absent for any other reason. */
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
   * Patterns of keys: `*` stands for any text, `?` for one character, and a backslash takes the next character as it is. A
   * row needs to fit one of them. Default: every key.
   */
  readonly key?: string | ReadonlyArray<string> | undefined
  /** Default: every state. */
  readonly state?: RowState | ReadonlyArray<RowState> | undefined
}

/**
 * The options of a run. They are kept in the ledger, for every process that takes part.
 *
 * @since 0.1.0
 * @category options
 */
export interface RunOptions {
  /** The limit of rows in flight in each process. Default: 32. */
  readonly concurrency?: number | undefined
  /**
   * The limit of rows in flight in all processes together. Each lane of the engine has its share of it, wherever it is.
   * Default: none.
   */
  readonly fleetConcurrency?: number | undefined
  /** The limit of rows that begin in a second, of all processes together, on the clock of the ledger. Default: none. */
  readonly rate?: number | undefined
  /**
   * How often a row runs whose run failed for a reason that may pass, such as an error of the provider. Each attempt is a
   * run of its own, and is billed. A number counts the first attempt, and is at most 100. A schedule has the waits
   * before the attempts that follow the first one: it is asked for them once, before the batch runs, and for 100 at most.
   * Invalid input, a run that was cancelled and a row in doubt have no other attempt. Default: 1.
   */
  readonly attempts?: number | Schedule.Schedule<unknown> | undefined
  /** The wait before the second attempt where `attempts` is a number. It doubles, up to a minute. Default: 1 second. */
  readonly backoff?: Duration.DurationInput | undefined
  /**
   * The rows that begin; those in flight go on whichever they are. The others stay pending, for a run that selects them,
   * and the batch is `incomplete`. States are those of rows that are not settled. Default: all.
   */
  readonly select?: RowSelection | undefined
  /** The number of rows that may fail or be reported before the batch stops, after all their attempts. Default: no limit. */
  readonly maxFailures?: number | undefined
  /**
   * The most that the rows may cost, in US dollars. What a row may cost is reserved before it is sent, and what it did
   * cost is read after it, with one request. The batch stops before a row that might exceed the budget, as
   * `incomplete`. A number, or exact decimal text such as `"0.067"`. Default: none.
   */
  readonly budgetUsd?: number | string | undefined
  /**
   * The most that one row is taken to cost, in US dollars, until ten costs are known: a number, or exact decimal text.
   * Required with `budgetUsd`.
   */
  readonly maxCostPerRow?: number | string | undefined
  /** Whether the cost of each row is read after it, with one request. Default: only with `budgetUsd`. */
  readonly cost?: boolean | undefined
  /**
   * The time after which a run that may have been begun is listed at the server, if it was. A row that may have been sent
   * waits so long before it is looked for. Default: 5 seconds, as long as the server takes to list a job.
   */
  readonly grace?: Duration.DurationInput | undefined
  /**
   * Whether a row is looked up before it is sent: another ledger of the same batch may have run it.
   * It takes one read for each row. Default: true.
   */
  readonly adopt?: boolean | undefined
  /**
   * How long a row may be running, from the first time that the server says so or fails to say anything else. Then it has
   * timed out: it gives up its slot, but its run goes on at the server and may be billed. Every run of the batch counts from
   * that first time, so a longer limit gives it more. An infinite duration is no limit. Default: 1 hour.
   */
  readonly rowTimeout?: Duration.DurationInput | undefined
  /** The same for a job that is pending, from when it was submitted, or found by a later run. Default: no limit. */
  readonly pendingTimeout?: Duration.DurationInput | undefined
  /** How long rows in flight may go on after an interruption. Default: 30 seconds. */
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
  /** Rows whose outcome is not known. */
  readonly reported: number
  /** Rows that timed out. */
  readonly timedOut: number
  readonly uncertain: number
  /** Rows in flight. */
  readonly running: number
  /** Rows that are settled, of all kinds. */
  readonly settled: number
  /** Rows settled in a second, over the last half minute. */
  readonly rowsPerSecond: number
  /** The time that the rest takes at this rate, in milliseconds; absent while nothing is known. */
  readonly etaMs?: number
  /** As in {@link BatchStatus}. */
  readonly costUsd?: string
}

/**
 * The order of results: `"input"`: all rows, in the order in which they were planned. `"done"`: settled rows alone, in the
 * order in which they settled.
 *
 * @since 0.1.0
 * @category options
 */
export interface ResultsOptions {
  /** Default: `"input"`. */
  readonly order?: "input" | "done" | undefined
  /** With `order: "done"`: the rows after the one of this `settledNo`. Default: 0, all. */
  readonly after?: number | undefined
  /** Whether rows have their `input`. Default: false. */
  readonly withInput?: boolean | undefined
  /** With `order: "done"`: whether rows that settle later follow, to the end of the batch's run. Default: false. */
  readonly follow?: boolean | undefined
  /** Default: all rows. */
  readonly select?: RowSelection | undefined
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
      readonly only: "reported"
      /** Reported rows may have run, and be run and billed again. */
      readonly acceptDoubleRuns: true
    }
  )
  & {
    /** Which of them. Default: all. */
    readonly select?: RowSelection | undefined
  }

/**
 * A batch that is compared.
 *
 * @since 0.1.0
 * @category options
 */
export interface DiffSide<out E = never, out R = never> {
  /** Its id. Default: that of the only batch of its ledger. */
  readonly batch?: string | undefined
  readonly ledger: Layer.Layer<BatchStore, E, R>
}
