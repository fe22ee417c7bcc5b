/** Evals by Promises. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { Check, Eval, EvalNotFoundError, InvalidEvalError } from "@effect-noukai/eval"
import {
  check,
  evalCases,
  evalMatrix,
  evalReport,
  loadEval,
  planEval,
  runEval,
  runEvalMatrix,
  scoreEval
} from "@effect-noukai/eval/promise"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, it } from "vitest"

let emulator: RunningEmulator
let folder: string

const says = (said: string) => ({ steps: [{ kind: "template", id: "a", output: { said }, costUsd: "0.001" }] }) as const

const flows = [
  { ref: "acme/test/says", ...says("{{message}}"), versions: { 1: says("{{message}}"), 2: says("{{message}}!") } }
] as const

beforeAll(async () => {
  folder = await Fs.mkdtemp(join(tmpdir(), "noukai-eval-"))
  emulator = await startEmulator({ flows })
})

afterAll(async () => {
  await emulator.close()
  await Fs.rm(folder, { recursive: true, force: true })
})

const cases = [{ id: "a", expected: "a!" }, { id: "b", expected: "b" }]

const speaking = Eval.make("says", {
  flow: "acme/test/says",
  cases,
  key: ({ id }) => id,
  input: ({ id }) => ({ message: id })
}, {
  equals: Check.equals(Check.field("expected"), { at: "said" }),
  own: check(async ({ id }: (typeof cases)[number], { result }) => (result as { said: string }).said.startsWith(id)),
  rejects: check(async () => Promise.reject(new Error("no network")))
})

const options = () => ({
  ledger: join(folder, "evals.ledger"),
  apiKey: emulator.apiKey,
  env: "dev" as const,
  port: emulator.port,
  grace: 200,
  candidate: 2,
  baseline: 1
})

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => assert.fail("it did not reject"), (error: unknown) => error)

it("plans, runs, scores and reports an eval, and its cases", async () => {
  assert.strictEqual((await planEval(speaking, options())).runs, 4)
  const report = await runEval(speaking, options())
  assert.strictEqual(report.gate, "failed")
  assert.strictEqual(report.errors, 2)
  assert.deepStrictEqual([report.checks.equals?.verdicts.fixed, report.checks.equals?.verdicts.regressed], [1, 1])
  assert.deepStrictEqual(report.checks.own?.candidate.passed, 2)
  const found: Array<unknown> = []
  for await (const { checks, key } of evalCases(speaking, { ledger: options().ledger })) {
    found.push([key, checks.equals?.verdict, checks.rejects?.candidate.reason])
  }
  assert.deepStrictEqual(found, [
    ["a", "fixed", "the check threw: no network"],
    ["b", "regressed", "the check threw: no network"]
  ])
  assert.deepStrictEqual(await evalReport(speaking, { ledger: options().ledger }), report)
  const started = emulator.ledger().runsStarted
  const { candidate: _, baseline: __, ...scoring } = options()
  assert.strictEqual((await scoreEval(speaking, scoring)).run, report.run)
  assert.strictEqual(emulator.ledger().runsStarted, started)
})

it("takes the organisation and the project of a flow with a short name, and the results of its own server alone", async () => {
  const short = Eval.make("short", {
    flow: "says",
    cases,
    key: ({ id }) => id,
    input: ({ id }) => ({ message: id })
  }, { equals: Check.equals(Check.field("expected"), { at: "said" }) })
  const named = { ...options(), ledger: join(folder, "short.ledger"), org: "acme", project: "test" }
  const { apiKey: _, candidate: __, baseline: ___, ...stored } = named
  const sides = { candidate: 1, baseline: 2 }
  const plan = await planEval(short, { ...stored, ...sides })
  assert.deepStrictEqual([plan.candidate.flow, plan.runs], ["acme/test/says", 4])
  const report = await runEval(short, named)
  assert.deepStrictEqual(await evalReport(short, stored), report)
  const keys: Array<string> = []
  for await (const { key } of evalCases(short, stored)) keys.push(key)
  assert.deepStrictEqual(keys, ["a", "b"])
  const again = await planEval(short, { ...stored, ...sides })
  assert.deepStrictEqual([again.runs, again.reused], [0, 4])
  const elsewhere = await planEval(short, { ...stored, ...sides, env: "production", port: undefined })
  assert.deepStrictEqual([elsewhere.runs, elsewhere.reused], [4, 0])
  assert.instanceOf(await rejection(evalReport(short, { ledger: stored.ledger })), InvalidEvalError)
})

it("reads a definition from a file", async () => {
  const path = join(folder, "says.eval.json")
  await Fs.writeFile(
    path,
    JSON.stringify({
      name: "file",
      flow: "acme/test/says",
      cases,
      key: "id",
      input: { message: { $case: "id" } },
      checks: { equals: { equals: { $case: "expected" }, at: "said" } }
    })
  )
  const report = await runEval(await loadEval(path), options())
  assert.strictEqual(report.overall.verdicts.fixed, 1)
  assert.strictEqual(report.overall.verdicts.regressed, 1)
})

it("rejects with the errors themselves", async () => {
  assert.instanceOf(await rejection(evalReport(speaking, { ledger: options().ledger, run: "r1" })), EvalNotFoundError)
  assert.instanceOf(await rejection(runEval(speaking, { ...options(), ledger: "" })), InvalidEvalError)
  assert.instanceOf(await rejection(runEval(speaking, { ...options(), repeat: 0 })), InvalidEvalError)
  const reason = new Error("enough")
  const aborted = runEval(speaking, { ...options(), signal: AbortSignal.abort(reason) })
  assert.strictEqual(await rejection(aborted), reason)
})

it("runs several candidates, and reads their reports again", async () => {
  const ledger = join(folder, "matrix.ledger")
  const { baseline, candidate: _, ...others } = { ...options(), ledger }
  const small = { name: "small", version: 1, blockOverrides: { a: { output: { said: "b" } } } } as const
  const matrix = await runEvalMatrix(speaking, { ...others, baseline, candidates: [2, small] })
  assert.deepStrictEqual(
    matrix.reports.map((
      { candidate: { name, version }, checks }
    ) => [name ?? version, checks["equals"]?.candidate.passed]),
    [["2", 1], ["small", 1]]
  )
  assert.deepStrictEqual(await evalMatrix(speaking, { ...others, candidate: 2 } as typeof others), matrix)
  const keys: Array<unknown> = []
  for await (const one of evalCases(speaking, { ...others, candidate: small })) keys.push(one.candidate[0]?.result)
  assert.deepStrictEqual(keys, [{ said: "b" }, { said: "b" }])
})
