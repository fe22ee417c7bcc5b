/** Which rows an operation is about. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InvalidBatchError } from "../BatchError.js"
import { isSettled, RowState } from "../BatchRow.js"
import type { RowSelection } from "../BatchStatus.js"

/** Whether a row is one of those that were selected. */
export type IsSelected = (row: { readonly key: string; readonly state: RowState }) => boolean

const patternOf = (glob: string): RegExp => {
  const literal = (text: string) => text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&")
  const source = glob.replace(
    /\\([^])|[^]/gu,
    (char, escaped: string | undefined) => char === "*" ? "[^]*" : char === "?" ? "[^]" : literal(escaped ?? char)
  )
  return new RegExp(`^${source}$`, "u")
}

const isState = Schema.is(RowState)

/** The rows of an option. `isOpen`: of those that are not settled. */
export const selecting = (
  method: string,
  { key, state }: RowSelection = {},
  isOpen = false
): Effect.Effect<IsSelected, InvalidBatchError> =>
  Effect.suspend(() => {
    const invalid = (reason: string) => new InvalidBatchError({ method, field: "select", reason })
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
    const patterns = keys?.map(patternOf)
    return Effect.succeed((row) =>
      (states?.includes(row.state) ?? true) && (patterns?.some((pattern) => pattern.test(row.key)) ?? true)
    )
  })
