/** Sessions as the server would have recorded them. */
import type { Cassette } from "@effect-noukai/sdk"
import { Schema } from "effect"
import { SessionResponse } from "../../src/internal/operations/requests.js"

export const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

export const otherId = "0e1f2a3b-4c5d-6e7f-8091-a2b3c4d5e6f7"

type Json = { readonly [key: string]: unknown }

export const step = (stepId: string, outputSnapshot: unknown, more?: Json): Json => ({
  stepId,
  attempt: 1,
  status: "completed",
  outputSnapshot,
  errorSnapshot: null,
  truncated: false,
  ...more
})

export const failedStep = (stepId: string, errorSnapshot: unknown, more?: Json): Json =>
  step(stepId, null, { status: "failed", errorSnapshot, ...more })

let made = 0

/** A run of one step that gave `result`, unless `more` says otherwise. */
export const execution = (slug: string | null, triggerType: string | null, result: unknown, more?: Json): Json => ({
  executionId: `ex-${++made}`,
  flowId: "fl_1",
  slug,
  triggerType,
  status: "completed",
  traceCaptureMode: "full",
  snapshotsAvailable: true,
  errorAtStep: null,
  steps: [step("only", result)],
  ...more
})

/** As E9 answers. */
export const body = (...executions: ReadonlyArray<Json>): Json => ({ sessionId, executions })

const decode = Schema.decodeUnknownSync(SessionResponse)

export const session = (...executions: ReadonlyArray<Json>): SessionResponse => decode(body(...executions))

export const cassette = (...executions: ReadonlyArray<Json>): Cassette.SessionCassette => ({
  format: "noukai-cassette/1",
  kind: "session",
  client: {},
  session: session(...executions)
})
