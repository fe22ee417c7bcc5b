/** Differences of JSON whose numbers are compared by all their digits. */
import { type Digits, digitsAt, digitsWithin, parseJson } from "@effect-noukai/sdk/internal/digits"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"

/** Begins a text that stands for a number. */
const mark = "\uE000"

const markedNumber = /"\uE000(-?\d[\d.eE+-]*)"/g

const marked = (value: unknown, digits: Digits | undefined): unknown => {
  if (digits === undefined) return value
  if (typeof digits === "string") return mark + digits
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) =>
    [key, marked(item, digitsAt(digits, key))] as const
  )
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries)
}

/** A value, and the digits of its numbers. */
export interface Exact {
  readonly value: unknown
  readonly digits?: Digits | undefined
}

/** The first differences of two values, with the digits of their numbers. */
export const exactChanges = (before: Exact, after: Exact, limit: number): ReadonlyArray<ValueDiff.Change> => {
  const digitsOfEach = [before, after].map(({ digits, value }) => digits ?? digitsWithin(value))
  const [expected, actual] = digitsOfEach
  const changes = ValueDiff.changes(marked(before.value, expected), marked(after.value, actual), { limit })
  return digitsOfEach.every((digits) => digits === undefined)
    ? changes
    : parseJson(JSON.stringify(changes).replace(markedNumber, "$1")) as ReadonlyArray<ValueDiff.Change>
}
