/** The text of a definition, guessed from its cases. */
import type { BatchSourceError } from "@effect-noukai/batch/BatchError"
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import { hint } from "@effect-noukai/sdk/kit/names"
import { digitsOf, digitsWithin, stringifyJson, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { basename, dirname, isAbsolute, relative, sep } from "node:path"
import { Document, isMap, isPair, isScalar, visit, type YAMLMap } from "yaml"
import { InvalidEvalError } from "../EvalError.js"
import type { DraftOptions } from "../EvalOptions.js"
import { pathText, show } from "./values.js"

type Row = { readonly [column: string]: unknown }

/** The facts of a column: whether all its values are such. */
interface Column {
  readonly types: Set<string>
  count: number
  isUnique: boolean
  isNumber: boolean
  isBoolean: boolean
  isEmpty: boolean
}

/** A number that text keeps as it is: no zeros before it, and no more digits than JavaScript has. */
const isPlainNumber = (text: string): boolean => /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) && text.length <= 15

const typeOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : Predicate.isObject(value) ? "object" : typeof value

const longestKey = 512

/** Reads the columns of some rows, and keeps the rows. */
const tableOf = Effect.fnUntraced(function*(
  at: string,
  source: BatchSource.BatchSource<unknown>
): Effect.fn.Return<Table, InvalidEvalError | BatchSourceError> {
  const rows: Array<Row> = []
  const columns = new Map<string, Column>()
  const seen = new Map<string, Set<unknown>>()
  yield* Stream.runForEach(source.rows, (row) => {
    const wrong = (reason: string) => new InvalidEvalError({ at: row.at, field: "the case", reason })
    if (row._tag === "Unreadable") return wrong(`cannot be read: ${row.reason}`)
    if (!Predicate.isRecord(row.value)) return wrong(`is ${show(row.value)}: it must be an object`)
    rows.push(row.value)
    for (const [name, value] of Object.entries(row.value)) {
      const first = {
        types: new Set<string>(),
        count: 0,
        isUnique: true,
        isNumber: true,
        isBoolean: true,
        isEmpty: false
      }
      const column: Column = columns.get(name) ?? first
      columns.set(name, column)
      column.count++
      column.types.add(typeOf(value))
      const text = typeof value === "string" ? value.trim() : ""
      column.isEmpty ||= value === null || (typeof value === "string" && text === "")
      if (text !== "") {
        column.isNumber &&= isPlainNumber(text)
        column.isBoolean &&= /^(true|false)$/i.test(text)
      }
      const key = typeof value === "number" ? String(value) : value
      const values = seen.get(name) ?? new Set()
      if (typeof key !== "string" || key === "" || key.length > longestKey || values.has(key)) column.isUnique = false
      if (column.isUnique) seen.set(name, values.add(key))
      else seen.delete(name)
    }
    return Effect.void
  })
  if (rows.length === 0) {
    return yield* new InvalidEvalError({ at, field: "cases", reason: "are missing: there is not one case" })
  }
  return { rows, columns }
})

interface Table {
  readonly rows: ReadonlyArray<Row>
  readonly columns: ReadonlyMap<string, Column>
}

const names = {
  key: ["id", "key"],
  message: ["message", "text", "input", "prompt", "question", "query", "content", "request"],
  expected: ["expected", "answer", "label", "output", "result", "target", "reference", "solution"]
} as const

/** The column that the caller names, or the first whose name says what it is. */
const columnOf = Effect.fnUntraced(function*(
  { columns }: Table,
  option: keyof typeof names,
  given: string | undefined,
  isFit: (column: Column, name: string) => boolean
) {
  const all = [...columns.keys()]
  if (given === undefined) {
    return names[option].flatMap((name) => all.filter((one) => one.trim().toLowerCase() === name)).find((name) =>
      isFit(columns.get(name)!, name)
    )
  }
  if (columns.has(given)) return given
  const advice = hint(given, all, `the columns are ${all.map(show).join(", ")}`)
  return yield* new InvalidEvalError({
    at: "EvalFile.draft",
    field: option,
    reason: `${show(given)} is not a column: ${advice}`
  })
})

/** A name that no column has. */
const free = (table: Table, name: string): string => table.columns.has(name) ? free(table, `${name}_`) : name

interface Guess {
  readonly key: string
  readonly message: string
  readonly expected: string | undefined
  /** Whether the rows have no key, so that they are numbered. */
  readonly isNumbered: boolean
}

const guessed = Effect.fnUntraced(function*(table: Table, options: DraftOptions) {
  const { columns, rows } = table
  const isWhole = ({ count }: Column) => count === rows.length
  const isKey = (column: Column) => isWhole(column) && column.isUnique
  const found = yield* columnOf(table, "key", options.key, isKey)
  const expected = yield* columnOf(
    table,
    "expected",
    options.expected,
    (column, name) => isWhole(column) && name !== found
  )
  const isMessage = (column: Column, name: string) => isWhole(column) && name !== found && name !== expected
  const all = [...columns.entries()]
  const isText = ({ types }: Column) => types.size === 1 && (types.has("string") || types.has("object"))
  const key = found ?? all.find(([name, column]) => isKey(column) && name !== expected)?.[0]
  const message = (yield* columnOf(table, "message", options.message, isMessage)) ??
    all.find(([name, column]) => isMessage(column, name) && isText(column) && name !== key)?.[0] ??
    all.find(([name, column]) => isMessage(column, name))?.[0] ?? key
  if (message === undefined) {
    const reason = "is in no column that every case has: name one"
    return yield* new InvalidEvalError({ at: "EvalFile.draft", field: "message", reason })
  }
  const guess: Guess = { key: key ?? free(table, "id"), message, expected, isNumbered: key === undefined }
  return guess
})

/** The JSON Schema of a column, and of its values after CSV. */
const schemaOf = (
  column: Column,
  isCsv: boolean,
  isText: boolean
): { readonly type?: string | ReadonlyArray<string> } => {
  const { isBoolean, isEmpty, isNumber, types } = column
  if (!isCsv) return { type: types.size === 1 ? [...types][0]! : [...types] }
  const type = isText || (isNumber && isBoolean) ? "string" : isNumber ? "number" : isBoolean ? "boolean" : "string"
  return { type: type !== "string" && isEmpty ? [type, "null"] : type }
}

/** A value of CSV, as its schema reads it. */
const typed = (value: unknown, { type = "string" }: ReturnType<typeof schemaOf>): unknown => {
  const text = String(value).trim()
  return type === "string"
    ? value
    : text === ""
    ? null
    : /^t|^f/i.test(text)
    ? text.toLowerCase() === "true"
    : Number(text)
}

const columnText = (name: string): string => `the column ${show(name)}`

/** Sets the comment before a field. */
const comment = (map: YAMLMap, field: string, text: string): void => {
  const pair = map.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === field)
  if (pair !== undefined && isScalar(pair.key)) {
    pair.key.commentBefore = ` ${text.replace(/\p{Cc}|[\u2028\u2029]/gu, " ")}`
  }
}

/** A definition before it is checked. */
export interface Drafted {
  readonly text: string
  /** The cases that must be written beside the definition. */
  readonly rows?: ReadonlyArray<Row>
  readonly casesPath: string
  readonly guesses: ReadonlyArray<string>
}

/** The path of a file from the folder of the definition. */
const pathFrom = (definition: string, file: string): string => {
  const path = relative(dirname(definition), file)
  return isAbsolute(path) ? path : path.split(sep).join("/")
}

/** The name of an eval, from the name of its file. */
export const nameOf = (path: string): string =>
  Array.from(
    basename(path).replace(/(\.eval)?\.[^.]*$/, "").replace(/[^\p{L}\p{N} ._-]+/gu, "-").replace(/^[^\p{L}\p{N}]+/u, "")
  ).slice(0, 100).join("").trim() || "eval"

const sourceOf = ({ cases }: DraftOptions): BatchSource.BatchSource<unknown> =>
  typeof cases !== "string"
    ? BatchSource.fromIterable(cases)
    : BatchSource[/\.csv$/i.test(cases) ? "fromCsv" : "fromJsonl"](cases)

/** The text of a definition of some cases. */
export const drafted = Effect.fnUntraced(function*(options: DraftOptions) {
  const { cases, flow, path } = options
  const name = nameOf(path)
  const isCsv = typeof cases === "string" && /\.csv$/i.test(cases)
  const table = yield* tableOf(path, sourceOf(options))
  const guess = yield* guessed(table, options)
  const { expected, isNumbered, key, message } = guess
  const isWritten = typeof cases !== "string" || isNumbered
  const casesPath = isWritten ? `${name}.cases.jsonl` : pathFrom(path, cases)
  const field = (column: string) => ({ $case: pathText([column]) })
  const properties = Object.fromEntries([
    ...isNumbered ? [[key, { type: "string" }] as const] : [],
    ...Array.from(
      table.columns,
      ([column, facts]) => [column, schemaOf(facts, isCsv, column === key || column === message)] as const
    )
  ])
  const { types } = table.columns.get(message)!
  const isInput = types.size === 1 && types.has("object")
  const isText = isCsv || (types.size === 1 && types.has("string"))
  const input = isInput ? field(message) : { message: isText ? field(message) : { $text: [field(message)] } }
  const others = Array.from(table.columns.keys()).filter((one) => one !== key && one !== message && one !== expected)
  const [other] = others
  const operation = options.operation === undefined ? {} : { operation: options.operation }
  const document = new Document({
    name,
    flow,
    cases: casesPath,
    case: { properties, required: [...new Set([key, message, ...expected === undefined ? [] : [expected]])] },
    key: pathText([key]),
    input,
    ...operation,
    checks: expected === undefined ? { cheap: { maxCostUsd: "1" } } : { same: { equals: field(expected) } }
  }, { aliasDuplicateObjects: false })
  const keyGuess = isNumbered ? "the number of the row: no column has a different text in every case" : columnText(key)
  const guesses = [
    `key: ${keyGuess}`,
    isInput ? `input: ${columnText(message)}` : `message: ${columnText(message)}`,
    expected === undefined
      ? "expected: no column; the only check is a limit of the cost"
      : `expected: ${columnText(expected)}`
  ]
  const root = document.contents
  if (!isMap(root)) return yield* Effect.dieMessage("a document of an object is a map")
  visit(document, {
    Collection: (_, part) => {
      part.flow = part.items.every((item) => isScalar(isPair(item) ? item.value : item))
    }
  })
  document.commentBefore = ` A draft of an eval, with ${table.rows.length} cases. Comments say what was guessed.`
  comment(root, "case", "Guessed from the values of all cases.")
  comment(root, "key", `Guessed: the key is ${keyGuess}. It must be unique.`)
  comment(
    root,
    "input",
    `Guessed: the ${isInput ? "input" : "message"} is ${columnText(message)}.${
      other === undefined || isInput
        ? ""
        : ` Other columns can be parameters: parameters: { name: ${JSON.stringify(field(other))} }`
    }`
  )
  comment(
    root,
    "checks",
    expected === undefined
      ? "No column has the expected value. Replace the limit by checks of your own, such as { contains: text, at: field }."
      : `Guessed: the whole result equals ${columnText(expected)}. To compare one field of it, add "at: field".`
  )
  const written = (row: Row, index: number): Row =>
    withDigits({
      ...isNumbered && { [key]: `row ${index + 1}` },
      ...isCsv
        ? Object.fromEntries(Object.entries(row).map(([column, value]) => [column, typed(value, properties[column]!)]))
        : row
    }, digitsOf(row))
  const result: Drafted = {
    text: document.toString({ lineWidth: 0 }),
    casesPath,
    guesses,
    ...isWritten && { rows: table.rows.map(written) }
  }
  return result
})

/** Rows as JSON lines. */
export const linesOf = (rows: ReadonlyArray<Row>): string =>
  rows.map((row) => `${stringifyJson(row, digitsWithin(row))}\n`).join("")
