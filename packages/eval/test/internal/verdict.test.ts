import type { EvalReport } from "@effect-noukai/eval"
import type { Thresholds } from "@effect-noukai/eval/EvalOptions"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import type { Outcome } from "../../src/EvalRun.js"
import { isFailing } from "../../src/internal/run/selection.js"
import { summing } from "../../src/internal/summary.js"
import { caseVerdict, majority } from "../../src/internal/verdict.js"
import { trialsOf } from "../support/trials.js"

const outcome = (verdict: Outcome["verdict"], score?: number): Outcome => ({
  verdict,
  reason: verdict,
  ...(score !== undefined && { score })
})

const [pass, fail, error] = [outcome("pass"), outcome("fail"), outcome("error")]

describe("majority", () => {
  it("more than half of the trials decide, and a tie is an error", () => {
    const verdicts = (...outcomes: ReadonlyArray<Outcome>) => majority(outcomes)?.verdict
    assert.strictEqual(verdicts(pass), "pass")
    assert.strictEqual(verdicts(pass, fail, pass), "pass")
    assert.strictEqual(verdicts(pass, fail, fail), "fail")
    assert.strictEqual(verdicts(pass, fail), "error")
    assert.strictEqual(verdicts(pass, error), "error")
    assert.strictEqual(verdicts(pass, pass, error), "pass")
    assert.strictEqual(verdicts(pass, fail, error), "error")
    assert.isUndefined(verdicts())
  })

  it("says how many trials pass, and has the mean of their scores", () => {
    assert.deepStrictEqual(majority([outcome("pass", 1), outcome("fail", 0.25), outcome("pass", 0.75)]), {
      verdict: "pass",
      reason: "2 of 3 trials pass, 1 fail: pass",
      score: 2 / 3
    })
    assert.strictEqual(majority([pass, fail])?.reason, "no majority: 1 of 2 trials pass, 1 fail")
    assert.strictEqual(majority([pass, error])?.reason, "no majority: 1 of 2 trials pass, 0 fail; error")
  })
})

const place = { no: 1, key: "a", at: "row 1", hash: "0f3c", input: { message: "a" } }

describe("the verdict on a case", () => {
  const verdictOf = (candidate: string, baseline?: string) =>
    caseVerdict(["one"], {
      ...place,
      candidate: trialsOf({ one: candidate }),
      ...(baseline !== undefined && { baseline: trialsOf({ one: baseline }) })
    }).checks.one?.verdict

  it("compares the majorities of both sides", () => {
    assert.strictEqual(verdictOf("p"), "pass")
    assert.strictEqual(verdictOf("e"), "error")
    assert.strictEqual(verdictOf("ppf", "fpp"), "pass")
    assert.strictEqual(verdictOf("ffp", "ppf"), "regressed")
    assert.strictEqual(verdictOf("p", "f"), "fixed")
    assert.strictEqual(verdictOf("f", "f"), "fail")
    assert.strictEqual(verdictOf("pf", "p"), "error")
    assert.strictEqual(verdictOf("p", "e"), "error")
  })

  it("compares a check with a stored verdict of its own, whatever its name is", () => {
    const name: string = "constructor"
    const candidate = trialsOf({ [name]: "p" })
    const verdictOf = (baseline: { readonly [check: string]: "pass" | "fail" }) =>
      caseVerdict([name], { ...place, candidate, baseline }).checks[name]?.verdict
    assert.strictEqual(verdictOf({}), "not comparable")
    assert.strictEqual(verdictOf({ [name]: "fail" }), "fixed")
  })

  it("of all checks together fails if one fails, and is an error if one is and none fails", () => {
    const verdictOf = (
      candidate: { readonly [check: string]: string },
      baseline: { readonly [check: string]: string }
    ) => caseVerdict(["one", "two"], { ...place, candidate: trialsOf(candidate), baseline: trialsOf(baseline) }).verdict
    assert.strictEqual(verdictOf({ one: "p", two: "p" }, { one: "p", two: "f" }), "fixed")
    assert.strictEqual(verdictOf({ one: "p", two: "f" }, { one: "p", two: "p" }), "regressed")
    assert.strictEqual(verdictOf({ one: "f", two: "p" }, { one: "p", two: "f" }), "fail")
    assert.strictEqual(verdictOf({ one: "p", two: "e" }, { one: "p", two: "p" }), "error")
    assert.strictEqual(verdictOf({ one: "f", two: "e" }, { one: "p", two: "p" }), "regressed")
  })

  it("is not comparable where a stored baseline has no verdict", () => {
    const { checks, verdict } = caseVerdict(["one", "two"], {
      ...place,
      candidate: trialsOf({ one: "f", two: "f" }),
      baseline: { one: "pass" }
    })
    assert.strictEqual(checks.one?.verdict, "regressed")
    assert.strictEqual(checks.two?.verdict, "not comparable")
    assert.strictEqual(verdict, "regressed")
    const none = caseVerdict(["one"], { ...place, candidate: trialsOf({ one: "p" }), baseline: {} })
    assert.strictEqual(none.verdict, "not comparable")
    assert.strictEqual(
      caseVerdict(["one"], { ...place, candidate: trialsOf({ one: "e" }), baseline: {} }).verdict,
      "error"
    )
  })
})

describe("a check without an outcome", () => {
  const verdictsOf = (
    candidate: { readonly [check: string]: string },
    baseline: Parameters<typeof caseVerdict>[1]["baseline"]
  ) => caseVerdict(["one", "two"], { ...place, candidate: trialsOf(candidate), ...(baseline && { baseline }) })

  it("is absent from its case where the candidate has none, and not comparable where only the baseline has none", () => {
    const one = verdictsOf({ one: "p" }, trialsOf({ one: "p", two: "f" }))
    assert.deepStrictEqual([Object.keys(one.checks), one.verdict], [["one"], "pass"])
    const both = verdictsOf({ one: "p", two: "f" }, trialsOf({ one: "p" }))
    assert.deepStrictEqual([both.checks.two!.verdict, both.verdict], ["not comparable", "pass"])
    const stored = verdictsOf({ one: "p", two: "f" }, { two: "pass" })
    assert.deepStrictEqual([stored.checks.one!.verdict, stored.verdict], ["not comparable", "regressed"])
  })

  it("counts the trials that it judged", () => {
    const [first, ...others] = trialsOf({ one: "ppp", two: "pff" })
    const { checks } = caseVerdict(["one", "two"], {
      ...place,
      candidate: [first!, ...others.map((trial) => ({ ...trial, outcomes: { one: pass } }))]
    })
    assert.deepStrictEqual([checks.one!.verdict, checks.two!.candidate], ["pass", pass])
  })

  it("is not counted, and a case without outcomes is neither a pass nor a fail", () => {
    const fold = summing(["one", "two"], true)
    fold.add(verdictsOf({ one: "p", two: "p" }, trialsOf({ one: "f", two: "p" })))
    fold.add(verdictsOf({ two: "p" }, trialsOf({ two: "p" })))
    const none = verdictsOf({ three: "p" }, trialsOf({ one: "p" }))
    assert.deepStrictEqual([none.checks, none.verdict], [{}, "not comparable"])
    fold.add(none)
    const { checks, overall } = fold.report(facts)
    const counts = { pass: 0, fail: 0, regressed: 0, fixed: 0, error: 0, "not comparable": 0 }
    assert.deepStrictEqual(checks.one!.verdicts, { ...counts, fixed: 1 })
    assert.deepStrictEqual(checks.two!.verdicts, { ...counts, pass: 2 })
    assert.deepStrictEqual(overall.verdicts, { ...counts, pass: 1, fixed: 1, "not comparable": 1 })
    assert.deepStrictEqual([overall.candidate.of, overall.baseline?.of], [2, 2])
    const empty = summing(["one"], false)
    empty.add(caseVerdict(["one"], { ...place, candidate: trialsOf({ two: "p" }) }))
    const { gate, sentence } = empty.report(facts)
    assert.deepStrictEqual([gate, sentence], ["incomplete", "incomplete: no case passes or fails"])
  })
})

describe("the weighted mean", () => {
  const scored = (scores: { readonly [check: string]: number | "p" | "f" | "e" }): ReadonlyArray<EvalReport.Trial> => [{
    trial: 1,
    state: "done",
    outcomes: Object.fromEntries(
      Object.entries(scores).map(([name, score]) => [
        name,
        typeof score === "number"
          ? outcome(score < 0.5 ? "fail" : "pass", score)
          : trialsOf({ a: score })[0]!.outcomes.a!
      ])
    )
  }]
  const names = ["a", "b", "c"]
  const verdictOf = (
    minMean: number,
    candidate: Parameters<typeof scored>[0],
    weights: { readonly [check: string]: number } = {},
    more: Pick<Parameters<typeof caseVerdict>[1], "baseline" | "storedScores"> = {}
  ) =>
    caseVerdict(names, { ...place, candidate: scored(candidate), ...more }, {
      minMean,
      weights: { a: 1, b: 1, c: 1, ...weights }
    })

  it("passes at its limit, in spite of binary fractions, and has a score", () => {
    const passes = [
      [0.3, { a: 0.1, b: 0.2, c: 0.6 }],
      [0.15, { a: 0.1, b: 0.2 }],
      [0.7, { a: 0.7, b: 0.7, c: 0.7 }],
      [0.8, { a: 0.9, b: 0.9, c: 0.6 }],
      [1, { a: "p", b: 1 }],
      [0, { a: "f", b: 0 }]
    ] as const
    for (const [minMean, scores] of passes) {
      assert.strictEqual(verdictOf(minMean, scores).verdict, "pass", JSON.stringify(scores))
      assert.strictEqual(verdictOf(minMean + 1e-9, scores).verdict, "fail", JSON.stringify(scores))
    }
    const { mean } = verdictOf(0.75, { a: "p", b: "f", c: 0.5 })
    const reason = "the weighted mean is 0.5, required is 0.75"
    assert.deepStrictEqual(mean, { verdict: "fail", candidate: { verdict: "fail", reason, score: 0.5 } })
  })

  it("weighs each check, also with large weights, and ignores the weight 0 except for errors", () => {
    assert.strictEqual(verdictOf(0.75, { a: "p", b: "f" }, { a: 3 }).verdict, "pass")
    assert.strictEqual(verdictOf(0.75, { a: "p", b: "f" }, { a: 2.99 }).verdict, "fail")
    const large = { a: Number.MAX_VALUE, b: Number.MAX_VALUE }
    assert.strictEqual(verdictOf(0.5, { a: "p", b: "f" }, large).verdict, "pass")
    assert.strictEqual(verdictOf(0.51, { a: "p", b: "f" }, large).verdict, "fail")
    assert.strictEqual(verdictOf(1, { a: "p", b: "f" }, { b: 0 }).verdict, "pass")
    const { mean } = verdictOf(0, { a: "p", b: "e" }, { b: 0 })
    assert.deepStrictEqual(mean?.candidate, { verdict: "error", reason: "b: error" })
    assert.strictEqual(
      verdictOf(0, { b: "p" }, { b: 0 }).mean?.candidate.reason,
      "no check with a weight judged the case"
    )
    assert.notProperty(caseVerdict(names, { ...place, candidate: scored({}) }, { minMean: 1, weights: {} }), "mean")
  })

  it("compares both sides, by the checks that judged both", () => {
    const against = (baseline: Parameters<typeof scored>[0]) =>
      verdictOf(0.5, { a: 0.4, b: 0.5 }, {}, { baseline: scored(baseline) }).verdict
    assert.strictEqual(against({ a: 0.5, b: 0.5 }), "regressed")
    assert.strictEqual(against({ a: 0.1, b: 0.5 }), "fail")
    assert.strictEqual(against({ a: "e", b: 0.5 }), "error")
    // a mark of a person on one side does not hide a difference
    assert.strictEqual(against({ a: 0.5 }), "regressed")
    assert.strictEqual(against({ b: 0.9 }), "pass")
    assert.strictEqual(against({ a: 0.5, b: 0.5, c: 0.1 }), "regressed")
    assert.strictEqual(against({ c: 0.5 }), "not comparable")
    const unweighted = verdictOf(0.5, { a: 0.4, b: 0.9 }, { b: 0 }, { baseline: scored({ b: 0.9 }) })
    assert.strictEqual(unweighted.verdict, "not comparable")
    const stored = (
      baseline: { readonly [check: string]: "pass" | "fail" },
      storedScores?: { readonly [check: string]: number }
    ) => verdictOf(0.5, { a: 0.9, b: 0.3 }, {}, { baseline, storedScores })
    assert.strictEqual(stored({ a: "pass", b: "fail" }, { a: 0.5, b: 0.4 }).verdict, "fixed")
    assert.strictEqual(stored({ a: "pass", b: "fail" }, { a: 0.6, b: 0.4 }).verdict, "pass")
    assert.strictEqual(stored({ a: "pass", b: "fail" }, {}).mean?.baseline?.score, 0.5)
    assert.strictEqual(stored({ b: "pass" }, { b: 0.6 }).verdict, "regressed")
    // the rule has changed: checks are compared one by one as before
    const changed = stored({ a: "pass", b: "pass" })
    assert.deepStrictEqual([changed.verdict, changed.checks.b?.verdict], ["not comparable", "regressed"])
    // a check that fails does not make it a failing case
    assert.isFalse(isFailing(changed))
  })

  it("is between its lowest and its highest score, whatever the weights are", () => {
    const score = fc.double({ min: 0, max: 1, noNaN: true })
    const weight = fc.double({ min: 1e-3, max: 1e300, noNaN: true })
    fc.assert(fc.property(fc.tuple(score, score, score), fc.tuple(weight, weight, weight), (scores, weights) => {
      const [a, b, c] = scores
      const [wa, wb, wc] = weights
      const mean = (minMean: number) => verdictOf(minMean, { a, b, c }, { a: wa, b: wb, c: wc })
      const [least, most] = [Math.min(...scores), Math.max(...scores)]
      assert.strictEqual(mean(least).verdict, "pass")
      if (most < 0.999) assert.strictEqual(mean(most + 1e-9).verdict, "fail")
      assert.approximately(mean(0).mean!.candidate.score!, (least + most) / 2, (most - least) / 2 + 1e-9)
    }))
  })

  it("decides in the report: a check may regress, unless thresholds limit it", () => {
    const rule = { minMean: 0.5, weights: { a: 1, b: 1, c: 0 } }
    const of = (thresholds: Thresholds) => {
      const fold = summing(names, true)
      const sides = [
        [{ a: "p", b: "p", c: "f" }, { a: "p", b: "p", c: "f" }],
        [{ a: "p", b: "f", c: "f" }, { a: "p", b: "p", c: "f" }],
        [{ a: "f", b: "p", c: "f" }, { a: "f", b: "f", c: "f" }]
      ] as const
      for (const [candidate, baseline] of sides) {
        fold.add(
          caseVerdict(names, { ...place, candidate: trialsOf(candidate), baseline: trialsOf(baseline) }, rule)
        )
      }
      return fold.report({ ...facts, mean: rule, thresholds })
    }
    const report = of({})
    assert.deepStrictEqual([report.gate, report.broken], ["passed", []])
    assert.deepStrictEqual([report.overall.candidate.passed, report.overall.baseline?.passed], [3, 2])
    assert.approximately(report.overall.score!, 2 / 3, 1e-9)
    assert.include(report.overall.verdicts, { pass: 2, fixed: 1 })
    assert.strictEqual(report.sentence, "no difference that 3 cases could show; no case passes c")
    assert.deepStrictEqual(of({ checks: { b: { maxRegressed: 0 } } }).broken.map(({ check }) => check), ["b"])
  })
})

const facts = {
  eval: "spelling",
  run: "r1",
  startedAt: 0,
  candidate: { flow: "acme/spelling/grade-3", version: "draft" },
  baseline: { flow: "acme/spelling/grade-3", version: "production" },
  repeat: 1,
  hashes: { parameters: "", checks: {} },
  stale: [],
  thresholds: {},
  judges: { runs: 0, usd: "0", unknown: 0 }
}

type Side = { readonly [check: string]: string }

/** The report of cases, each with the trials of both sides. */
const reportOf = (
  cases: ReadonlyArray<readonly [candidate: Side, baseline?: Side, more?: { costUsd?: string; durationMs?: number }]>,
  more: Partial<Parameters<ReturnType<typeof summing>["report"]>[0]> = {}
): EvalReport.EvalReport => {
  const names = Object.keys(cases[0]![0])
  const hasBaseline = cases[0]![1] !== undefined
  const { baseline: side, ...rest } = facts
  const fold = summing(names, hasBaseline)
  cases.forEach(([candidate, baseline, run], index) =>
    fold.add(caseVerdict(names, {
      no: index + 1,
      key: `c${index}`,
      at: `row ${index + 1}`,
      hash: "",
      input: {},
      candidate: trialsOf(candidate, run),
      ...(baseline !== undefined && { baseline: trialsOf(baseline, { costUsd: "0.001", durationMs: 100 }) })
    }))
  )
  return fold.report({ ...rest, ...(hasBaseline && { baseline: side }), ...more })
}

const times = <A>(count: number, value: A): ReadonlyArray<A> => Array.from({ length: count }, () => value)

describe("the report", () => {
  it("counts cases, not trials, and names the difference that the test shows", () => {
    const report = reportOf([
      ...times(8, [{ one: "ppp" }, { one: "fff" }] as const),
      ...times(12, [{ one: "ppf" }, { one: "ppp" }] as const)
    ])
    const { overall, verdict } = report
    assert.strictEqual(report.cases, 20)
    assert.deepStrictEqual(overall.verdicts, {
      pass: 12,
      fail: 0,
      regressed: 0,
      fixed: 8,
      error: 0,
      "not comparable": 0
    })
    assert.approximately(overall.p ?? 1, 2 / 256, 1e-12)
    assert.strictEqual(overall.baseline?.rate, 0.6)
    assert.strictEqual(verdict, "better")
    assert.strictEqual(report.gate, "passed")
    assert.strictEqual(
      report.sentence,
      "better in one (8 fixed, 0 regressed, p = 0.008)"
    )
  })

  it("is mixed where the candidate is better in one check and worse in another", () => {
    const report = reportOf([
      ...times(7, [{ one: "p", two: "f" }, { one: "f", two: "p" }] as const),
      [{ one: "p", two: "p" }, { one: "p", two: "p" }]
    ])
    assert.strictEqual(report.verdict, "mixed")
    assert.strictEqual(
      report.sentence,
      "two: 7 cases regressed, allowed are 0; better in one (7 fixed, 0 regressed, p = 0.016); worse in two (0 fixed, 7 regressed, p = 0.016)"
    )
    assert.strictEqual(report.gate, "failed")
    assert.deepStrictEqual(report.broken, [
      { check: "two", threshold: "maxRegressed", message: "two: 7 cases regressed, allowed are 0" }
    ])
  })

  it("shows no difference by a few cases, but no case may regress unless thresholds allow it", () => {
    const cases = [[{ one: "f" }, { one: "p" }], ...times(39, [{ one: "p" }, { one: "p" }] as const)] as const
    const strict = reportOf(cases)
    assert.strictEqual(strict.sentence, "1 case regressed, allowed are 0; no difference that 40 cases could show")
    assert.strictEqual(strict.gate, "failed")
    assert.strictEqual(reportOf(cases, { thresholds: { maxRegressed: 1 } }).gate, "passed")
    assert.strictEqual(reportOf(cases, { thresholds: { maxRegressed: "significant" } }).gate, "passed")
    assert.strictEqual(
      reportOf(cases, { thresholds: { maxRegressed: 1, checks: { one: { maxRegressed: 0 } } } }).gate,
      "failed"
    )
    assert.deepStrictEqual(reportOf(cases, { thresholds: { maxRegressed: 1, minPassRate: 0.99 } }).broken, [
      { threshold: "minPassRate", message: "97.5 % of the cases pass, required are 99 %" }
    ])
  })

  it("is not green where no case passes a check", () => {
    const sides = [
      [{ one: "f", two: "p" }, { one: "f", two: "p" }],
      [{ one: "f" }, { one: "f" }],
      [{ one: "f", two: "p" }],
      [{ one: "f" }]
    ] as const
    for (const side of sides) {
      const report = reportOf(times(3, side))
      assert.strictEqual(report.gate, "incomplete")
      assert.strictEqual(report.sentence, "incomplete: no case passes one: mend the check or the flow")
    }
    const allowed = { thresholds: { maxRegressed: 3 } }
    assert.strictEqual(reportOf(times(3, [{ one: "f" }, { one: "p" }] as const), allowed).gate, "incomplete")
    const broken = reportOf([[{ one: "f", two: "f" }, { one: "f", two: "p" }], [{ one: "f", two: "p" }, {
      one: "f",
      two: "p"
    }]])
    assert.strictEqual(broken.gate, "failed")
    assert.strictEqual(
      broken.sentence,
      "two: 1 case regressed, allowed are 0; no difference that 2 cases could show; no case passes one"
    )
    const fixed = reportOf([[{ one: "p" }, { one: "f" }]])
    assert.strictEqual(fixed.sentence, "no difference that 1 case could show")
  })

  it("fails at a significant number of regressions", () => {
    const cases = times(6, [{ one: "f" }, { one: "p" }] as const)
    const { broken, verdict } = reportOf(cases, { thresholds: { maxRegressed: "significant" } })
    assert.strictEqual(verdict, "worse")
    assert.strictEqual(broken[0]?.message, "6 cases regressed, the test shows it (p = 0.031)")
  })

  it("adjusts p by Holm where several checks have to be significant", () => {
    const rows = (count: number, letters: string) =>
      times(
        count,
        [
          Object.fromEntries(Array.from(letters, (letter, index) => [`c${index}`, letter])),
          Object.fromEntries(Array.from(letters, (_, index) => [`c${index}`, "p"]))
        ] as const
      )
    const significant = { thresholds: { maxRegressed: "significant" } } as const
    // 6 regressions: p = 0.031 in one check, 1 in four others, and 0.031 in all together
    const several = reportOf([...rows(6, "fpppp"), ...rows(20, "ppppp")], significant)
    assert.deepStrictEqual([several.gate, several.verdict], ["passed", "no difference"])
    assert.approximately(several.checks["c0"]!.p!, 0.03125, 1e-9)
    assert.approximately(several.checks["c0"]!.adjustedP!, 6 * 0.03125, 1e-9)
    assert.strictEqual(several.checks["c1"]!.adjustedP, 1)
    const clear = reportOf([...rows(12, "fpppp"), ...rows(20, "ppppp")], significant)
    assert.strictEqual(clear.gate, "failed")
    assert.include(
      clear.broken.at(-1)!.message,
      "c0: 12 cases regressed, the test shows it (p < 0.001, adjusted p = 0.00"
    )
    // one test, or one of a check alone, is not adjusted
    assert.notProperty(reportOf(rows(6, "f").concat(rows(9, "p")), significant).overall, "adjustedP")
    const single = { thresholds: { maxRegressed: 9, checks: { c0: { maxRegressed: "significant" } } } } as const
    const one = reportOf([...rows(6, "fp"), ...rows(20, "pp")], single)
    assert.notProperty(one.checks["c0"]!, "adjustedP")
    assert.strictEqual(one.gate, "failed")
  })

  it("is incomplete with errors, unless they are allowed, and never passes then", () => {
    const cases = [[{ one: "e" }, { one: "p" }], [{ one: "p" }, { one: "p" }]] as const
    const report = reportOf(cases)
    assert.strictEqual(report.errors, 1)
    assert.strictEqual(report.gate, "incomplete")
    assert.strictEqual(report.sentence, "incomplete: 1 verdict of checks on cases is an error")
    // a regression beside the error fails the gate
    const both = reportOf([...cases, [{ one: "f" }, { one: "p" }]])
    assert.deepStrictEqual([both.errors, both.gate], [1, "failed"])
    assert.strictEqual(reportOf(cases, { allowErrors: 1 }).gate, "passed")
    assert.strictEqual(reportOf(cases, { allowErrors: 1, stop: "the budget is used up" }).gate, "incomplete")
  })

  it("is incomplete where no case was judged, also with allowed errors", () => {
    const sentence = (...given: Parameters<typeof reportOf>) => {
      const report = reportOf(...given)
      assert.strictEqual(report.gate, "incomplete")
      assert.strictEqual(report.verdict, "incomplete")
      return report.sentence
    }
    const down = { allowErrors: 4 }
    const none = "incomplete: no case passes or fails"
    assert.strictEqual(sentence(times(4, [{ one: "e" }]), down), none)
    assert.strictEqual(sentence(times(4, [{ one: "e" }, { one: "p" }]), down), none)
    assert.strictEqual(sentence(times(4, [{ one: "p", two: "e" }]), down), none)
    assert.strictEqual(reportOf([[{ one: "p" }], [{ one: "e" }]], down).gate, "passed")
  })

  it("is incomplete where no case can be compared, also with allowed errors", () => {
    const incomparable = "incomplete: no case can be compared with the baseline"
    const errors = reportOf(times(4, [{ one: "p" }, { one: "e" }]), { allowErrors: 4 })
    assert.strictEqual(errors.gate, "incomplete")
    assert.strictEqual(errors.sentence, incomparable)
    const fold = summing(["one"], true)
    for (const [index, one] of Array.from("eppp").entries()) {
      const baseline: { one?: "pass" } = index === 0 ? { one: "pass" } : {}
      fold.add(caseVerdict(["one"], { ...place, candidate: trialsOf({ one }), baseline }))
    }
    const stored = fold.report({ ...facts, allowErrors: 1 })
    assert.strictEqual(stored.gate, "incomplete")
    assert.strictEqual(stored.sentence, incomparable)
    const cases = [[{ one: "p" }, { one: "e" }], [{ one: "p" }, { one: "p" }]] as const
    assert.strictEqual(reportOf(cases, { allowErrors: 1 }).gate, "passed")
  })

  it("is incomplete where a check with a rate of its own judged no case", () => {
    const thresholds = { checks: { judge: { minPassRate: 0.9 } } }
    const failing = times(4, [{ fast: "f", judge: "e" }] as const)
    const report = reportOf(failing, { thresholds, allowErrors: 4 })
    assert.strictEqual(report.gate, "incomplete")
    assert.strictEqual(report.sentence, "incomplete: judge: no case passes or fails")
    const some = [[{ fast: "p", judge: "e" }], ...failing] as const
    assert.strictEqual(reportOf(some, { allowErrors: 5 }).gate, "passed")
    const one = [[{ fast: "p", judge: "p" }], ...failing] as const
    assert.strictEqual(reportOf(one, { thresholds, allowErrors: 4 }).gate, "passed")
  })

  it("sums costs exactly, and compares times case by case", () => {
    const report = reportOf(
      [90, 110, 130].map((durationMs) => [{ one: "p" }, { one: "p" }, { costUsd: "0.1", durationMs }] as const),
      { judges: { runs: 2, usd: "0.02", unknown: 0 } }
    )
    assert.deepStrictEqual(report.cost.candidate, { runs: 3, usd: "0.3", unknown: 0 })
    assert.deepStrictEqual(report.cost.baseline, { runs: 3, usd: "0.003", unknown: 0 })
    assert.strictEqual(report.time?.medianMs, 10)
    assert.deepStrictEqual(report.time?.cases, 3)
  })

  it("has the costs of all attempts, also where the newest one is unknown or has not run", () => {
    const fold = summing(["one"], false)
    const outcomes = { one: { verdict: "pass", reason: "pass" } } as const
    const trials: ReadonlyArray<EvalReport.Trial> = [
      { trial: 1, state: "done", costUsd: "0.1", attemptsCostUsd: "0.3", outcomes },
      { trial: 2, state: "done", attemptsCostUsd: "0.02", isAttemptsCostUnknown: true, outcomes },
      { trial: 3, state: "submitted", executionId: "e", attemptsCostUsd: "0.003", outcomes },
      { trial: 4, state: "pending", attemptsCostUsd: "0.0004", outcomes },
      { trial: 5, state: "pending", isAttemptsCostUnknown: true, outcomes },
      { trial: 6, state: "pending", outcomes },
      { trial: 7, state: "failed", outcomes }
    ]
    fold.add(caseVerdict(["one"], { no: 1, key: "c", at: "row 1", hash: "", input: {}, candidate: trials }))
    const { baseline: _, ...rest } = facts
    assert.deepStrictEqual(fold.report(rest).cost.candidate, { runs: 5, usd: "0.3234", unknown: 3 })
  })

  it("limits costs and times, and is incomplete where they are unknown", () => {
    const cases = [[{ one: "p" }, { one: "p" }, { costUsd: "0.0011", durationMs: 150 }]] as const
    const messages = (thresholds: object) => reportOf(cases, { thresholds }).broken.map(({ message }) => message)
    assert.deepStrictEqual(messages({ maxCostUsd: "0.001" }), ["the candidate costs 0.0011 USD, allowed are 0.001"])
    assert.deepStrictEqual(messages({ maxCostRatio: 1.1 }), [])
    assert.deepStrictEqual(messages({ maxCostRatio: 1.05 }), [
      "the candidate costs 0.0011 USD in 1 run and the baseline 0.001 in 1, allowed is a ratio of 1.05"
    ])
    // three trials of a stored baseline cost more than one trial of the candidate
    const stored = { thresholds: { maxCostRatio: 1 }, baselineCost: { runs: 3, usd: "0.003", unknown: 0 } }
    assert.deepStrictEqual(reportOf(cases, stored).broken.map(({ message }) => message), [
      "the candidate costs 0.0011 USD in 1 run and the baseline 0.003 in 3, allowed is a ratio of 1"
    ])
    assert.deepStrictEqual(messages({ maxMedianMs: 20 }), ["the median time difference is 50 ms, allowed are 20"])
    const unknown = [[{ one: "p" }, { one: "p" }]] as const
    assert.strictEqual(reportOf(unknown, { thresholds: { maxCostUsd: 1 } }).gate, "incomplete")
    assert.strictEqual(reportOf(unknown, { thresholds: { maxMedianMs: 1 } }).gate, "incomplete")
  })

  it("has no comparison without a baseline", () => {
    const report = reportOf([[{ one: "p" }], [{ one: "f" }]])
    assert.strictEqual(report.verdict, "no baseline")
    assert.strictEqual(report.sentence, "1 of 2 cases pass (50 %, 95 % interval 9.5 % to 90.5 %)")
    assert.strictEqual(report.gate, "passed")
    assert.strictEqual(reportOf([[{ one: "f" }]], { thresholds: { minPassRate: 0.5 } }).gate, "failed")
    assert.notProperty(report.overall, "p")
  })
})
