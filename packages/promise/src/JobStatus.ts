/**
 * The state of a run in the queue.
 *
 * @since 0.1.0
 */

/**
 * The server's answer to a submission.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobAccepted {
  executionId: string
  status: string
  flowId: string
  blockCount: number
  sessionId?: string
}

/**
 * The state of a job.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobStatus {
  executionId: string
  /** The last three values are final. */
  status: "pending" | "running" | "completed" | "failed" | "cancelled"
  result?: unknown
  /** The server's description of the failure, as text. */
  error?: string
}
