/** Where a job stands. */

interface Polled {
  /**
   * What the server answered to the poll, with what is not modelled here and without the key. Not enumerable. Absent where
   * no server answered: of a job so new that it is not shown yet.
   */
  readonly raw?: unknown
}

/**
 * In the queue, or so new that the server does not show it yet.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobPending extends Polled {
  readonly status: "pending"
  readonly executionId: string
}

/**
 * A job that has begun.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobRunning extends Polled {
  readonly status: "running"
  readonly executionId: string
}

/**
 * A job that succeeded, with its result.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobCompleted<out A = unknown> extends Polled {
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
export interface JobFailed extends Polled {
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
export interface JobCancelled extends Polled {
  readonly status: "cancelled"
  readonly executionId: string
  /** What the server said about it, if anything. */
  readonly error: unknown
}

/**
 * A status that this version does not know; taken as one that is not the last. Next to a result it is an
 * `UnexpectedResponseError` instead, which holds the result.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobUnknown extends Polled {
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
