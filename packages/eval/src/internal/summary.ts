/** The fold of the verdicts of cases into a report. It keeps two numbers per case, and no outputs. */
import { formatCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Record from "effect/Record"
import type { CheckThresholds, Thresholds } from "../EvalOptions.js"
import type { BrokenThreshold, CaseVerdict, Cost, EvalReport, Rate, Summary, Trial, Verdict } from "../EvalReport.js"
import type { Outcome } from "../EvalRun.js"
import { holm, mcnemar, medianInterval, medianOf, wilson } from "./statistics.js"
import { human, type MeanRule, together } from "./verdict.js"

/** The part of a report that does not come from the verdicts of cases. */
export interface Facts extends
  Pick<
    EvalReport,
    "eval" | "run" | "startedAt" | "candidate" | "baseline" | "repeat" | "hashes" | "stale" | "selection" | "stop"
  >
{
  readonly thresholds: Thresholds
  /** The rule by which cases pass, if it is not that every check passes. */
  readonly mean?: MeanRule | undefined
  /** The number of its cases when it began. */
  readonly ran?: number
  /** Why the run cannot be compared as it was, if it cannot. */
  readonly lacking?: string | undefined
  readonly judges: Cost
  /** The cost of a stored baseline, when it was blessed. */
  readonly baselineCost?: Cost | undefined
  /** The number of verdicts that may be errors. Default: 0. */
  readonly allowErrors?: number | undefined
}

/** Whether the newest attempt of a trial has, or may have, a run. */
const hasRun = ({ executionId, state }: Trial): boolean =>
  executionId !== undefined || state === "done" || state === "reported" || state === "submitted"

/** Sums the costs of trials, all attempts included. */
const costSum = () => {
  let usd = BigDecimal.make(0n, 0)
  let runs = 0
  let unknown = 0
  return {
    add: (trial: Trial): void => {
      const { attemptsCostUsd, costUsd, isAttemptsCostUnknown } = trial
      const isUnknown = isAttemptsCostUnknown === true || (hasRun(trial) && costUsd === undefined)
      if (isUnknown) unknown++
      if (isUnknown || attemptsCostUsd !== undefined) runs++
      usd = BigDecimal.sum(usd, BigDecimal.unsafeFromString(attemptsCostUsd ?? "0"))
    },
    cost: (): Cost => ({ runs, usd: formatCost(usd), unknown })
  }
}

const rates = () => {
  let passed = 0
  let of = 0
  let scores = 0
  let scored = 0
  return {
    add: (verdict: Outcome["verdict"], score?: number): void => {
      if (score !== undefined) {
        scores += score
        scored++
      }
      if (verdict === "error") return
      of++
      if (verdict === "pass") passed++
    },
    rate: (): Rate => of === 0 ? { passed, of } : { passed, of, rate: passed / of, interval: wilson(passed, of) },
    score: (): number | undefined => scored === 0 ? undefined : scores / scored
  }
}

/** The counts of one check, or of all of them together. */
const counting = (hasBaseline: boolean) => {
  const verdicts = { pass: 0, fail: 0, regressed: 0, fixed: 0, error: 0, "not comparable": 0 }
  const candidate = rates()
  const baseline = rates()
  type One = Pick<Outcome, "verdict" | "score">
  return {
    add: (verdict: Verdict, after: One | undefined, before: One | undefined): void => {
      verdicts[verdict]++
      if (after !== undefined) candidate.add(after.verdict, after.score)
      if (before !== undefined) baseline.add(before.verdict, before.score)
    },
    summary: (): Summary => {
      const score = candidate.score()
      const baselineScore = baseline.score()
      return {
        verdicts,
        candidate: candidate.rate(),
        ...(hasBaseline && { baseline: baseline.rate(), p: mcnemar(verdicts.regressed, verdicts.fixed) }),
        ...(score !== undefined && { score }),
        ...(baselineScore !== undefined && { baselineScore })
      }
    }
  }
}

/** The median time of the runs that completed: those that failed are often faster. */
const medianTime = (trials: ReadonlyArray<Trial>): number | undefined =>
  medianOf(trials.flatMap(({ durationMs, state }) => durationMs === undefined || state !== "done" ? [] : [durationMs]))

/** Folds the verdicts of cases into a report. */
export const summing = (names: ReadonlyArray<string>, hasBaseline: boolean) => {
  const overall = counting(hasBaseline)
  const checks = Object.fromEntries(names.map((name) => [name, counting(hasBaseline)]))
  const costs = { candidate: costSum(), baseline: costSum() }
  const differences: Array<number> = []
  let cases = 0

  const add = (one: CaseVerdict): void => {
    cases++
    const verdicts = Object.values(one.checks)
    const side = (outcomes: ReadonlyArray<Outcome>) =>
      outcomes.length === 0 ? undefined : { verdict: together(outcomes.map(({ verdict }) => verdict)) }
    overall.add(
      one.verdict,
      one.mean?.candidate ?? side(verdicts.map(({ candidate }) => candidate)),
      one.mean === undefined ? side(verdicts.flatMap(({ baseline = [] }) => baseline)) : one.mean.baseline
    )
    for (const [name, { baseline, candidate, verdict }] of Object.entries(one.checks)) {
      checks[name]?.add(verdict, candidate, baseline)
    }
    for (const side of ["candidate", "baseline"] as const) {
      for (const trial of one[side] ?? []) costs[side].add(trial)
    }
    const after = medianTime(one.candidate)
    const earlier = medianTime(one.baseline ?? [])
    if (after !== undefined && earlier !== undefined) differences.push(after - earlier)
  }

  const report = (facts: Facts): EvalReport => {
    const {
      allowErrors = 0,
      baseline,
      baselineCost,
      judges,
      lacking,
      mean,
      ran = 0,
      stop,
      thresholds: given,
      ...rest
    } = facts
    // without a limit of its own, a check may regress if the mean does not
    const thresholds: Thresholds = mean === undefined ? given : {
      ...given,
      checks: {
        ...given.checks,
        ...Record.map(checks, (_, name) => ({ maxRegressed: Infinity, ...given.checks?.[name] }))
      }
    }
    const counted = adjusted(
      thresholds,
      overall.summary(),
      Record.map(checks, (check) => check.summary()),
      mean !== undefined
    )
    const { checks: summaries } = counted
    const median = differences.length === 0 ? undefined : medianInterval(differences)
    const measured: Measured = {
      ...counted,
      cost: {
        candidate: costs.candidate.cost(),
        ...(baseline !== undefined && { baseline: baselineCost ?? costs.baseline.cost() }),
        judges
      },
      ...(median && { time: { cases: differences.length, medianMs: median.median, interval: median.interval } })
    }
    const broken = brokenThresholds(thresholds, measured)
    const errors = Object.values(summaries).reduce((sum, { verdicts }) => sum + verdicts.error, 0)
    const why = stop ?? (errors > allowErrors
      ? `${count(errors, "verdict")} of checks on cases ${errors === 1 ? "is an error" : "are errors"}`
      : cases < ran
      ? `the definition does not have ${count(ran - cases, "case")} of the run any more: begin a new run`
      : lacking ?? notMeasured(thresholds, measured, mean))
    // a run that stopped says little of the candidate
    const isPassed = why === undefined && facts.selection === undefined
    const gate = stop === undefined && broken.length > 0 ? "failed" : isPassed ? "passed" : "incomplete"
    const part = facts.selection === undefined ? "" : `of a selection, ${casesText({ ...facts, cases })}: `
    const told = sentenceOf(measured, broken[0], mean !== undefined)
    return {
      ...rest,
      ...(baseline !== undefined && { baseline }),
      cases,
      ...measured,
      broken,
      errors,
      gate,
      ...(gate === "incomplete"
        ? {
          verdict: "incomplete" as const,
          sentence: `incomplete: ${part}${why ?? `${told.sentence}; the gate needs all cases`}`
        }
        : { ...told, sentence: part + told.sentence }),
      ...(stop !== undefined && { stop })
    }
  }
  return { add, report }
}

export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`

/** The number of cases: of all cases, if the run has only some. */
export const casesText = ({ cases, selection }: Pick<EvalReport, "cases" | "selection">): string =>
  selection === undefined ? count(cases, "case") : `${cases} of ${count(selection.of, "case")}`

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`

/** The p below which a difference counts as shown. */
const significance = 0.05

const pText = (p: number): string => p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`

const pTextOf = ({ adjustedP, p = 1 }: Summary): string =>
  adjustedP === undefined ? pText(p) : `${pText(p)}, adjusted ${pText(adjustedP)}`

/** The direction of a difference that the test shows, if it shows one. */
const shown = ({ adjustedP, p = 1, verdicts: { fixed, regressed } }: Summary): "better" | "worse" | undefined =>
  (adjustedP ?? p) >= significance || fixed === regressed ? undefined : fixed > regressed ? "better" : "worse"

/**
 * Adjusts p by Holm where several tests decide about the gate: those of checks with `maxRegressed: significant`, and of
 * all checks together.
 */
const adjusted = (
  thresholds: Thresholds,
  overall: Summary,
  checks: Measured["checks"],
  hasMean: boolean
): Pick<Measured, "overall" | "checks"> => {
  const limits = limitsOf(thresholds)
  const names = Object.keys(checks)
  const tested = names.filter((name) => limits(name).maxRegressed === "significant")
  // of one check, all checks together are the same test
  const isOverall = thresholds.maxRegressed === "significant" && (names.length > 1 || hasMean)
  const summaries = [...isOverall ? [overall] : [], ...tested.map((name) => checks[name]!)]
  if (summaries.length < 2 || overall.p === undefined) return { overall, checks }
  const values = holm(summaries.map(({ p = 1 }) => p))
  const adjustedP = new Map(summaries.map((summary, index) => [summary, values[index]!]))
  const withP = (summary: Summary): Summary => {
    const found = adjustedP.get(summary)
    return found === undefined ? summary : { ...summary, adjustedP: found }
  }
  return { overall: withP(overall), checks: Record.map(checks, withP) }
}

/** The limits of a check: its own, or those of the eval. */
const limitsOf = ({ checks, maxRegressed }: Thresholds) => (name: string): CheckThresholds => ({
  maxRegressed,
  ...checks?.[name]
})

/** The number of cases with a verdict on both sides. */
const comparedCases = ({ fail, fixed, pass, regressed }: Summary["verdicts"]): number => pass + fail + fixed + regressed

/** The checks that judged cases of the candidate and that none of these passes. People may have marked bad outputs alone. */
const neverPassed = (checks: Measured["checks"]): ReadonlyArray<string> =>
  Object.entries(checks).flatMap(([name, { candidate: { of, passed } }]) =>
    name !== human && of > 0 && passed === 0 ? [name] : []
  )

const sentenceOf = (
  { checks, overall }: Measured,
  broken: BrokenThreshold | undefined,
  hasMean: boolean
): Pick<EvalReport, "verdict" | "sentence"> => {
  const { candidate: { interval, of, passed, rate }, p, verdicts } = overall
  // a check that is wrong fails on both sides, and does not regress
  const never = neverPassed(checks).filter((name) => (checks[name]?.baseline?.passed ?? 0) === 0)
  const warning = never.length === 0 ? "" : `; no case passes ${never.join(", ")}`
  const start = broken === undefined ? "" : `${broken.message}; `
  if (p === undefined) {
    const share = rate === undefined || interval === undefined
      ? ""
      : ` (${percent(rate)}, 95 % interval ${percent(interval[0])} to ${percent(interval[1])})`
    return { verdict: "no baseline", sentence: `${start}${passed} of ${count(of, "case")} pass${share}${warning}` }
  }
  const said = ([name, summary]: readonly [string, Summary]) =>
    `${name} (${summary.verdicts.fixed} fixed, ${summary.verdicts.regressed} regressed, ${pTextOf(summary)})`
  const each = Object.entries(checks)
  const whole = [hasMean ? "the weighted mean" : "all checks together", overall] as const
  const all = each.length === 1 && !hasMean ? each : [whole, ...each]
  const directions = (["better", "worse"] as const).filter((one) => all.some(([, summary]) => shown(summary) === one))
  const [direction] = directions
  if (direction === undefined) {
    const sentence = `${start}no difference that ${count(comparedCases(verdicts), "case")} could show${warning}`
    return { verdict: "no difference", sentence }
  }
  const parts = directions.map((one) =>
    `${one} in ${all.filter(([, summary]) => shown(summary) === one).map(said).join(", ")}`
  )
  return { verdict: parts.length === 2 ? "mixed" : direction, sentence: start + parts.join("; ") + warning }
}

type Measured = Pick<EvalReport, "overall" | "checks" | "cost" | "time">

/** The verdicts or the data that the gate needs and that are missing, if any are. */
const notMeasured = (
  thresholds: Thresholds,
  { checks, cost, overall, time }: Measured,
  mean: MeanRule | undefined
): string | undefined => {
  const { maxCostRatio, maxCostUsd, maxMedianMs } = thresholds
  if (overall.candidate.of === 0) return "no case passes or fails"
  if (overall.baseline !== undefined && comparedCases(overall.verdicts) === 0) {
    return "no case can be compared with the baseline"
  }
  const before = maxCostRatio === undefined ? 0 : cost.baseline?.unknown ?? 0
  const unknown = (maxCostRatio ?? maxCostUsd) === undefined ? 0 : cost.candidate.unknown + before
  if (unknown > 0) return `the cost of ${count(unknown, "run")} is unknown`
  if (maxMedianMs !== undefined && time === undefined) return "the times of both sides are unknown"
  const unjudged = Object.keys(thresholds.checks ?? {}).find((name) =>
    thresholds.checks?.[name]?.minPassRate !== undefined && (checks[name]?.candidate.of ?? 0) === 0
  )
  if (unjudged !== undefined) return `${unjudged}: no case passes or fails`
  // a part of a mean may have low scores, or the weight 0
  const [never] = neverPassed(checks).filter((name) =>
    mean === undefined || !(mean.weights[name] === 0 || (checks[name]?.score ?? 0) > 0)
  )
  return never === undefined ? undefined : `no case passes ${never}: mend the check or the flow`
}

/** The decimal of a threshold or a sum. */
const decimalOf = (value: number | string) => BigDecimal.unsafeFromString(String(value))

/** The thresholds that the candidate breaks. */
const brokenThresholds = (thresholds: Thresholds, measured: Measured): ReadonlyArray<BrokenThreshold> => {
  const { checks, cost, overall, time } = measured
  const { maxCostRatio, maxCostUsd, maxMedianMs } = thresholds
  const broken: Array<BrokenThreshold> = []
  const breaks = (threshold: string, message: string) => broken.push({ threshold, message })

  const ofSummary = (summary: Summary, { maxRegressed = 0, minPassRate }: CheckThresholds, check?: string): void => {
    const named = { ...(check !== undefined && { check }) }
    const subject = check === undefined ? "" : `${check}: `
    const { candidate: { rate }, verdicts: { regressed } } = summary
    if (maxRegressed === "significant" ? shown(summary) === "worse" : regressed > maxRegressed) {
      const allowed = maxRegressed === "significant"
        ? `the test shows it (${pTextOf(summary)})`
        : `allowed are ${maxRegressed}`
      broken.push({
        ...named,
        threshold: "maxRegressed",
        message: `${subject}${count(regressed, "case")} regressed, ${allowed}`
      })
    }
    if (minPassRate !== undefined && rate !== undefined && rate < minPassRate) {
      const message = `${subject}${percent(rate)} of the cases pass, required are ${percent(minPassRate)}`
      broken.push({ ...named, threshold: "minPassRate", message })
    }
  }
  ofSummary(overall, thresholds)
  for (const [name, summary] of Object.entries(checks)) {
    ofSummary(summary, limitsOf(thresholds)(name), name)
  }

  const { baseline: before, candidate } = cost
  if (maxCostUsd !== undefined && BigDecimal.greaterThan(decimalOf(candidate.usd), decimalOf(maxCostUsd))) {
    breaks("maxCostUsd", `the candidate costs ${candidate.usd} USD, allowed are ${maxCostUsd}`)
  }
  if (maxCostRatio !== undefined && before !== undefined) {
    // of one run: a stored baseline may have other numbers of trials and cases
    const costs = (usd: string, runs: number) => BigDecimal.multiply(decimalOf(usd), decimalOf(runs))
    const allowed = BigDecimal.multiply(costs(before.usd, candidate.runs), decimalOf(maxCostRatio))
    if (BigDecimal.greaterThan(costs(candidate.usd, before.runs), allowed)) {
      const after = `the candidate costs ${candidate.usd} USD in ${count(candidate.runs, "run")}`
      const both = `${after} and the baseline ${before.usd} in ${before.runs}`
      breaks("maxCostRatio", `${both}, allowed is a ratio of ${maxCostRatio}`)
    }
  }
  if (maxMedianMs !== undefined && time !== undefined && time.medianMs > maxMedianMs) {
    breaks("maxMedianMs", `the median time difference is ${time.medianMs} ms, allowed are ${maxMedianMs}`)
  }
  return broken
}
