import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Eval, ReportFormat } from "@effect-noukai/eval"
import { Console, Effect, Layer, Stream } from "effect"
import { spelling } from "./spelling.js"

const ledger = Layer.merge(BatchStore.layerFile("evals.ledger"), BatchEngine.layerLocal)

/** Compares the draft with production, prints the report, and fails unless the draft may be published. */
export const gate = Effect.gen(function*() {
  const report = yield* Eval.run(spelling, { candidate: "draft", baseline: "production", repeat: 3 })
  yield* Stream.runForEach(ReportFormat.text(report, Eval.cases(spelling)), (text) => Console.log(text))
  if (report.gate !== "passed") return yield* Effect.fail(report.sentence)
}).pipe(Effect.provide(ledger))
