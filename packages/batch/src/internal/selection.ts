/** Which rows an operation is about. */
import { isFields } from "@effect-noukai/sdk/kit/names"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InvalidBatchError } from "../BatchError.js"
import { isSettled, RowState } from "../BatchRow.js"
import type { RowSelection } from "../BatchStatus.js"

/** Whether a row is one of those that were selected. */
export type IsSelected = (row: { readonly key: string; readonly state: RowState }) => boolean

/** A part of a pattern: a character, `?` for any one, or `*` for any number of them. */
type Part = { readonly char: string } | "?" | "*"

const partsOf = (glob: string): ReadonlyArray<Part> =>
  Array.from(
    glob.matchAll(/\\([^])|[^]/gu),
    ([char, escaped]) => escaped === undefined && (char === "*" || char === "?") ? char : { char: escaped ?? char }
  )

/**
 * Whether a text fits a pattern, in at most as many steps as parts times characters: a later `*` never needs another
 * place of an earlier one.
 */
const fits = (parts: ReadonlyArray<Part>) => (text: string): boolean => {
  const chars = Array.from(text)
  let at = 0
  let part = 0
  /** The last `*`, and the place after its text. */
  let star: { readonly part: number; at: number } | undefined
  while (at < chars.length) {
    const one = parts[part]
    if (one === "*") {
      star = { part, at }
      part++
    } else if (one !== undefined && (one === "?" || one.char === chars[at])) {
      part++
      at++
    } else if (star !== undefined) {
      star.at++
      at = star.at
      part = star.part + 1
    } else {
      return false
    }
  }
  return parts.slice(part).every((one) => one === "*")
}

/** Whether a key fits one of some patterns. */
export const matcher = (patterns: string | ReadonlyArray<string>): (key: string) => boolean => {
  const all = Arr.ensure(patterns).map((glob) => fits(partsOf(glob)))
  return (key) => all.some((isMatch) => isMatch(key))
}

/** Whether a value is the state of a row. */
export const isState: (state: unknown) => state is RowState = Schema.is(RowState)

/** The rows of an option. `isOpen`: of those that are not settled. */
export const selecting = (
  method: string,
  selection: RowSelection = {},
  isOpen = false
): Effect.Effect<IsSelected, InvalidBatchError> =>
  Effect.suspend(() => {
    const invalid = (reason: string) => new InvalidBatchError({ method, field: "select", reason })
    if (!isFields(selection)) return invalid("must be an object such as { state: \"pending\" } or { key: \"essay *\" }")
    const { key, state }: RowSelection = selection
    const keys = key === undefined ? undefined : Arr.ensure(key)
    const states = state === undefined ? undefined : Arr.ensure(state)
    if (keys?.some((one) => typeof one !== "string" || one === "") === true) {
      return invalid("must have patterns of keys that are texts of at least one character")
    }
    const wrong = states?.find((one) => !isState(one) || (isOpen && isSettled(one)))
    if (wrong !== undefined) {
      return invalid(
        isState(wrong)
          ? `has the state ${wrong}, whose rows are settled: make them pending first, with a retry`
          : `has the unknown state ${JSON.stringify(wrong)}: use one of ${RowState.literals.join(", ")}`
      )
    }
    const isMatch = keys === undefined ? undefined : matcher(keys)
    return Effect.succeed((row) => (states?.includes(row.state) ?? true) && (isMatch?.(row.key) ?? true))
  })
