/** The part of the cases that an eval run has. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { InvalidEvalError } from "../../EvalError.js"
import type { SelectOptions } from "../../EvalOptions.js"
import type { CaseVerdict, Selection } from "../../EvalReport.js"
import { named } from "../names.js"
import * as Ranges from "../ranges.js"
import { show } from "../values.js"
import { together } from "../verdict.js"
import type { Facts } from "./facts.js"

/** Reads the options `select` and `first`. */
export const asked = Effect.fnUntraced(function*(method: string, { first, select }: SelectOptions) {
  const wrong = first === undefined ? undefined : Ranges.outOf(Ranges.atLeastOne, first)
  if (wrong !== undefined) return yield* new InvalidEvalError({ at: method, field: "first", reason: wrong })
  const part: Pick<Selection, "first" | "select"> = first === undefined ? {} : { first }
  if (select === undefined) return part
  yield* named(method, { select }, { select: { key: true } })
  const keys = Arr.ensure(select.key ?? [])
  if (keys.length === 0 || keys.some((key) => typeof key !== "string" || key === "")) {
    const reason = `must have a pattern of keys, such as { key: "essay *" }, not ${show(select)}`
    return yield* new InvalidEvalError({ at: method, field: "select", reason })
  }
  return { ...part, select: keys }
})

/** Selects the cases of a run, in the order of the source. Each reader of the source needs a new one. */
export const selecting = ({ selection: { first = Infinity, keys, select } = { of: 0 } }: Facts) => {
  const failing = keys === undefined ? undefined : new Set(keys)
  const isMatch = select === undefined ? undefined : Batch.keyMatcher(select)
  let left = first
  return ({ key }: { readonly key: string }): boolean =>
    (failing?.has(key) ?? true) && (isMatch?.(key) ?? true) && left-- > 0
}

/** Whether the candidate failed a case, also by a check that did not judge the baseline, or has no verdict on it. */
export const isFailing = ({ checks, mean, verdict }: CaseVerdict): boolean =>
  verdict === "error" ||
  (mean?.candidate.verdict ?? together(Object.values(checks).map(({ candidate }) => candidate.verdict))) !== "pass"

/** The error of a selection without a case. */
export const nothing = (method: string, { failing, of, select }: Selection) =>
  new InvalidEvalError({
    at: method,
    field: select === undefined ? "failing" : "select",
    reason: `matches none of the ${of} cases${select === undefined ? "" : `: ${select.map(show).join(", ")}`}${
      failing === undefined ? "" : `, of those that failed in the run ${failing}`
    }`
  })
