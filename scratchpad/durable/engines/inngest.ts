import type { Noukai } from "@effect-noukai/promise"
import { Inngest, NonRetriableError } from "inngest"

export const inngest = new Inngest({ id: "grading" })

export const gradeEssayOf = (noukai: Noukai) =>
  inngest.createFunction(
    { id: "grade-essay", retries: 3, triggers: { event: "essay/submitted" } },
    ({ event, runId, step }) =>
      step.run("grade", async () => {
        // a retried step has the same ids, so that it finds the run of the first attempt
        const run = await noukai.flow("acme/spelling/grade-3").executeOnce(`${runId}/grade`, {
          message: String(event.data.text),
          takeOver: true
        })
        if (run.status === "completed") return run.result
        throw new NonRetriableError(`the run ${run.executionId} is ${run.status}`)
      })
  )
