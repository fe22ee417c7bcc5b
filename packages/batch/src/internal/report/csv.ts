/** Rows as CSV, after RFC 4180. */
import type { Names } from "@effect-noukai/sdk/kit/names"
import { digitsAt, digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { InvalidBatchError } from "../../BatchError.js"
import type { RowResult } from "../../BatchRow.js"
import { named } from "../names.js"
import { hasResult } from "./rowLine.js"

/** The most fields of results, and of inputs, that have columns. */
const most = 100

/** The beginnings of cells that a spreadsheet reads as a formula. */
const formula = /^[=+\-@\t\r\n＝＋－＠]/

/** A value as JSON, or a text unchanged. A bigint is written as its digits. */
const textOf = (value: unknown): string => {
  if (value === undefined || value === null) return ""
  if (typeof value === "string") return value
  const json = JSON.stringify(value, (_, each: unknown) => typeof each === "bigint" ? String(each) : each) ?? ""
  return json.startsWith("\"") ? String(JSON.parse(json)) : json
}

/** The line of a record. */
export const recordOf = (isSpreadsheet: boolean) => (values: ReadonlyArray<unknown>): string => {
  const cells = values.map((value) => {
    const text = textOf(value)
    const cell = isSpreadsheet && typeof value !== "number" && formula.test(text) ? `'${text}` : text
    return /[",\r\n]/.test(cell) ? `"${cell.replaceAll("\"", "\"\"")}"` : cell
  })
  return `${cells.join(",")}\r\n`
}

/** A value, or its JSON if it has numbers with more digits than a number keeps. */
const exact = (value: unknown, digits: unknown): unknown => digits === undefined ? value : stringifyJson(value, digits)

/** Spreads values over a column per field. A value that is not an object, or has other fields, is in one cell. */
const makeSpread = (name: string) => {
  const fields = new Set<string>()
  let isThere = false
  const fieldsOf = (value: unknown) =>
    Predicate.isRecord(value) && typeof value.toJSON !== "function" && Object.keys(value).length > 0 ? value : undefined
  return {
    see: (value: unknown): void => {
      isThere ||= value !== undefined
      if (fields.size <= most) { for (const field in fieldsOf(value)) fields.add(field) }
    },
    header: (): ReadonlyArray<string> => {
      if (fields.size > most) fields.clear()
      return isThere ? [name, ...Array.from(fields, (field) => `${name}.${field}`)] : []
    },
    cells: (value: unknown, digits: unknown): ReadonlyArray<unknown> => {
      if (!isThere) return []
      const own = fieldsOf(value)
      const isSpread = own !== undefined && Object.keys(own).every((field) => fields.has(field))
      return [
        isSpread ? undefined : exact(value, digits),
        ...Array.from(fields, (field) => isSpread ? exact(own[field], digitsAt(digits, field)) : undefined)
      ]
    }
  }
}

const resultOf = (row: RowResult): unknown => hasResult(row) ? row.result : undefined

/** The options of a table. */
export interface CsvOptions {
  /** Whether texts that a spreadsheet would take for a formula begin with `'`. Default: false. */
  readonly spreadsheet?: boolean | undefined
}

const csvNames: Names<CsvOptions> = { spreadsheet: true }

export const csv = <E, R>(
  rows: Stream.Stream<RowResult, E, R>,
  options: CsvOptions = {}
): Stream.Stream<string, E | InvalidBatchError, R> =>
  Stream.unwrap(Effect.gen(function*() {
    yield* named("BatchReport.csv", options, csvNames)
    const { spreadsheet = false } = options
    const [inputs, results] = [makeSpread("input"), makeSpread("result")]
    results.see(null)
    yield* Stream.runForEachChunk(rows, (chunk) =>
      Effect.sync(() => {
        for (const row of chunk) {
          inputs.see(row.input)
          results.see(resultOf(row))
        }
      }))
    const record = recordOf(spreadsheet)
    const header = record([
      ...["no", "key", "at", "state", "attempt", "flow", "version"],
      ...inputs.header(),
      ...results.header(),
      ...["error.kind", "error.message", "error.code", "executionId", "adopted"],
      ...["costUsd", "isCostUnknown", "attemptsCostUsd", "isAttemptsCostUnknown"],
      ...["durationMs", "tokens.prompt", "tokens.completion", "tokens.total", "settledNo"]
    ])
    const line = (row: RowResult): string => {
      const { adopted, at, attempt, durationMs, error, executionId, key, no, tokens } = row
      const digits = digitsWithin(row)
      return record([
        ...[no, key, at, row.state, attempt, row.flow, row.version],
        ...inputs.cells(row.input, digitsAt(digits, "input")),
        ...results.cells(resultOf(row), digitsAt(digits, "result")),
        ...[error?.kind, error?.message, error?.code, executionId, adopted],
        ...[row.costUsd, row.isCostUnknown, row.attemptsCostUsd, row.isAttemptsCostUnknown],
        ...[durationMs, tokens?.prompt, tokens?.completion, tokens?.total, row.settledNo]
      ])
    }
    const lines = Stream.mapChunks(rows, (chunk) => Chunk.of(Chunk.toReadonlyArray(chunk).map(line).join("")))
    return Stream.prepend(lines, Chunk.of(header))
  }))
