/**
 * Sources of rows.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { basename } from "node:path"
import type { BatchSourceError } from "./BatchError.js"
import { makeCsv } from "./internal/source/csv.js"
import { type CsvRow, decode, type Place, type SourceRow } from "./internal/source/Decoder.js"
import { fileBytes } from "./internal/source/file.js"
import { makeJsonl } from "./internal/source/jsonl.js"

export type { CsvRow, SourceRow } from "./internal/source/Decoder.js"

/**
 * Rows in their order, each with the place where it stands.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchSource<Row, E = never, R = never> {
  readonly rows: Stream.Stream<SourceRow<Row>, E | BatchSourceError, R>
  /** The name of a file or of bytes: a batch whose file has no rows fails. */
  readonly name?: string
}

/**
 * The options of reading lines of JSON.
 *
 * @since 0.1.0
 * @category options
 */
export interface JsonlOptions {
  /**
   * The length of a line, in bytes, above which it is unreadable. No more than this is held in memory of a line.
   * Default: 16 MiB.
   */
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
   * The text between two values. Default: a comma, a semicolon or a tab, whichever the first line has most of outside of
   * quotes; with `columns`, the one that makes as many values as there are columns.
   */
  readonly delimiter?: string | undefined
  /**
   * The length of a record, in bytes, above which reading fails: most often a quote that is not closed. Default: 16 MiB.
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
  rows: Stream.mapAccum(stream, 0, (no, value) => [no + 1, { _tag: "Row", at: `row ${no + 1}`, value } as const])
})

/**
 * Rows of an iterable.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromIterable = <Row>(rows: Iterable<Row>): BatchSource<Row> =>
  fromStream(Stream.suspend(() => {
    const iterator = rows[Symbol.iterator]()
    return Stream.repeatEffectChunkOption(Effect.suspend(() => {
      const some: Array<Row> = []
      while (some.length < rowsAtOnce) {
        const next = iterator.next()
        if (next.done === true) break
        some.push(next.value)
      }
      return some.length === 0 ? Effect.fail(Option.none()) : Effect.succeed(Chunk.unsafeFromArray(some))
    }))
  }))

/** The rows of an iterable that are in memory at once: it may make a large document for each. */
const rowsAtOnce = 16

const defaultMaxBytes = 16 * 1024 * 1024

const jsonlRows = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, place: Place, options: JsonlOptions = {}) => {
  const { maxLineBytes = defaultMaxBytes } = options
  return decode(bytes, place, Effect.sync(() => makeJsonl(place, maxLineBytes)))
}

const csvRows = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, place: Place, options: CsvOptions = {}) => {
  const { columns, delimiter, maxRecordBytes = defaultMaxBytes } = options
  return decode(bytes, place, makeCsv(place, { columns, delimiter, maxRecordBytes }))
}

/**
 * Rows of bytes that are lines of JSON in UTF-8, for what is no file: the standard input, a response, a decompressed
 * archive. `name` stands in the places of the rows. Otherwise as `fromJsonl`.
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
 * Rows of a file of lines of JSON in UTF-8: each line is one JSON value, and so one row. Empty lines are passed over. The
 * place of a row is the name of the file and its line: `rows.jsonl:17`.
 *
 * A line that is no JSON, no UTF-8 or too long is `Unreadable`, and the lines after it are read. The file is read as its
 * rows are asked for, and closed when the stream ends, fails or is interrupted.
 *
 * Fails with `BatchSourceError` where there is no plain file that can be read, or it is no text in UTF-8 from its first
 * bytes on.
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
export const fromJsonl = (path: string, options?: JsonlOptions): BatchSource<unknown> => ({
  name: path,
  rows: jsonlRows(fileBytes(path), { name: basename(path), source: path }, options)
})

/**
 * Rows of bytes that are CSV in UTF-8, for what is no file. `name` stands in the places of the rows and in errors.
 * Otherwise as `fromCsv`.
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
 * Rows of a file of CSV in UTF-8, as RFC 4180 has it: the first line names the columns, and values in quotes may hold
 * delimiters, quotes (twice) and lines. Every value is text. Empty lines are passed over. The place of a row is the name
 * of the file and the line where its record begins: `rows.csv:17`.
 *
 * A record with too few or too many values, with a quote where none may stand, with a CR outside of quotes that has no LF
 * behind it, or that is no UTF-8 is `Unreadable`, and the records after it are read. The file is read as its rows are
 * asked for, and closed when the stream ends, fails or is interrupted.
 *
 * Fails with `BatchSourceError` where there is no plain file that can be read, its columns have no names or one twice, or
 * a quote is not closed: then it has the line where that quote stands.
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
export const fromCsv = (path: string, options?: CsvOptions): BatchSource<CsvRow> => ({
  name: path,
  rows: csvRows(fileBytes(path), { name: basename(path), source: path }, options)
})
