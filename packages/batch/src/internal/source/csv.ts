import { Parser } from "csv-parse"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { isUtf8 } from "node:buffer"
import { BatchSourceError } from "../../BatchError.js"
import { codeOf } from "../node/fileKind.js"
import { type CsvRow, type Decoder, type Place, type SourceRow, view } from "./Decoder.js"

export interface CsvLimits {
  readonly columns: ReadonlyArray<string> | undefined
  /** Absent: the first line tells it. */
  readonly delimiter: string | undefined
  readonly maxRecordBytes: number
}

const newline = 0x0a
const carriageReturn = 0x0d
const quote = 0x22

const countNewlines = (bytes: Buffer, from: number, to: number): number => {
  let count = 0
  for (let at = bytes.indexOf(newline, from); at !== -1 && at < to; at = bytes.indexOf(newline, at + 1)) count++
  return count
}

/** Where a CR is that has no LF behind it. -1 where none is. */
const loneReturn = (bytes: Buffer, from: number, to: number): number => {
  const part = bytes.subarray(from, to)
  let at = part.indexOf(carriageReturn)
  while (at !== -1 && bytes[from + at + 1] === newline) at = part.indexOf(carriageReturn, at + 1)
  return at === -1 ? -1 : from + at
}

/** Where the line ends that has its end here: after CR LF or LF. -1 where none has. */
const lineEnd = (bytes: Buffer, at: number, to: number): number => {
  if (at < to && bytes[at] === newline) return at + 1
  if (at + 1 < to && bytes[at] === carriageReturn && bytes[at + 1] === newline) return at + 2
  return -1
}

/**
 * The state of the quotes of a record. `stray`: a strict reader refuses one of them; the parser reads it as text, to find
 * the end of the record. `return`: a CR stands outside of quotes. It does not end a line, but may have been meant to. A
 * number: the value that begins at this place is not closed.
 */
type Quotes = "good" | "stray" | "return" | number

const strayReason = "a quote stands where none may: put the value in quotes, and write each quote in it twice"
const loneReason = "a CR stands alone: lines end with LF or CR LF, and a CR in a value is put in quotes"

/** Looks at the quotes of one record. */
const checkQuotes = (bytes: Buffer, from: number, to: number, delimiter: Buffer): Quotes => {
  let at = from
  while (true) {
    if (bytes[at] === quote && at < to) {
      const open = at++
      while (true) {
        const close = bytes.indexOf(quote, at)
        if (close === -1 || close >= to) return open
        at = close + 1
        if (at >= to || bytes[at] !== quote) break
        at++
      }
      if (at >= to || lineEnd(bytes, at, to) === to) return "good"
      if (loneReturn(bytes, at, at + 1) === at) return "return"
      if (bytes.compare(delimiter, 0, delimiter.length, at, Math.min(at + delimiter.length, to)) !== 0) return "stray"
      at += delimiter.length
    } else {
      const next = bytes.indexOf(delimiter, at)
      const end = next === -1 || next >= to ? to : next
      const found = bytes.indexOf(quote, at)
      if (found !== -1 && found < end) return "stray"
      if (loneReturn(bytes, at, end) !== -1) return "return"
      if (end === to) return "good"
      at = end + delimiter.length
    }
  }
}

const columnsProblem = (columns: ReadonlyArray<string>): string | undefined => {
  const seen = new Set<string>()
  for (const [index, column] of columns.entries()) {
    if (column.trim() === "") return `column ${index + 1} has no name`
    if (seen.has(column)) return `two columns are named ${JSON.stringify(column)}`
    seen.add(column)
  }
  return columns.length === 0 ? "no columns are named" : undefined
}

const fieldsOf = (count: number): string => count === 1 ? "1 field" : `${count} fields`

const toRow = (columns: ReadonlyArray<string>, fields: ReadonlyArray<string>): CsvRow =>
  Object.fromEntries(columns.map((column, index) => [column, fields[index]!]))

/** The bytes of the longest first line that tells a delimiter. */
const longestHead = 1024 * 1024

/** The delimiters that are told apart, the first one first where a line has as many of each. */
const delimiters = [",", ";", "\t"] as const

/** How many of each delimiter stand outside of quotes in the first line that is not empty; nothing before its end. */
const countDelimiters = (bytes: Buffer): ReadonlyArray<number> | undefined => {
  const counts = delimiters.map(() => 0)
  let isQuoted = false
  let isEmpty = true
  for (const byte of bytes) {
    if (byte === quote) isQuoted = !isQuoted
    else if (isQuoted) continue
    else if (byte === newline) {
      if (!isEmpty) return counts
      continue
    } else {
      const which = delimiters.findIndex((delimiter) => delimiter.charCodeAt(0) === byte)
      if (which !== -1) counts[which]!++
    }
    isEmpty &&= byte === carriageReturn
  }
}

/** The delimiter of a file whose first line has so many of each. */
const delimiterOf = (counts: ReadonlyArray<number>, columns: ReadonlyArray<string> | undefined): string => {
  const most = Math.max(...counts)
  // a line that is a row has as many as there are columns, for all texts in it
  const which = columns === undefined ? counts.indexOf(most) : counts.indexOf(columns.length - 1)
  return delimiters[which] ?? ","
}

/** Finds the delimiter in the first line, and reads the bytes with it. */
const detecting = (
  place: Place,
  limits: CsvLimits
): Effect.Effect<Decoder<CsvRow>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let head = Buffer.alloc(0)
    let decoder: Decoder<CsvRow> | undefined
    const begin = (counts: ReadonlyArray<number>) =>
      Effect.flatMap(
        Scope.extend(parsing(place, { ...limits, delimiter: delimiterOf(counts, limits.columns) }), scope),
        (made) => {
          decoder = made
          return made.push(head)
        }
      )
    return {
      push: (bytes) =>
        Effect.suspend(() => {
          if (decoder !== undefined) return decoder.push(bytes)
          head = Buffer.concat([head, bytes])
          const counts = countDelimiters(head) ?? (head.length > longestHead ? [] : undefined)
          return counts === undefined ? Effect.succeed([]) : begin(counts)
        }),
      end: Effect.suspend(() =>
        decoder !== undefined ? decoder.end : Effect.flatMap(
          begin(countDelimiters(Buffer.concat([head, Buffer.of(newline)])) ?? []),
          (rows) => Effect.map(decoder!.end, (rest) => [...rows, ...rest])
        )
      ),
      failure: () => decoder?.failure()
    }
  })

const failing = (source: string) => (line: number | undefined, reason: string, cause?: unknown) =>
  new BatchSourceError({ source, reason, ...line !== undefined && { line }, ...cause !== undefined && { cause } })

/** Records of CSV. It holds the bytes of one record, up to the limit. */
export const makeCsv: (
  place: Place,
  limits: CsvLimits
) => Effect.Effect<Decoder<CsvRow>, BatchSourceError, Scope.Scope> = Effect.fnUntraced(
  function*(place, limits) {
    const { columns, delimiter } = limits
    const failure = failing(place.source)
    if (delimiter !== undefined && (delimiter === "" || /["\r\n]/.test(delimiter))) {
      return yield* failure(undefined, `the delimiter cannot be ${JSON.stringify(delimiter)}`)
    }
    const problem = columns === undefined ? undefined : columnsProblem(columns)
    if (problem !== undefined) return yield* failure(undefined, problem)
    return yield* delimiter === undefined ? detecting(place, limits) : parsing(place, { ...limits, delimiter })
  }
)

/** A file of CSV while it is read. */
interface Reading {
  readonly name: string
  readonly failure: ReturnType<typeof failing>
  readonly delimiter: Buffer
  readonly maxRecordBytes: number
  columns: ReadonlyArray<string> | undefined
  /** The rows that nobody has taken yet. */
  rows: Array<SourceRow<CsvRow>>
  failed: BatchSourceError | undefined
  /** The bytes that no record has taken yet. */
  held: Buffer
  /** The place of the held bytes in the file. */
  heldFrom: number
  line: number
}

/** Passes the empty lines before a record. */
const passEmptyLines = (reading: Reading, to: number): number => {
  let at = 0
  for (let end = lineEnd(reading.held, at, to); end !== -1; end = lineEnd(reading.held, at, to)) {
    at = end
    reading.line++
  }
  return at
}

/** Takes the fields of a record whose bytes end at this place of the file. */
const onRecord = (reading: Reading, fields: ReadonlyArray<string>, endsAt: number): void => {
  const { columns, failure, held, name } = reading
  const to = endsAt - reading.heldFrom
  const from = passEmptyLines(reading, to)
  const start = reading.line
  reading.line += countNewlines(held, from, to)
  const bytes = held.subarray(from, to)
  const isPlain = !bytes.includes(quote) && loneReturn(held, from, to) === -1
  const quotes = isPlain ? "good" : checkQuotes(held, from, to, reading.delimiter)
  const reason = !isUtf8(bytes)
    ? "it is not UTF-8: save the file as UTF-8 (in Excel as CSV UTF-8)"
    : quotes === "good"
    ? undefined
    : quotes === "return"
    ? loneReason
    : strayReason
  reading.held = held.subarray(to)
  reading.heldFrom += to
  if (columns === undefined) {
    const wrong = reason ?? columnsProblem(fields)
    if (wrong === undefined) reading.columns = [...fields]
    else reading.failed = failure(start, `the header cannot be read: ${wrong}`)
    return
  }
  const at = `${name}:${start}`
  const wrong = reason ?? (fields.length === columns.length
    ? undefined
    : `it has ${fieldsOf(fields.length)} in place of ${columns.length}`)
  reading.rows.push(
    wrong === undefined
      ? { _tag: "Row", at, value: toRow(columns, fields) }
      : { _tag: "Unreadable", at, reason: wrong }
  )
}

/** The failure of a file for an error of the parser. */
const failureOf = (reading: Reading, cause: unknown): BatchSourceError => {
  const { failure, held, maxRecordBytes } = reading
  const from = passEmptyLines(reading, held.length)
  const quotes = checkQuotes(held, from, held.length, reading.delimiter)
  const code = codeOf(cause)
  if (code === "CSV_QUOTE_NOT_CLOSED" && typeof quotes === "number") {
    const reason = "a value begins with a quote here, and no quote ends it"
    return failure(reading.line + countNewlines(held, from, quotes), reason)
  }
  if (code === "CSV_MAX_RECORD_SIZE") {
    const why = typeof quotes === "number"
      ? "; a quote in it may not be closed"
      : quotes === "return"
      ? "; a CR alone does not end a line"
      : ""
    return failure(reading.line, `the record that begins here is longer than ${maxRecordBytes} bytes${why}`)
  }
  return failure(reading.line, "it cannot be read as CSV", cause)
}

/** Takes the rows so far, after a step of the parser or its error. */
const takeRows = (reading: Reading, cause: unknown): ReadonlyArray<SourceRow<CsvRow>> => {
  if (cause !== undefined && cause !== null) reading.failed ??= failureOf(reading, cause)
  const all = reading.rows
  reading.rows = []
  return all
}

const parsing: (
  place: Place,
  limits: CsvLimits & { readonly delimiter: string }
) => Effect.Effect<Decoder<CsvRow>, never, Scope.Scope> = Effect.fnUntraced(
  function*({ name, source }, { columns, delimiter, maxRecordBytes }) {
    const reading: Reading = {
      name,
      failure: failing(source),
      delimiter: Buffer.from(delimiter),
      maxRecordBytes,
      columns,
      rows: [],
      failed: undefined,
      held: Buffer.alloc(0),
      heldFrom: 0,
      line: 1
    }
    const parser = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Parser({
          bom: false,
          columns: false,
          delimiter,
          max_record_size: maxRecordBytes,
          on_record: (fields: ReadonlyArray<string>) => {
            if (reading.failed === undefined) onRecord(reading, fields, parser.info.bytes)
            return null
          },
          record_delimiter: ["\r\n", "\n"],
          relax_column_count: true,
          relax_quotes: true,
          skip_empty_lines: true
        })
      ),
      (made) => Effect.sync(() => made.destroy())
    )
    // the callbacks receive the errors, too
    parser.on("error", () => {})
    return {
      push: (bytes) =>
        Effect.async((resume) => {
          if (reading.failed !== undefined) return resume(Effect.succeed([]))
          // copied, since the parser keeps a part of it until the next one
          const piece = Buffer.from(view(bytes))
          reading.held = reading.held.length === 0 ? piece : Buffer.concat([reading.held, piece])
          parser.write(piece, (cause) => resume(Effect.sync(() => takeRows(reading, cause))))
        }),
      end: Effect.async((resume) => {
        if (reading.failed !== undefined) return resume(Effect.succeed([]))
        parser.once("error", (cause) => resume(Effect.sync(() => takeRows(reading, cause))))
        parser.once("finish", () => {
          if (reading.columns === undefined) reading.failed ??= reading.failure(1, "it has no header")
          resume(Effect.sync(() => takeRows(reading, undefined)))
        })
        parser.end()
      }),
      failure: () => reading.failed
    }
  }
)
