import type * as Duration from "effect/Duration"
import type * as Stream from "effect/Stream"
import type { RefusedRow, RowResult, RowState } from "../../BatchRow.js"
import type { BatchDefinition } from "../../BatchStatus.js"

/** The options of appending rows as they settle. */
export interface AppendOptions<out E = never, out R = never> {
  /**
   * The rows that settled after this one, in the order in which they settled: those whose `settledNo` is above it. 0 asks
   * for all. It is called with the number before that of the last row in the file: that row shows whether the file is of this
   * batch. Where the batch does not have it any more, it is called once more, for the first row of the file.
   */
  readonly after: (settledNo: number) => Stream.Stream<RowResult, E, R>
  /**
   * The time after which what was written is brought to the disk, at the next row. Default: 1 second. The end always
   * brings it there.
   */
  readonly syncInterval?: Duration.DurationInput | undefined
}

/** The outcome of appending. */
export interface Appended {
  /** The number of rows that this call wrote. */
  readonly rows: number
  /** The `settledNo` of the last row in the file; 0 where it has none. */
  readonly settledNo: number
}

/** The content of a file of a report. */
export interface ReportFile {
  readonly lines: number
  readonly bytes: number
  /** In hexadecimal digits. */
  readonly sha256: string
}

/** The entries of a manifest about a batch, besides its rows. */
export interface ReportSummary {
  /** The id of the batch. */
  readonly batch: string
  /** The name of its flow. */
  readonly flow: string
  readonly version?: string | undefined
  /** As in its status. */
  readonly definition?: BatchDefinition | undefined
  /** When the batch began, in milliseconds since 1970. */
  readonly startedAt?: number | undefined
  /** When the batch ended, in milliseconds since 1970. */
  readonly finishedAt?: number | undefined
}

/** The report that is written to a folder. */
export interface FolderOptions<out E = never, out R = never, out E2 = never, out R2 = never> {
  /** The rows in the order of the input. */
  readonly rows: Stream.Stream<RowResult, E, R>
  /** The rows of the source that are none of the batch. Default: none. */
  readonly refused?: Stream.Stream<RefusedRow, E2, R2> | undefined
  readonly summary: ReportSummary
}

/** The content of `manifest.json`. */
export interface Manifest {
  readonly format: "noukai-batch/1"
  readonly batch: string
  readonly flow: string
  readonly version?: string
  /** The hash of what it runs, as in its status, and when that changed: ISO 8601, in UTC. */
  readonly definition?: { readonly hash: string; readonly changedAt?: string }
  /** ISO 8601, in UTC. */
  readonly startedAt?: string
  /** ISO 8601, in UTC. */
  readonly finishedAt?: string
  /** The number of rows of the batch. */
  readonly rows: number
  /** How many of them are in each state. */
  readonly states: Readonly<Record<RowState, number>>
  /** The number of rows that are none of the batch. */
  readonly refused: number
  /** The files beside it, by name. */
  readonly files: Readonly<Record<string, ReportFile>>
}
