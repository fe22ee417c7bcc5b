/**
 * From the jobs of the sdk to those of this package.
 *
 * @internal
 */
import type * as SdkJob from "@effect-noukai/sdk/Job"
import { APITimeoutError, type PollError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import type { JobStatus } from "../JobStatus.js"

const textOf = (error: unknown): { readonly error?: string } =>
  error === undefined || error === null ? {} : { error: typeof error === "string" ? error : JSON.stringify(error) }

/** @internal */
export const jobStatus = (status: SdkJob.JobStatus): JobStatus => {
  const { executionId } = status
  switch (status.status) {
    case "pending":
    case "running":
      return { executionId, status: status.status }
    case "completed":
      return { executionId, status: "completed", result: status.result }
    case "failed":
    case "cancelled":
      return { executionId, status: status.status, ...textOf(status.error) }
    case "unknown":
      // a status of the future, as the server calls it
      return { executionId, status: status.reported as JobStatus["status"] }
  }
}

/**
 * One poll, for so many milliseconds at most.
 *
 * @internal
 */
export const withinTimeout = (
  job: SdkJob.Job,
  timeout: number | undefined
): Effect.Effect<SdkJob.JobStatus, PollError> =>
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
