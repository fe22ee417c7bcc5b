/**
 * A program that runs an eval, or goes on with it: `<baseUrl> <ledger> <cases>`, with one candidate, or with two after
 * `several`. It prints the reports and the verdicts of the cases as JSON once nothing is left to run. The key comes from
 * the environment.
 */
import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Check, Eval } from "@effect-noukai/eval"
import { Noukai } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Stream } from "effect"

const [baseUrl, ledger, count, sides] = process.argv.slice(2)

interface Case {
  readonly id: string
  readonly isOdd: boolean
}

const killed = Eval.make("killed", {
  flow: "acme/test/says",
  cases: Array.from({ length: Number(count) }, (_, n): Case => ({ id: `case ${n}`, isOdd: n % 2 === 1 })),
  key: (one) => one.id,
  input: (one) => ({ message: one.id, parameters: { mark: one.isOdd ? "?" : "!" } })
}, {
  said: Check.equals((one: Case) => `${one.id}${one.isOdd ? "?" : "!"}`, { at: "said" }),
  cheap: Check.maxCostUsd("0.001"),
  judge: Check.judge("acme/test/judge", { input: (one: Case) => ({ message: one.id }) })
})

const program = Effect.gen(function*() {
  const [last] = (yield* Eval.runs("killed")).slice(-1)
  const candidates = [2, { version: 2, blockOverrides: { a: { output: { said: "{{message}}" } } } }] as const
  const { reports } = yield* last === undefined
    ? Eval.runMatrix(killed, {
      candidates: sides === "several" ? candidates : [2],
      baseline: "draft",
      repeat: 2,
      grace: 1000
    })
    : last.isComplete
    ? Eval.matrix(killed)
    : Eval.runMatrix(killed, { resume: true, grace: 1000 })
  const [{ stop }] = reports
  if (stop !== undefined) return yield* Effect.dieMessage(stop)
  const cases = yield* Effect.forEach(reports, ({ candidate }) => Stream.runCollect(Eval.cases(killed, { candidate })))
  process.stdout.write(JSON.stringify({ reports, cases: cases.map((all) => [...all]) }))
})

NodeRuntime.runMain(Effect.provide(
  program,
  Layer.mergeAll(BatchStore.layerFile(ledger!), BatchEngine.layerLocal, Noukai.layer({ baseUrl: baseUrl! }))
))
