/**
 * Where a run in the queue stands.
 *
 * @since 0.1.0
 */

/**
 * What the server answers to a submission.
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
 * Where a job stands.
 *
 * @since 0.1.0
 * @category models
 */
export interface JobStatus {
  executionId: string
  /** `"completed"`, `"failed"` and `"cancelled"` are the last ones. */
  status: "pending" | "running" | "completed" | "failed" | "cancelled"
  result?: unknown
  /** What the server said about a failure, as text. */
  error?: string
}
