import type { Noukai } from "@effect-noukai/promise"
import { activityInfo, ApplicationFailure, cancellationSignal } from "@temporalio/activity"

/** The activities of a worker, with one client for all of them. */
export const activitiesOf = (noukai: Noukai) => ({
  async grade(text: string): Promise<unknown> {
    // a retried activity has the same ids, so that it finds the run of the first attempt
    const { activityId, workflowExecution } = activityInfo()
    const key = `${workflowExecution?.workflowId}/${workflowExecution?.runId}/${activityId}`
    const run = await noukai.flow("acme/spelling/grade-3").executeOnce(key, {
      message: text,
      takeOver: true,
      signal: cancellationSignal()
    })
    if (run.status === "completed") return run.result
    throw ApplicationFailure.nonRetryable(`the run ${run.executionId} is ${run.status}`)
  }
})
