/** Eval runs with several candidates: each pair against its computation by hand, and the cost against the emulator. */
import { BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import type { FunctionInput } from "@effect-noukai/emulator/Flow"
import { Check, Eval, ReportFormat } from "@effect-noukai/eval"
import type { Side } from "@effect-noukai/eval/EvalOptions"
import type { EvalReport } from "@effect-noukai/eval/EvalReport"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { collect, layer, runsOf } from "../../batch/test/support/batches.js"
import { numbers } from "../../sdk/test/support/killing.js"

const quick = { grace: 300 } as const

const versions = ["1", "2", "3", "4"] as const

interface Case {
  readonly id: string
  /** The two trials of each version: passes, fails, or errors. */
  readonly plan: { readonly [version: string]: string }
}

/** A flow whose trials say what the case plans for its version. */
const planned = () => {
  const counts = new Map<string, number>()
  const saying = (version: string, costUsd: string) => ({
    steps: [{
      kind: "function",
      id: "a",
      costUsd,
      run: ({ message, parameters }: FunctionInput) => {
        const nth = counts.get(`${version} ${message}`) ?? 0
        counts.set(`${version} ${message}`, nth + 1)
        return { said: (parameters.plan as Case["plan"])[version]![nth]! }
      }
    }]
  } as const)
  return [{
    ref: "acme/test/planned",
    ...saying("1", "0.001"),
    versions: Object.fromEntries(versions.map((version) => [version, saying(version, `0.00${version}`)]))
  }]
}

const letters = Check.make((_: Case, { result }) => {
  const { said } = result as { readonly said: string }
  if (said === "e") throw new Error("it cannot be judged")
  return said === "p"
})

const evalOf = (cases: ReadonlyArray<Case>) =>
  Eval.make("matrix", {
    flow: "acme/test/planned",
    cases,
    key: ({ id }) => id,
    input: ({ id, plan }) => ({ message: id, parameters: { plan } }),
    thresholds: { maxRegressed: "significant" }
  }, { letters })

/** Cases with random plans. Version 3 is better than the baseline 1, and version 4 is worse. */
const randomCases = (count: number): ReadonlyArray<Case> => {
  const below = numbers(7)
  const letter = (passes: number) => below(20) === 0 ? "e" : below(100) < passes ? "p" : "f"
  const plan = (passes: number) => {
    const first = letter(passes)
    // half of the trials agree
    return first + (below(2) === 0 ? first : letter(passes))
  }
  return Array.from({ length: count }, (_, n) => ({
    id: `case ${n}`,
    plan: { 1: plan(60), 2: plan(60), 3: plan(90), 4: plan(25) }
  }))
}

type Side3 = "pass" | "fail" | "error"

/** More than half of two trials are both. */
const byHand = (plan: string): Side3 => plan === "pp" ? "pass" : plan === "ff" ? "fail" : "error"

/** The exact two-sided McNemar test: twice the smaller tail of a fair coin, at most 1. */
const mcnemarByHand = (regressed: number, fixed: number): number => {
  const n = regressed + fixed
  const choose = (k: number): number => {
    let result = 1
    for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i
    return result
  }
  let tail = 0
  for (let k = 0; k <= Math.min(regressed, fixed); k++) tail += choose(k)
  return Math.min(1, (2 * tail) / 2 ** n)
}

const without = ({ cost, run: _, startedAt: __, time: ___, ...report }: EvalReport) => ({
  ...report,
  cost: { candidate: cost.candidate, baseline: cost.baseline }
})

describe("an eval run with several candidates", () => {
  it.live(
    "has the counts, tests and costs of each pair by hand, with ties, errors and unknown costs",
    () =>
      Effect.gen(function*() {
        const cases = randomCases(300)
        const spelling = evalOf(cases)
        const { run } = yield* Eval.runMatrix(spelling, { ...quick, candidates: [2, 3, 4], baseline: 1, repeat: 2 })
        const { sql } = yield* BatchStore
        // the costs of two cases are unknown: one of all sides, one of version 3 alone
        yield* sql`update noukai_batch_row set cost_usd = 'unknown' where key like '["case 7",%'`
        yield* sql`update noukai_batch_row set cost_usd = 'unknown' where key like '["case 9",%' and version = '3'`
        const matrix = yield* Eval.matrix(spelling, { run })
        for (const [nth, version] of (["2", "3", "4"] as const).entries()) {
          const report = matrix.reports[nth]!
          const pairs = cases.map(({ plan }) => [byHand(plan["1"]!), byHand(plan[version]!)] as const)
          const count = (before: Side3, after: Side3) =>
            pairs.filter(([one, other]) => one === before && other === after).length
          const [regressed, fixed] = [count("pass", "fail"), count("fail", "pass")]
          assert.deepStrictEqual(report.overall.verdicts, {
            pass: count("pass", "pass"),
            fail: count("fail", "fail"),
            regressed,
            fixed,
            error: pairs.filter((pair) => pair.includes("error")).length,
            "not comparable": 0
          })
          assert.isAbove(report.overall.verdicts.error, 0)
          assert.approximately(report.overall.p!, mcnemarByHand(regressed, fixed), 1e-12)
          const passes = pairs.filter(([, after]) => after === "pass").length
          assert.deepStrictEqual(
            [report.overall.candidate.passed, report.overall.candidate.of],
            [passes, passes + pairs.filter(([, after]) => after === "fail").length]
          )
          const unknown = version === "3" ? 4 : 2
          assert.deepStrictEqual(report.cost.candidate, {
            runs: 600,
            usd: String(Number(((600 - unknown) * Number(version) / 1000).toFixed(3))),
            unknown
          })
          assert.deepStrictEqual(report.cost.baseline, { runs: 600, usd: "0.598", unknown: 2 })
        }
        const [two, three, four] = matrix.reports
        assert.deepStrictEqual([three!.verdict, four!.verdict], ["incomplete", "worse"])
        assert.deepStrictEqual([two.gate, three!.gate, four!.gate, matrix.gate], [
          "incomplete",
          "incomplete",
          "failed",
          "failed"
        ])
        assert.strictEqual(matrix.sentence, "0 of 3 candidates pass")
        // each case of each side once in each trial
        assert.strictEqual((yield* runsOf).length, 300 * 4 * 2)
      }).pipe(Effect.provide(layer({ flows: planned() }))),
    180_000
  )

  it.live("reports each pair as if it had run alone", () =>
    Effect.gen(function*() {
      const spelling = evalOf(randomCases(40))
      const matrix = yield* Eval.runMatrix(spelling, { ...quick, candidates: [2, 3, 4], baseline: 1, repeat: 2 })
      const { length } = yield* runsOf
      for (const [nth, candidate] of ([2, 3, 4] as const).entries()) {
        // the results are those of the matrix
        const alone = yield* Eval.run(spelling, { ...quick, candidate, baseline: 1, repeat: 2 })
        assert.deepStrictEqual(without(alone), without(matrix.reports[nth]!))
        assert.deepStrictEqual(
          (yield* collect(Eval.cases(spelling, { run: matrix.run, candidate }))).map((
            { key, verdict }
          ) => [key, verdict]),
          (yield* collect(Eval.cases(spelling, { run: alone.run }))).map(({ key, verdict }) => [key, verdict])
        )
        assert.deepStrictEqual(
          yield* Eval.report(spelling, { run: matrix.run, candidate }),
          matrix.reports[nth]
        )
      }
      assert.strictEqual((yield* runsOf).length, length)
      assert.deepStrictEqual(yield* Eval.report(spelling, { run: matrix.run }), matrix.reports[0])
      const other = yield* Effect.flip(Eval.report(spelling, { run: matrix.run, candidate: "draft" }))
      assert.include(other.message, "candidate is none of the run")
      assert.include(other.message, "it has 2, 3, 4")
    }).pipe(Effect.provide(layer({ flows: planned() }))))

  const says = (said: string) =>
    ({ steps: [{ kind: "template", id: "a", output: { said }, costUsd: "0.001" }] }) as const

  const flows = [
    { ref: "acme/test/says", ...says("{{message}}"), versions: { 1: says("{{message}}"), 2: says("{{message}}!") } },
    { ref: "acme/test/judge", steps: [{ kind: "template", id: "a", output: true, costUsd: "0.01" }] }
  ] as const

  const loud: Side = { name: "loud", version: "draft", blockOverrides: { a: { output: { said: "{{message}}!!" } } } }

  const speaking = Eval.make("says", {
    flow: "acme/test/says",
    cases: ["a", "b", "c"],
    key: (text) => text,
    input: (message) => ({ message })
  }, {
    same: Check.equals((text: string) => text, { at: "said" }),
    judged: Check.judge("acme/test/judge", { input: (_: string, { result }) => ({ message: JSON.stringify(result) }) })
  })

  it.live("changes blocks of a side, and runs and judges each output once", () =>
    Effect.gen(function*() {
      const options = { ...quick, candidates: [loud, 2], baseline: 1 } as const
      const plan = yield* Eval.plan(speaking, options)
      assert.deepStrictEqual([plan.runs, plan.candidate.name, plan.others?.length], [9, "loud", 1])
      const matrix = yield* Eval.runMatrix(speaking, options)
      assert.deepStrictEqual(
        matrix.reports.map(({ checks: { same }, candidate }) => [
          candidate.name ?? candidate.version,
          same?.verdicts.regressed
        ]),
        [["loud", 3], ["2", 3]]
      )
      const cases = yield* collect(Eval.cases(speaking, { candidate: loud }))
      assert.deepStrictEqual(
        cases.map(({ candidate }) => candidate[0]?.result),
        ["a!!", "b!!", "c!!"].map((said) => ({
          said
        }))
      )
      const { billedUsd, runs } = yield* Effect.flatMap(Emulator, ({ ledger }) => ledger)
      // three sides and the judge of each output
      assert.deepStrictEqual([runs.length, billedUsd, matrix.reports[0].cost.judges.usd], [18, "0.099", "0.09"])
      const text = (yield* collect(ReportFormat.matrix.text(matrix, (candidate) =>
        Eval.cases(speaking, { candidate })))).join("")
      assert.include(text, "says: 2 candidates against 1 of acme/test/says, 3 cases\n")
      assert.match(text, /\nloud +0 % \(0–56\) +3 +0 +0.250 +0\n/)
      assert.include(text, "  a\n    loud: regressed, same: said: got \"a!!\", expected \"a\"\n")
      for (const line of text.split("\n")) assert.isAtMost(line.length, 80)
      const html = (yield* collect(ReportFormat.matrix.html(matrix, (candidate) =>
        Eval.cases(speaking, { candidate })))).join("")
      assert.include(html, "<h3>loud</h3>")
      const markdown = (yield* collect(ReportFormat.matrix.markdown(matrix, () => Stream.empty))).join("")
      assert.include(markdown, "| loud | 0/3, 0 % (0 % to 56 %) | 3 | 0 | 0.250 | 0 | \\$0.003 |")
      const [info] = yield* Eval.runs("says")
      assert.deepStrictEqual(info?.others?.map(({ version }) => version), ["2"])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("goes on with all candidates after it stopped at its budget, and pays for no run twice", () =>
    Effect.gen(function*() {
      const options = { ...quick, candidates: [loud, 2], baseline: 1, maxCostPerRow: "0.001" } as const
      const stopped = yield* Eval.runMatrix(speaking, { ...options, budgetUsd: "0.005", concurrency: 1 })
      assert.deepStrictEqual([stopped.gate, (yield* runsOf).length], ["incomplete", 5])
      const other = yield* Effect.flip(Eval.runMatrix(speaking, { resume: true, candidates: [2, loud] }))
      assert.include(other.message, "candidates is not that of the run")
      const matrix = yield* Eval.runMatrix(speaking, { ...quick, resume: true, budgetUsd: "1", maxCostPerRow: "0.01" })
      assert.deepStrictEqual([matrix.run, matrix.gate, (yield* runsOf).length], [stopped.run, "failed", 18])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses sides that it cannot compare, before anything is sent", () =>
    Effect.gen(function*() {
      const refused = (candidates: unknown, baseline: Side | undefined, reason: string) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(Eval.runMatrix(speaking, { candidates: candidates as never, baseline }))
          assert.strictEqual(error._tag, "InvalidEvalError")
          assert.include(error.message, reason)
        })
      yield* refused([], 1, "candidates must be 1 to 7 sides, not []")
      yield* refused([1, 2, 3, 4, 5, 6, 7, 8], 9, "candidates must be 1 to 7 sides")
      yield* refused([1, 2, 3, 4, 5, 6, 7, 8, 9], undefined, "candidates must be 1 to 8 sides")
      yield* refused([1, 1], undefined, "candidates has 1 twice")
      yield* refused([2, 1], 1, "candidates has 1 twice")
      yield* refused([{ ...loud }, { ...loud, name: "other" }], 1, "candidates has other twice")
      yield* refused([loud, { version: 2, name: "loud" }], 1, "candidates has loud twice")
      yield* refused([1, "drfat"], 2, "candidates.1 must be \"production\", \"draft\" or the number of a version")
      yield* refused([{ blockOverrides: { a: "model" } }], 2, "candidates.0 has blockOverrides that must have fields")
      yield* refused([{ name: "" }], 2, "candidates.0 has a name that must be 1 to 100 letters")
      yield* refused([{ verion: 1 }], 2, "verion")
      assert.deepStrictEqual(yield* runsOf, [])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Eval.matrix(speaking))))
    }).pipe(Effect.provide(layer({ flows }))))
})
