import { JobService } from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import { Effect, Exit, Stream } from "effect"
import { Grade } from "./grade.js"

const texts = Array.from({ length: 20 }, (_, n) => `The cat sat ${n} times.`)

/** Submits all, and gives each score when its job has ended, whatever became of the others. */
export const scores = Stream.unwrap(Effect.gen(function*() {
  const jobs = yield* JobService
  const submitted = yield* Effect.forEach(
    texts,
    (message) => jobs.submit(Grade, { message, parameters: { difficulty: "easy" } }),
    { concurrency: 8 }
  )
  return Job.waitAll(submitted, { timeout: "1 hour" }).pipe(
    Stream.map(({ job, outcome }) =>
      Exit.isSuccess(outcome) && outcome.value.status === "completed"
        ? { executionId: job.executionId, score: outcome.value.result.score }
        : { executionId: job.executionId, score: undefined }
    )
  )
}))
