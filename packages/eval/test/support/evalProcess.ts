/**
 * A program that runs an eval, or goes on with it: `<baseUrl> <ledger> <cases>`. It prints the report and the verdicts of
 * the cases as JSON once nothing is left to run. The key comes from the environment.
 */
import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Check, Eval } from "@effect-noukai/eval"
import { Noukai } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Stream } from "effect"

const [baseUrl, ledger, count] = process.argv.slice(2)

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
  const report = yield* last === undefined
    ? Eval.run(killed, { candidate: 2, baseline: "draft", repeat: 2, grace: 1000 })
    : last.isComplete
    ? Eval.report(killed)
    : Eval.run(killed, { resume: true, grace: 1000 })
  if (report.stop !== undefined) return yield* Effect.dieMessage(report.stop)
  const cases = yield* Stream.runCollect(Eval.cases(killed))
  process.stdout.write(JSON.stringify({ report, cases: [...cases] }))
})

NodeRuntime.runMain(Effect.provide(
  program,
  Layer.mergeAll(BatchStore.layerFile(ledger!), BatchEngine.layerLocal, Noukai.layer({ baseUrl: baseUrl! }))
))
