/** A report as the XML of JUnit that servers of CI read: a test for each check on each case. */
import { escape } from "@effect-noukai/report/HtmlReport"
import * as Stream from "effect/Stream"
import type { CaseVerdict, CheckVerdict, EvalReport, Verdict } from "../../EvalReport.js"
import { reasons, weightedMean } from "./words.js"

/** The elements of verdicts. Without a baseline a check that fails is a failure; with one it is not worse. */
const elements: { readonly [K in Verdict]?: "error" | "failure" | "skipped" } = {
  regressed: "failure",
  error: "error",
  fail: "skipped",
  "not comparable": "skipped"
}

const elementOf = (verdict: Verdict, hasBaseline: boolean, isPart = false) => {
  const element = verdict === "fail" && !hasBaseline ? "failure" : elements[verdict]
  return isPart && element === "failure" ? "skipped" : element
}

const notJudged: CheckVerdict = {
  verdict: "not comparable",
  candidate: { verdict: "error", reason: "no check judged the case" }
}

const test = (report: EvalReport, hasBaseline: boolean) => (one: CaseVerdict): string => {
  const checks = Object.entries(one.checks)
  // the mean decides, and checks are its parts
  const mean = report.hashes.mean === undefined ? undefined : one.mean ?? notJudged
  const all = mean === undefined ? checks : [...checks, [weightedMean, mean] as const]
  const millis = one.candidate.reduce((sum, { durationMs = 0 }) => sum + durationMs, 0)
  const runs = ([["run", one.candidate], ["baseline run", one.baseline ?? []]] as const).flatMap(([name, trials]) =>
    trials.flatMap(({ executionId }) => executionId === undefined ? [] : [`${name} ${escape(executionId)}`])
  )
  const seconds = (millis / 1000 / Math.max(1, all.length)).toFixed(3)
  return all.map(([check, verdict]) => {
    const begin = `<testcase classname="${escape(`${report.eval}.${check}`)}" name="${
      escape(one.key)
    }" time="${seconds}"`
    const element = elementOf(verdict.verdict, hasBaseline, mean !== undefined && verdict !== mean)
    if (element === undefined) return `${begin}/>\n`
    const lines = reasons(report, verdict).map(escape)
    const attributes = element === "skipped" ? "" : ` type="${verdict.verdict}" message="${lines[0]!}"`
    const text = [...lines, `case ${escape(one.at)}`, ...runs].join("\n")
    return `${begin}><${element}${attributes}>${text}</${element}></testcase>\n`
  }).join("")
}

export const junit = <E, R>(
  report: EvalReport,
  cases: Stream.Stream<CaseVerdict, E, R>
): Stream.Stream<string, E, R> => {
  const hasBaseline = report.baseline !== undefined
  const counts = { tests: 0, failure: 0, error: 0, skipped: 0 }
  const hasMean = report.hashes.mean !== undefined
  for (const summary of [...Object.values(report.checks), ...hasMean ? [report.overall] : []]) {
    for (const [verdict, count] of Object.entries(summary.verdicts)) {
      const element = elementOf(verdict as Verdict, hasBaseline, hasMean && summary !== report.overall)
      counts.tests += count
      if (element !== undefined) counts[element] += count
    }
  }
  const { error, failure, skipped, tests } = counts
  const attributes = `name="${escape(report.eval)}" tests="${tests}" failures="${failure}" errors="${error}"`
  const properties = { run: report.run, gate: report.gate, sentence: report.sentence }
  return Stream.make(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${attributes}>
<testsuite ${attributes} skipped="${skipped}" timestamp="${new Date(report.startedAt).toISOString().slice(0, 19)}">
<properties>${
    Object.entries(properties).map(([name, value]) => `<property name="${name}" value="${escape(value)}"/>`).join("")
  }</properties>
`).pipe(
      Stream.concat(Stream.map(cases, test(report, hasBaseline))),
      Stream.concat(Stream.make(`</testsuite>
</testsuites>
`))
    )
}
