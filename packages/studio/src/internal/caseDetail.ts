/** The differences of a case of an eval. */
import type { CaseVerdict } from "@effect-noukai/eval/EvalReport"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import type { EvalCaseDetail } from "../EvalsApi.js"

const mostChanges = 100

/** A case with the differences of the outputs of both sides. */
export const caseDetail = (one: CaseVerdict): EvalCaseDetail => ({
  case: one,
  differences: one.candidate.flatMap(({ result, trial }) => {
    const before = one.baseline?.find((other) => other.trial === trial)
    if (before === undefined || before.result === undefined || result === undefined) return []
    return [{
      trial,
      changes: ValueDiff.changes(before.result, result, { limit: mostChanges }),
      ...typeof before.result === "string" && typeof result === "string" && {
        parts: ValueDiff.words(before.result, result)
      }
    }]
  })
})
