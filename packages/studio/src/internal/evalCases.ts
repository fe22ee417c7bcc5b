/** The cases of an eval run as rows of a list. */
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalError } from "@effect-noukai/eval/EvalError"
import type { CaseVerdict, SideName, Summary, Trial, Verdict } from "@effect-noukai/eval/EvalReport"
import { formatCost, parseCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { EvalCase, EvalCaseFilter, EvalCasePage } from "../EvalsApi.js"
import { cut } from "./text.js"
import { listedAs, rankOf } from "./verdicts.js"

/** The most cases of an eval run that are kept, and the most characters of their JSON. */
const [mostCases, mostText] = [100_000, 32_000_000]

const [standardCases, most] = [50, 500]

const mostReason = 500

/** The sum of the costs of trials; none if one of them is not known. */
const costOf = (trials: ReadonlyArray<Trial>): BigDecimal.BigDecimal | undefined => {
  const costs = trials.map(({ attemptsCostUsd, isAttemptsCostUnknown }) =>
    isAttemptsCostUnknown ? Option.none() : parseCost(attemptsCostUsd)
  )
  return costs.length > 0 && costs.every(Option.isSome)
    ? BigDecimal.sumAll(costs.map(({ value }) => value))
    : undefined
}

/** The median time of the runs that completed, as in reports. */
const medianOf = (trials: ReadonlyArray<Trial>): number | undefined => {
  const times = trials
    .flatMap(({ durationMs, state }) => durationMs === undefined || state !== "done" ? [] : [durationMs])
    .sort((one, other) => one - other)
  const middle = times.length >> 1
  return times.length === 0
    ? undefined
    : times.length % 2 === 1
    ? times[middle]!
    : (times[middle - 1]! + times[middle]!) / 2
}

/** A case as a row of the list. */
const caseOf = (of: CaseVerdict): EvalCase => {
  const { at, baseline = [], candidate, checks, key, no } = of
  const all = Object.entries(checks)
  const [worst] = [...all].sort(([, one], [, other]) => rankOf(one.verdict) - rankOf(other.verdict))
  const outcomes = worst === undefined
    ? []
    : [worst[1].candidate, ...worst[1].baseline === undefined ? [] : [worst[1].baseline]]
  const outcome = (worst?.[1].verdict === "error" ? outcomes.find(({ verdict }) => verdict === "error") : undefined) ??
    outcomes[0]
  const [cost, costBefore] = [costOf(candidate), costOf(baseline)]
  const [time, timeBefore] = [medianOf(candidate), medianOf(baseline)]
  return {
    no,
    key,
    at,
    verdict: listedAs(of),
    checks: all.map(([check, { verdict }]) => ({ check, verdict })),
    ...outcome !== undefined && { reason: cut(outcome.reason, mostReason) },
    ...cost !== undefined && costBefore !== undefined && {
      costDifferenceUsd: formatCost(BigDecimal.subtract(cost, costBefore))
    },
    ...time !== undefined && timeBefore !== undefined && { timeDifferenceMs: time - timeBefore }
  }
}

/** The cases of an eval run: all as rows of the list, and as many whole as fit. */
export interface CaseIndex {
  readonly cases: ReadonlyArray<EvalCase>
  /** The number of cases by their verdicts. */
  readonly verdicts: Summary["verdicts"]
  readonly whole: ReadonlyMap<string, CaseVerdict>
}

/** Reads the cases of a run. */
export const read = (
  definition: Eval.Eval<unknown>,
  of: { readonly run: string; readonly candidate: SideName }
): Effect.Effect<CaseIndex, EvalError, BatchStore> =>
  Effect.gen(function*() {
    const cases: Array<EvalCase> = []
    const verdicts = { regressed: 0, error: 0, fail: 0, fixed: 0, "not comparable": 0, pass: 0 }
    const whole = new Map<string, CaseVerdict>()
    let text = 0
    yield* Stream.runForEach(Stream.take(Eval.cases(definition, of), mostCases), (one) =>
      Effect.sync(() => {
        const row = caseOf(one)
        cases.push(row)
        verdicts[row.verdict]++
        text += JSON.stringify(one).length
        if (text <= mostText) whole.set(one.key, one)
      }))
    return { cases, verdicts, whole }
  })

/** Returns the cases of a page, in the order of their verdicts: those of the check, if the filter names one. */
export const pageOf = (
  { cases }: Pick<CaseIndex, "cases">,
  { check, limit = standardCases, offset = 0, text, verdict }: EvalCaseFilter
): EvalCasePage => {
  const verdictOf = (one: EvalCase): Verdict | undefined =>
    check === undefined ? one.verdict : one.checks.find((other) => other.check === check)?.verdict
  const part = text?.toLowerCase()
  const matching = cases.flatMap((one) => {
    const found = verdictOf(one)
    return found !== undefined && (verdict === undefined || found === verdict) &&
        (part === undefined || `${one.key}\n${one.reason ?? ""}`.toLowerCase().includes(part))
      ? [{ one, verdict: found }]
      : []
  }).sort((a, b) => rankOf(a.verdict) - rankOf(b.verdict) || a.one.no - b.one.no)
  const shown = matching.slice(offset, offset + Math.min(Math.max(1, limit), most))
  return { cases: shown.map(({ one, verdict }) => ({ ...one, verdict })), total: matching.length }
}
