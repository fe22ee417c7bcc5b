/** The differences of a case of an eval. */
import type { CaseVerdict, Trial } from "@effect-noukai/eval/EvalReport"
import { digitsAt, digitsWithin } from "@effect-noukai/sdk/kit/plainJson"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import type { EvalCaseDetail } from "../EvalsApi.js"
import { type Exact, exactChanges } from "./exactChanges.js"

const mostChanges = 100

const exactly = (trial: Trial): Exact => ({ value: trial.result, digits: digitsAt(digitsWithin(trial), "result") })

/** A case with the differences of the outputs of both sides. */
export const caseDetail = (of: CaseVerdict): EvalCaseDetail => ({
  case: of,
  differences: of.candidate.flatMap((one) => {
    const { result, trial } = one
    const before = of.baseline?.find((other) => other.trial === trial)
    if (before === undefined || before.result === undefined || result === undefined) return []
    return [{
      trial,
      changes: exactChanges(exactly(before), exactly(one), mostChanges),
      ...typeof before.result === "string" && typeof result === "string" && {
        parts: ValueDiff.words(before.result, result)
      }
    }]
  })
})
