/** Differences of JSON whose numbers are compared by all their digits. */
import { type Exact, exactly } from "@effect-noukai/sdk/kit/plainJson"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"

export type { Exact }

/** The first differences of two values, with the digits of their numbers. */
export const exactChanges = (before: Exact, after: Exact, limit: number): ReadonlyArray<ValueDiff.Change> =>
  exactly([before, after], (expected, actual) => ValueDiff.changes(expected, actual, { limit }))
