/**
 * Results of a batch in files: as they come, in the order of the input, or in a folder with the failures apart.
 *
 * Every line is the JSON of one row, joined to the input by its `key`. Files are made for their owner alone (mode 0600).
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { BatchReportError, InvalidBatchError } from "./BatchError.js"
import type { RowResult } from "./BatchRow.js"
import * as Append from "./internal/report/append.js"
import type { AppendOptions, AppendResult } from "./internal/report/append.js"
import * as Csv from "./internal/report/csv.js"
import type { CsvOptions } from "./internal/report/csv.js"
import type { ReportFile } from "./internal/report/file.js"
import * as Folder from "./internal/report/folder.js"
import type { FolderOptions, Manifest } from "./internal/report/folder.js"
import * as RowLine from "./internal/report/rowLine.js"

export type { AppendOptions, AppendResult } from "./internal/report/append.js"
export type { CsvOptions } from "./internal/report/csv.js"
export type { ReportFile } from "./internal/report/file.js"
export type { FolderOptions, Manifest, ReportSummary } from "./internal/report/folder.js"

/**
 * The JSON of a row in one line, without a line end. The order of its fields is always the same: `no`, `key`, `at`,
 * `state`, `attempt`, `version`, `input`, `result` or `error`, `executionId`, `adopted` (only `true`), `costUsd`,
 * `isCostUnknown`, `attemptsCostUsd`, `isAttemptsCostUnknown`, `durationMs`, `tokens`, `calls`, `steps`, `settledNo`. Equal rows have equal lines.
 *
 * Throws a `TypeError` if the result is not JSON: a bigint, or a circular object.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encodeRow: (row: RowResult) => string = RowLine.encodeRow

/**
 * Rows as CSV (RFC 4180: UTF-8, commas, CRLF) in pieces of text, column names first. `rows` is read twice: the first
 * pass finds the columns.
 *
 * Each field of a result object has a column, such as `result.score`, and so has each field of an input. A field that
 * is not text is JSON; null is empty. Any other result is in the column `result`: text unchanged, other values as JSON.
 * This also applies to batches with more than 100 different fields, and for fields that appear only in the second pass.
 *
 * A spreadsheet reads a text as a formula if it begins with `=`, `+`, `-`, `@`, a tab or a line end. With `spreadsheet`
 * an apostrophe precedes such text in keys, results, inputs and messages. Default: false, values unchanged.
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
  options?: CsvOptions
) => Stream.Stream<string, E | InvalidBatchError, R> = Csv.csv

/**
 * Returns one record of a table as a line of CSV (RFC 4180), with its line end. Text is written unchanged, another value as
 * JSON; null and `undefined` are empty. An apostrophe precedes text that a spreadsheet reads as a formula.
 *
 * @since 0.1.0
 * @category conversions
 */
export const csvRecord: (values: ReadonlyArray<unknown>) => string = Csv.recordOf(true)

/**
 * Appends rows to a file as they settle, and continues where the file ends: after a kill at any byte, the file has
 * every row once. A line that was cut off is removed and written again. A missing file is created with the mode 0600,
 * in an existing folder; an existing file keeps its mode. Only one process may write to it.
 *
 * A row that is run again settles again and has a second line: the last line of a key counts.
 *
 * Fails with `BatchReportError` if the file cannot be written, its first or last line is not one of a settled row, its
 * last row is another row in this batch, or rows come out of order. A refused file is left unchanged. An error of
 * `after` also ends it; lines written before stay.
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
 * Writes rows in input order to a file (mode 0600). The new file replaces an existing one only when it is complete, so
 * a reader sees the old file or the new one. If the rows end in an error, the old file stays.
 *
 * Fails with `BatchReportError` if the file cannot be written, or rows come out of order.
 *
 * @since 0.1.0
 * @category writing
 */
export const write: <E, R>(
  path: string,
  rows: Stream.Stream<RowResult, E, R>
) => Effect.Effect<ReportFile, E | BatchReportError, R> = Folder.write

/**
 * Writes a batch to a folder, which is created if missing (mode 0700). `results.jsonl` has the rows that are done.
 * `failures.jsonl` has rows that failed, timed out, are reported, cancelled or invalid, or have a result that does not
 * fit the flow, and then the refused rows. `manifest.json` has counts and checksums. Other rows are only counted in the
 * manifest. Equal rows yield equal bytes.
 *
 * The files are replaced when all are complete, the manifest last. After a crash in between, the checksums of the old
 * manifest do not match: write the folder again.
 *
 * Fails with `BatchReportError` if a file cannot be written, or rows come out of order.
 *
 * @since 0.1.0
 * @category writing
 */
export const toFolder: <E, R, E2 = never, R2 = never>(
  folder: string,
  options: FolderOptions<E, R, E2, R2>
) => Effect.Effect<Manifest, E | E2 | BatchReportError, R | R2> = Folder.toFolder
