/** The error of a wait that has ended before its jobs. */
import { APITimeoutError, type CallError } from "../../NoukaiError.js"
import { known, unchecked } from "../errors/makeError.js"
import { type JobTarget, label } from "./jobPoll.js"
import type { JobStatus } from "./jobStatus.js"

/** The outcome of the polls so far. */
export interface PollOutcome<A = unknown> {
  status: JobStatus<A> | undefined
  /** The failure of the latest poll, if it failed. */
  failure: CallError | undefined
}

/** The error of a wait that has ended before its jobs. */
export const gaveUp = (
  target: Partial<Pick<JobTarget, "addressText" | "executionId">>,
  method: string,
  seen: PollOutcome,
  detail: string
): APITimeoutError => {
  const lastStatus = seen.status === undefined ? undefined : label(seen.status)
  return new APITimeoutError(
    known({
      method,
      flow: target.addressText,
      executionId: target.executionId,
      detail: lastStatus === undefined ? detail : `${detail}; last seen ${JSON.stringify(lastStatus)}`,
      clock: "wait",
      sent: "yes",
      lastStatus,
      isRetryable: true,
      cause: seen.failure
    }),
    unchecked
  )
}

export const outOfTime = (ms: number): string => `after ${ms} ms`

export const scheduleEnded = "the schedule has ended"
