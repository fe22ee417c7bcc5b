import { Noukai } from "@effect-noukai/promise"
import { AbortTaskRunError, task } from "@trigger.dev/sdk"

const noukai = new Noukai() // reads NOUKAI_API_KEY

export const gradeEssay = task({
  id: "grade-essay",
  retry: { maxAttempts: 3 },
  run: async ({ text }: { readonly text: string }, { ctx, signal }) => {
    // a retried task has the same id, so that it finds the run of the first attempt
    const run = await noukai.flow("acme/spelling/grade-3").executeOnce(`${ctx.run.id}/grade`, {
      message: text,
      takeOver: true,
      signal
    })
    if (run.status === "completed") return run.result
    throw new AbortTaskRunError(`the run ${run.executionId} is ${run.status}`)
  }
})
