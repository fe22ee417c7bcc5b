/** The numbers of an eval in the page are those of its reports. */
import type { CaseVerdict, EvalReport, Verdict } from "@effect-noukai/eval/EvalReport"
import { assert, it } from "@effect/vitest"
import * as Report from "../../../eval/src/internal/report/words.js"
import * as Page from "../../page/src/evalWords.js"
import * as Verdicts from "../../src/internal/verdicts.js"
import { evalOf } from "../support/ledgers.js"

const report = evalOf().detail.report!

const reports: ReadonlyArray<EvalReport> = [
  report,
  { ...report, gate: "incomplete", sentence: "incomplete: the run stopped", stop: "interrupted" },
  { ...report, candidate: { flow: "acme/other/flow", version: "3" } },
  { ...report, baseline: { ...report.baseline!, stored: "2026-06-01" } },
  { ...report, cost: { ...report.cost, baseline: { runs: 2_000, usd: "3.168", unknown: 2 } } },
  { ...report, checks: { tone: report.checks.tone! } },
  {
    ...report,
    checks: {
      low: {
        ...report.overall,
        candidate: { passed: 0, of: 0 },
        baseline: { passed: 1, of: 3, rate: 1 / 3, interval: [0.0615, 0.7923] },
        p: 0.00001,
        score: 0
      }
    }
  },
  {
    ...report,
    overall: { ...report.overall, adjustedP: 0.08 },
    checks: Object.fromEntries(
      Object.entries(report.checks).map((
        [name, summary],
        nth
      ) => [name, { ...summary, ...nth === 0 && { adjustedP: 0.0004 } }])
    )
  },
  {
    ...report,
    checks: Object.fromEntries(
      ["a", "b", "c"].map((name, nth) => [name, { ...report.overall, ...nth === 0 && { adjustedP: 1 } }])
    )
  },
  { ...report, time: { cases: 12_345, medianMs: 1_049, interval: [-999.6, 12_340] } },
  (({ baseline: _, time: __, ...rest }) => ({
    ...rest,
    checks: { only: { verdicts: report.overall.verdicts, candidate: report.overall.candidate } },
    cost: { candidate: { runs: 1, usd: "0", unknown: 1 }, judges: { runs: 0, usd: "0", unknown: 0 } }
  }))(report)
]

it("a case is listed under the verdict of the reports, in their order", () => {
  assert.deepStrictEqual(Verdicts.verdicts, Report.verdicts)
  const [one] = evalOf().cases
  const of = (verdict: Verdict, ...verdicts: ReadonlyArray<Verdict>): CaseVerdict => ({
    ...one!,
    verdict,
    checks: Object.fromEntries(
      verdicts.map((verdict, nth) => [`check-${nth}`, { ...one!.checks["tone"]!, verdict }])
    )
  })
  const pairs: ReadonlyArray<readonly [CaseVerdict, Verdict]> = [
    [of("fail", "fail", "regressed", "pass"), "regressed"],
    [of("error", "regressed", "error"), "regressed"],
    [of("fail", "fail", "fixed"), "fail"],
    [of("error", "fail", "error"), "error"],
    [of("pass", "pass"), "pass"]
  ]
  for (const [one, listed] of pairs) {
    assert.strictEqual(Verdicts.listedAs(one), listed)
    assert.strictEqual(Report.listedAs(one), listed)
  }
})

it("names, rates, p values, scores and the verdict are as in the text report", () => {
  for (const report of reports) {
    assert.deepStrictEqual(Page.sides(report), Report.sides(report))
    assert.strictEqual(Page.ending(report), Report.ending(report))
    const rows = Page.summaries(report).map(([name, summary]) => [
      name,
      Page.rate(summary.candidate),
      ...report.baseline === undefined ? [] : [
        summary.baseline === undefined ? "" : Page.rate(summary.baseline),
        String(summary.verdicts.regressed),
        String(summary.verdicts.fixed),
        Page.pValue(summary.p ?? 1),
        ...Page.isAdjusted(report) ? [summary.adjustedP === undefined ? "" : Page.pValue(summary.adjustedP)] : []
      ],
      String(summary.verdicts.error),
      ...Page.hasScores(report) ? [Page.score(summary)] : []
    ])
    assert.deepStrictEqual(rows, Report.checkTable(report).slice(1))
  }
})

it("costs and the difference in time are as in the text report", () => {
  for (const report of reports) {
    const facts = new Map(Report.facts(report))
    const { baseline, candidate, judges } = report.cost
    for (const [cost, other] of [[candidate, baseline], [baseline, candidate], [judges]] as const) {
      if (cost !== undefined && cost.runs > 0) {
        assert.include(
          facts.get("cost")?.split(", ").map((text) => text.replace(/^.*?(?=at least |\$)/, "")) ?? [],
          Page.costOf(cost, other)
        )
      }
    }
    assert.strictEqual(Page.chance(report), facts.get("chance"))
    if (report.time !== undefined) {
      const [difference, sure] = Page.timeDifference(report.time)
      assert.strictEqual(`${difference} (${sure})`, facts.get("time"))
    }
  }
})
