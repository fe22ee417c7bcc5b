import { Batch } from "@effect-noukai/batch"
import { Flow } from "@effect-noukai/sdk"
import { Schema } from "effect"

const Grade = Flow.make("acme/spelling/grade-3", { result: Schema.Struct({ score: Schema.Number }) })

export const grading = Batch.make({
  id: "grades-2026-11",
  flow: Grade,
  row: Schema.Struct({ id: Schema.String, text: Schema.String }),
  key: (row) => row.id,
  input: (row) => ({ message: row.text })
})
