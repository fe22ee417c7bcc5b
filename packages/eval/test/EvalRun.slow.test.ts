/** Eval runs over an emulator: what is sent, what is kept, and what is taken from earlier runs. */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import type { FunctionInput, Json, StepFailure } from "@effect-noukai/emulator/Flow"
import { Baseline, Check, Eval, EvalFile } from "@effect-noukai/eval"
import { Flow, NoukaiHttp, Tools } from "@effect-noukai/sdk"
import type { FlowVersion } from "@effect-noukai/sdk/Flow"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option, Schema } from "effect"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { client, collect, layer, ledgerFile, onFile, runsOf } from "../../batch/test/support/batches.js"
import { folder } from "../../sdk/test/support/folder.js"

const says = (said: string, costUsd = "0.001") =>
  ({ steps: [{ kind: "template", id: "a", output: { said }, costUsd }] }) as const

const judges = (output: string | boolean) =>
  ({ steps: [{ kind: "template", id: "a", output, costUsd: "0.01" }] }) as const

const flows = [
  { ref: "acme/test/says", ...says("{{message}}"), versions: { 1: says("{{message}}"), 2: says("{{message}}!") } },
  { ref: "acme/test/judge", ...judges("{{parameters.ok}}"), versions: { 1: judges("{{parameters.ok}}") } }
] as const

interface Case {
  readonly id: string
  readonly expected: string
}

const casesOf = (count: number): ReadonlyArray<Case> =>
  Array.from({ length: count }, (_, n) => ({ id: `c${n + 1}`, expected: n % 2 === 0 ? `c${n + 1}` : `c${n + 1}!` }))

const options = (cases: ReadonlyArray<Case>) =>
  ({
    flow: "acme/test/says",
    cases,
    key: ({ id }: Case) => id,
    input: ({ id }: Case) => ({ message: id })
  }) as const

const late = [{
  ref: "acme/test/says",
  steps: [{ kind: "template", id: "a", output: "late", duration: "1 hour" }]
}] as const

const equals = Check.equals((one: Case) => one.expected, { at: "said" })

const judgeAt = (version?: FlowVersion) =>
  Check.judge("acme/test/judge", {
    version,
    input: (_: Case, { result }) => ({
      message: "x",
      parameters: { ok: !(result as { said: string }).said.endsWith("!") }
    })
  })

const judge = judgeAt()

const speaking = (cases = casesOf(4)) => Eval.make("says", options(cases), { equals })

const quick = { grace: 300 } as const

const count = Effect.map(runsOf, ({ length }) => length)

const posts = Effect.flatMap(Emulator, ({ ledger }) => Effect.map(ledger, ({ runs }) => runs.map(({ flow }) => flow)))

describe("an eval run", () => {
  it.live("runs each case on both sides, interleaved, and compares them case by case", () =>
    Effect.gen(function*() {
      const report = yield* Eval.run(speaking(), { ...quick, candidate: 2, baseline: 1, concurrency: 1 })
      assert.deepStrictEqual([
        report.cases,
        report.gate,
        report.overall.verdicts.regressed,
        report.overall.verdicts.fixed
      ], [
        4,
        "failed",
        2,
        2
      ])
      assert.deepStrictEqual([report.candidate.version, report.baseline?.version], ["2", "1"])
      assert.deepStrictEqual([report.cost.candidate, report.cost.judges.runs], [
        { runs: 4, usd: "0.004", unknown: 0 },
        0
      ])
      const rows = yield* collect(Batch.results(Eval.batchIds(report)[0], { order: "done" }))
      const versions = rows.map(({ version }) => version)
      assert.deepStrictEqual(versions, ["1", "2", "1", "2", "1", "2", "1", "2"])
      const cases = yield* collect(Eval.cases(speaking()))
      assert.deepStrictEqual(cases.map(({ key, verdict }) => [key, verdict]), [
        ["c1", "regressed"],
        ["c2", "fixed"],
        ["c3", "regressed"],
        ["c4", "fixed"]
      ])
      assert.deepStrictEqual(cases[0]!.candidate[0]!.result, { said: "c1!" })
      // the ledger alone has the report
      assert.deepStrictEqual(yield* Eval.report(speaking()), report)
      assert.strictEqual(yield* count, 8)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("takes the results of numbered versions from earlier runs, and never those of draft or production", () =>
    Effect.gen(function*() {
      yield* Eval.run(speaking(), { ...quick, candidate: "draft", baseline: 1 })
      assert.strictEqual(yield* count, 8)
      const plan = yield* Eval.plan(speaking(casesOf(6)), { candidate: "draft", baseline: 1 })
      assert.deepStrictEqual([plan.cases, plan.runs, plan.reused], [6, 8, 4])
      const second = yield* Eval.run(speaking(casesOf(6)), { ...quick, candidate: "draft", baseline: 1 })
      assert.strictEqual(yield* count, 16)
      assert.deepStrictEqual([second.cost.baseline?.runs, second.errors], [6, 0])
      // another trial is another run
      yield* Eval.run(speaking(casesOf(6)), { ...quick, candidate: 2, baseline: 1, repeat: 2 })
      assert.strictEqual(yield* count, 16 + 6 * 2 + 6)
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("takes no results of another server", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const store = Layer.merge(BatchStore.layerFile(path), BatchEngine.layerLocal)
      const onServer = Eval.run(speaking(), { ...quick, candidate: 2, baseline: 1 }).pipe(
        Effect.zipRight(count),
        Effect.provide(store),
        Effect.provide(Layer.fresh(client({ flows })))
      )
      assert.deepStrictEqual([yield* onServer, yield* onServer], [8, 8])
    }))

  it.live("has repeated trials, of which the majority counts", () =>
    Effect.gen(function*() {
      const report = yield* Eval.run(speaking(), { ...quick, candidate: 1, repeat: 3 })
      assert.strictEqual(yield* count, 12)
      assert.deepStrictEqual([report.overall.candidate.passed, report.overall.candidate.of], [2, 4])
      const [one] = yield* collect(Eval.cases(speaking()))
      assert.deepStrictEqual(one!.candidate.map(({ trial }) => trial), [1, 2, 3])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("stops for its budget, and is resumed without a second run", () =>
    Effect.gen(function*() {
      const budget = { ...quick, candidate: 2, baseline: 1, concurrency: 1, maxCostPerRow: "0.001" }
      const first = yield* Eval.run(speaking(), { ...budget, budgetUsd: "0.003" })
      // a case regressed already
      assert.deepStrictEqual([first.verdict, first.gate, yield* count], ["incomplete", "incomplete", 3])
      assert.include(first.stop ?? "", "budget")
      const [info] = yield* Eval.runs("says")
      assert.deepStrictEqual([info!.run, info!.isComplete], [first.run, false])
      const same = yield* Eval.run(speaking(), { ...quick, concurrency: 1, resume: true })
      assert.deepStrictEqual([same.run, same.stop, yield* count], [first.run, first.stop, 3])
      assert.include(same.stop ?? "", "raise it and resume the run")
      const second = yield* Eval.run(speaking(), { ...budget, resume: true, budgetUsd: "1" })
      assert.deepStrictEqual([second.run, second.stop, yield* count], [first.run, undefined, 8])
      assert.strictEqual((yield* Eval.runs())[0]!.isComplete, true)
      assert.strictEqual((yield* Effect.flip(Eval.run(speaking(), { resume: true })))._tag, "EvalNotFoundError")
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("says how it goes on: by a resume of the run, not by another one", () =>
    Effect.gen(function*() {
      const inLedger = Effect.provide(onFile(yield* ledgerFile))
      const stop = inLedger(Effect.map(Eval.report(speaking()), (report) => report.stop))
      const report = yield* inLedger(Eval.run(speaking(), { ...quick, rowTimeout: 100 }))
      assert.strictEqual(
        report.stop,
        "the runs are incomplete: 4 rows timed out. Resume the run to read their results, " +
          "with a longer rowTimeout to wait longer"
      )
      // as it is after a crash
      yield* inLedger(Effect.flatMap(BatchStore, ({ sql }) => sql`update noukai_batch set state = 'running'`))
      assert.strictEqual(
        yield* stop,
        "the runs are incomplete: the process that ran it is gone: resume the run to go on"
      )
      yield* inLedger(Batch.pause(Eval.batchIds(report)[0]))
      assert.strictEqual(
        yield* stop,
        "the runs are paused: it is paused; resume its batch, and resume the run"
      )
    }).pipe(Effect.provide(client({ flows: late }))))

  it.live("is resumed with its own sides, also when only one of them is repeated", () =>
    Effect.gen(function*() {
      const budget = { ...quick, concurrency: 1, maxCostPerRow: "0.001" }
      const first = yield* Eval.run(speaking(), { ...budget, candidate: 2, baseline: "draft", budgetUsd: "0.003" })
      const second = yield* Eval.run(speaking(), { ...budget, baseline: "draft", resume: first.run, budgetUsd: 1 })
      assert.deepStrictEqual([second.candidate, second.stop, yield* count], [first.candidate, undefined, 8])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("keeps its failed runs in its report when a later run succeeds, and repeats them in a new one", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const failing = { steps: [{ kind: "fail", id: "a", code: "NO_LUCK" }] } as const
      yield* emulator.putFlows({ ...flows[0], versions: { 1: failing } })
      const first = yield* Eval.run(speaking(), { ...quick, candidate: 1 })
      assert.deepStrictEqual([first.overall.verdicts.fail, yield* count], [4, 4])
      yield* emulator.putFlows(flows[0])
      const second = yield* Eval.run(speaking(), { ...quick, candidate: 1 })
      assert.deepStrictEqual([second.overall.verdicts.pass, yield* count], [2, 8])
      assert.deepStrictEqual(yield* Eval.report(speaking(), { run: first.run }), first)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("is incomplete if the definition has lost a case since", () =>
    Effect.gen(function*() {
      yield* Eval.run(speaking(), { ...quick, candidate: 1 })
      const report = yield* Eval.report(speaking(casesOf(3)))
      assert.deepStrictEqual([report.cases, report.gate], [3, "incomplete"])
      assert.include(report.sentence, "the definition does not have 1 case of the run any more")
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses a case without a value that a check expects, before anything is sent", () =>
    Effect.gen(function*() {
      const field = Check.field("expekted")
      for (
        const wrong of [
          Check.equals(field),
          Check.at("said", Check.contains(field)),
          Check.calls("tool", { arguments: { x: field } })
        ]
      ) {
        const error = yield* Effect.flip(Eval.run(Eval.make("says", options(casesOf(2)), { wrong }), quick))
        assert.strictEqual(error.message, "row 1: checks.wrong has no expected value: the case has no expekted")
      }
      const judge = { judge: "acme/judges/manners", input: { message: { $text: ["Said: ", { $run: "result" }] } } }
      for (
        const wrong of [
          { ...judge, input: { parameters: { a: [{ $case: "expekted" }] } } },
          { ...judge, pass: { equals: { $case: "expekted" } } }
        ]
      ) {
        const file = { name: "says", flow: "acme/eval/says", cases: [{ id: "a" }], key: "id", input: { message: "hi" } }
        const written = yield* EvalFile.parse(
          JSON.stringify({ ...file, checks: { wrong, fine: judge } }),
          "a.eval.json"
        )
        const error = yield* Effect.flip(Eval.plan(written))
        assert.strictEqual(error.message, "row 1: checks.wrong has no expected value: the case has no expekted")
      }
      assert.strictEqual(yield* count, 0)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses what is not an amount of money, before anything is sent", () =>
    Effect.gen(function*() {
      for (const wrong of [1n, {}, [1], true, NaN, -1, "x"]) {
        const amount = wrong as never
        const budget = yield* Effect.flip(Eval.run(speaking(), { ...quick, budgetUsd: amount, maxCostPerRow: 1 }))
        const cost = yield* Effect.flip(Eval.run(speaking(), { ...quick, maxCostPerRow: amount }))
        const found = [budget, cost].map((error) => [error._tag, "field" in error && error.field])
        assert.deepStrictEqual(found, [["InvalidBatchError", "budgetUsd"], ["InvalidBatchError", "maxCostPerRow"]])
      }
      assert.deepStrictEqual([yield* Eval.runs(), yield* count], [[], 0])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses texts and flags that are another value, in every operation, before anything is sent", () =>
    Effect.gen(function*() {
      const refused = (field: string, form: string, wrong: ReadonlyArray<unknown>, of: (value: never) => unknown) =>
        Effect.forEach(
          wrong,
          (value) =>
            Effect.map(Effect.flip(of(value as never) as Effect.Effect<void, Error>), ({ message }) => {
              const rule = value === null ? "not be null" : `be ${form}, not ${JSON.stringify(value)}`
              assert.include(message, `${field} must ${rule}`)
            })
        )
      const texts = [null, 7, true, "", {}]
      const run = "the id of an eval run"
      for (const field of ["record", "replay"]) {
        yield* refused(
          field,
          "the path of a folder",
          texts,
          (value) => Eval.run(speaking(), { ...quick, [field]: value })
        )
      }
      yield* refused("resume", `true, false or ${run}`, [null, 7, "", {}], (resume) => Eval.run(speaking(), { resume }))
      yield* refused("resume", `true, false or ${run}`, [null, 7], (resume) => Eval.plan(speaking(), { resume }))
      yield* refused("run", run, texts, (run) => Eval.report(speaking(), { run }))
      yield* refused("run", run, texts, (run) => collect(Eval.cases(speaking(), { run })))
      yield* refused(
        "judgeAgain",
        "true or false",
        [1, "no", null],
        (judgeAgain) => Eval.score(speaking(), { judgeAgain })
      )
      assert.deepStrictEqual([yield* Eval.runs(), yield* count], [[], 0])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses counts and limits that are none, in every operation, before anything is sent", () =>
    Effect.gen(function*() {
      for (const wrong of [NaN, -1, 0.5, Infinity, "1" as never]) {
        const options = { ...quick, allowErrors: wrong }
        const errors = yield* Effect.all([
          Effect.flip(Eval.run(speaking(), options)),
          Effect.flip(Eval.plan(speaking(), options)),
          Effect.flip(Eval.score(speaking(), options)),
          Effect.flip(Eval.report(speaking(), { allowErrors: wrong })),
          Effect.flip(collect(Eval.cases(speaking(), { allowErrors: wrong })))
        ])
        for (const error of errors) {
          assert.include(error.message, "allowErrors must be a whole number of at least 0, not ")
        }
      }
      for (const field of ["allowErrors", "budgetUsd", "maxCostPerRow", "concurrency"]) {
        const error = yield* Effect.flip(Eval.run(speaking(), { ...quick, [field]: null }))
        assert.include(error.message, `${field} must not be null`)
      }
      for (const maxCostRatio of [NaN, -1, Infinity]) {
        const one = Eval.make("says", { ...options(casesOf(2)), thresholds: { maxCostRatio } }, { equals })
        assert.include((yield* Effect.flip(Eval.run(one, quick))).message, "must be a finite number of at least 0")
      }
      for (
        const thresholds of [{ maxRegressed: 0.5 }, { maxRegressed: NaN }, { minPassRate: NaN }, { maxMedianMs: NaN }]
      ) {
        const one = Eval.make("says", { ...options(casesOf(2)), thresholds }, { equals })
        assert.include((yield* Effect.flip(Eval.run(one, quick))).message, "thresholds")
      }
      assert.deepStrictEqual([yield* Eval.runs(), yield* count], [[], 0])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses durations and numbers of its batch, before anything is sent", () =>
    Effect.gen(function*() {
      const times: ReadonlyArray<unknown> = [NaN, -1, -1n, "-1 seconds", [NaN, 0], [-1, 0], [0, NaN], "1", "", {}]
      const finite: ReadonlyArray<unknown> = [...times, Infinity, "Infinity"]
      const wholes: ReadonlyArray<unknown> = [NaN, -1, 0, 0.5, Infinity, 1e21, "1"]
      const wrong: { readonly [name: string]: ReadonlyArray<unknown> } = {
        backoff: finite,
        stopWithin: finite,
        rowTimeout: times,
        attempts: wholes,
        concurrency: wholes,
        fleetConcurrency: wholes,
        rate: [NaN, -1, 0, Infinity, 1e21, "1"]
      }
      for (const [name, values] of Object.entries(wrong)) {
        for (const value of values) {
          const exit = yield* Effect.exit(Eval.run(speaking(), { ...quick, [name]: value }))
          const shown = `${name}: ${typeof value === "bigint" ? `${value}n` : JSON.stringify(value)}`
          const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
          assert.isDefined(error, `${shown}: ${String(exit)}`)
          assert.include(error?.message, name, shown)
        }
      }
      assert.strictEqual(yield* count, 0)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses an at that names a property of lists and texts, before anything is sent", () =>
    Effect.gen(function*() {
      for (
        const at of [
          "length",
          "list.length",
          "list.0.length",
          "name.toUpperCase",
          "name.trim()",
          "name.trim",
          "a.indexOf"
        ]
      ) {
        for (
          const check of [
            Check.equals(1, { at }),
            Check.near(1, { at }),
            Check.contains("a", { at }),
            Check.matches("a", { at }),
            Check.at(at, Check.equals(1)),
            Check.step("a", Check.at(at, Check.equals(1))),
            Check.judge("acme/test/judge", { input: () => ({}), at })
          ]
        ) {
          const error = yield* Effect.flip(Eval.plan(Eval.make("says", options(casesOf(2)), { check })))
          assert.include(error.message, "check")
          assert.include(error.message, "is not a field", at)
        }
      }
      for (const at of ["box[\"length\"]", ["box", "length"], "lengths", "list.5", "search", "trimmed"]) {
        yield* Eval.plan(Eval.make("says", options(casesOf(2)), { check: Check.equals(1, { at }) }))
      }
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses a check near a text, before anything is sent", () =>
    Effect.gen(function*() {
      for (const near of [Check.near(Check.field("id"), {}), Check.near((one: Case) => one.id as never, {})]) {
        for (
          const check of [
            near,
            Check.at("said", near),
            Check.judge("acme/test/judge", { input: () => ({}), pass: near })
          ]
        ) {
          const error = yield* Effect.flip(Eval.plan(Eval.make("says", options(casesOf(2)), { check })))
          assert.include(error.message, "row 1: checks.check is near \"c1\", which is not a number")
        }
      }
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("plans with the changes since the baseline was blessed", () =>
    Effect.gen(function*() {
      const first = yield* Eval.run(speaking(), { ...quick, candidate: 1 })
      const baseline = yield* Baseline.bless(first, Eval.cases(speaking()))
      const stale = (cases: ReadonlyArray<Case>) =>
        Effect.map(Eval.plan(speaking(cases), { candidate: 1, baseline }), ({ stale }) => stale)
      assert.deepStrictEqual(yield* stale(casesOf(4)), [])
      assert.deepStrictEqual(yield* stale(casesOf(5).slice(1).map((one) => ({ ...one, expected: "c2" }))), [
        "3 cases have changed: c2, c3, c4",
        "1 case is new: c5",
        "1 case is gone: c1"
      ])
      const wrong = yield* Effect.flip(Eval.plan(speaking(), { baseline: { ...baseline, repeat: NaN } }))
      assert.include(wrong.message, "baseline")
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses a limit of times without a baseline that runs", () =>
    Effect.gen(function*() {
      const timed = Eval.make("says", { ...options(casesOf(2)), thresholds: { maxMedianMs: 10 } }, { equals })
      const error = yield* Effect.flip(Eval.run(timed, quick))
      assert.include(error.message, "thresholds.maxMedianMs requires a version as baseline")
      assert.strictEqual(yield* count, 0)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("counts the cost of all attempts on each side", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const seen = new Set<unknown>()
      const failing = {
        steps: [...says("x", "0.002").steps, {
          kind: "function",
          id: "b",
          run: ({ message }: FunctionInput): Effect.Effect<Json, StepFailure> => {
            if (seen.has(message)) return Effect.succeed({ said: String(message) })
            seen.add(message)
            return Effect.fail({ code: "PROVIDER_ERROR", message: "no luck" })
          }
        }]
      } as const
      yield* emulator.putFlows({ ...flows[0], versions: { 1: says("{{message}}"), 2: failing } })
      const retrying = { ...quick, candidate: 2, baseline: 1, attempts: 2, backoff: 10 } as const
      const report = yield* Eval.run(speaking(), retrying)
      const { billedUsd, runs } = yield* emulator.ledger
      assert.deepStrictEqual([report.errors, runs.length], [0, 12])
      assert.deepStrictEqual([report.cost.candidate, report.cost.baseline], [
        { runs: 4, usd: "0.016", unknown: 0 },
        { runs: 4, usd: "0.004", unknown: 0 }
      ])
      assert.strictEqual(billedUsd, "0.02")
      const [one] = yield* collect(Eval.cases(speaking()))
      const [trial] = one!.candidate
      assert.deepStrictEqual([trial!.costUsd, trial!.attemptsCostUsd], ["0.002", "0.004"])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("is not resumed with other cases or another candidate", () =>
    Effect.gen(function*() {
      const { run } = yield* Eval.run(speaking(), { ...quick, candidate: 2 })
      const failing = (options: Eval.RunOptions, cases = casesOf(4)) =>
        Effect.map(Effect.flip(Eval.run(speaking(cases), { ...options, resume: run })), ({ message }) => message)
      assert.include(yield* failing({ candidate: 1 }), "candidate")
      assert.include(yield* failing({}, casesOf(5)), "cases have changed")
      assert.include((yield* Effect.flip(Eval.report(speaking(), { run: "gone" }))).message, "gone")
      assert.strictEqual(yield* count, 4)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("refuses a case that cannot be run, before anything is sent", () =>
    Effect.gen(function*() {
      const twice = yield* Effect.flip(Eval.run(speaking([...casesOf(2), casesOf(1)[0]!]), quick))
      assert.deepStrictEqual(twice.message, "row 3: key \"c1\" is already used by row 1")
      const wrong = Eval.make("wrong", { ...options(casesOf(2)), input: () => ({ message: 1n as never }) }, { equals })
      const error = yield* Effect.flip(Eval.run(wrong, quick))
      assert.deepStrictEqual([error._tag, error.message.startsWith("row 1: ")], ["InvalidEvalError", true])
      for (
        const run of [
          { repeat: 0 },
          { candidate: 1, baseline: 1 },
          { candidate: -1 },
          { candidate: null },
          { baseline: null },
          { baseline: [] }
        ] as ReadonlyArray<Eval.RunOptions>
      ) {
        assert.strictEqual((yield* Effect.flip(Eval.run(speaking(), run)))._tag, "InvalidEvalError")
      }
      assert.deepStrictEqual([yield* count, yield* Batch.list()], [0, []])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("compares with a blessed baseline", () =>
    Effect.gen(function*() {
      const first = yield* Eval.run(speaking(), { ...quick, candidate: 1 })
      const blessed = yield* Baseline.bless(first, Eval.cases(speaking()))
      const report = yield* Eval.run(speaking(), { ...quick, candidate: 2, baseline: blessed })
      assert.deepStrictEqual([report.overall.verdicts.regressed, report.overall.verdicts.fixed, report.stale], [
        2,
        2,
        []
      ])
      assert.strictEqual(yield* count, 8)
      // without the baseline nobody knows whether the candidate is worse
      const without = yield* Eval.report(speaking())
      assert.deepStrictEqual([without.gate, without.sentence.includes(first.run)], ["incomplete", true])
      assert.deepStrictEqual(yield* Eval.report(speaking(), { baseline: blessed }), report)
      const budget = { ...quick, concurrency: 1, maxCostPerRow: "0.001" } as const
      yield* Eval.run(speaking(), { ...budget, candidate: "draft", baseline: blessed, budgetUsd: "0.003" })
      const resumed = yield* Eval.run(speaking(), { ...budget, resume: true, budgetUsd: "1" })
      assert.strictEqual(resumed.gate, "incomplete")
      const known = yield* Eval.report(speaking(), { run: resumed.run, baseline: blessed })
      assert.deepStrictEqual([known.gate, known.overall.verdicts.pass], ["passed", 2])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("of another flow is compared on the same cases", () =>
    Effect.gen(function*() {
      const report = yield* Eval.run(speaking(), {
        ...quick,
        candidate: { flow: "acme/test/judge", version: "draft" },
        baseline: 1
      })
      assert.deepStrictEqual([report.candidate.flow, report.overall.candidate.passed], ["acme/test/judge", 0])
    }).pipe(Effect.provide(layer({ flows }))))
})

describe("the data of checks", () => {
  it.live("are the outputs of steps, calls of tools and costs, which are read from the ledger", () =>
    Effect.gen(function*() {
      const tooled = {
        ref: "acme/test/tools",
        capture: "metadata_only",
        toolsEnabled: true,
        steps: [
          { kind: "template", id: "draft", output: { text: "{{message}}" } },
          {
            kind: "tool",
            id: "a",
            rounds: [[{ name: "weather", arguments: { city: "Bonn" } }]],
            output: "{{tools.weather}}",
            costUsd: "0.1"
          }
        ]
      } as const
      yield* Effect.flatMap(Emulator, (emulator) => emulator.putFlows(tooled))
      const one = Eval.make("data", {
        ...options(casesOf(2)),
        flow: "acme/test/tools",
        operation: "execute",
        tools: Tools.handle(
          [{ type: "function", function: { name: "weather" } }],
          (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "rain" })))
        )
      }, {
        step: Check.step("draft", Check.equals((one: Case) => one.id, { at: "text" })),
        calls: Check.calls("weather", { times: 1 }),
        cheap: Check.maxCostUsd("0.2")
      })
      const report = yield* Eval.run(one, quick)
      assert.deepStrictEqual([report.errors, report.overall.candidate.passed], [0, 2])
      const without = Eval.make("data", { ...options(casesOf(2)) }, { calls: Check.calls("weather", { times: 1 }) })
      assert.deepStrictEqual((yield* Eval.plan(without)).notCaptured.map(({ check }) => check), ["calls"])
      const input = (one: Case) => ({ message: one.id, snapshots: false })
      const uncaptured = Eval.make("data", { ...options(casesOf(2)), input }, {
        step: Check.step("draft", Check.equals("1")),
        equals: Check.equals("1")
      })
      assert.deepStrictEqual((yield* Eval.plan(uncaptured)).notCaptured.map(({ check }) => check), ["step"])
    }).pipe(Effect.provide(layer({ flows }))))
})

describe("the weighted mean", () => {
  it.live("passes cases by their scores, live and against a baseline that was blessed by the same rule", () =>
    Effect.gen(function*() {
      // half of the score of version 2, whose texts are longer
      const length = Check.make((_: Case, { result }) => {
        const score = JSON.stringify(result).length > 13 ? 0.4 : 0.8
        return Check[score > 0.5 ? "pass" : "fail"](`scored ${score}`, { score })
      }, { definition: "length" })
      const meaning = (minMean: number) =>
        Eval.make("mean", { ...options(casesOf(4)), minMean, weights: { equals: 1, length: 3 } }, { equals, length })
      const report = yield* Eval.run(meaning(0.5), { ...quick, candidate: 1, baseline: 2 })
      const means = Effect.map(collect(Eval.cases(meaning(0.5))), (cases) => cases.map(({ mean }) => mean))
      assert.deepStrictEqual(
        (yield* means).map((mean) => [mean?.verdict, mean?.candidate.score, mean?.baseline?.score]),
        [["fixed", 0.85, 0.3], ["pass", 0.6, 0.55], ["fixed", 0.85, 0.3], ["pass", 0.6, 0.55]]
      )
      assert.deepStrictEqual([report.gate, report.overall.candidate.passed, report.overall.baseline?.passed], [
        "passed",
        4,
        2
      ])
      const baseline = yield* Baseline.bless(report, Eval.cases(meaning(0.5)))
      const stored = yield* Eval.run(meaning(0.5), { ...quick, candidate: 2, baseline })
      assert.deepStrictEqual([stored.gate, stored.overall.verdicts.regressed, stored.stale], ["failed", 2, []])
      const stale = yield* Eval.report(meaning(0.6), { baseline })
      assert.deepStrictEqual([stale.gate, stale.stale], ["incomplete", ["the weights or minMean have changed"]])
      assert.strictEqual(stale.sentence, "incomplete: no case can be compared with the baseline")
    }).pipe(Effect.provide(layer({ flows }))))
})

describe("judges", () => {
  const judged = (cases = casesOf(4), one = judge) => Eval.make("judged", options(cases), { judge: one })

  const judgings = Effect.map(posts, (flows) => flows.filter((flow) => flow === "acme/test/judge").length)

  it.live("at a numbered version run once for each input that no run of the ledger has judged", () =>
    Effect.gen(function*() {
      const fixed = judgeAt(1)
      const report = yield* Eval.run(judged(casesOf(4), fixed), { ...quick, candidate: 2, baseline: 1 })
      assert.deepStrictEqual([report.overall.verdicts.regressed, report.errors], [4, 0])
      // two inputs: with and without a mark at the end
      assert.strictEqual(yield* judgings, 2)
      assert.deepStrictEqual(report.cost.judges, { runs: 2, usd: "0.02", unknown: 0 })
      assert.deepStrictEqual((yield* Batch.list("eval/")).map(({ batch }) => batch), [...Eval.batchIds(report)])
      const again = yield* Eval.run(judged(casesOf(5), fixed), { ...quick, candidate: "draft", baseline: 1 })
      assert.deepStrictEqual([again.errors, again.cost.judges.runs], [0, 0])
      assert.strictEqual(again.overall.candidate.passed, 5)
    }).pipe(Effect.provide(layer({ flows }))))

  for (const version of [undefined, "production", "draft", 0] as const) {
    it.live(`at ${version ?? "the default version"} judge both sides again in a new eval run, as they are then`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const moving = judged(casesOf(4), judgeAt(version))
        const sides = { ...quick, candidate: 1, baseline: 2 } as const
        const first = yield* Eval.run(moving, sides)
        assert.deepStrictEqual([first.overall.candidate.passed, first.overall.baseline?.passed], [4, 0])
        assert.strictEqual(yield* judgings, 2)
        // the judge changes, and the flow does not
        yield* emulator.putFlows({ ref: "acme/test/judge", ...judges(false) })
        const second = yield* Eval.run(moving, sides)
        assert.deepStrictEqual(
          [second.overall.candidate.passed, second.overall.baseline?.passed, second.cost.judges.runs],
          [0, 0, 2]
        )
        // sides are reused: they have numbers
        assert.deepStrictEqual([yield* judgings, yield* count], [4, 8 + 4])
        // the verdicts of each run stay its own
        assert.deepStrictEqual(yield* Eval.report(moving, { run: first.run }), first)
        assert.deepStrictEqual(yield* Eval.report(moving), second)
      }).pipe(Effect.provide(layer({ flows }))))
  }

  it.live("run for the cases alone whose checks have them, and the others are not counted", () =>
    Effect.gen(function*() {
      const judge = Check.judge("acme/test/judge", {
        input: (_: Case, { result }) => ({ message: JSON.stringify(result), parameters: { ok: true } })
      })
      const some = Eval.make("some", {
        ...options(casesOf(4)),
        checksOf: ({ id }) => id === "c2" ? ["judge"] : id === "c3" ? "equals, judge" : ["equals"]
      }, { equals, judge })
      const report = yield* Eval.run(some, { ...quick, candidate: 2, baseline: 1 })
      assert.deepStrictEqual([report.cost.judges.runs, yield* judgings], [4, 4])
      assert.deepStrictEqual([report.checks.equals?.candidate.of, report.checks.judge?.candidate.of], [3, 2])
      assert.deepStrictEqual([report.errors, report.overall.candidate.of], [0, 4])
      const cases = yield* collect(Eval.cases(some))
      const expected = [["equals"], ["judge"], ["equals", "judge"], ["equals"]]
      assert.deepStrictEqual(cases.map(({ checks }) => Object.keys(checks)), expected)
      assert.deepStrictEqual(cases.map(({ candidate: [one] }) => Object.keys(one!.outcomes)), expected)
      // a blessed baseline lacks the verdicts that a later set asks for
      const baseline = yield* Baseline.bless(report, Eval.cases(some))
      const all = Eval.make("some", options(casesOf(4)), { equals, judge })
      const later = yield* Eval.report(all, { baseline })
      assert.deepStrictEqual(
        [later.checks.equals?.verdicts["not comparable"], later.checks.equals?.verdicts.error, later.stale],
        [1, 0, []]
      )
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("judge again when the run is scored, if that is asked for, and otherwise never twice in a run", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const first = yield* Eval.run(judged(), { ...quick, candidate: 1 })
      yield* emulator.putFlows({ ref: "acme/test/judge", ...judges(false) })
      assert.deepStrictEqual(yield* Eval.score(judged(), quick), first)
      assert.strictEqual(yield* judgings, 1)
      const second = yield* Eval.score(judged(), { ...quick, judgeAgain: true })
      assert.deepStrictEqual([second.overall.candidate.passed, second.cost.judges], [
        0,
        { runs: 2, usd: "0.02", unknown: 0 }
      ])
      assert.deepStrictEqual([yield* Eval.score(judged(), quick), yield* judgings], [second, 2])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("that judge again and stop go on without a second payment", () =>
    Effect.gen(function*() {
      const budget = { ...quick, concurrency: 1, maxCostPerRow: "0.01" } as const
      yield* Eval.run(judged(), { ...budget, candidate: 2, baseline: 1, budgetUsd: 1 })
      // of two judges one is paid again
      const stopped = yield* Eval.score(judged(), { ...budget, judgeAgain: true, budgetUsd: "0.038" })
      assert.deepStrictEqual([stopped.gate, stopped.cost.judges.runs, yield* judgings], ["incomplete", 3, 3])
      const whole = yield* Eval.score(judged(), { ...budget, budgetUsd: 1 })
      assert.deepStrictEqual([whole.errors, whole.cost.judges.runs, yield* judgings], [0, 4, 4])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("at a numbered version do not judge again when the run is scored", () =>
    Effect.gen(function*() {
      const fixed = judged(casesOf(4), judgeAt(1))
      yield* Eval.run(fixed, { ...quick, candidate: 1 })
      yield* Eval.score(fixed, { ...quick, judgeAgain: true })
      assert.strictEqual(yield* judgings, 1)
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("do not take the verdicts of another server", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const onServer = Eval.run(judged(), { ...quick, candidate: 2 }).pipe(
        Effect.map(({ cost }) => cost.judges.runs),
        Effect.provide(Layer.merge(BatchStore.layerFile(path), BatchEngine.layerLocal)),
        Effect.provide(Layer.fresh(client({ flows })))
      )
      assert.deepStrictEqual([yield* onServer, yield* onServer], [1, 1])
    }))

  it.live("judge stored runs again after a check has changed", () =>
    Effect.gen(function*() {
      yield* Eval.run(speaking(), { ...quick, candidate: 2, baseline: 1 })
      const before = yield* count
      const changed = Eval.make("says", options(casesOf(4)), { equals, judge })
      const unjudged = yield* Eval.report(changed)
      assert.deepStrictEqual([unjudged.verdict, unjudged.checks["judge"]!.verdicts.error], ["incomplete", 4])
      const report = yield* Eval.score(changed, quick)
      assert.deepStrictEqual([report.checks["judge"]!.verdicts.regressed, report.errors], [4, 0])
      assert.strictEqual(yield* count, before + 2)
      yield* Eval.score(changed, quick)
      assert.strictEqual(yield* count, before + 2)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("that fail are errors, and judge again when the run is scored", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({ ref: "acme/test/judge", steps: [{ kind: "fail", id: "a", code: "NO_LUCK" }] })
      const report = yield* Eval.run(judged(), { ...quick, candidate: 1 })
      assert.deepStrictEqual([report.gate, report.errors], ["incomplete", 4])
      yield* emulator.putFlows(flows[1])
      const second = yield* Eval.score(judged(), quick)
      assert.deepStrictEqual([second.gate, second.errors, second.overall.candidate.passed], ["passed", 0, 4])
      // the attempt that failed was a run, too
      assert.strictEqual(second.cost.judges.runs, 2)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("do not run for a result that does not fit the flow", () =>
    Effect.gen(function*() {
      const flow = Flow.make("acme/test/says", { result: Schema.Struct({ score: Schema.Number }) })
      const report = yield* Eval.run(Eval.make("unfit", { ...options(casesOf(2)), flow }, { judge }), quick)
      assert.deepStrictEqual([report.overall.verdicts.fail, report.cost.judges.runs], [2, 0])
      assert.notInclude(yield* posts, "acme/test/judge")
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("of a version that cannot be are refused before anything is sent", () =>
    Effect.gen(function*() {
      for (const version of ["prod", -1, 1.5, NaN, "1"]) {
        const wrong = Check.judge("acme/test/judge", { version: version as never, input: () => ({ message: "x" }) })
        const error = yield* Effect.flip(Eval.run(Eval.make("judged", options(casesOf(2)), { wrong }), quick))
        assert.deepStrictEqual([error._tag, "field" in error && error.field], ["InvalidEvalError", "checks.wrong"])
      }
      assert.strictEqual(yield* count, 0)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("share the budget also when they are paid first, by a score of a run that stopped", () =>
    Effect.gen(function*() {
      const budget = { ...quick, concurrency: 1, maxCostPerRow: "0.001" }
      yield* Eval.run(judged(), { ...budget, candidate: 2, budgetUsd: "0.002" })
      assert.strictEqual((yield* Eval.score(judged(), { ...budget, budgetUsd: "0.002" })).cost.judges.runs, 0)
      assert.strictEqual((yield* Eval.score(judged(), { ...budget, budgetUsd: "0.012" })).cost.judges.usd, "0.01")
      const resumed = yield* Eval.run(judged(), { ...budget, resume: true, budgetUsd: "0.013" })
      assert.deepStrictEqual([resumed.cost.candidate.usd, resumed.gate], ["0.003", "incomplete"])
      const wrong = yield* Effect.flip(Eval.score(judged(), { ...budget, budgetUsd: "much" }))
      assert.include(wrong.message, "budgetUsd")
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("share the budget of the run", () =>
    Effect.gen(function*() {
      const budget = { ...quick, candidate: 2, baseline: 1, concurrency: 1, maxCostPerRow: "0.01" }
      const report = yield* Eval.run(judged(), { ...budget, budgetUsd: "0.02" })
      assert.deepStrictEqual([report.cost.judges.runs, report.gate], [1, "incomplete"])
      const resumed = yield* Eval.run(judged(), { ...budget, resume: true, budgetUsd: "1" })
      assert.deepStrictEqual([resumed.cost.judges.runs, resumed.errors, resumed.run], [2, 0, report.run])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("keep the budget of the run when it is scored, unless another is given", () =>
    Effect.gen(function*() {
      const budget = { ...quick, candidate: 2, baseline: 1, concurrency: 1, maxCostPerRow: "0.01" }
      const report = yield* Eval.run(judged(), { ...budget, budgetUsd: "0.02" })
      const scored = yield* Eval.score(judged(), quick)
      assert.deepStrictEqual([scored.cost.judges.runs, scored.gate, scored.stop], [1, "incomplete", report.stop])
      const raised = yield* Eval.score(judged(), { ...quick, budgetUsd: "1" })
      assert.deepStrictEqual([raised.cost.judges.runs, raised.errors, raised.stop], [2, 0, undefined])
    }).pipe(Effect.provide(layer({ flows }))))
})

describe("cassettes", () => {
  const own = () =>
    Layer.merge(
      Layer.unwrapScoped(Effect.map(ledgerFile, (path) => BatchStore.layerFile(path))),
      BatchEngine.layerLocal
    )

  it.scopedLive("run an eval again for nothing", () =>
    Effect.gen(function*() {
      const cassettes = join(yield* folder, "cassettes")
      const one = Eval.make("both", { ...options(casesOf(3)), cases: BatchSource.fromIterable(casesOf(3)) }, {
        equals,
        judge
      })
      const run = { ...quick, candidate: 2, baseline: 1 } as const
      const recorded = yield* Effect.provide(Eval.run(one, { ...run, record: cassettes }), own())
      assert.deepStrictEqual((yield* Effect.promise(() => readdir(cassettes))).sort(), [
        "calls.json",
        "eval.json"
      ])
      // a definition that is refused leaves the recording
      const kept = yield* Effect.promise(() => readFile(join(cassettes, "eval.json"), "utf8"))
      const twice = Eval.make("both", options([...casesOf(1), ...casesOf(1)]), { equals })
      yield* Effect.flip(Effect.provide(Eval.run(twice, { ...run, record: cassettes }), own()))
      assert.strictEqual(yield* Effect.promise(() => readFile(join(cassettes, "eval.json"), "utf8")), kept)
      const before = yield* Effect.flatMap(Emulator, ({ ledger }) => ledger)
      const replayed = yield* Effect.provide(Eval.run(one, { ...run, replay: cassettes }), own())
      assert.deepStrictEqual({ ...replayed, time: undefined }, { ...recorded, time: undefined })
      assert.strictEqual(
        (yield* Effect.flatMap(Emulator, ({ ledger }) => ledger)).requestsReceived,
        before.requestsReceived
      )
      // a replay into a ledger with the recorded run would go on with its rows, which the cassettes do not have
      const again = yield* Eval.run(one, { ...run, replay: cassettes }).pipe(
        Effect.zipRight(Effect.flip(Eval.run(one, { ...run, replay: cassettes }))),
        Effect.provide(own())
      )
      assert.deepStrictEqual([again._tag, "field" in again && again.field], ["InvalidEvalError", "replay"])
      const missing = yield* Effect.flip(Effect.provide(Eval.run(one, { ...run, replay: `${cassettes}/gone` }), own()))
      assert.strictEqual(missing._tag, "EvalFileError")
      assert.isDefined(yield* NoukaiHttp)
    }).pipe(Effect.provide(client({ flows }))))

  it.scopedLive("without a call of a case end the run as incomplete", () =>
    Effect.gen(function*() {
      const cassettes = join(yield* folder, "cassettes")
      const of = (count: number) => Eval.make("longer", options(casesOf(count)), { equals })
      yield* Effect.provide(Eval.run(of(2), { ...quick, record: cassettes }), own())
      const report = yield* Effect.provide(Eval.run(of(3), { ...quick, replay: cassettes, concurrency: 1 }), own())
      assert.strictEqual(report.gate, "incomplete")
      assert.match(report.stop!, /the row .*c3.* cannot go on: .*no recording for this call/)
    }).pipe(Effect.provide(client({ flows }))))
})
