/**
 * E9: `GET /seq/sessions/{sessionId}` (contract 10.4).
 *
 * @internal
 */
import * as Either from "effect/Either"
import type { Json } from "../../Flow.js"
import { coded } from "../apiError.js"
import { json } from "../server/reply.js"
import type { State } from "../state.js"
import type { Run, StepRecord } from "../store/runs.js"
import * as Snapshots from "../store/snapshots.js"
import { isUuid } from "./endpoint.js"
import type { Endpoint, RouteOf } from "./endpoint.js"

const iso = (ms: number | undefined): string | null => ms === undefined ? null : new Date(ms).toISOString()

/** The prompt is stored beside an output that is an object. */
const withPrompt = (record: StepRecord): Json | undefined => {
  const { output, prompt } = record
  return prompt === undefined || typeof output !== "object" || output === null || Array.isArray(output)
    ? output
    : { ...output, __rendered_prompt__: prompt }
}

const step = (run: Run, record: StepRecord) => {
  const input = Snapshots.take(run.capture, record.input)
  const output = Snapshots.take(run.capture, withPrompt(record))
  const error = Snapshots.take(run.capture, record.error && { ...record.error })
  return {
    stepId: record.stepId,
    attempt: record.attempt,
    loopIndex: record.loopIndex ?? null,
    status: record.status,
    startedAt: iso(record.startedAt),
    completedAt: iso(record.completedAt),
    durationMs: record.durationMs ?? null,
    inputSnapshot: input.value,
    outputSnapshot: output.value,
    errorSnapshot: error.value,
    truncated: input.truncated || output.truncated
  }
}

const execution = (state: State, run: Run) => {
  const steps = run.capture === "off" ? [] : run.steps
  const isThere = state.flows.all().some((flow) => flow.ref === run.tree.ref)
  return {
    executionId: run.id,
    flowId: run.tree.flowId,
    slug: isThere ? run.tree.slug : null,
    triggerType: run.trigger,
    status: run.status,
    startedAt: iso(run.createdAt),
    completedAt: iso(run.completedAt),
    traceCaptureMode: steps.length === 0 ? null : run.capture,
    snapshotsAvailable: Snapshots.hasPayloads(run.capture),
    errorAtStep: run.error?.stepId ?? null,
    steps: steps.map((record) => step(run, record))
  }
}

/** @internal */
export const make = (state: State): Endpoint<RouteOf<"session">> => ({ caller, route }) =>
  Either.gen(function*() {
    if (!isUuid(route.sessionId)) {
      return yield* Either.left(coded(400, "BAD_REQUEST", "A session id is a UUID."))
    }
    const sessionId = route.sessionId.toLowerCase()
    const runs = state.sessions.runsOf(sessionId)
    for (const run of runs) yield* state.accounts.authorize(caller, run.tree.org, run.tree.project)
    if (state.sessions.hasExpired(sessionId)) {
      return yield* Either.left(coded(410, "GONE", `The session ${sessionId} has expired.`))
    }
    if (runs.length === 0) {
      return yield* Either.left(coded(404, "NOT_FOUND", `There is no session ${sessionId}.`))
    }
    return json({ sessionId: route.sessionId, executions: runs.map((run) => execution(state, run)) })
  })
