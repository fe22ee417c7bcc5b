/** The words of all reports. */
import { digitsAt, digitsWithin, restoreDigits, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { maskedValue } from "@effect-noukai/sdk/SafeText"
import { costText } from "@effect-noukai/sdk/Trace"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import * as Predicate from "effect/Predicate"
import type {
  CaseVerdict,
  CheckVerdict,
  Cost,
  EvalReport,
  Rate,
  Selection,
  SideName,
  Summary,
  Trial,
  Verdict
} from "../../EvalReport.js"
import type { Outcome } from "../../EvalRun.js"
import { casesText, count } from "../summary.js"
import { show } from "../values.js"

/** All verdicts, the most urgent first. */
export const verdicts: ReadonlyArray<Verdict> = ["regressed", "error", "fail", "fixed", "not comparable", "pass"]

/**
 * Returns the verdict that a report lists a case under. A regressed check counts, also where another check fails on both
 * sides, unless the weighted mean decides.
 */
export const listedAs = ({ checks, mean, verdict: ofCase }: CaseVerdict): Verdict =>
  mean === undefined && Object.values(checks).some(({ verdict }) => verdict === "regressed") ? "regressed" : ofCase

/** The name of the weighted mean beside checks. */
export const weightedMean = "weighted mean"

/** The number of changes that a report shows of one check on one case. */
const maxChanges = 5

/** Returns the name of a side: its own, or its version and what it changes. */
export const nameOf = ({ blockOverrides = {}, name, version }: SideName): string => {
  const changed = Object.entries(blockOverrides).flatMap(([step, fields]) =>
    Object.entries(fields).map(([field, value]) => `${step}.${field}=${show(value)}`)
  )
  return name ?? [version, ...changed].join(" ")
}

/** Returns the names of sides, with their flows if these differ. */
export const namesOf = (sides: ReadonlyArray<SideName>): ReadonlyArray<string> => {
  const isOne = sides.every(({ flow }) => flow === sides[0]?.flow)
  return sides.map((side) =>
    `${isOne ? "" : `${side.flow} `}${nameOf(side)}${side.stored === undefined ? "" : " (stored)"}`
  )
}

/** Returns the names of both sides. */
export const sides = ({ baseline, candidate }: EvalReport): { readonly [side in "candidate" | "baseline"]: string } => {
  const [after = "", before = ""] = namesOf([candidate, ...baseline === undefined ? [] : [baseline]])
  return { candidate: after, baseline: before }
}

/** Returns the flow, the cases and the trials of an eval run. */
export const ofRun = ({ candidate, cases, repeat, selection }: EvalReport): string =>
  `${candidate.flow}, ${casesText({ cases, ...selection && { selection } })}${
    repeat === 1 ? "" : `, ${repeat} trials each`
  }`

/** Returns the eval run in one line. */
export const heading = (report: EvalReport): string => {
  const { baseline, candidate } = sides(report)
  const against = report.baseline === undefined ? "" : ` against ${baseline}`
  return `${report.eval}: ${candidate}${against} of ${ofRun(report)}`
}

/** Returns the verdict in one line, after the gate. */
export const ending = ({ gate, sentence }: EvalReport): string =>
  sentence.startsWith(`${gate}:`) ? sentence : `${gate}: ${sentence}`

const percent = (share: number): string => `${Math.round(100 * share)} %`

/** Returns a rate with its interval: `31/40, 78 % (62 % to 88 %)`. */
export const rate = ({ interval, of, passed, rate }: Rate): string =>
  rate === undefined || interval === undefined
    ? "none"
    : `${passed}/${of}, ${percent(rate)} (${percent(interval[0])} to ${percent(interval[1])})`

/** Returns a rate for a narrow table: `78 % (62–88)`. */
export const shortRate = ({ interval, rate }: Rate): string =>
  rate === undefined || interval === undefined
    ? "none"
    : `${percent(rate)} (${interval.map((share) => Math.round(100 * share)).join("–")})`

export const pValue = (p: number): string => p < 0.001 ? "< 0.001" : p.toFixed(3)

export const time = (millis: number): string =>
  Math.abs(millis) < 1000 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

/** Returns a cost, with the number of its runs if the other side has more or less: `at least $0.06 in 21 runs (1 run unknown)`. */
export const cost = ({ runs, unknown, usd }: Cost, other = { runs }): string =>
  `${costText({ costUsd: usd, unknownCosts: unknown })}${other.runs === runs ? "" : ` in ${count(runs, "run")}`}${
    unknown === 0 ? "" : ` (${count(unknown, "run")} unknown)`
  }`

export const score = ({ baselineScore, score }: Summary): string =>
  [score?.toFixed(2), ...baselineScore === undefined ? [] : [`was ${baselineScore.toFixed(2)}`]].join(", ")

const isAdjusted = ({ checks, overall }: EvalReport): boolean =>
  [overall, ...Object.values(checks)].some(({ adjustedP }) => adjustedP !== undefined)

/** Returns how often one of several tests finds a difference where there is none, in percent. */
export const percentOfTests = (tests: number): number => Math.round(1000 * (1 - 0.95 ** tests)) / 10

/** Returns how often tests find a difference where there is none, if there are several of them. */
const chance = (report: EvalReport): ReadonlyArray<readonly [name: string, text: string]> => {
  const tests = Object.values(report.checks)
  if (report.baseline === undefined || tests.length < 2) return []
  const single = tests.filter(({ adjustedP }) => adjustedP === undefined).length
  return [[
    "chance",
    [
      ...isAdjusted(report)
        ? ["the tests fail a gate without a difference in at most 5 % of runs, by adjusted p (Holm)"]
        : [],
      ...single < 2
        ? []
        : [
          `of ${single} checks without a difference, one or more has p < 0.05 in up to ${
            percentOfTests(single)
          } % of runs`
        ]
    ].join("; ")
  ]]
}

type Column = readonly [title: string, text: (summary: Summary) => string]

const adjusted: Column = ["adjusted p", ({ adjustedP }) => adjustedP === undefined ? "" : pValue(adjustedP)]

const meanScore: Column = ["mean score", score]

/** The checks, and all of them together. */
const rowsOf = (
  { checks, hashes: { mean }, overall }: EvalReport
): ReadonlyArray<readonly [name: string, summary: Summary]> => {
  const each = Object.entries(checks)
  return each.length === 1 && mean === undefined
    ? each
    : [...each, [mean === undefined ? "all checks" : weightedMean, overall]]
}

/** The columns that only some evals have. */
const moreColumns = (report: EvalReport): ReadonlyArray<Column> => [
  ...report.baseline !== undefined && isAdjusted(report) ? [adjusted] : [],
  ...Object.values(report.checks).some(({ score }) => score !== undefined) ? [meanScore] : []
]

/** Returns the columns that only some evals have as names with texts: `mean score`, `hint 0.50, was 0.75`. */
export const moreFacts = (report: EvalReport): ReadonlyArray<readonly [name: string, text: string]> =>
  moreColumns(report).map(([title, text]) => [
    title,
    rowsOf(report).flatMap(([name, summary]) => text(summary) === "" ? [] : [`${name} ${text(summary)}`]).join("; ")
  ])

/** The longest name of a side that has a column in a narrow table. */
const maxSide = 14

/**
 * Returns the rows of the table of checks: a title, then a row for each check and one for all of them. A narrow table has
 * short rates, and no columns that only some evals have.
 */
export const checkTable = (report: EvalReport, isNarrow = false): ReadonlyArray<ReadonlyArray<string>> => {
  const { baseline, candidate } = sides(report)
  const shown = isNarrow ? shortRate : rate
  const more = isNarrow ? [] : moreColumns(report)
  const isLong = isNarrow && [candidate, baseline].some((name) => name.length > maxSide)
  const columns: ReadonlyArray<Column> = [
    [isLong ? "candidate" : candidate, (summary) => shown(summary.candidate)],
    ...report.baseline === undefined ? [] : [
      [isLong ? "baseline" : baseline, (summary) => summary.baseline === undefined ? "" : shown(summary.baseline)],
      ["regressed", ({ verdicts }) => String(verdicts.regressed)],
      ["fixed", ({ verdicts }) => String(verdicts.fixed)],
      ["p", ({ p = 1 }) => pValue(p)]
    ] satisfies ReadonlyArray<Column>,
    ...more.filter((column) => column === adjusted),
    ["errors", ({ verdicts }) => String(verdicts.error)],
    ...more.filter((column) => column === meanScore)
  ]
  return [
    ["check", ...columns.map(([title]) => title)],
    ...rowsOf(report).map(([name, summary]) => [name, ...columns.map(([, text]) => text(summary))])
  ]
}

/** Returns the cases of a selection: `failed in run 2, key essay *, the first 12`. */
const selected = ({ failing, first, select = [] }: Selection): string =>
  [
    ...failing === undefined ? [] : [`failed in run ${failing}`],
    ...select.length === 0 ? [] : [`key ${select.join(" or ")}`],
    ...first === undefined ? [] : [`the first ${first}`]
  ].join(", ")

/** Returns the selection, the cost, the time, and the reasons of a gate that is not passed, as names with texts. */
export const facts = (report: EvalReport): ReadonlyArray<readonly [name: string, text: string]> => {
  const { broken, cost: { baseline, candidate, judges }, errors, selection, stale, stop } = report
  const names = sides(report)
  const costs = [
    `${names.candidate} ${cost(candidate, baseline)}`,
    ...baseline === undefined ? [] : [`${names.baseline} ${cost(baseline, candidate)}`],
    ...judges.runs === 0 ? [] : [`judges ${cost(judges)}`]
  ]
  return [
    ...selection === undefined ? [] : [["selection", selected(selection)] as const],
    ["cost", costs.join(", ")],
    ...report.time === undefined ? [] : [
      [
        "time",
        `${time(Math.abs(report.time.medianMs))} ${report.time.medianMs < 0 ? "less" : "more"} (median of ${
          count(report.time.cases, "case")
        }; 95 %: ${time(report.time.interval[0])} to ${time(report.time.interval[1])})`
      ] as const
    ],
    ...chance(report),
    ...errors === 0
      ? []
      : [["errors", `${count(errors, "verdict")} ${errors === 1 ? "is" : "are"} neither a pass nor a fail`] as const],
    ...stop === undefined ? [] : [["stopped", stop] as const],
    ...broken.map(({ message }) => ["broken", message] as const),
    ...stale.map((line) => ["stale baseline", line] as const)
  ]
}

/** A replacer of JSON that writes a bigint as text. */
const withoutBigint = (_: string, value: unknown): unknown => typeof value === "bigint" ? String(value) : value

/** Converts a value to JSON and back. Its numbers keep their digits. */
export const plain = (value: unknown, digits: unknown = digitsWithin(value)): unknown => {
  const json: unknown = JSON.parse(JSON.stringify(value, withoutBigint) ?? "null")
  restoreDigits(json, digits)
  return json
}

/** Returns the result of a trial as JSON, or why there is none. A number alone is a text of its digits. */
export const outputOf = (trial: Pick<Trial, "state" | "result" | "error"> | undefined): unknown => {
  if (trial?.state !== "done") return trial === undefined ? "" : trial.error?.message ?? trial.state
  const digits = digitsAt(digitsWithin(trial), "result")
  return typeof digits === "string" ? digits : plain(trial.result, digits)
}

/** Returns the input of a case as JSON: its message, if that is all. */
export const inputOf = (one: CaseVerdict): unknown => {
  const input = plain(one.input, digitsAt(digitsWithin(one), "input"))
  const isMessage = Predicate.isRecord(input) && typeof input["message"] === "string" && Object.keys(input).length === 1
  return isMessage ? input["message"] : input
}

/** Returns a value as text: a text as it is, anything else as JSON. Keys of well-known forms are masked. */
export const cellOf = (value: unknown): string => {
  const shown = maskedValue(value)
  return typeof shown === "string" ? shown : stringifyJson(shown, digitsWithin(shown)) ?? ""
}

/** Returns the first line of the input of a case, of limited length. Keys are masked before the cut. */
export const inputLine = (one: CaseVerdict, longest: number): string => {
  const [text = ""] = cellOf(inputOf(one)).trimStart().split(/[\r\n\u2028\u2029]/, 1)
  const chars = Array.from(text.slice(0, 2 * longest + 2))
  return chars.length <= longest ? chars.join("") : `${chars.slice(0, longest - 1).join("")}…`
}

/** Returns the reason of an outcome, and the places in which a value with parts differs from the expected one. */
const linesOf = ({ actual, expected, reason, verdict }: Outcome): ReadonlyArray<string> => {
  if (verdict !== "fail" || !Predicate.isObject(expected) || !Predicate.isObject(actual)) return [reason]
  // a part of a key would not be known as one
  const changes = ValueDiff.changes(maskedValue(plain(expected)), maskedValue(plain(actual)), { limit: maxChanges + 1 })
    .map((change) => ValueDiff.toText(change, { expected: "expected", actual: "got" }))
    // the reason names a change of the whole value
    .filter((text) => !text.startsWith("$: "))
  return [reason, ...changes.slice(0, maxChanges), ...changes.length > maxChanges ? ["and more"] : []]
}

/** Returns the reasons of a verdict: those of the baseline if the check is fixed, or if only the baseline has an error. */
export const reasons = (report: EvalReport, { baseline, candidate, verdict }: CheckVerdict): ReadonlyArray<string> =>
  baseline !== undefined && (verdict === "fixed" || (verdict === "error" && candidate.verdict !== "error"))
    ? linesOf(baseline).map((line) => `${sides(report).baseline}: ${line}`)
    : linesOf(candidate)

/** Returns the checks of a case that do not pass. A name is followed by the verdict, unless the case has the same verdict. */
export const notable = (
  report: EvalReport,
  { checks, mean, verdict: ofCase }: CaseVerdict
): ReadonlyArray<readonly [check: string, reasons: ReadonlyArray<string>]> =>
  [...Object.entries(checks), ...mean === undefined ? [] : [[weightedMean, mean] as const]].flatMap(([name, check]) =>
    check.verdict === "pass"
      ? []
      : [[check.verdict === ofCase ? name : `${name} (${check.verdict})`, reasons(report, check)] as const]
  )
