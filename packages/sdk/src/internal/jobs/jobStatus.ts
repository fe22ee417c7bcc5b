/** The status of a job. */
import { type ServerProblem, serverProblem } from "../core/runProblem.js"

interface PolledStatus {
  /**
   * The answer to the poll as the server sent it, unknown keys included, without the key. Not enumerable. Absent where
   * no server answered: for a job so new that the server does not show it yet.
   */
  readonly raw?: unknown
}

/** A job in the queue, or so new that the server does not show it yet. */
export interface JobPending extends PolledStatus {
  readonly status: "pending"
  readonly executionId: string
}

/** A job that has begun. */
export interface JobRunning extends PolledStatus {
  readonly status: "running"
  readonly executionId: string
}

/** A job that succeeded, with its result. */
export interface JobCompleted<out A = unknown> extends PolledStatus {
  readonly status: "completed"
  readonly executionId: string
  readonly result: A
}

/** A job that failed. */
export interface JobFailed extends PolledStatus {
  readonly status: "failed"
  readonly executionId: string
  /** The error as the server sent it: text, or an object. */
  readonly error: unknown
}

/** A job that was cancelled. */
export interface JobCancelled extends PolledStatus {
  readonly status: "cancelled"
  readonly executionId: string
  /** The error as the server sent it, if any. */
  readonly error: unknown
}

/**
 * A status that this version does not know; it is not the last one. Next to a result it is an `UnexpectedResponseError`
 * instead, which holds the result.
 */
export interface JobUnknown extends PolledStatus {
  readonly status: "unknown"
  readonly executionId: string
  /** The status as the server names it. */
  readonly reported: string
}

/** The status of a job. */
export type JobStatus<A = unknown> =
  | JobPending
  | JobRunning
  | JobCompleted<A>
  | JobFailed
  | JobCancelled
  | JobUnknown

/** The last status of a job. */
export type JobEnded<A = unknown> = JobCompleted<A> | JobFailed | JobCancelled

/** Whether a status is the last one. */
export const isEnded = <A>(status: JobStatus<A>): status is JobEnded<A> =>
  status.status === "completed" || status.status === "failed" || status.status === "cancelled"

/**
 * Returns the code and the message of a job that failed or was cancelled. The error of such a job may be text only; its
 * code is then read from beside it.
 */
export const problemOf = ({ error, raw }: JobFailed | JobCancelled): ServerProblem => {
  const { code } = serverProblem(raw)
  return { ...(code === undefined ? {} : { code }), ...serverProblem(error) }
}
