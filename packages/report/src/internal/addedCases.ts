/** Runs of a session that are added to the text of a file of eval cases. */
import { type Names, orThrow } from "@effect-noukai/sdk/kit/names"
import { digitsAt, digitsIn, digitsWithin, stringifyJson, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"

interface Case {
  readonly [field: string]: unknown
}

const textOf = (value: unknown, digits: unknown = digitsWithin(value)): string =>
  value === undefined ? "" : typeof value === "string" ? value : stringifyJson(value, digits)

/** A value of CSV. */
const quoted = (text: string, delimiter: string): string => {
  return text.includes(delimiter) || /["\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text
}

const delimiters = [",", ";", "\t"]

const csvRows = (text: string, cases: ReadonlyArray<Case>): Either.Either<ReadonlyArray<string>, string> => {
  const [header = ""] = text.replace(/^\ufeff/, "").split(/\r?\n/, 1)
  const [delimiter = ","] = [...delimiters].sort((a, b) => header.split(b).length - header.split(a).length)
  const names = header.split(delimiter).map((name) => name.trim().replace(/^"(.*)"$/, "$1"))
  const unknown = cases.flatMap(Object.keys).filter((name) => !names.includes(name))
  return unknown.length > 0
    ? Either.left(`it has no column ${unknown[0]}: its columns are ${names.join(", ")}`)
    : Either.right(
      cases.map((one) =>
        names.map((name) => quoted(textOf(one[name], digitsAt(digitsWithin(one), name)), delimiter)).join(delimiter)
      )
    )
}

const jsonRows = (text: string, cases: ReadonlyArray<Case>): Either.Either<ReadonlyArray<string>, string> => {
  const [first] = text.split("\n").filter((line) => line.trim() !== "")
  const names = first === undefined ? undefined : Either.getOrUndefined(Either.try((): unknown => JSON.parse(first)))
  if (first !== undefined && !Predicate.isRecord(names)) return Either.left("its first line is not a JSON object")
  const unknown = names === undefined
    ? undefined
    : cases.flatMap(Object.keys).find((name) => !Object.hasOwn(names as object, name))
  return unknown === undefined
    ? Either.right(cases.map((one) => stringifyJson(one, digitsWithin(one))))
    : Either.left(`its first case has no field ${unknown}: its fields are ${Object.keys(names as object).join(", ")}`)
}

/** A file of cases. */
export interface CasesFile {
  /** Whether it is CSV. Otherwise it is JSON lines. */
  readonly isCsv: boolean
  /**
   * The names of fields in the file, where they differ from those of a run: its parameters, `id`, `message` and `expected`.
   */
  readonly fields?: { readonly [field: string]: string } | undefined
}

const fileNames: Names<CasesFile> = { isCsv: true, fields: true }

/** Returns the text of a file of cases with more of them. Throws a `TypeError` for an unknown option of the file. */
export const addedCases = (
  text: string,
  runs: ReadonlyArray<Case>,
  file: CasesFile
): Either.Either<string, string> => {
  const { fields = {}, isCsv } = orThrow("addCases", file, fileNames)
  const nameOf = (field: string) => Object.hasOwn(fields, field) ? fields[field]! : field
  const cases = runs.map((run): Case => {
    const digits = digitsWithin(run)
    const given = Object.entries(run).filter(([, value]) => value !== undefined)
    return withDigits(
      Object.fromEntries(given.map(([field, value]) => [nameOf(field), value])),
      digitsIn(given.map(([field]) => [nameOf(field), digitsAt(digits, field)]))
    )
  })
  const known = cases.map((one) => textOf(one[nameOf("id")])).find((key) =>
    new RegExp(`(?<![\\w-])${key.replace(/\W/g, "\\$&")}(?![\\w-])`).test(text)
  )
  if (known !== undefined) return Either.left(`it has a case ${known}`)
  return Either.map(
    isCsv ? csvRows(text, cases) : jsonRows(text, cases),
    (rows) => `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${rows.map((row) => `${row}\n`).join("")}`
  )
}
