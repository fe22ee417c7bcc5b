/** Marks of people: rows of a file that count as a check where the output is the same. */
import { Emulator } from "@effect-noukai/emulator"
import type { FunctionInput, Json } from "@effect-noukai/emulator/Flow"
import { Check, Eval, EvalFile, Marks } from "@effect-noukai/eval"
import type { CaseVerdict } from "@effect-noukai/eval/EvalReport"
import { canonicalText, parseJson } from "@effect-noukai/sdk/kit/plainJson"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { appendFile, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { collect, layer } from "../../batch/test/support/batches.js"
import { folder } from "../../sdk/test/support/folder.js"

const quick = { grace: 300, candidate: "draft" } as const

/** A flow whose outputs the test sets, by the message. */
const setting = (outputs: Map<string, Json>) =>
  [{
    ref: "acme/test/says",
    steps: [{
      kind: "function",
      id: "a",
      costUsd: "0.001",
      run: ({ message }: FunctionInput) => outputs.get(message!) ?? null
    }]
  }] as const

const evalOf = (marks: string) =>
  Eval.make("says", {
    flow: "acme/test/says",
    cases: ["a", "b", "c"],
    key: (text) => text,
    input: (message) => ({ message }),
    marks
  }, { cheap: Check.maxCostUsd("1") })

const mark = (path: string, one: CaseVerdict, verdict: "good" | "bad" | "none", reason?: string) =>
  Marks.add(path, { key: one.key, output: Marks.hashOf(one.candidate[0]!), verdict, reason })

const humanOf = (cases: ReadonlyArray<CaseVerdict>) =>
  cases.map(({ checks, key }) => [key, checks["human"]?.candidate.verdict, checks["human"]?.candidate.reason])

describe("marks of people", () => {
  const outputs = new Map<string, Json>()

  it.scopedLive("survive a new run with equal outputs, and no other", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "says.marks.jsonl")
      const says = evalOf(path)
      for (const message of ["a", "b", "c"]) outputs.set(message, { said: message, list: [1, 2] })
      const first = yield* Eval.run(says, quick)
      assert.deepStrictEqual(Object.keys(first.checks), ["cheap"])
      const [a, b, c] = yield* collect(Eval.cases(says))
      yield* mark(path, a!, "good", "polite")
      yield* mark(path, b!, "bad", `too short nk_live_planted0_${"0123456789abcdef".repeat(2)}`)
      yield* mark(path, c!, "bad")
      yield* mark(path, c!, "none")
      assert.notInclude(yield* Effect.promise(() => readFile(path, "utf8")), "planted0")

      const marked = yield* Eval.report(says)
      assert.deepStrictEqual(marked.checks["human"]?.candidate.passed, 1)
      assert.deepStrictEqual(marked.checks["human"]?.candidate.of, 2)
      const cases = yield* collect(Eval.cases(says))
      assert.deepStrictEqual(humanOf(cases).map(([key, verdict]) => [key, verdict]), [
        ["a", "pass"],
        ["b", "fail"],
        ["c", undefined]
      ])
      assert.strictEqual(cases[0]!.checks["human"]?.candidate.reason, "polite")
      // the fail of a person fails the case
      assert.deepStrictEqual(cases.map(({ verdict }) => verdict), ["pass", "fail", "pass"])

      // the same output with its keys in another order, another output, and an output of another case
      outputs.set("a", { list: [1, 2], said: "a" })
      outputs.set("b", { said: "b!", list: [1, 2] })
      outputs.set("c", { said: "b", list: [1, 2] })
      yield* Eval.run(says, quick)
      assert.deepStrictEqual(humanOf(yield* collect(Eval.cases(says))), [
        ["a", "pass", "polite"],
        ["b", undefined, undefined],
        ["c", undefined, undefined]
      ])
      outputs.set("b", { said: "b", list: [1, 2] })
      yield* Eval.run(says, quick)
      assert.deepStrictEqual(humanOf(yield* collect(Eval.cases(says)))[1]![1], "fail")
    }).pipe(Effect.provide(layer({ flows: setting(outputs) }))))

  it.scopedLive("compare the sides where both are marked, and judge no run that failed", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "says.marks.jsonl")
      const says = Eval.make("says", {
        flow: "acme/test/says",
        cases: ["a", "b", "fails"],
        key: (text) => text,
        input: (message) => ({ message }),
        checksOf: () => ["cheap"],
        thresholds: { checks: { human: { maxRegressed: 1 } } },
        marks: path
      }, { cheap: Check.maxCostUsd("1") })
      const options = { ...quick, candidate: 2, baseline: 1 } as const
      yield* Eval.run(says, options)
      const [a, b, fails] = yield* collect(Eval.cases(says))
      yield* mark(path, a!, "bad", "rude")
      yield* Marks.add(path, { key: "a", output: Marks.hashOf(a!.baseline![0]!), verdict: "good" })
      yield* mark(path, b!, "good")
      yield* mark(path, fails!, "bad")
      const cases = yield* collect(Eval.cases(says))
      assert.deepStrictEqual(cases.map(({ checks }) => checks["human"]?.verdict), [
        "regressed",
        "not comparable",
        undefined
      ])
      const report = yield* Eval.report(says)
      assert.strictEqual(report.checks["human"]?.verdicts.regressed, 1)
      const { runs } = yield* Effect.flatMap(Emulator, ({ ledger }) => ledger)
      assert.strictEqual(runs.length, 6)
    }).pipe(Effect.provide(layer({
      flows: [{
        ref: "acme/test/says",
        steps: [],
        versions: Object.fromEntries([1, 2].map((version) => [version, {
          steps: [{
            kind: "function",
            id: "a",
            run: ({ message }: FunctionInput) =>
              message === "fails" ? Effect.fail({ code: "NO", message: "no" }) : `${message}${version}`
          }]
        }]))
      }]
    }))))

  it.effect("are read from the file beside a definition, and a wrong row is named", () =>
    Effect.gen(function*() {
      const text = JSON.stringify({
        name: "says",
        flow: "acme/test/says",
        cases: ["a"],
        key: "",
        input: {},
        checks: { cheap: { maxCostUsd: 1 } }
      })
      const says = yield* EvalFile.parse(text, "/evals/says.eval.yaml")
      assert.strictEqual(says.marks, "/evals/says.marks.jsonl")
      const path = join(yield* folder, "says.marks.jsonl")
      assert.deepStrictEqual(yield* Marks.read(path), [])
      const added = yield* Marks.add(path, { key: "a", output: "0", verdict: "good" })
      // a part of a row, of a process that was killed, and a row of an editor
      yield* Effect.promise(() => appendFile(path, "{\"key\": \"a\""))
      yield* Marks.add(path, { key: "b", output: "0", verdict: "bad" })
      const failed = yield* Effect.flip(Marks.read(path))
      assert.include(failed.message, "says.marks.jsonl:2")
      yield* Effect.promise(() => writeFile(path, `\n${JSON.stringify(added)}\r\n\n`))
      assert.deepStrictEqual(yield* Marks.read(path), [added])
    }).pipe(Effect.scoped))

  it("know an output by all of its digits, whatever the order of its keys is", () => {
    const long = (digits: string) => Marks.hashOf({ state: "done", result: parseJson(`{"n":${digits}}`) })
    assert.notStrictEqual(long("1234567890123456789"), long("1234567890123456788"))
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const hash = (result: unknown) => Marks.hashOf({ state: "done", result })
      const copy: unknown = JSON.parse(
        JSON.stringify(one),
        (_, value: unknown) =>
          typeof value === "object" && value !== null && !Array.isArray(value)
            ? Object.fromEntries(Object.entries(value).reverse())
            : value
      )
      assert.strictEqual(hash(one), hash(copy))
      if (canonicalText(one) !== canonicalText(other)) assert.notStrictEqual(hash(one), hash(other))
    }))
  })
})
