/**
 * Sources of rows.
 *
 * @since 0.1.0
 */
import { isCount, misnamed, type Names } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { basename } from "node:path"
import { BatchSourceError } from "./BatchError.js"
import { makeCsv } from "./internal/source/csv.js"
import { type CsvRow, decode, type Place, type SourceRow } from "./internal/source/Decoder.js"
import { fileBytes } from "./internal/source/file.js"
import { makeJsonl } from "./internal/source/jsonl.js"

export type { CsvRow, SourceRow } from "./internal/source/Decoder.js"

/**
 * Rows in order, each with its place.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchSource<Row, E = never, R = never> {
  readonly rows: Stream.Stream<SourceRow<Row>, E | BatchSourceError, R>
  /** The name of a file or of bytes. A batch fails if its file has no rows. */
  readonly name?: string
}

/**
 * The options of reading lines of JSON.
 *
 * @since 0.1.0
 * @category options
 */
export interface JsonlOptions {
  /** The longest line in bytes. A longer line is unreadable and is not held in memory. Default: 16 MiB. */
  readonly maxLineBytes?: number | undefined
}

/**
 * The options of reading CSV.
 *
 * @since 0.1.0
 * @category options
 */
export interface CsvOptions {
  /** The names of the columns, for a file without a header: its first line is a row. Default: the first line. */
  readonly columns?: ReadonlyArray<string> | undefined
  /**
   * The delimiter of values. Default: the most frequent of comma, semicolon and tab outside of quotes in the first
   * line; with `columns`, the one that yields as many values as there are columns.
   */
  readonly delimiter?: string | undefined
  /**
   * The longest record in bytes. A longer record fails the source: most often a quote is not closed. Default: 16 MiB.
   */
  readonly maxRecordBytes?: number | undefined
}

/**
 * Rows of a stream.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromStream = <Row, E, R>(stream: Stream.Stream<Row, E, R>): BatchSource<Row, E, R> => ({
  rows: Predicate.hasProperty(stream, Stream.StreamTypeId)
    ? Stream.mapAccum(stream, 0, (no, value) => [no + 1, { _tag: "Row", at: `row ${no + 1}`, value } as const])
    : wrong("the rows", "they must be a stream")
})

const wrong = (source: string, reason: string) => Stream.fail(new BatchSourceError({ source, reason }))

/**
 * Rows of an iterable.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromIterable: <Row>(rows: Iterable<Row>) => BatchSource<Row> = (rows) =>
  Predicate.isIterable(rows)
    ? fromStream(Stream.suspend(() => Stream.fromIteratorSucceed(each(rows), rowsAtOnce)))
    : { rows: wrong("the rows", "they must be an iterable, such as a list") }

function* each<Row>(rows: Iterable<Row>) {
  yield* rows
}

/** The rows of an iterable that are in memory at once: it may make a large document for each. */
const rowsAtOnce = 16

const defaultMaxBytes = 16 * 1024 * 1024

const bytes = {
  fits: (value: unknown) => isCount(value, 1),
  rule: "must be a whole number of at least 1"
}

const rules = {
  maxLineBytes: bytes,
  maxRecordBytes: bytes,
  columns: {
    fits: (value: unknown) => Array.isArray(value) && value.every(Predicate.isString),
    rule: "must be a list of names"
  },
  delimiter: { fits: Predicate.isString, rule: "must be a text" }
}

/** The rows of a file. */
const ofFile = <Row>(
  path: string,
  rows: (
    bytes: Stream.Stream<Uint8Array, BatchSourceError>,
    place: Place
  ) => Stream.Stream<SourceRow<Row>, BatchSourceError>
): BatchSource<Row> =>
  Predicate.isString(path)
    ? { name: path, rows: rows(fileBytes(path), { name: basename(path), source: path }) }
    : { rows: wrong("the file", "its path must be a text") }

/** Rows by the options that a caller gave. Fails if one of them is unknown. */
const rowsBy = <A extends object, Row, E, R>(
  { source }: Place,
  options: A,
  names: Names<A>,
  rows: (options: A) => Stream.Stream<Row, E, R>
): Stream.Stream<Row, E | BatchSourceError, R> =>
  Stream.suspend((): Stream.Stream<Row, E | BatchSourceError, R> => {
    const found = misnamed("options", options, names) ?? Object.entries(options).flatMap(([field, value]) =>
      value === undefined || rules[field as keyof typeof rules].fits(value)
        ? []
        : [{ field, reason: rules[field as keyof typeof rules].rule }]
    )[0]
    return found === undefined
      ? rows(options)
      : Stream.fail(new BatchSourceError({ source, reason: `${found.field} ${found.reason}` }))
  })

const jsonlRows = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, place: Place, options: JsonlOptions = {}) =>
  rowsBy(
    place,
    options,
    { maxLineBytes: true },
    ({ maxLineBytes = defaultMaxBytes }) => decode(bytes, place, Effect.sync(() => makeJsonl(place, maxLineBytes)))
  )

const csvRows = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, place: Place, options: CsvOptions = {}) =>
  rowsBy(
    place,
    options,
    { columns: true, delimiter: true, maxRecordBytes: true },
    ({ columns, delimiter, maxRecordBytes = defaultMaxBytes }) =>
      decode(bytes, place, makeCsv(place, { columns, delimiter, maxRecordBytes }))
  )

/**
 * Rows of bytes that are lines of JSON in UTF-8, such as the standard input, a response or a decompressed archive.
 * `name` appears in the places of the rows. Otherwise as `fromJsonl`.
 *
 * @example
 * ```ts
 * import * as NodeStream from "@effect/platform-node/NodeStream"
 * import * as BatchSource from "@effect-noukai/batch/BatchSource"
 *
 * const rows = BatchSource.fromJsonlBytes(NodeStream.stdin, "stdin")
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromJsonlBytes = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  name: string,
  options?: JsonlOptions
): BatchSource<unknown, E, R> => ({ name, rows: jsonlRows(bytes, { name, source: name }, options) })

/**
 * Rows of a file of JSON lines in UTF-8: each line is one JSON value and one row. Empty lines are skipped. The place of
 * a row is the name of the file and its line: `rows.jsonl:17`.
 *
 * A line that is not JSON, not UTF-8 or too long is `Unreadable`, and reading continues. The file is read as rows are
 * requested, and closed when the stream ends, fails or is interrupted.
 *
 * Fails with `BatchSourceError` if the path is not a plain file that can be read, or its first bytes show that it is
 * not UTF-8 text.
 *
 * @example
 * ```ts
 * import * as BatchSource from "@effect-noukai/batch/BatchSource"
 *
 * const answers = BatchSource.fromJsonl("data/answers.jsonl")
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromJsonl = (path: string, options?: JsonlOptions): BatchSource<unknown> =>
  ofFile(path, (bytes, place) => jsonlRows(bytes, place, options))

/**
 * Rows of bytes that are CSV in UTF-8, such as the standard input. `name` appears in the places of the rows and in
 * errors. Otherwise as `fromCsv`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromCsvBytes = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  name: string,
  options?: CsvOptions
): BatchSource<CsvRow, E, R> => ({ name, rows: csvRows(bytes, { name, source: name }, options) })

/**
 * Rows of a CSV file in UTF-8, after RFC 4180. The first line names the columns. Quoted values can contain delimiters,
 * doubled quotes and line ends. Every value is text. Empty lines are skipped. The place of a row is the name of the
 * file and the first line of its record: `rows.csv:17`.
 *
 * A record is `Unreadable` if it has too few or too many values, a misplaced quote, a CR without LF outside of quotes,
 * or bytes that are not UTF-8. Reading continues after it. The file is read as rows are requested, and closed when the
 * stream ends, fails or is interrupted.
 *
 * Fails with `BatchSourceError` if the path is not a plain file that can be read, columns have no names or the same
 * name, or a quote is not closed; the error then has the line of the quote.
 *
 * @example
 * ```ts
 * import * as BatchSource from "@effect-noukai/batch/BatchSource"
 *
 * const answers = BatchSource.fromCsv("data/answers.csv", { delimiter: ";" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromCsv = (path: string, options?: CsvOptions): BatchSource<CsvRow> =>
  ofFile(path, (bytes, place) => csvRows(bytes, place, options))
