/** The cases of an eval run as rows of a list, in its order. */
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalError } from "@effect-noukai/eval/EvalError"
import type { CaseVerdict, Trial } from "@effect-noukai/eval/EvalReport"
import { formatCost, parseCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { EvalCase, EvalCaseFilter, EvalCasePage } from "../EvalsApi.js"
import { cut } from "./text.js"

/** The most cases of an eval run that are kept, and the most characters of their JSON. */
const [mostCases, mostText] = [100_000, 32_000_000]

const [standardCases, most] = [50, 500]

const mostReason = 500

/** Verdicts in the order of the list. */
const order: ReadonlyArray<string> = ["regressed", "error", "fail", "not comparable", "fixed", "pass"]

const rankOf = (verdict: string): number => order.indexOf(verdict)

/** Whether a case is listed among the regressions: also where another check fails on both sides. */
const rankOfCase = ({ checks, verdict }: CaseVerdict): number =>
  Math.min(rankOf(verdict), ...Object.values(checks).map((check) => check.verdict === "regressed" ? 0 : order.length))

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
const caseOf = ({ at, baseline = [], candidate, checks, key, no, verdict }: CaseVerdict): EvalCase => {
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
    verdict,
    checks: all.map(([check, { verdict }]) => ({ check, verdict })),
    ...outcome !== undefined && { reason: cut(outcome.reason, mostReason) },
    ...cost !== undefined && costBefore !== undefined && {
      costDifferenceUsd: formatCost(BigDecimal.subtract(cost, costBefore))
    },
    ...time !== undefined && timeBefore !== undefined && { timeDifferenceMs: time - timeBefore }
  }
}

/** The cases of an eval run: all as rows of the list, in the order of the list, and as many whole as fit. */
export interface CaseIndex {
  readonly cases: ReadonlyArray<EvalCase>
  readonly whole: ReadonlyMap<string, CaseVerdict>
  readonly isCut: boolean
}

/** Reads the cases of a run. */
export const read = (
  definition: Eval.Eval<unknown>,
  run: string
): Effect.Effect<CaseIndex, EvalError, BatchStore> =>
  Effect.gen(function*() {
    const ranked: Array<readonly [rank: number, one: EvalCase]> = []
    const whole = new Map<string, CaseVerdict>()
    let text = 0
    yield* Stream.runForEach(Stream.take(Eval.cases(definition, { run }), mostCases), (one) =>
      Effect.sync(() => {
        ranked.push([rankOfCase(one), caseOf(one)])
        text += JSON.stringify(one).length
        if (text <= mostText) whole.set(one.key, one)
      }))
    return {
      cases: ranked.sort(([one, { no }], [other, { no: otherNo }]) => one - other || no - otherNo)
        .map(([, one]) => one),
      whole,
      isCut: ranked.length === mostCases
    }
  })

/** Returns the cases of a page. Those of one check are in the order of its verdicts. */
export const pageOf = (
  { cases }: CaseIndex,
  { check, limit = standardCases, offset = 0, text, verdict }: EvalCaseFilter
): EvalCasePage => {
  const verdictOf = (one: EvalCase): string | undefined =>
    check === undefined ? one.verdict : one.checks.find((other) => other.check === check)?.verdict
  const part = text?.toLowerCase()
  const matching = cases.flatMap((one) => {
    const found = verdictOf(one)
    return found !== undefined && (verdict === undefined || found === verdict) &&
        (part === undefined || `${one.key}\n${one.reason ?? ""}`.toLowerCase().includes(part))
      ? [{ one, rank: rankOf(found) }]
      : []
  })
  if (check !== undefined) matching.sort((a, b) => a.rank - b.rank || a.one.no - b.one.no)
  const shown = matching.slice(offset, offset + Math.min(Math.max(1, limit), most))
  return { cases: shown.map(({ one }) => one), total: matching.length }
}
