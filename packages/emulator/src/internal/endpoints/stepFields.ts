/**
 * The fields of a run's steps that traces and sessions share.
 *
 * @see contract 9.1, 10.4
 */
import type { Json } from "../../Flow.js"
import type { JsonObject } from "../json/jsonObject.js"
import type { Run } from "../store/runs.js"
import { durationOf } from "../store/stepLog.js"
import type { StepRecord } from "../store/stepLog.js"

export const iso = (ms: number | undefined): string | null => ms === undefined ? null : new Date(ms).toISOString()

/**
 * The steps that the run's capture mode shows.
 *
 * @see contract 9.7
 */
export const stepsOf = (run: Run): ReadonlyArray<StepRecord> => run.capture === "off" ? [] : run.steps.list()

export const stepFields = (record: StepRecord): JsonObject => ({
  stepId: record.stepId,
  attempt: record.attempt,
  loopIndex: record.loopIndex ?? null,
  status: record.status,
  startedAt: iso(record.startedAt),
  completedAt: iso(record.completedAt),
  durationMs: durationOf(record) ?? null
})

export const errorOf = (record: StepRecord): Json | undefined => record.error && { ...record.error }
