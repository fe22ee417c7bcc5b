/** Eval runs of some of the cases, over an emulator: what is sent, what is reported, and what is refused. */
import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { Baseline, Check, Eval, ReportFormat } from "@effect-noukai/eval"
import type { RunOptions } from "@effect-noukai/eval/EvalOptions"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { client, collect, layer, ledgerFile, requestsTo } from "../../batch/test/support/batches.js"

const says = (said: string) => ({ steps: [{ kind: "template", id: "a", output: { said }, costUsd: "0.001" }] }) as const

const flows = [
  { ref: "acme/test/says", ...says("{{message}}"), versions: { 1: says("{{message}}"), 2: says("{{message}}!") } }
] as const

interface Case {
  readonly id: string
  readonly expected: string
}

/** Ten cases: at the draft, those with an even number fail. */
const ten: ReadonlyArray<Case> = Array.from({ length: 10 }, (_, n) => ({
  id: `c${n + 1}`,
  expected: n % 2 === 0 ? `c${n + 1}` : `c${n + 1}!`
}))

const speaking = (cases: Iterable<Case> = ten, thresholds: Eval.Thresholds = { maxRegressed: 10 }) =>
  Eval.make("says", {
    flow: "acme/test/says",
    cases,
    key: ({ id }: Case) => id,
    input: ({ id }: Case) => ({ message: id }),
    thresholds
  }, { equals: Check.equals((one: Case) => one.expected, { at: "said" }) })

const run = (options: RunOptions, cases?: Iterable<Case>) => Eval.run(speaking(cases), { grace: 300, ...options })

/** The messages of all jobs that were sent so far, sorted. */
const sent = Effect.map(
  requestsTo("submitJob"),
  (requests) => requests.map(({ body }): string => JSON.parse(body).message).sort()
)

const bill = Effect.flatMap(Emulator, ({ ledger }) => Effect.map(ledger, ({ runs }) => runs.length))

const keysOf = (cases: Iterable<{ readonly key: string }>) => Array.from(cases, ({ key }) => key)

describe("a selection of cases", () => {
  for (
    const [options, keys] of [
      [{ select: { key: "c1*" } }, ["c1", "c10"]],
      [{ select: { key: ["c?", "x"] }, first: 2 }, ["c1", "c2"]],
      [{ first: 3 }, ["c1", "c2", "c3"]],
      [{ select: { key: "c10" }, first: 3 }, ["c10"]]
    ] as const
  ) {
    it.live(`${JSON.stringify(options)} runs these cases alone, and is read again as it ran`, () =>
      Effect.gen(function*() {
        const plan = yield* Eval.plan(speaking(), { candidate: "draft", ...options })
        assert.deepStrictEqual([plan.cases, plan.runs, plan.selection?.of], [keys.length, keys.length, 10])
        const report = yield* run({ candidate: "draft", ...options })
        assert.deepStrictEqual([report.cases, report.cost.candidate.runs], [keys.length, keys.length])
        assert.deepStrictEqual(yield* sent, [...keys].sort())
        const cases = yield* collect(Eval.cases(speaking()))
        assert.deepStrictEqual(keysOf(cases), [...keys])
        assert.deepStrictEqual(cases.map(({ no }) => `c${no}`), [...keys])
        assert.deepStrictEqual(yield* Eval.report(speaking()), report)
        assert.deepStrictEqual(yield* Eval.score(speaking()), report)
        const [info] = yield* Eval.runs("says")
        assert.deepStrictEqual(info?.selection, report.selection)
        assert.notProperty(info, "keys")
        assert.strictEqual(yield* bill, keys.length)
      }).pipe(Effect.provide(layer({ flows }))))
  }

  it.live("never passes its gate, says so in every report, and is not blessed", () =>
    Effect.gen(function*() {
      const report = yield* run({ candidate: 1, select: { key: "c[1" }, first: 9 }).pipe(
        Effect.flip,
        Effect.map(({ message }) => message),
        Effect.tap((message) =>
          Effect.sync(() => assert.strictEqual(message, "Eval.run: select matches none of the 10 cases: \"c[1\""))
        ),
        Effect.zipRight(run({ candidate: 1, first: 1 }))
      )
      assert.deepStrictEqual([report.gate, report.verdict], ["incomplete", "incomplete"])
      assert.strictEqual(
        report.sentence,
        "incomplete: of a selection, 1 of 10 cases: 1 of 1 case pass (100 %, 95 % interval 20.7 % to 100 %); " +
          "the gate needs all cases"
      )
      for (const format of ["text", "html", "markdown"] as const) {
        const text = yield* Stream.mkString(ReportFormat[format](report, Eval.cases(speaking())))
        assert.include(text, "1 of 10 cases")
        assert.match(text, /selection:? +the first 1\b/)
      }
      const refused = yield* Effect.flip(Baseline.bless(report, Eval.cases(speaking())))
      assert.include(refused.message, "has only 1 of 10 cases, so it cannot be blessed")
      // a broken threshold still fails the gate
      const strict = speaking(ten, {})
      const failed = yield* Eval.run(strict, { grace: 300, candidate: 2, baseline: 1, first: 3 })
      assert.deepStrictEqual([failed.gate, failed.sentence.split("; ")[0]], [
        "failed",
        "of a selection, 3 of 10 cases: 2 cases regressed, allowed are 0"
      ])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("of all cases is a whole run", () =>
    Effect.gen(function*() {
      const report = yield* run({ candidate: 1, first: 10 })
      assert.deepStrictEqual([report.gate, report.selection], ["passed", undefined])
      yield* Baseline.bless(report, Eval.cases(speaking()))
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("of the cases that failed runs these again, and fewer each time", () =>
    Effect.gen(function*() {
      const missing = yield* Effect.flip(run({ failing: true }))
      assert.strictEqual(missing.message, "the ledger has no complete run of the eval \"says\"")
      const all = yield* run({ candidate: "draft" })
      assert.strictEqual(yield* bill, 10)
      const failing = ["c2", "c4", "c6", "c8", "c10"]
      const second = yield* run({ candidate: "draft", failing: true })
      assert.deepStrictEqual(keysOf(yield* collect(Eval.cases(speaking()))), failing)
      assert.deepStrictEqual(second.selection, { of: 10, failing: all.run })
      assert.strictEqual(yield* bill, 15)
      // version 2 mends them all
      const third = yield* run({ candidate: 2, failing: true, select: { key: "c?" }, first: 2 })
      assert.deepStrictEqual(keysOf(yield* collect(Eval.cases(speaking()))), ["c2", "c4"])
      assert.deepStrictEqual(third.selection, { of: 10, failing: second.run, select: ["c?"], first: 2 })
      assert.strictEqual(yield* bill, 17)
      const none = yield* Effect.flip(run({ candidate: 2, failing: true }))
      assert.include(none.message, `failing matches none of the 10 cases, of those that failed in the run ${third.run}`)
      const named = yield* Eval.plan(speaking(), { candidate: 2, failing: all.run })
      assert.deepStrictEqual([named.cases, named.runs, named.reused], [5, 3, 2])
      // a case that is gone is not selected
      const gone = yield* Eval.plan(speaking(ten.slice(0, 4)), { candidate: 2, failing: all.run })
      assert.deepStrictEqual([gone.cases, gone.selection?.of], [2, 4])
      assert.strictEqual(yield* bill, 17)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("compared with a stored baseline has no cases that are gone", () =>
    Effect.gen(function*() {
      const whole = yield* run({ candidate: 1 })
      const baseline = yield* Baseline.bless(whole, Eval.cases(speaking()))
      const plan = yield* Eval.plan(speaking(), { candidate: 2, baseline, first: 2 })
      assert.deepStrictEqual(plan.stale, [])
      const report = yield* run({ candidate: 2, baseline, first: 2 })
      assert.deepStrictEqual([report.stale, report.overall.verdicts.regressed, report.overall.verdicts.fixed], [
        [],
        1,
        1
      ])
      assert.strictEqual(yield* bill, 12)
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("is kept when the run is resumed, and other selections are refused", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const store = Layer.merge(BatchStore.layerFile(path), BatchEngine.layerLocal)
      yield* Effect.gen(function*() {
        const stopped = yield* run({
          candidate: "draft",
          select: { key: "c?" },
          first: 4,
          concurrency: 1,
          budgetUsd: "0.002",
          maxCostPerRow: "0.001"
        })
        assert.strictEqual(stopped.gate, "incomplete")
        assert.strictEqual(yield* bill, 2)
        const refusals: ReadonlyArray<readonly [RunOptions, string]> = [
          [{ first: 3 }, "first"],
          [{ select: { key: "c*" } }, "select"],
          [{ failing: true }, "failing"]
        ]
        for (const [options, field] of refusals) {
          const { message } = yield* Effect.flip(run({ resume: true, ...options }))
          assert.include(message, `Eval.run: ${field} is not that of the run ${stopped.run}`)
        }
        // another order, so that the first four are others
        const moved = yield* Effect.flip(run({ resume: true }, ten.toReversed()))
        assert.include(moved.message, "cases have changed since the run")
        const report = yield* run({ resume: true, first: 4, select: { key: "c?" }, budgetUsd: "1" })
        assert.deepStrictEqual([report.cases, report.selection?.of, report.errors], [4, 10, 0])
        assert.deepStrictEqual(yield* sent, ["c1", "c2", "c3", "c4"])
      }).pipe(Effect.provide(store), Effect.provide(client({ flows })))
    }))

  it.live("is refused before anything is sent if it is wrong", () =>
    Effect.gen(function*() {
      const wrongs: ReadonlyArray<readonly [unknown, string]> = [
        [{ first: 0 }, "first must be a whole number of at least 1, not 0"],
        [{ first: 1.5 }, "first must be a whole number"],
        [{ select: "c1" }, "Eval.run: "],
        [{ select: {} }, "select must have a pattern of keys"],
        [{ select: { key: "" } }, "select must have a pattern of keys"],
        [{ select: { key: [1] } }, "select must have a pattern of keys"],
        [{ select: { key: "a", state: "done" } }, "state"],
        [{ failing: 1 }, "failing must be true, false or the id of an eval run, not 1"],
        [{ failing: "none" }, "the ledger has no run \"none\" of the eval \"says\""]
      ]
      for (const [options, message] of wrongs) {
        const error = yield* Effect.flip(run(options as RunOptions))
        assert.include(error.message, message)
      }
      assert.strictEqual(yield* bill, 0)
    }).pipe(Effect.provide(layer({ flows }))))
})
