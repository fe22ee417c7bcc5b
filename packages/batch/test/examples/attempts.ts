import { Batch, BatchSource } from "@effect-noukai/batch"
import { Effect, Schedule } from "effect"
import { grading } from "./gradeEssays.js"

/** The rows whose keys begin with 1, each at most three times: a run that failed is repeated after 10 s and after a minute. */
export const patiently = (path: string) =>
  Effect.gen(function*() {
    const { retries, unselected } = yield* Batch.run(grading, BatchSource.fromJsonl(path), {
      attempts: Schedule.fromDelays("10 seconds", "1 minute"),
      select: { key: "1*" }
    })
    return { retries, unselected, first: yield* Batch.attempts(grading.id, "1") }
  })
