/**
 * Results of a batch in files: as they come, in the order of the input, or in a folder with the failures apart.
 *
 * Every line is the JSON of one row, joined to the input by its `key`. Files are made for their owner alone (mode 0600).
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { BatchReportError } from "./BatchError.js"
import type { RowResult } from "./BatchRow.js"
import * as Append from "./internal/report/append.js"
import type { AppendOptions, AppendResult } from "./internal/report/append.js"
import * as Csv from "./internal/report/csv.js"
import type { ReportFile } from "./internal/report/file.js"
import * as Folder from "./internal/report/folder.js"
import type { FolderOptions, Manifest } from "./internal/report/folder.js"
import * as RowLine from "./internal/report/rowLine.js"

export type { AppendOptions, AppendResult } from "./internal/report/append.js"
export type { ReportFile } from "./internal/report/file.js"
export type { FolderOptions, Manifest, ReportSummary } from "./internal/report/folder.js"

/**
 * The JSON of a row in one line, without the end of the line. The order of its fields is always the same: `no`, `key`,
 * `at`, `state`, `attempt`, `version`, `input`, `result` or `error`, `executionId`, `adopted` (only `true`), `costUsd`,
 * `isCostUnknown`, `durationMs`, `tokens`, `settledNo`. The same row gives the same text.
 *
 * Throws a `TypeError` where the result is no JSON: a bigint, or a circle.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encodeRow: (row: RowResult) => string = RowLine.encodeRow

/**
 * Rows as CSV (RFC 4180: UTF-8, commas, CRLF), in pieces of text, the names of the columns first. `rows` is read twice: the first
 * pass finds the columns.
 *
 * A result that is an object has a column for each of its fields, `result.score`, and so has an input. A field that is no text
 * is JSON, null is empty. Anything else is in the column `result`: text as it is, other values as JSON. So are results of a
 * batch that has more than 100 different fields, and of rows that came between the passes with others.
 *
 * A spreadsheet takes a text for a formula that begins with `=`, `+`, `-`, `@`, a tab or a line end. With `spreadsheet` an
 * apostrophe is written before such a text, in keys, results, inputs and messages. Default: false, values as they are.
 *
 * @example
 * ```ts
 * import { Batch, BatchReport } from "@effect-noukai/batch"
 *
 * const text = BatchReport.csv(Batch.results("grades-2026-11", { withInput: true }), { spreadsheet: true })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const csv: <E, R>(
  rows: Stream.Stream<RowResult, E, R>,
  options?: { readonly spreadsheet?: boolean | undefined }
) => Stream.Stream<string, E, R> = Csv.csv

/**
 * Appends rows to a file as they settle, and goes on where it ended: killed at any byte and called again, the file has
 * every row once. A line that was cut off is taken away and written again. The file is created if there is none (mode
 * 0600, in a folder that exists); one that exists keeps its mode. Only one process may write to it.
 *
 * A row that is run again settles again, and has a second line then: the last line of a key counts.
 *
 * Fails with `BatchReportError` where the file cannot be written, its first or last line is not one of a settled row, its
 * last row is not the one that this batch has under that number, or rows come out of order. A file that is refused is
 * left as it was. An error of `after` ends it, too: what was written before stays.
 *
 * @example
 * ```ts
 * import type { RowResult } from "@effect-noukai/batch/BatchRow"
 * import * as BatchReport from "@effect-noukai/batch/BatchReport"
 * import type { Stream } from "effect"
 *
 * declare const settledAfter: (settledNo: number) => Stream.Stream<RowResult>
 *
 * const report = BatchReport.append("grades.jsonl", { after: settledAfter })
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const append: <E, R>(
  path: string,
  options: AppendOptions<E, R>
) => Effect.Effect<AppendResult, E | BatchReportError, R> = Append.append

/**
 * Writes rows in the order of the input to a file (mode 0600), which takes the place of the one that stands there when it
 * is whole: a reader sees the old one or the new one. If the rows end in an error, the old one stays.
 *
 * Fails with `BatchReportError` where the file cannot be written, or rows come out of order.
 *
 * @since 0.1.0
 * @category writing
 */
export const write: <E, R>(
  path: string,
  rows: Stream.Stream<RowResult, E, R>
) => Effect.Effect<ReportFile, E | BatchReportError, R> = Folder.write

/**
 * Writes a batch to a folder, which is created if there is none (mode 0700): `results.jsonl` has the rows that are done,
 * `failures.jsonl` those that are failed, reported, cancelled or invalid, that timed out, or whose result does not fit
 * their flow, and after them the refused rows, and `manifest.json` counts and check sums. Other rows that are not settled
 * are counted in the manifest alone. The same rows give the same bytes.
 *
 * Each file takes its place when all are whole, the manifest last. After a crash between them, the check sums of the old
 * manifest do not fit: write the folder again.
 *
 * Fails with `BatchReportError` where a file cannot be written, or rows come out of order.
 *
 * @since 0.1.0
 * @category writing
 */
export const toFolder: <E, R, E2 = never, R2 = never>(
  folder: string,
  options: FolderOptions<E, R, E2, R2>
) => Effect.Effect<Manifest, E | E2 | BatchReportError, R | R2> = Folder.toFolder
