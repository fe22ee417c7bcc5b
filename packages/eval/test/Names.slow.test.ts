/** A misspelt option of any input of an eval is refused before anything is sent or written. */
import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { Check, Eval, EvalFile, InvalidEvalError } from "@effect-noukai/eval"
import { check, evalCases, evalReport, planEval, runEval, scoreEval } from "@effect-noukai/eval/promise"
import { Effect, Layer, Schema, Stream } from "effect"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { client } from "../../batch/test/support/batches.js"

let folder: string
let emulator: RunningEmulator

beforeAll(async () => {
  folder = await Fs.mkdtemp(join(tmpdir(), "noukai-eval-names-"))
  emulator = await startEmulator({
    flows: [{ ref: "acme/test/says", steps: [{ kind: "template", id: "a", output: "{{message}}" }] }]
  })
})

afterAll(async () => {
  await emulator.close()
  await Fs.rm(folder, { recursive: true, force: true })
})

const any = (value: unknown) => value as never

const definition = {
  flow: "acme/test/says",
  cases: [{ id: "a" }],
  key: ({ id }: { readonly id: string }) => id,
  input: ({ id }: { readonly id: string }) => ({ message: id })
}

const speaking = Eval.make("says", definition, { equals: Check.equals("a") })

/** An eval with other options, or with another check. */
const made = (options: object, one: unknown = Check.equals("a")) =>
  Eval.make("says", any({ ...definition, ...options }), { one: any(one) })

const checked = (one: unknown) => Eval.plan(made({}, one))

const judging = { input: () => ({ message: "a" }) }

const file = {
  name: "says",
  flow: "acme/test/says",
  cases: [{ id: "a" }],
  key: "id",
  input: { message: { $case: "id" } },
  checks: { equals: { equals: "a" } }
}

const parsed = (fields: object) => EvalFile.parse(JSON.stringify({ ...file, ...fields }), "says.eval.json")

const inputs: ReadonlyArray<
  readonly [name: string, call: () => Effect.Effect<unknown, unknown, unknown>, misspelt: RegExp, meant?: string]
> = [
  ["make", () => Eval.plan(made({ kee: 2 })), /kee/, "key"],
  ["make", () => Eval.run(made({ operaton: "execute" })), /operaton/, "operation"],
  ["make", () => Eval.run(made({ threshold: {} })), /threshold/, "thresholds"],
  ["plan", () => Eval.plan(speaking, any({ candidat: 2 })), /candidat/, "candidate"],
  ["plan", () => Eval.plan(speaking, any({ candidate: { verson: 2 } })), /verson/, "version"],
  ["run", () => Eval.run(speaking, any({ budgetUSD: 1 })), /budgetUSD/, "budgetUsd"],
  ["run", () => Eval.run(speaking, any({ repeats: 2 })), /repeats/, "repeat"],
  ["run", () => Eval.run(speaking, any({ concurency: 2 })), /concurency/, "concurrency"],
  ["run", () => Eval.run(speaking, any({ baseline: { flw: "a/b/c" } })), /flw/, "flow"],
  ["score", () => Eval.score(speaking, any({ judgeagain: true })), /judgeagain/, "judgeAgain"],
  ["report", () => Eval.report(speaking, any({ allowError: 1 })), /allowError/, "allowErrors"],
  ["cases", () => Stream.runDrain(Eval.cases(speaking, any({ baselin: "a" }))), /baselin/, "baseline"],
  ["Check.make", () => checked(Check.make(() => true, any({ definiton: "a" }))), /definiton/, "definition"],
  ["Check.equals", () => checked(Check.equals("a", any({ att: "b" }))), /att/, "at"],
  ["Check.contains", () => checked(Check.contains("a", any({ ignorecase: true }))), /ignorecase/, "ignoreCase"],
  ["Check.matches", () => checked(Check.matches("a", any({ att: "b" }))), /att/, "at"],
  ["Check.schema", () => checked(Check.schema(Schema.String, any({ att: "b" }))), /att/, "at"],
  ["Check.near", () => checked(Check.near(1, any({ withn: 1 }))), /withn/, "within"],
  ["Check.calls", () => checked(Check.calls("a", any({ time: 1 }))), /time/, "times"],
  ["Check.judge", () => checked(Check.judge("a/b/c", any({ ...judging, minscore: 1 }))), /minscore/, "minScore"],
  ["check of a Promise", () => checked(check(async () => true, any({ definiton: "a" }))), /definiton/, "definition"],
  ["a file", () => parsed({ verson: 2 }), /verson/],
  ["a check of a file", () => parsed({ checks: { equals: { equals: "a", att: "b" } } }), /att/]
]

const promises: ReadonlyArray<readonly [name: string, call: (options: never) => Promise<unknown>, options: object]> = [
  ["planEval", (options) => planEval(speaking, options), { repeats: 2 }],
  ["runEval", (options) => runEval(speaking, options), { budgetUSD: 1 }],
  ["runEval", (options) => runEval(speaking, options), { signl: 1 }],
  ["runEval", (options) => runEval(speaking, options), { ledgr: 1 }],
  ["scoreEval", (options) => scoreEval(speaking, options), { judgeagain: true }],
  ["evalReport", (options) => evalReport(speaking, options), { allowError: 1 }],
  ["evalCases", async (options) => {
    for await (const one of evalCases(speaking, options)) assert.fail(one.key)
  }, { baselin: "a" }]
]

describe("a misspelt option", () => {
  for (const [name, call, misspelt, meant] of inputs) {
    it(`of ${name} is refused: ${misspelt.source}`, async () => {
      const ledger = join(folder, "effects.ledger")
      const store = BatchStore.layerFile(ledger)
      const services = Layer.mergeAll(store, Layer.provide(BatchEngine.layerLocal, store), client())
      const error = await Effect.runPromise(
        Effect.flip(Effect.scoped(Effect.provide(call() as Effect.Effect<unknown, unknown>, services)))
      )
      assert.instanceOf(error, InvalidEvalError)
      assert.match(error.message, misspelt)
      if (meant !== undefined) assert.include(error.message, `did you mean ${meant}?`)
      assert.deepStrictEqual(emulator.ledger().requests, [])
    })
  }

  for (const [name, call, misspelt] of promises) {
    it(`of ${name} rejects: ${Object.keys(misspelt)[0]}`, async () => {
      const ledger = join(folder, `${Object.keys(misspelt)[0]}.ledger`)
      const options = { ledger, apiKey: emulator.apiKey, env: "dev", port: emulator.port, grace: 200, ...misspelt }
      const error: unknown = await call(any(options)).then(() => assert.fail("it did not reject"), (error) => error)
      assert.instanceOf(error, InvalidEvalError)
      assert.strictEqual(error.field, Object.keys(misspelt)[0])
      assert.deepStrictEqual(await Fs.readdir(folder).then((names) => names.filter((one) => ledger.endsWith(one))), [])
      assert.deepStrictEqual(emulator.ledger().requests, [])
    })
  }
})
