import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Eval, ReportFormat } from "@effect-noukai/eval"
import { Effect, Layer, Stream } from "effect"
import { spelling } from "./spelling.js"

/** Compares the draft with production, writes a page, and returns the report. */
export const gate = (ledger: string, page: (part: string) => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const report = yield* Eval.run(spelling, { candidate: "draft", baseline: "production" })
    const cases = Eval.cases(spelling, { run: report.run })
    yield* Stream.runForEach(ReportFormat.html(report, cases), page)
    return report
  }).pipe(Effect.provide(Layer.merge(BatchStore.layerFile(ledger), BatchEngine.layerLocal)))
