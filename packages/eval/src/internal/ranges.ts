/** The ranges of all numbers of evals: thresholds, counts, limits and tolerances. A wrong number is refused before anything is paid. */
import type * as JSONSchema from "effect/JSONSchema"
import * as Schema from "effect/Schema"
import { show } from "./values.js"

/** The numbers that a field may have. */
export interface Range {
  readonly least: number
  readonly most?: number
  readonly isWhole?: true
}

/** A count: of errors, of cases that regress, of calls. */
export const count: Range = { least: 0, isWhole: true }

/** A limit or a tolerance. */
export const limit: Range = { least: 0 }

/** A share of cases, or a score. */
export const share: Range = { least: 0, most: 1 }

/** A count that is not 0. */
export const atLeastOne: Range = { least: 1, isWhole: true }

/** The trials of a case. */
export const trials: Range = { least: 1, most: 100, isWhole: true }

/** Any number but NaN and the infinite ones. */
export const finite: Range = { least: -Infinity }

const formsOf = ({ isWhole, least, most }: Range): string => {
  const kind = isWhole ? "whole number" : "finite number"
  return least === -Infinity
    ? `must be a ${kind}`
    : `must be a ${
      most === undefined ? `${kind} of at least ${least}` : `${isWhole ? kind : "number"} from ${least} to ${most}`
    }`
}

const isIn = (value: unknown, { isWhole, least, most = Number.MAX_VALUE }: Range): boolean =>
  typeof value === "number" && Number.isFinite(value) && value >= least && value <= most &&
  (isWhole !== true || Number.isSafeInteger(value))

/** Why a value is not in a range, with the value; `undefined` if it is. */
export const outOf = (range: Range, value: unknown): string | undefined =>
  isIn(value, range) ? undefined : `${formsOf(range)}, not ${show(value)}`

/** The schema of the numbers of a range. */
export const within = (range: Range): Schema.Schema<number> => {
  const { isWhole, least, most } = range
  const jsonSchema: Partial<JSONSchema.JsonSchema7Number | JSONSchema.JsonSchema7Integer> = {
    type: isWhole ? "integer" : "number",
    ...(least > -Infinity && { minimum: least }),
    ...(most !== undefined && { maximum: most })
  }
  return Schema.Number.pipe(Schema.filter((value) => outOf(range, value) ?? true, { jsonSchema }))
}
