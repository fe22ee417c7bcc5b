/** A report as one file of HTML. */
import * as HtmlReport from "@effect-noukai/report/HtmlReport"
import { digitsWithin } from "@effect-noukai/sdk/kit/plainJson"
import { costText } from "@effect-noukai/sdk/Trace"
import * as Stream from "effect/Stream"
import type { CaseVerdict, EvalReport, Trial, Verdict } from "../../EvalReport.js"
import { isSame } from "../values.js"
import {
  checkTable,
  ending,
  facts,
  heading,
  inputLine,
  inputOf,
  listedAs,
  notable,
  outputOf,
  sides,
  verdicts
} from "./words.js"

const { html } = HtmlReport

export const tones: { readonly [K in Verdict]?: HtmlReport.Row["tone"] } = {
  regressed: "bad",
  fail: "bad",
  error: "doubtful",
  "not comparable": "doubtful",
  fixed: "good"
}

/** The outputs of both sides, trial by trial, and the reasons of the checks. */
export const detail = (report: EvalReport, one: CaseVerdict): HtmlReport.Html => {
  const names = sides(report)
  const trials = one.candidate.map((trial, index) => {
    const title = (side: string, { attemptsCostUsd, executionId, isAttemptsCostUnknown, trial: number }: Trial) =>
      [
        side,
        report.repeat > 1 && `trial ${number}`,
        executionId,
        isAttemptsCostUnknown === true && attemptsCostUsd === undefined
          ? "cost unknown"
          : attemptsCostUsd !== undefined &&
            costText({ costUsd: attemptsCostUsd, unknownCosts: isAttemptsCostUnknown === true ? 1 : 0 })
      ]
        .filter((part) => part !== false && part !== undefined).join(", ")
    const after = { title: title(names.candidate, trial), value: outputOf(trial) }
    const before = one.baseline?.[index]
    return before === undefined
      ? HtmlReport.shown(after)
      : HtmlReport.compared({ title: title(names.baseline, before), value: outputOf(before) }, after)
  })
  const reasons = notable(report, { ...one, verdict: listedAs(one) }).map(([check, lines]) =>
    html`<li>${check}: ${lines.map((line, index) => [index > 0 && html`<br>`, line])}</li>`
  )
  return html`<details${listedAs(one) === "regressed" && html` open`}><summary>${
    reasons.length === 0 ? "outputs" : "reasons and outputs"
  }</summary><ul>${reasons}</ul>${
    HtmlReport.shown({ title: `input of ${one.key}, ${one.at}`, value: inputOf(one) })
  }${trials}</details>`
}

/** Whether the sides have different outputs in a trial, ignoring the order of keys. */
const isOutputChanged = ({ baseline = [], candidate }: CaseVerdict): boolean =>
  candidate.some((trial, index) => {
    const before = baseline[index]
    if (before === undefined) return false
    const [a, b] = [outputOf(before), outputOf(trial)]
    return !isSame(a, b) || !isSame(digitsWithin(a), digitsWithin(b))
  })

/** The filters of the table of cases, with the verdicts of a case and its checks that they show. */
export const filters: { readonly [name: string]: ReadonlyArray<Verdict> } = {
  regressed: ["regressed"],
  failed: ["regressed", "fail"],
  errors: ["error"],
  changed: ["regressed", "fixed"]
}

export const filtersOf = (one: CaseVerdict): ReadonlyArray<string> => {
  const found = [listedAs(one), ...Object.values(one.checks).map(({ verdict }) => verdict)]
  return Object.entries(filters).flatMap(([name, verdicts]) =>
    found.some((verdict) => verdicts.includes(verdict)) || (name === "changed" && isOutputChanged(one)) ? [name] : []
  )
}

/** The longest input in a row, which the page cuts further. */
export const maxInput = 200

const row = (report: EvalReport, checks: ReadonlyArray<string>) => (one: CaseVerdict): HtmlReport.Row => ({
  cells: [
    { content: one.key, sort: one.no },
    inputLine(one, maxInput),
    { content: listedAs(one), sort: verdicts.indexOf(listedAs(one)) },
    ...checks.map((check) => one.checks[check]?.verdict).map((verdict) => ({
      content: verdict ?? "",
      sort: verdict === undefined ? verdicts.length : verdicts.indexOf(verdict)
    }))
  ],
  detail: detail(report, one),
  isFolded: listedAs(one) === "pass",
  filters: filtersOf(one),
  tone: tones[listedAs(one)]
})

export const page = <E, R>(
  report: EvalReport,
  cases: Stream.Stream<CaseVerdict, E, R>
): Stream.Stream<string, E, R> => {
  const checks = Object.keys(report.checks)
  const [titles, ...rows] = checkTable(report)
  const intro = html`<h1>${heading(report)}</h1>
<p><strong>${ending(report)}</strong></p>
<p>${new Date(report.startedAt).toISOString()}, run ${report.run}</p>
<ul>${facts(report).map(([name, text]) => html`<li>${name}: ${text}</li>`)}</ul>
`
  return HtmlReport.page(
    heading(report),
    Stream.make(intro).pipe(
      Stream.concat(HtmlReport.table(
        titles!.map((title, column) => ({ title, isNumber: column > 0 })),
        Stream.fromIterable(rows.map((cells) => ({ cells })))
      )),
      Stream.concat(HtmlReport.table(
        [
          { title: "case", isCut: true },
          { title: "input", isCut: true },
          ...["verdict", ...checks].map((title) => ({ title }))
        ],
        Stream.map(cases, row(report, checks)),
        // regressions first
        { sortBy: 2, filters: Object.keys(filters) }
      ))
    )
  )
}
