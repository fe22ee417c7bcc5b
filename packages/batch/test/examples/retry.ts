import { Batch, BatchSource } from "@effect-noukai/batch"
import { Effect } from "effect"
import { grading } from "./gradeEssays.js"

/** The rows that failed, once more. Those that are done are left alone. */
export const failedAgain = (path: string) =>
  Effect.gen(function*() {
    const retried = yield* Batch.retry(grading.id, { only: "failed" })
    const { states } = yield* Batch.run(grading, BatchSource.fromJsonl(path))
    return `${retried} were run again, ${states.failed} failed again`
  })
