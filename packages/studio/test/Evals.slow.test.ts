/** Eval runs of real ledgers, read by a studio. */
import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { BatchStoreError } from "@effect-noukai/batch/BatchError"
import { Check, Eval, EvalFile } from "@effect-noukai/eval"
import type { CaseVerdict } from "@effect-noukai/eval/EvalReport"
import { words } from "@effect-noukai/sdk/ValueDiff"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, TestContext } from "effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { collect } from "../../batch/test/support/batches.js"
import { noukai } from "../../cli/test/support/command.js"
import { listedAs } from "../../eval/src/internal/report/words.js"
import { folder } from "../../sdk/test/support/folder.js"
import { size } from "../../sdk/test/support/size.js"
import * as EvalReads from "../src/internal/evalReads.js"
import * as Stores from "../src/internal/ledgerStores.js"
import { until } from "./support/client.js"
import { query, start } from "./support/ledgerStudio.js"
import * as Real from "./support/realLedgers.js"

const order = ["regressed", "error", "fail", "fixed", "not comparable", "pass"] as const

const addressOf = ({ run }: { readonly run: string }) => ({ ledger: "evals/spelling.ledger", eval: "spelling", run })

/** A folder with an eval run, and a studio of it. */
const made = (cases = 60) =>
  Effect.gen(function*() {
    const path = yield* folder
    const report = yield* Real.evals(join(path, "evals"), cases)
    return { path, report, studio: yield* start({ folder: path }) }
  })

const reading = <A, E>(path: string, effect: Effect.Effect<A, E, BatchStore>) =>
  Effect.provide(effect, BatchStore.layerFile(join(path, "evals/spelling.ledger")))

describe("the eval runs of a folder", () => {
  it.scopedLive("have the numbers of noukai eval report --json", () =>
    Effect.gen(function*() {
      const { path, report, studio } = yield* made()
      const { problems, runs } = yield* studio.evals()
      assert.deepStrictEqual(problems, [])
      assert.deepStrictEqual(runs, [{
        ...addressOf(report),
        startedAt: report.startedAt,
        candidate: report.candidate,
        baseline: report.baseline!,
        cases: 60,
        repeat: 1,
        isComplete: true,
        gate: report.gate,
        counts: {
          passed: report.overall.candidate.passed,
          of: report.overall.candidate.of,
          usd: report.cost.candidate.usd,
          regressed: report.overall.verdicts.regressed
        },
        definition: "evals/spelling.eval.yaml",
        batch: `eval/spelling/${report.run}`
      }])
      const trend = yield* studio.trend({ ledger: "evals/spelling.ledger", eval: "spelling" })
      assert.deepStrictEqual(trend.runs, runs)
      assert.strictEqual((yield* studio.refused("eval/trend", { ledger: "none.ledger", eval: "spelling" }))[0], 404)
      const { notes, report: shown, summary } = yield* studio.eval(addressOf(report))
      assert.deepStrictEqual([notes, summary], [[], runs[0]])
      const evals = join(path, "evals")
      const printed = yield* noukai([
        ...[
          "eval",
          "report",
          join(evals, "spelling.eval.yaml"),
          report.run,
          "--ledger",
          join(evals, "spelling.ledger")
        ],
        "--json"
      ])
      assert.deepStrictEqual(shown, JSON.parse(printed.stdout))
      assert.isAbove(report.overall.verdicts.regressed, 3)
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("have no verdicts without their definition, and say what to do", () =>
    Effect.gen(function*() {
      const { path, report, studio } = yield* made(5)
      Fs.rmSync(join(path, "evals/spelling.eval.yaml"))
      // the folder is searched once a second
      yield* until(studio.evals(), ({ runs: [one] }) => one?.definition === undefined)
      const detail = yield* studio.eval(addressOf(report))
      assert.notProperty(detail, "report")
      assert.match(detail.notes[0]!, /spelling\.eval\.json or \.yaml.*--eval/)
      assert.strictEqual((yield* studio.refused("eval/cases", addressOf(report)))[0], 404)
      assert.strictEqual((yield* studio.refused("eval/case", { ...addressOf(report), key: "case-1" }))[0], 404)
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("are judged by a definition that was given, and name definitions that are wrong", () =>
    Effect.gen(function*() {
      const { path, report } = yield* made(5)
      const given = Eval.make("spelling", {
        flow: "acme/spelling/correct",
        cases: Real.casesOf(5),
        key: ({ id }) => id,
        input: ({ text }) => ({ message: text })
      }, { never: Check.make((_: unknown) => false) })
      Fs.writeFileSync(join(path, "wrong.eval.yaml"), "name: wrong\nflow: [")
      const studio = yield* start({ folder: path, definitions: [{ file: "spelling.ts", eval: given }] })
      const { problems, runs } = yield* studio.evals()
      assert.deepStrictEqual([runs[0]!.definition, problems.map(({ ledger }) => ledger)], ["spelling.ts", [
        "wrong.eval.yaml"
      ]])
      const { report: shown } = yield* studio.eval(addressOf(report))
      assert.deepStrictEqual(Object.keys(shown!.checks), ["never"])
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("are marked by readers, whose marks are a check from then on", () =>
    Effect.gen(function*() {
      const { path, report, studio } = yield* made(5)
      const key = "case-1"
      const mark = (fields: object) =>
        Effect.map(
          studio.page.change("POST", "/api/eval/mark", {
            ...addressOf(report),
            key,
            side: "candidate",
            trial: 1,
            verdict: "bad",
            ...fields
          }),
          ({ status }) => status
        )
      const human = Effect.map(studio.case({ ...addressOf(report), key }), ({ case: { candidate } }) =>
        candidate[0]!.outcomes["human"])
      assert.isUndefined(yield* human)
      assert.strictEqual(yield* mark({ reason: "rude" }), 200)
      assert.deepStrictEqual(yield* human, { verdict: "fail", reason: "rude" })
      const rows = Fs.readFileSync(join(path, "evals/spelling.marks.jsonl"), "utf8").split("\n")
      assert.strictEqual(rows.length, 2)
      assert.deepInclude(JSON.parse(rows[0]!), { key, verdict: "bad", reason: "rude" })
      const { report: shown } = yield* studio.eval(addressOf(report))
      assert.deepInclude(shown!.checks["human"]!.candidate, { passed: 0, of: 1 })
      assert.strictEqual((yield* studio.cases({ ...addressOf(report), check: "human" })).total, 1)
      assert.strictEqual(yield* mark({ verdict: "none" }), 200)
      assert.isUndefined(yield* human)
      assert.deepStrictEqual(
        [
          yield* mark({ trial: 2 }),
          yield* mark({ key: "none" }),
          yield* mark({ verdict: "fine" }),
          yield* mark({ run: "1" })
        ],
        [404, 404, 400, 404]
      )
      const from = yield* studio.page.get(`/api/eval/mark?${query({ ...addressOf(report), key })}`)
      assert.strictEqual(from.status, 404)
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("with several candidates are read candidate by candidate", () =>
    Effect.gen(function*() {
      const { path } = yield* made(5)
      const definition = yield* EvalFile.load(join(path, "evals/spelling.eval.yaml"))
      const matrix = yield* Eval.runMatrix(definition, {
        candidates: [1, { name: "new", version: 2 }],
        grace: 100
      }).pipe(
        Effect.provide(Layer.merge(
          BatchStore.layerFile(join(path, "evals/spelling.ledger")),
          BatchEngine.layerLocal
        ))
      )
      const studio = yield* start({ folder: path })
      const address = addressOf(matrix)
      const [first, second] = yield* Effect.all([studio.eval(address), studio.eval({ ...address, candidate: 1 })])
      assert.deepStrictEqual([first.report, second.report], matrix.reports as never)
      assert.deepStrictEqual(second.summary.candidates?.map(({ name, version }) => name ?? version), ["1", "new"])
      assert.strictEqual(second.summary.candidate.name, "new")
      const key = "case-1"
      const outputs = yield* Effect.forEach([0, 1], (candidate) => studio.case({ ...address, candidate, key }))
      assert.notDeepEqual(outputs[0]!.case.candidate[0]!.executionId, outputs[1]!.case.candidate[0]!.executionId)
      assert.strictEqual((yield* studio.refused("eval", { ...address, candidate: 2 }))[0], 404)
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("that are not there are not found", () =>
    Effect.gen(function*() {
      const { report, studio } = yield* made(3)
      const address = addressOf(report)
      for (const wrong of [{ run: "1" }, { eval: "spell" }, { ledger: "../spelling.ledger" }, { ledger: "" }]) {
        for (const endpoint of ["eval", "eval/cases", "eval/case"]) {
          const [status] = yield* studio.refused(endpoint, { ...address, ...wrong, key: "case-1" })
          assert.strictEqual(status, 404, JSON.stringify(wrong))
        }
      }
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("are judged anew after their definition has changed", () =>
    Effect.gen(function*() {
      const { path, report, studio } = yield* made(20)
      const file = join(path, "evals/spelling.eval.yaml")
      const before = yield* studio.eval(addressOf(report))
      assert.isAbove(before.report!.checks["polite"]!.verdicts.regressed, 0)
      Fs.writeFileSync(file, Fs.readFileSync(file, "utf8").replace("^Corrected", "^Correct|text"))
      const { report: after } = yield* studio.eval(addressOf(report))
      assert.isBelow(after!.checks["polite"]!.verdicts.regressed, before.report!.checks["polite"]!.verdicts.regressed)
      const { total } = yield* studio.cases({ ...addressOf(report), check: "polite", verdict: "regressed" })
      assert.strictEqual(total, after!.checks["polite"]!.verdicts.regressed)
    }).pipe(Effect.provide(Real.emulator)))
})

describe("the cases of an eval run", () => {
  it.scopedLive(
    "come with regressions first, and are filtered by verdict, check and text",
    () =>
      Effect.gen(function*() {
        const { path, report, studio } = yield* made()
        const definition = yield* EvalFile.load(join(path, "evals/spelling.eval.yaml"))
        const all = yield* reading(path, collect(Eval.cases(definition, { run: report.run })))
        const address = addressOf(report)
        const pages = [
          yield* studio.cases({ ...address, limit: 25 }),
          yield* studio.cases({ ...address, limit: 25, offset: 25 }),
          yield* studio.cases({ ...address, limit: 25, offset: 50 })
        ]
        const cases = pages.flatMap(({ cases }) => cases)
        assert.deepStrictEqual(pages.map(({ cases, total }) => [cases.length, total]), [[25, 60], [25, 60], [10, 60]])
        assert.deepStrictEqual(cases.map(({ key }) => key).sort(), all.map(({ key }) => key).sort())
        const ranks = cases.map(({ verdict }) => order.indexOf(verdict))
        assert.deepStrictEqual(ranks, ranks.toSorted((one, other) => one - other))
        for (const verdict of order) {
          const { total } = yield* studio.cases({ ...address, verdict })
          assert.strictEqual(total, all.filter((one) => listedAs(one) === verdict).length, verdict)
          const ofCheck = yield* studio.cases({ ...address, verdict, check: "right" })
          assert.strictEqual(ofCheck.total, report.checks["right"]!.verdicts[verdict], verdict)
          assert.isTrue(ofCheck.cases.every((one) => one.verdict === verdict), verdict)
        }
        const found = yield* studio.cases({ ...address, text: "CASE-12" })
        assert.deepStrictEqual(found.cases.map(({ key }) => key), ["case-12"])
        assert.strictEqual((yield* studio.cases({ ...address, check: "nothing" })).total, 0)
        const one = cases.find(({ key }) => key === "case-1")!
        const { baseline, candidate } = all[0]!
        assert.strictEqual(one.costDifferenceUsd, "0.0004")
        assert.strictEqual(one.timeDifferenceMs, candidate[0]!.durationMs! - baseline![0]!.durationMs!)
        // the time of a run that failed is not compared
        const areDone = ({ baseline, candidate }: CaseVerdict) =>
          [...candidate, ...baseline!].every(({ state }) => state === "done")
        const compared = cases.filter(({ timeDifferenceMs }) => timeDifferenceMs !== undefined).map(({ key }) => key)
        assert.deepStrictEqual(compared.sort(), all.filter(areDone).map(({ key }) => key).sort())
        assert.deepStrictEqual(compared.length, report.time!.cases)
        assert.isBelow(compared.length, all.length)
      }).pipe(Effect.provide(Real.emulator))
  )

  it.scopedLive(
    "that regressed are under regressed alone, also where another check fails on both sides",
    () =>
      Effect.gen(function*() {
        const { path, report } = yield* made(20)
        const given = Eval.make("spelling", {
          flow: "acme/spelling/correct",
          cases: Real.casesOf(20),
          key: ({ id }) => id,
          input: ({ text }) => ({ message: text })
        }, { polite: Check.matches(/^Corrected/), never: Check.make((_: unknown) => false) })
        const studio = yield* start({ folder: path, definitions: [{ file: "spelling.ts", eval: given }] })
        const address = addressOf(report)
        const { report: judged, verdicts } = yield* studio.eval(address)
        const { regressed } = judged!.checks["polite"]!.verdicts
        // the test of all checks together compares whole cases, and each fails on both sides
        assert.isAbove(regressed, 0)
        assert.strictEqual(judged!.overall.verdicts.regressed, 0)
        assert.strictEqual(verdicts!.regressed, regressed)
        for (const verdict of order) {
          const { cases, total } = yield* studio.cases({ ...address, verdict })
          assert.strictEqual(total, verdicts![verdict], verdict)
          assert.deepStrictEqual(cases.map((one) => one.verdict), cases.map(() => verdict))
        }
        const { cases } = yield* studio.cases({ ...address, verdict: "fail" })
        assert.isAbove(cases.length, 0)
        assert.isFalse(cases.some(({ checks }) => checks.some((check) => check.verdict === "regressed")))
      }).pipe(Effect.provide(Real.emulator))
  )

  it.scopedLive("have both outputs, with their differences", () =>
    Effect.gen(function*() {
      const { path, report, studio } = yield* made(20)
      const definition = yield* EvalFile.load(join(path, "evals/spelling.eval.yaml"))
      const all = yield* reading(path, collect(Eval.cases(definition, { run: report.run })))
      // text, JSON against text, and a side that failed
      for (const [key, texts, changes] of [["case-4", 1, 1], ["case-8", 0, 1], ["case-6", 0, 0]] as const) {
        const detail = yield* studio.case({ ...addressOf(report), key })
        const one = all.find((one) => one.key === key)!
        assert.deepStrictEqual(detail.case, JSON.parse(JSON.stringify(one)))
        const [difference] = detail.differences
        assert.strictEqual(detail.differences.length, changes)
        assert.strictEqual(difference?.parts === undefined ? 0 : 1, texts)
        if (difference?.parts !== undefined) {
          assert.deepStrictEqual(
            difference.parts,
            words(one.baseline![0]!.result as string, one.candidate[0]!.result as string)
          )
        }
      }
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("of many are read once, and paged from memory", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const count = size(500, 100)
      const report = yield* Real.evals(join(path, "evals"), count)
      let judged = 0
      const definition = Eval.make("spelling", {
        flow: "acme/spelling/correct",
        cases: Real.casesOf(count),
        key: ({ id }) => id,
        input: ({ text }) => ({ message: text })
      }, { counted: Check.make((_: unknown) => ++judged > 0) })
      const definitions = [{ file: "spelling.ts", eval: definition }]
      const context = yield* Layer.build(LedgerSource.layer({ folder: path, definitions }))
      const ledgers = yield* Effect.provide(StudioLedgers, context)
      const address = addressOf(report)
      yield* ledgers.cases(address, {})
      const once = judged
      assert.isAtLeast(once, count)
      for (let offset = 0; offset < count; offset += 50) {
        const { cases, total } = yield* ledgers.cases(address, { offset, limit: 50 })
        assert.deepStrictEqual([cases.length, total], [50, count])
      }
      yield* ledgers.case(address, `case-${count}`)
      assert.strictEqual(judged, once)
    }).pipe(Effect.provide(Real.emulator)), 120_000)

  it.scopedLive("are read again after a read that failed, also in the same millisecond", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const report = yield* Real.evals(join(path, "evals"), 5)
      const stores = yield* Stores.make({
        folder: path,
        postgres: undefined,
        layerSql: () => BatchStore.layerFileReadOnly(path)
      })
      let readable = 0
      const failing: Stores.Stores = {
        ...stores,
        reading: (ledger, effect) =>
          Effect.suspend(() =>
            readable-- > 0
              ? stores.reading(ledger, effect)
              : new BatchStoreError({ operation: "read", detail: "it is busy" })
          )
      }
      const reads = yield* EvalReads.make(failing, [])
      const address = addressOf(report)
      yield* Effect.gen(function*() {
        // the run is found, and its cases cannot be read
        readable = 1
        assert.include((yield* reads.eval(address)).notes[0], "it is busy")
        readable = 1
        assert.include((yield* Effect.flip(reads.cases(address, {}))).message, "it is busy")
        readable = Infinity
        assert.deepStrictEqual((yield* reads.eval(address)).notes, [])
        assert.strictEqual((yield* reads.cases(address, {})).total, 5)
      }).pipe(Effect.provide(TestContext.TestContext))
    }).pipe(Effect.provide(Real.emulator)))
})
