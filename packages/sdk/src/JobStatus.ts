/**
 * Where a job stands (contract 8.2).
 *
 * @since 0.1.0
 */

/**
 * In the queue, or so new that the server does not show it yet (contract 8.3).
 *
 * @since 0.1.0
 * @category models
 */
export interface JobPending {
  readonly status: "pending"
  readonly executionId: string
}

/**
 * A job that has begun.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobRunning {
  readonly status: "running"
  readonly executionId: string
}

/**
 * A job that succeeded, with its result.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobCompleted<out A = unknown> {
  readonly status: "completed"
  readonly executionId: string
  readonly result: A
}

/**
 * A job that failed.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobFailed {
  readonly status: "failed"
  readonly executionId: string
  /** What the server said about it: text, or an object. */
  readonly error: unknown
}

/**
 * A job that was cancelled.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobCancelled {
  readonly status: "cancelled"
  readonly executionId: string
  /** What the server said about it, if anything. */
  readonly error: unknown
}

/**
 * A status that this version does not know; taken as one that is not the last.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobUnknown {
  readonly status: "unknown"
  readonly executionId: string
  /** The status as the server calls it. */
  readonly reported: string
}

/**
 * Where a job stands.
 *
 * @since 0.1.0
 * @category models
 */
export type JobStatus<A = unknown> =
  | JobPending
  | JobRunning
  | JobCompleted<A>
  | JobFailed
  | JobCancelled
  | JobUnknown

/**
 * Where a job stands for good.
 *
 * @since 0.1.0
 * @category models
 */
export type JobEnded<A = unknown> = JobCompleted<A> | JobFailed | JobCancelled

/**
 * Whether a status is the last one.
 *
 * @since 0.1.0
 * @category guards
 */
export const isEnded = <A>(status: JobStatus<A>): status is JobEnded<A> =>
  status.status === "completed" || status.status === "failed" || status.status === "cancelled"
