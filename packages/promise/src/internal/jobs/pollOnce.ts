import type { Job, JobStatus } from "@effect-noukai/sdk/Job"
import { APITimeoutError, type CallError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"

/**
 * Polls once, for at most `timeout` milliseconds with its retries.
 *
 * @internal
 */
export const pollOnce = (job: Job, timeout: number | undefined): Effect.Effect<JobStatus, CallError> =>
  timeout === undefined || timeout === Infinity
    ? job.poll
    : Effect.timeoutFail(job.poll, {
      duration: timeout,
      onTimeout: () =>
        new APITimeoutError({
          method: "Job.poll",
          executionId: job.executionId,
          detail: `after ${timeout} ms`,
          clock: "total",
          sent: "yes",
          isRetryable: true
        }, { disableValidation: true })
    })
