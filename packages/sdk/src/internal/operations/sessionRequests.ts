/** The request and response of `GET /seq/sessions/{sessionId}`. */
import * as Schema from "effect/Schema"
import type { RequestContext } from "../options/callOptions.js"
import { lenient, lenientWith, nullAs, nullAsAbsent } from "../schema/nullable.js"

/** The request of `session`. */
export interface SessionRequest extends RequestContext {
  /** A UUID. */
  readonly sessionId: string
}

/**
 * One attempt at one step. Keys that the server leaves out or sends as `null` are absent, but for snapshots, where
 * `null` is a value.
 */
export const SessionStep = Schema.Struct({
  stepId: Schema.String,
  /** From 1. */
  attempt: lenientWith(Schema.Number, 1),
  /** From 0, of a step in a loop. */
  loopIndex: nullAsAbsent(Schema.Number),
  /** `running`, `completed`, `failed`, `skipped`, or something newer. */
  status: nullAs(Schema.String, () => "completed"),
  startedAt: lenient(Schema.String),
  completedAt: lenient(Schema.String),
  /** Milliseconds. */
  durationMs: lenient(Schema.Number),
  inputSnapshot: Schema.optional(Schema.Unknown),
  /** May hold `__rendered_prompt__`, which is not part of the output. */
  outputSnapshot: Schema.optional(Schema.Unknown),
  errorSnapshot: Schema.optional(Schema.Unknown),
  /** Whether a snapshot was cut when it was stored. */
  truncated: lenientWith(Schema.Boolean, false)
})

/** */
export interface SessionStep extends Schema.Schema.Type<typeof SessionStep> {}

/** One run of the session. */
export const SessionExecution = Schema.Struct({
  executionId: Schema.String,
  flowId: lenient(Schema.String),
  /** The bare slug of the flow; absent when the flow was deleted. */
  slug: nullAsAbsent(Schema.String),
  /** `execute`, `step`, `job`, or something newer. */
  triggerType: nullAsAbsent(Schema.String),
  /** `pending`, `running`, `completed`, `failed`, `cancelled`, or something newer. */
  status: Schema.String,
  startedAt: lenient(Schema.String),
  completedAt: lenient(Schema.String),
  /** `full`, `redacted`, `metadata_only`, `off`; absent when no step was recorded. */
  traceCaptureMode: lenient(Schema.String),
  /** Whether payloads were kept. False when the server does not say. */
  snapshotsAvailable: lenientWith(Schema.Boolean, false),
  errorAtStep: nullAsAbsent(Schema.String),
  /** In the order in which they began. */
  steps: nullAs(Schema.Array(SessionStep), () => [])
})

/** */
export interface SessionExecution extends Schema.Schema.Type<typeof SessionExecution> {}

/** A recorded session. */
export const SessionResponse = Schema.Struct({
  sessionId: Schema.String,
  /** In the order in which they were recorded. */
  executions: nullAs(Schema.Array(SessionExecution), () => [])
})

/** */
export interface SessionResponse extends Schema.Schema.Type<typeof SessionResponse> {
  /** The body as it came; not enumerable. */
  readonly raw?: unknown
}
