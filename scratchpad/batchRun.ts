/** A batch of 200 rows, on a ledger in a file. */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Effect, Layer } from "effect"
import { Grade } from "./grade.js"

const essays = Array.from({ length: 200 }, (_, n) => ({ id: `essay ${n + 1}`, text: "The cat sat." }))

const grading = Batch.make({
  id: "grades-2026-11",
  flow: Grade,
  key: (essay: typeof essays[number]) => essay.id,
  input: (essay) => ({ message: essay.text, parameters: { difficulty: "hard" } })
})

// what a crash leaves in doubt is looked up after the grace, which may be short where runs are listed at once
export const run = (ledger: string) =>
  Batch.run(grading, BatchSource.fromIterable(essays), { concurrency: 16, grace: "500 millis" }).pipe(
    Effect.provide(Layer.mergeAll(BatchStore.layerFile(ledger), BatchEngine.layerLocal))
  )

export const status = (ledger: string) =>
  Effect.provide(Batch.status(grading.id), Layer.fresh(BatchStore.layerFile(ledger)))
