/** The reports of runs with several candidates. */
import * as HtmlReport from "@effect-noukai/report/HtmlReport"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CaseVerdict, EvalMatrix, EvalReport, SideName, Summary } from "../../EvalReport.js"
import { count } from "../summary.js"
import { detail, filters, filtersOf, maxInput, tones } from "./html.js"
import { aligned, escaped, maxLines, oneLine, row, wrapped } from "./text.js"
import {
  cost,
  ending,
  inputLine,
  listedAs,
  namesOf,
  notable,
  ofRun,
  percentOfTests,
  pValue,
  rate,
  score,
  shortRate,
  time,
  verdicts,
  weightedMean
} from "./words.js"

/** The names of the baseline, if there is one, and of the candidates. */
const sidesOf = ({ reports }: EvalMatrix) => {
  const { baseline } = reports[0]
  const names = namesOf([...baseline === undefined ? [] : [baseline], ...reports.map(({ candidate }) => candidate)])
  return baseline === undefined ? { names } : { baseline: names[0]!, names: names.slice(1) }
}

const headingOf = (matrix: EvalMatrix): string => {
  const { baseline, names } = sidesOf(matrix)
  const against = baseline === undefined ? "" : ` against ${baseline}`
  return `${matrix.eval}: ${count(names.length, "candidate")}${against} of ${ofRun(matrix.reports[0])}`
}

/** Returns the cases of a candidate. */
type CasesOf<E, R> = (candidate: SideName) => Stream.Stream<CaseVerdict, E, R>

type Rows = ReadonlyArray<ReadonlyArray<string>>

/** One check on all sides, or all checks together. */
const tableOf = (
  matrix: EvalMatrix,
  summaryOf: (report: EvalReport) => Summary | undefined,
  isNarrow: boolean
): Rows => {
  const { baseline, names } = sidesOf(matrix)
  const shown = isNarrow ? shortRate : rate
  const summaries = matrix.reports.map(summaryOf)
  const before = summaries[0]?.baseline
  const hasScores = summaries.some((summary) => summary?.score !== undefined)
  const columns: ReadonlyArray<readonly [title: string, text: (summary: Summary) => string]> = [
    ["passes", (summary) => shown(summary.candidate)],
    ...baseline === undefined ? [] : [
      ["regressed", ({ verdicts }) => String(verdicts.regressed)],
      ["fixed", ({ verdicts }) => String(verdicts.fixed)],
      ["p", ({ p = 1 }) => pValue(p)]
    ] satisfies typeof columns,
    ["errors", ({ verdicts }) => String(verdicts.error)],
    ...hasScores ? [["mean score", score] as const] : []
  ]
  const [, ...others] = columns
  return [
    ["side", ...columns.map(([title]) => title)],
    ...baseline === undefined ? [] : [[baseline, before === undefined ? "" : shown(before), ...others.map(() => "")]],
    ...names.map((name, nth) => [
      name,
      ...columns.map(([, text]) => summaries[nth] === undefined ? "" : text(summaries[nth]))
    ])
  ]
}

/** The costs, the times and the gates of all sides. */
const costsOf = (matrix: EvalMatrix): Rows => {
  const { baseline, names } = sidesOf(matrix)
  const { cost: { baseline: before } } = matrix.reports[0]
  return [
    ["side", "cost", "median time", "gate"],
    ...baseline === undefined ? [] : [[baseline, before === undefined ? "" : cost(before), "", ""]],
    ...matrix.reports.map((report, nth) => [
      names[nth]!,
      cost(report.cost.candidate),
      report.time === undefined ? "" : `${report.time.medianMs < 0 ? "" : "+"}${time(report.time.medianMs)}`,
      report.gate
    ])
  ]
}

const tablesOf = (matrix: EvalMatrix, isNarrow: boolean): ReadonlyArray<readonly [title: string, rows: Rows]> => {
  const checks = Object.keys(matrix.reports[0].checks)
  const all = tableOf(matrix, ({ overall }) => overall, isNarrow)
  const costs = costsOf(matrix)
  const hasMean = matrix.reports[0].hashes.mean !== undefined
  const title = hasMean ? weightedMean : "all checks"
  return [
    ...isNarrow
      ? [[title, all], ["costs", costs]] as const
      : [[title, all.map((cells, nth) => [...cells, ...costs[nth]!.slice(1)])]] as const,
    ...checks.length === 1 && !hasMean
      ? []
      : checks.map((check) => [check, tableOf(matrix, ({ checks }) => checks[check], isNarrow)] as const)
  ]
}

/** The findings of all comparisons, the cost of all judges, and how often chance alone shows something. */
const factsOf = (matrix: EvalMatrix): ReadonlyArray<readonly [name: string, text: string]> => {
  const { reports } = matrix
  const { baseline, names } = sidesOf(matrix)
  const { judges } = reports[0].cost
  return [
    ...reports.map((report, nth) => [names[nth]!, ending(report)] as const),
    ...judges.runs === 0 ? [] : [["judges", cost(judges)] as const],
    ...baseline === undefined || reports.length === 1
      ? []
      : [
        [
          "chance",
          `of ${reports.length} candidates without a difference, one or more has p < 0.05 in up to ${
            percentOfTests(reports.length)
          } % of runs`
        ] as const
      ]
  ]
}

/** The cases with their verdicts on all candidates. */
const zipped = <E, R>(
  { reports: [first, ...others] }: EvalMatrix,
  cases: CasesOf<E, R>
): Stream.Stream<ReadonlyArray<CaseVerdict>, E, R> =>
  others.reduce<Stream.Stream<ReadonlyArray<CaseVerdict>, E, R>>(
    (all, { candidate }) => Stream.zipWith(all, cases(candidate), (verdicts, verdict) => [...verdicts, verdict]),
    Stream.map(cases(first.candidate), (verdict) => [verdict])
  )

const endingOf = ({ gate, sentence }: EvalMatrix): string => `${gate}: ${sentence}`

export const text = <E, R>(matrix: EvalMatrix, cases: CasesOf<E, R>): Stream.Stream<string, E, R> => {
  const { names } = sidesOf(matrix)
  const lines = (all: ReadonlyArray<CaseVerdict>) =>
    wrapped("  ", oneLine(all[0]!.key), "    ") + all.map((one, nth) => {
      const [check] = notable(matrix.reports[nth]!, one)
      const reason = check === undefined ? "" : `, ${check[0]}: ${check[1][0]}`
      return wrapped("    ", oneLine(`${names[nth]}: ${listedAs(one)}${reason}`), "      ")
    }).join("")
  return Stream.fromEffect(Effect.map(
    Stream.runFold(
      Stream.filter(zipped(matrix, cases), (all) => all.some((one) => ["regressed", "error"].includes(listedAs(one)))),
      { shown: new Array<string>(), found: 0 },
      ({ found, shown }, all) => ({ found: found + 1, shown: found < maxLines ? [...shown, lines(all)] : shown })
    ),
    ({ found, shown }) => {
      const tables = tablesOf(matrix, true).map(([title, rows]) =>
        `${wrapped("", oneLine(title))}${aligned(rows.map((cells) => cells.map(oneLine)))}`
      )
      const facts = factsOf(matrix).map(([name, text]) => wrapped("", oneLine(`${name}: ${text}`), "  "))
      const more = found > shown.length ? `  and ${found - shown.length} more\n` : ""
      return `${wrapped("", oneLine(headingOf(matrix)))}\n${tables.join("\n")}\n${facts.join("")}${
        found === 0 ? "" : `\nregressed, or with an error (${found})\n${shown.join("")}${more}`
      }\n${wrapped("", oneLine(endingOf(matrix)))}`
    }
  ))
}

export const markdown = (matrix: EvalMatrix): Stream.Stream<string> =>
  Stream.make([
    `## ${escaped(headingOf(matrix))}\n\n${escaped(endingOf(matrix))}\n`,
    ...tablesOf(matrix, false).map(([title, [titles = [], ...rows]]) =>
      [
        `\n### ${escaped(title)}\n\n`,
        row(titles.map(escaped)),
        row(titles.map((_, column) => column === 0 ? "---" : "---:")),
        ...rows.map((cells) => row(cells.map(escaped)))
      ].join("")
    ),
    "\n",
    ...factsOf(matrix).map(([name, text]) => `- ${escaped(name)}: ${escaped(text)}\n`)
  ].join(""))

export const page = <E, R>(matrix: EvalMatrix, cases: CasesOf<E, R>): Stream.Stream<string, E, R> => {
  const { html } = HtmlReport
  const { names } = sidesOf(matrix)
  const rowOf = (all: ReadonlyArray<CaseVerdict>): HtmlReport.Row => {
    const ranks = all.map((one) => verdicts.indexOf(listedAs(one)))
    const details = all.map((one, nth) => html`<h3>${names[nth]}</h3>${detail(matrix.reports[nth]!, one)}`)
    return {
      cells: [
        { content: all[0]!.key, sort: all[0]!.no },
        inputLine(all[0]!, maxInput),
        ...all.map((one, nth) => ({ content: listedAs(one), sort: ranks[nth]! }))
      ],
      detail: html`<details><summary>outputs of all sides</summary>${details}</details>`,
      isFolded: true,
      filters: [...new Set(all.flatMap(filtersOf))],
      tone: tones[verdicts[Math.min(...ranks)]!]
    }
  }
  const intro = html`<h1>${headingOf(matrix)}</h1>
<p><strong>${endingOf(matrix)}</strong></p>
<p>${new Date(matrix.reports[0].startedAt).toISOString()}, run ${matrix.run}</p>
<ul>${factsOf(matrix).map(([name, text]) => html`<li>${name}: ${text}</li>`)}</ul>
`
  const tables = tablesOf(matrix, false).map(([title, [titles = [], ...rows]]) =>
    Stream.concat(
      Stream.make(html`<h2>${title}</h2>`),
      HtmlReport.table(
        titles.map((title, column) => ({ title, isNumber: column > 0 })),
        Stream.fromIterable(rows.map((cells) => ({ cells })))
      )
    )
  )
  const all = HtmlReport.table(
    [{ title: "case", isCut: true }, { title: "input", isCut: true }, ...names.map((title) => ({ title }))],
    Stream.map(zipped(matrix, cases), rowOf),
    { filters: Object.keys(filters) }
  )
  return HtmlReport.page(
    headingOf(matrix),
    Stream.concat(
      Stream.concat(Stream.make(intro), Stream.flatten(Stream.fromIterable(tables))),
      Stream.concat(Stream.make(html`<h2>cases</h2>`), all)
    )
  )
}
