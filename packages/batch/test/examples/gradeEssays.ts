import { Batch, BatchEngine, BatchReport, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Flow } from "@effect-noukai/sdk"
import { Effect, Schema } from "effect"

export const grading = Batch.make({
  id: "grades-2026-11",
  flow: Flow.make("acme/spelling/grade-3", { result: Schema.Struct({ score: Schema.Number }) }),
  row: Schema.Struct({ id: Schema.String, text: Schema.String }),
  key: (essay) => essay.id,
  input: (essay) => ({ message: essay.text, parameters: { difficulty: "hard" } })
})

/** From `essays.jsonl` to `report/results.jsonl`. Kill it and start it again: it goes on. */
export const gradeEssays = (folder: string) =>
  Effect.gen(function*() {
    const summary = yield* Batch.run(grading, BatchSource.fromJsonl(`${folder}/essays.jsonl`))
    const [rows, refused] = [Batch.results(grading), Batch.refused(grading.id)]
    yield* BatchReport.toFolder(`${folder}/report`, { rows, refused, summary })
    return summary
  }).pipe(Effect.provide([BatchEngine.layerLocal, BatchStore.layerFile(`${folder}/grades.ledger`)]))
