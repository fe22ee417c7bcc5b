/**
 * The record of an emulator: its connections, requests, runs and steps. Times are in ms since the epoch, on the
 * emulator's clock.
 *
 * @since 0.1.0
 */

/**
 * The side that ended a connection: the client, the server, or a fault.
 *
 * @since 0.1.0
 * @category models
 */
export type ClosedBy = "client" | "server" | "fault"

/**
 * One TCP connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionEntry {
  readonly id: number
  /** The number of its requests. 0 for the spare connections of some clients. */
  readonly requests: number
  readonly openedAt: number
  readonly closedAt?: number
  readonly closedBy?: ClosedBy
}

/**
 * One request as it arrived, and its answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestEntry {
  /** The value of `X-Request-ID` in its response. */
  readonly id: string
  readonly connection: number
  readonly method: string
  /** Path and query, as on the wire. */
  readonly target: string
  /** `execute`, `step`, `jobs`, …; absent for a path outside the API. */
  readonly endpoint?: string
  /** `org/project/flow`. */
  readonly flow?: string
  /** The run that it began, continued or read. Absent without such a run, and if a fault replaced the answer. */
  readonly executionId?: string
  /** The cost of the steps that ran within the request, in US dollars as decimal text. Absent if no step could run. */
  readonly billedUsd?: string
  /** Headers by lower-case name; the key is masked. */
  readonly headers: { readonly [name: string]: string }
  /** The body as received, cut at `limits.ledgerBodyBytes`. Emptied when all bodies exceed 64 MiB, the oldest first. */
  readonly body: string
  readonly bodyBytes: number
  /** The applied faults, written as in a script. */
  readonly fault?: string
  /** Absent until the response begins, and if no response was sent. */
  readonly status?: number
  /** The body bytes written to the socket. */
  readonly responseBytes: number
  /** Events written, when the response is a stream. */
  readonly responseEvents: number
  readonly receivedAt: number
  readonly endedAt?: number
  /** `"open"` until the answer ends, `"complete"` if the whole response was written, otherwise the side that cut it. */
  readonly outcome: "open" | "complete" | ClosedBy
}

/**
 * One run.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunEntry {
  readonly executionId: string
  readonly flow: string
  readonly flowId: string
  /** `"execute"`, `"step"` or `"job"`. */
  readonly trigger: string
  /** `"pending"`, `"running"`, `"completed"`, `"failed"` or `"cancelled"`. */
  readonly status: string
  readonly sessionId?: string
  readonly startedAt: number
  readonly endedAt?: number
  /** US dollars, as decimal text. */
  readonly billedUsd: string
}

/**
 * One execution of one step; a step that ran twice has two entries.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepEntry {
  readonly executionId: string
  readonly stepId: string
  /** Index in the flow, from 0. */
  readonly stepIndex: number
  /** Counted from 1. */
  readonly attempt: number
  /** From 0; absent outside a loop. */
  readonly loopIndex?: number
  readonly startedAt: number
  readonly endedAt?: number
  /** `"interrupted"`: the caller left while the step ran. */
  readonly outcome: "running" | "completed" | "failed" | "paused" | "interrupted"
  /** US dollars, as decimal text; `"0"` unless the step completed or failed. The attempts of `failsFirst` cost nothing. */
  readonly billedUsd: string
}

/**
 * One attempt at a delivery.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebhookAttempt {
  readonly at: number
  readonly ms: number
  /** The status of the answer. Absent without an answer. */
  readonly status?: number
  /** Why there was no answer. */
  readonly error?: string
}

/**
 * The webhook of one job.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebhookDelivery {
  /** The value of `X-Noukai-Delivery`. It is random, so that a receiver takes a job of another start for another. */
  readonly id: string
  readonly event: "flow.completed" | "flow.failed"
  readonly executionId: string
  /** `org/project/flow`. */
  readonly flow: string
  /** The address of the receiver. Of its query only `job` is kept. */
  readonly url: string
  /**
   * `"pending"`: an attempt is under way or to come. `"delivered"`: it was answered with a 2xx. `"dead"`: the last
   * attempt has failed. `"failed_permanent"`: the address is private. `"not_sent"`: the address is not one of
   * `webhooks.allow`, or a fault dropped it.
   */
  readonly status: "pending" | "delivered" | "dead" | "failed_permanent" | "not_sent"
  /** The applied faults, written as in a script. */
  readonly fault?: string
  readonly attempts: ReadonlyArray<WebhookAttempt>
}

/**
 * One entry of the emulator's history, in order.
 *
 * @since 0.1.0
 * @category models
 */
export type LedgerEvent =
  | { readonly type: "ConnectionOpened"; readonly connection: number }
  | { readonly type: "ConnectionClosed"; readonly connection: number; readonly by: ClosedBy }
  | { readonly type: "RequestReceived"; readonly request: string; readonly endpoint?: string }
  /** A fault or a delay is about to wait. Its timer is already set on the emulator's clock. */
  | { readonly type: "Waiting"; readonly request: string; readonly ms: number }
  | {
    readonly type: "RequestEnded"
    readonly request: string
    readonly endpoint?: string
    readonly status?: number
    readonly outcome: RequestEntry["outcome"]
  }
  | { readonly type: "RunStarted"; readonly executionId: string; readonly flow: string; readonly trigger: string }
  | { readonly type: "RunEnded"; readonly executionId: string; readonly status: string }
  /** The step's duration, if it has one, is already set on the emulator's clock. */
  | {
    readonly type: "StepStarted"
    readonly executionId: string
    readonly stepId: string
    readonly stepIndex: number
    readonly attempt: number
  }
  | {
    readonly type: "StepEnded"
    readonly executionId: string
    readonly stepId: string
    readonly stepIndex: number
    readonly outcome: StepEntry["outcome"]
  }
  /** A delivery waits for its next attempt, and its timer is set on the emulator's clock; or it has got its last status. */
  | {
    readonly type: "WebhookChanged"
    readonly delivery: string
    readonly executionId: string
    readonly status: WebhookDelivery["status"]
    /** The number of its attempts so far. */
    readonly attempts: number
  }

/**
 * Counts of everything since the start or the last reset.
 *
 * @since 0.1.0
 * @category models
 */
export interface LedgerTotals {
  readonly runsStarted: number
  /** The most runs that were in flight at the same time, pending jobs included. */
  readonly mostRunsAtOnce: number
  readonly stepsRun: number
  /** US dollars, as decimal text. */
  readonly billedUsd: string
  readonly requestsReceived: number
  /** The requests that took a fault. */
  readonly requestsWithFaults: number
  readonly openConnections: number
}

/**
 * A snapshot. Lists have the newest 10,000 entries. The list of requests also stays within 16 MiB of targets and headers.
 *
 * @since 0.1.0
 * @category models
 */
export interface EmulatorLedger extends LedgerTotals {
  readonly runs: ReadonlyArray<RunEntry>
  readonly steps: ReadonlyArray<StepEntry>
  readonly requests: ReadonlyArray<RequestEntry>
  readonly webhooks: ReadonlyArray<WebhookDelivery>
  readonly connections: ReadonlyArray<ConnectionEntry>
}
