/**
 * Reports of eval runs as text, HTML, JUnit, Markdown, CSV and JSON lines. A report reads the cases once, as a stream.
 *
 * @since 0.1.0
 */
import { csvRecord } from "@effect-noukai/batch/BatchReport"
import { digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { maskedValue, safeJson } from "@effect-noukai/sdk/SafeText"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { CaseVerdict, type EvalMatrix, type EvalReport, type SideName, type Trial } from "./EvalReport.js"
import * as Html from "./internal/report/html.js"
import * as Junit from "./internal/report/junit.js"
import * as Matrix from "./internal/report/matrix.js"
import * as Text from "./internal/report/text.js"
import { cellOf, inputOf, listedAs, outputOf, plain, reasons, weightedMean } from "./internal/report/words.js"

/**
 * A report of an eval run and the verdicts of its cases.
 *
 * @since 0.1.0
 * @category models
 */
export type ReportFormat = <E, R>(
  report: EvalReport,
  cases: Stream.Stream<CaseVerdict, E, R>
) => Stream.Stream<string, E, R>

/**
 * A report of a run with several candidates, and the verdicts of the cases of each candidate.
 *
 * @since 0.1.0
 * @category models
 */
export type MatrixFormat = <E, R>(
  matrix: EvalMatrix,
  cases: (candidate: SideName) => Stream.Stream<CaseVerdict, E, R>
) => Stream.Stream<string, E, R>

/**
 * A report for terminals: the checks, the cost, and the cases, regressions first. It has the first 20 cases of each
 * verdict except `pass`. A case with a check that regressed is listed as regressed. The last line is the verdict.
 *
 * @since 0.1.0
 * @category formats
 */
export const text: ReportFormat = Text.text

/**
 * A report as one HTML file: a table of all cases, regressions first. A click on a column sorts it. Each case has the
 * outputs of both sides. The file loads nothing.
 *
 * @since 0.1.0
 * @category formats
 */
export const html: ReportFormat = Html.page

/**
 * A report as JUnit XML, with a test for each check on each case. A test fails if the check regressed, or if it fails
 * without a baseline. It is skipped if it fails on both sides or is not comparable.
 *
 * @since 0.1.0
 * @category formats
 */
export const junit: ReportFormat = Junit.junit

/**
 * A report in Markdown for the page of a CI job, with the first 50 cases of each verdict except `pass`.
 *
 * @since 0.1.0
 * @category formats
 */
export const markdown: ReportFormat = Text.markdown

const encode = Schema.encodeSync(CaseVerdict)

/**
 * The cases as JSON, one per line, in source order. A bigint is written as text. Keys of well-known forms are masked.
 *
 * @since 0.1.0
 * @category formats
 */
export const jsonLines: ReportFormat = (_, cases) =>
  Stream.map(cases, (one) => {
    const json = maskedValue(plain(encode(one), digitsWithin(one)))
    return `${safeJson(stringifyJson(json, digitsWithin(json)))}\n`
  })

/** The outputs of a side and the ids of its runs. The outputs of several trials are a list. */
const cellsOf = (trials: ReadonlyArray<Trial> = []): ReadonlyArray<unknown> => [
  trials.length > 1 ? trials.map(outputOf) : outputOf(trials[0]),
  trials.flatMap(({ executionId = [] }) => executionId).join(" ")
]

/**
 * The cases as CSV, one per row, in source order: the input, the verdict, the verdict and the reasons of each check, and
 * the results and runs of both sides. For spreadsheets: a text that begins like a formula has a `'` before it. Keys of well-known
 * forms are masked.
 *
 * @since 0.1.0
 * @category formats
 */
export const csv: ReportFormat = (report, cases) => {
  const checks = Object.keys(report.checks)
  const ofChecks = checks.flatMap((check) => [check, `${check}: reasons`])
  const ofMean = report.hashes.mean === undefined ? [] : [weightedMean]
  const titles = [
    "no",
    "case",
    "at",
    "input",
    "verdict",
    ...ofMean,
    ...ofChecks,
    "candidate",
    "candidate runs",
    "baseline",
    "baseline runs"
  ]
  const verdicts = (one: CaseVerdict) =>
    checks.flatMap((name) => {
      const check = one.checks[name]
      return check === undefined ? ["", ""] : [check.verdict, reasons(report, check).join("\n")]
    })
  const rows = Stream.map(cases, (one): ReadonlyArray<unknown> => [
    one.no,
    one.key,
    one.at,
    inputOf(one),
    listedAs(one),
    ...ofMean.map(() => one.mean?.candidate.score ?? ""),
    ...verdicts(one),
    ...cellsOf(one.candidate),
    ...cellsOf(one.baseline)
  ])
  return Stream.map(Stream.concat(Stream.make(titles), rows), (row) => csvRecord(row.map(cellOf)))
}

/**
 * Reports of a run with several candidates: a table of all checks together and one of each check, with a row for each
 * side. `text` is for terminals, and has the first 20 cases that regressed or have an error; `html` has all cases, with
 * the outputs of all sides; `markdown` has no cases.
 *
 * @example
 * ```ts
 * import { Eval, ReportFormat } from "@effect-noukai/eval"
 * import { Effect, Stream } from "effect"
 *
 * const text = (self: Eval.Eval<unknown>) =>
 *   Stream.unwrap(Effect.map(Eval.matrix(self), (matrix) =>
 *     ReportFormat.matrix.text(matrix, (candidate) => Eval.cases(self, { run: matrix.run, candidate }))))
 * ```
 *
 * @since 0.1.0
 * @category formats
 */
export const matrix: { readonly [format in "text" | "markdown" | "html"]: MatrixFormat } = {
  text: Matrix.text,
  markdown: Matrix.markdown,
  html: Matrix.page
}
