import { JobService } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { Grade } from "./grade.js"

// the queue keeps results whatever the capture mode is
export const gradeOnce = (id: string, text: string) =>
  Effect.gen(function*() {
    const jobs = yield* JobService
    const job = yield* jobs.submitOnce(`grades-2026/${id}`, Grade, {
      message: text,
      parameters: { difficulty: "hard" }
    })
    const { score } = yield* job.result({ timeout: "10 minutes" })
    return { score, submittedBefore: job.reused }
  })
