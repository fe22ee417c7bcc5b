import { Baseline, type EvalReport } from "@effect-noukai/eval"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { against } from "../src/internal/baseline.js"
import { summing } from "../src/internal/summary.js"
import { caseVerdict } from "../src/internal/verdict.js"
import { trialsOf } from "./support/trials.js"

const hashes = { parameters: "p1", checks: { score: "s1", polite: "o1" } }

const cases = [
  ["b", { score: "p", polite: "f" }],
  ["a", { score: "f", polite: "e" }]
] as const

const verdicts = cases.map(([key, letters], index) =>
  caseVerdict(["score", "polite"], {
    no: index + 1,
    key,
    at: `row ${index + 1}`,
    hash: `hash of ${key}`,
    input: {},
    candidate: trialsOf(letters, { costUsd: "0.001" })
  })
)

const reportOf = (more: Partial<EvalReport.EvalReport> = {}): EvalReport.EvalReport => {
  const fold = summing(["score", "polite"], false)
  for (const one of verdicts) fold.add(one)
  return {
    ...fold.report({
      eval: "spelling",
      run: "r1",
      startedAt: 0,
      candidate: { flow: "acme/spelling/grade-3", version: "7" },
      repeat: 1,
      hashes,
      stale: [],
      thresholds: {},
      judges: { runs: 0, usd: "0", unknown: 0 }
    }),
    ...more
  }
}

const blessed = Baseline.bless(reportOf(), Stream.fromIterable(verdicts))

const text = `{
  "eval": "spelling",
  "run": "r1",
  "flow": "acme/spelling/grade-3",
  "version": "7",
  "repeat": 1,
  "hashes": {
    "parameters": "p1",
    "checks": {
      "polite": "o1",
      "score": "s1"
    }
  },
  "cost": {
    "runs": 2,
    "usd": "0.002",
    "unknown": 0
  },
  "cases": [
    {"key":"a","hash":"hash of a","checks":{"score":"fail"}},
    {"key":"b","hash":"hash of b","checks":{"polite":"fail","score":"pass"}}
  ]
}
`

/** A file in a folder of its own. */
const inFile = (content: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "noukai-baseline-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true }))
    ),
    (folder) => join(folder, "spelling.baseline.json")
  ).pipe(Effect.tap((path) => Effect.promise(() => writeFile(path, content))))

describe("Baseline", () => {
  it.effect("a file is sorted, with one line for each case, and without the verdicts that are errors", () =>
    Effect.gen(function*() {
      const baseline = yield* blessed
      assert.strictEqual(Baseline.format(baseline), text)
      assert.deepStrictEqual(JSON.parse(Baseline.format({ ...baseline, cases: [] })), { ...baseline, cases: [] })
    }))

  it.scoped("is read as it was written", () =>
    Effect.gen(function*() {
      const baseline = yield* blessed
      const path = yield* inFile("an older one, which is replaced")
      yield* Baseline.write(path, baseline)
      assert.strictEqual(yield* Effect.promise(() => readFile(path, "utf8")), text)
      assert.deepStrictEqual(yield* Baseline.read(path, "spelling"), baseline)
    }))

  it.scoped("files that are cut, of another eval or with a wrong field are refused with the line", () =>
    Effect.gen(function*() {
      const refusal = (content: string) =>
        inFile(content).pipe(
          Effect.flatMap((path) => Effect.flip(Baseline.read(path, "spelling"))),
          Effect.map(({ message }) => message)
        )
      assert.match(
        yield* refusal(text.slice(0, 400)),
        /^spelling\.baseline\.json:\d+: the file is not whole JSON or YAML: /
      )
      assert.match(yield* refusal(""), /^spelling\.baseline\.json/)
      assert.strictEqual(
        yield* refusal(text.replace("spelling\"", "other\"")),
        "spelling.baseline.json:2: eval is \"other\": this is the baseline of another eval"
      )
      assert.match(
        yield* refusal(text.replace("\"fail\"", "\"maybe\"")),
        /^spelling\.baseline\.json:20: cases\.0\.checks\.score is wrong: /
      )
      assert.strictEqual(
        yield* refusal(text.replace("\"key\":\"b\"", "\"key\":\"a\"")),
        "spelling.baseline.json:21: cases.1 has the key \"a\" of another case"
      )
      const missing = yield* Effect.flip(Baseline.read("/nowhere/spelling.json", "spelling"))
      assert.strictEqual(missing.message, "/nowhere/spelling.json: there is no such file or folder")
    }))

  it.effect("a run that stopped is not blessed", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(
        Baseline.bless(reportOf({ stop: "the budget is used up" }), Stream.fromIterable(verdicts))
      )
      assert.strictEqual(
        message,
        "spelling: the run r1 is not complete, so it cannot be blessed: resume it first (the budget is used up)"
      )
    }))

  it.effect("only verdicts on unchanged cases by unchanged checks are compared, and a stale one names the changes", () =>
    Effect.gen(function*() {
      const baseline = yield* blessed
      const same = against(baseline, hashes)
      assert.deepStrictEqual(same.verdicts("b", "hash of b"), { polite: "fail", score: "pass" })
      assert.deepStrictEqual(same.verdicts("a", "hash of a"), { score: "fail" })
      assert.deepStrictEqual(same.stale(), [])

      const changed = against(baseline, { parameters: "p1", checks: { score: "s2", polite: "o1", cheap: "c1" } })
      assert.deepStrictEqual(changed.verdicts("b", "hash of b"), { polite: "fail" })
      assert.deepStrictEqual(changed.verdicts("c", "hash of c"), {})
      assert.deepStrictEqual(changed.stale(), [
        "the check score has changed",
        "the check cheap is new",
        "1 case is new: c",
        "1 case is gone: a"
      ])

      const other = against(baseline, { parameters: "p2", checks: { score: "s1" } })
      assert.deepStrictEqual(other.verdicts("b", "hash of b"), {})
      assert.deepStrictEqual(other.verdicts("a", "another hash"), {})
      assert.deepStrictEqual(other.stale(), [
        "the schema of the flow's parameters has changed",
        "the check polite is gone",
        "1 case has changed: a"
      ])
    }))

  it.scoped("keeps the scores for a weighted mean, which are compared by the same rule alone", () =>
    Effect.gen(function*() {
      const withMean = { ...hashes, mean: "m1" }
      const scored = verdicts.map((one): EvalReport.CaseVerdict => ({
        ...one,
        checks: Object.fromEntries(
          Object.entries(one.checks).map((
            [name, check]
          ) => [name, { ...check, candidate: { ...check.candidate, score: 0.7 } }])
        )
      }))
      const bless = (hashes: EvalReport.Hashes) => Baseline.bless(reportOf({ hashes }), Stream.fromIterable(scored))
      assert.isTrue((yield* bless(hashes)).cases.every((one) => !("scores" in one)))
      const baseline = yield* bless(withMean)
      assert.deepStrictEqual(baseline.cases.map(({ scores }) => scores), [{ score: 0.7 }, { polite: 0.7, score: 0.7 }])
      const path = yield* inFile(Baseline.format(baseline))
      assert.deepStrictEqual(yield* Baseline.read(path, "spelling"), baseline)
      const stored = (...[now, key, hash]: [EvalReport.Hashes, string, string]) =>
        against(baseline, now).scores(key, hash)
      assert.deepStrictEqual(stored(withMean, "b", "hash of b"), { polite: 0.7, score: 0.7 })
      assert.isUndefined(stored(withMean, "b", "another hash"))
      assert.isUndefined(stored(withMean, "c", "hash of c"))
      assert.isUndefined(stored({ ...withMean, mean: "m2" }, "b", "hash of b"))
      assert.isUndefined(stored(hashes, "b", "hash of b"))
      assert.include(against(baseline, hashes).stale(), "the weights or minMean have changed")
    }))
})
