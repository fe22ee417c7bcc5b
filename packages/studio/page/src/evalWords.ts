/** Numbers of an eval, in the words of its reports. */
import type { Cost, EvalReport, Rate, SideName as Side, Summary } from "@effect-noukai/eval/EvalReport"

const counted = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? "" : "s"}`

/** The name of a side: its own, or its version. */
export const nameOf = ({ blockOverrides, name, version }: Side): string =>
  name ?? `${version}${blockOverrides === undefined ? "" : " with changed blocks"}`

/** The names of both sides: versions, with their flows if these differ. */
export const sides = (
  { baseline, candidate }: {
    readonly candidate: Side
    readonly baseline?: Side | undefined
  }
): { readonly candidate: string; readonly baseline: string } => {
  const isOne = baseline === undefined || baseline.flow === candidate.flow
  const name = (side: Side): string =>
    `${isOne ? "" : `${side.flow} `}${nameOf(side)}${side.stored === undefined ? "" : " (stored)"}`
  return { candidate: name(candidate), baseline: baseline === undefined ? "" : name(baseline) }
}

/** The status of an eval run: its gate, where it is known. A run that has ended has not passed by that. */
export const statusOf = (
  { gate, isComplete }: { readonly gate?: string | undefined; readonly isComplete: boolean }
): string => gate ?? (isComplete ? "ended" : "incomplete")

/** The verdict in one line, after the gate. */
export const ending = ({ gate, sentence }: EvalReport): string =>
  sentence.startsWith(`${gate}:`) ? sentence : `${gate}: ${sentence}`

const percent = (share: number): string => `${Math.round(100 * share)} %`

/** A rate with its interval: `31/40, 78 % (62 % to 88 %)`. */
export const rate = ({ interval, of, passed, rate }: Rate): string =>
  rate === undefined || interval === undefined
    ? "none"
    : `${passed}/${of}, ${percent(rate)} (${percent(interval[0])} to ${percent(interval[1])})`

export const pValue = (p: number): string => p < 0.001 ? "< 0.001" : p.toFixed(3)

export const time = (millis: number): string =>
  Math.abs(millis) < 1000 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

/** A cost, with the number of its runs if the other side has more or less: `at least $0.06 in 21 runs (1 run unknown)`. */
export const costOf = ({ runs, unknown, usd }: Cost, other = { runs }): string =>
  `${unknown === 0 ? "" : "at least "}$${usd}${other.runs === runs ? "" : ` in ${counted(runs, "run")}`}${
    unknown === 0 ? "" : ` (${counted(unknown, "run")} unknown)`
  }`

export const score = ({ baselineScore, score }: Summary): string =>
  [score?.toFixed(2), baselineScore && `was ${baselineScore.toFixed(2)}`].filter(Boolean).join(", ")

/** The difference in time, and how sure it is: `382 ms less`, `median of 117 cases; 95 %: -401 ms to -366 ms`. */
export const timeDifference = (
  { cases, interval, medianMs }: NonNullable<EvalReport["time"]>
): readonly [string, string] => [
  `${time(Math.abs(medianMs))} ${medianMs < 0 ? "less" : "more"}`,
  `median of ${counted(cases, "case")}; 95 %: ${time(interval[0])} to ${time(interval[1])}`
]

/** The rows of the table of checks: each check, and all of them together where there are several. */
export const summaries = (report: EvalReport): ReadonlyArray<readonly [name: string, summary: Summary]> => {
  const checks = Object.entries(report.checks)
  const { mean } = report.hashes
  return checks.length === 1 && mean === undefined
    ? checks
    : [...checks, [mean === undefined ? "all checks" : "weighted mean", report.overall] as const]
}

/** Whether the p of some checks are adjusted, since several of them decide about the gate. */
export const isAdjusted = ({ checks, overall }: EvalReport): boolean =>
  [overall, ...Object.values(checks)].some(({ adjustedP }) => adjustedP !== undefined)

/** How often tests find a difference where there is none, if there are several of them. */
export const chance = (report: EvalReport): string | undefined => {
  const tests = Object.values(report.checks)
  if (report.baseline === undefined || tests.length < 2) return undefined
  const single = tests.filter(({ adjustedP }) => adjustedP === undefined).length
  const most = Math.round(1_000 * (1 - 0.95 ** single)) / 10
  return [
    ...isAdjusted(report)
      ? ["the tests fail a gate without a difference in at most 5 % of runs, by adjusted p (Holm)"]
      : [],
    ...single < 2
      ? []
      : [`of ${single} checks without a difference, one or more has p < 0.05 in up to ${most} % of runs`]
  ].join("; ")
}

export const hasScores = (report: EvalReport): boolean =>
  Object.values(report.checks).some(({ score }) => score !== undefined)
