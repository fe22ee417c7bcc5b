/** The words of all reports. */
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import type { CaseVerdict, Cost, EvalReport, Rate, SideName, Summary, Verdict } from "../../EvalReport.js"
import type { Outcome } from "../../EvalRun.js"

/** All verdicts, those to look at first. */
export const verdicts: ReadonlyArray<Verdict> = ["regressed", "error", "fail", "fixed", "not comparable", "pass"]

/** The number of changes that a report shows of one check on one case. */
const maxChanges = 5

/** Returns the names of both sides: versions, with their flows if these differ. */
export const sides = (
  { baseline, candidate }: Pick<EvalReport, "baseline" | "candidate">
): { readonly candidate: string; readonly baseline: string } => {
  const isOne = baseline === undefined || baseline.flow === candidate.flow
  const name = ({ flow, stored, version }: SideName) =>
    `${isOne ? "" : `${flow} `}${version}${stored === undefined ? "" : " (stored)"}`
  return { candidate: name(candidate), baseline: baseline === undefined ? "" : name(baseline) }
}

/** Returns the eval run in one line. */
export const heading = (report: EvalReport): string => {
  const { baseline, candidate } = sides(report)
  const against = report.baseline === undefined ? "" : ` against ${baseline}`
  const times = report.repeat === 1 ? "" : `, ${report.repeat} trials each`
  return `${report.eval}: ${candidate}${against} of ${report.candidate.flow}, ${counted(report.cases, "case")}${times}`
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** Returns the verdict in one line, after the gate. */
export const ending = ({ gate, sentence }: EvalReport): string =>
  sentence.startsWith(`${gate}:`) ? sentence : `${gate}: ${sentence}`

const percent = (share: number): string => `${Math.round(100 * share)} %`

/** Returns a rate with its interval: `31/40, 78 % (62 % to 88 %)`. */
const rate = ({ interval, of, passed, rate }: Rate): string =>
  rate === undefined || interval === undefined
    ? "none"
    : `${passed}/${of}, ${percent(rate)} (${percent(interval[0])} to ${percent(interval[1])})`

const pValue = (p: number): string => p < 0.001 ? "< 0.001" : p.toFixed(3)

const time = (millis: number): string =>
  Math.abs(millis) < 1000 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

const cost = ({ unknown, usd }: Cost): string =>
  `$${usd}${unknown === 0 ? "" : ` (${counted(unknown, "run")} unknown)`}`

const score = ({ baselineScore, score }: Summary): string =>
  [score?.toFixed(2), baselineScore && `was ${baselineScore.toFixed(2)}`].filter(Boolean).join(", ")

/** Returns the rows of the table of checks: a title, then a row for each check and one for all of them. */
export const checkTable = (report: EvalReport): ReadonlyArray<ReadonlyArray<string>> => {
  const { baseline, candidate } = sides(report)
  const checks = Object.entries(report.checks)
  type Column = readonly [title: string, text: (summary: Summary) => string]
  const columns: ReadonlyArray<Column> = [
    [candidate, (summary) => rate(summary.candidate)],
    ...report.baseline === undefined ? [] : [
      [baseline, (summary) => summary.baseline === undefined ? "" : rate(summary.baseline)],
      ["regressed", ({ verdicts }) => String(verdicts.regressed)],
      ["fixed", ({ verdicts }) => String(verdicts.fixed)],
      ["p", ({ p = 1 }) => pValue(p)]
    ] satisfies ReadonlyArray<Column>,
    ["errors", ({ verdicts }) => String(verdicts.error)],
    ...checks.some(([, { score }]) => score !== undefined) ? [["mean score", score] satisfies Column] : []
  ]
  const rows = checks.length === 1 ? checks : [...checks, ["all checks", report.overall] as const]
  return [
    ["check", ...columns.map(([title]) => title)],
    ...rows.map(([name, summary]) => [name, ...columns.map(([, text]) => text(summary))])
  ]
}

/** Returns cost, time, and the reasons why the gate is not passed, as names with texts. */
export const facts = (report: EvalReport): ReadonlyArray<readonly [name: string, text: string]> => {
  const { broken, errors, stale, stop } = report
  const { baseline, candidate, judges } = report.cost
  const names = sides(report)
  const costs = [
    `${names.candidate} ${cost(candidate)}`,
    ...baseline === undefined ? [] : [`${names.baseline} ${cost(baseline)}`],
    ...judges.runs === 0 ? [] : [`judges ${cost(judges)}`]
  ]
  return [
    ["cost", costs.join(", ")],
    ...report.time === undefined ? [] : [
      [
        "time",
        `${time(Math.abs(report.time.medianMs))} ${report.time.medianMs < 0 ? "less" : "more"} (median of ${
          counted(report.time.cases, "case")
        }; 95 %: ${time(report.time.interval[0])} to ${time(report.time.interval[1])})`
      ] as const
    ],
    ...errors === 0 ? [] : [["errors", `${counted(errors, "verdict")} could not be reached`] as const],
    ...stop === undefined ? [] : [["stopped", stop] as const],
    ...broken.map(({ message }) => ["broken", message] as const),
    ...stale.map((line) => ["stale baseline", line] as const)
  ]
}

/** Returns the reason of an outcome, with the places in which the value differs from the expected one. */
export const reasons = (outcome: Outcome): ReadonlyArray<string> => {
  if (outcome.verdict !== "fail" || !("expected" in outcome) || !("actual" in outcome)) return [outcome.reason]
  const changes = ValueDiff.changes(outcome.expected, outcome.actual, { limit: maxChanges + 1 })
  if (changes.length === 0) return [outcome.reason]
  const lines = changes.slice(0, maxChanges).map((change) =>
    ValueDiff.toText(change, { expected: "expected", actual: "got" }).replace(/^\$: /, "")
  )
  return changes.length > maxChanges ? [...lines, "and more"] : lines
}

/**
 * Returns the checks of a case whose verdict is not `pass`, with the reasons: of a fixed one, why the baseline failed. The
 * name has the verdict if that is not the one of the case.
 */
export const notable = (
  report: EvalReport,
  { checks, verdict: ofCase }: CaseVerdict
): ReadonlyArray<readonly [check: string, reasons: ReadonlyArray<string>]> =>
  Object.entries(checks).flatMap(([name, { baseline, candidate, verdict }]) => {
    if (verdict === "pass") return []
    const lines = verdict === "fixed" && baseline !== undefined
      ? reasons(baseline).map((line) => `${sides(report).baseline}: ${line}`)
      : reasons(candidate)
    return [[verdict === ofCase ? name : `${name} (${verdict})`, lines] as const]
  })
