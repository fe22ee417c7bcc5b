/**
 * E9: `GET /seq/sessions/{sessionId}`.
 *
 * @see contract 10.4
 */
import * as Either from "effect/Either"
import { refuse } from "../apiError.js"
import type { Endpoint, RouteOf } from "../server/endpoint.js"
import { json } from "../server/reply.js"
import type { State } from "../state.js"
import type { Run } from "../store/runs.js"
import { isUuid } from "../store/sessions.js"
import * as Snapshots from "../store/snapshots.js"
import type { StepRecord } from "../store/stepLog.js"
import { gone, mayKnow } from "./evicted.js"
import { errorOf, iso, stepFields, stepsOf } from "./stepFields.js"

const step = (run: Run, record: StepRecord) => {
  const output = record.prompted ?? record.output
  return {
    ...stepFields(record),
    inputSnapshot: record.input.value,
    outputSnapshot: output?.value ?? null,
    errorSnapshot: Snapshots.take(run.capture, errorOf(record)).value,
    truncated: record.input.truncated || output?.truncated === true
  }
}

const execution = (state: State, run: Run) => {
  const steps = stepsOf(run)
  return {
    executionId: run.id,
    flowId: run.flow.flowId,
    slug: state.flows.has(run.flow.ref) ? run.flow.slug : null,
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

export const make = (state: State): Endpoint<RouteOf<"session">> => ({ caller, route }) =>
  Either.gen(function*() {
    if (!isUuid(route.sessionId)) return yield* refuse(400, "BAD_REQUEST", "A session id is a UUID.")
    const sessionId = route.sessionId.toLowerCase()
    const runs = state.sessions.runsOf(sessionId, state.ledger.now())
    const evicted = state.runs.evictedSession(sessionId)
    for (const run of runs) yield* state.accounts.authorize(caller, run.flow.org, run.flow.project)
    if (evicted !== undefined) yield* mayKnow(caller, evicted)
    if (state.sessions.hasExpired(sessionId)) {
      return yield* refuse(410, "GONE", `The session ${sessionId} has expired.`)
    }
    if (evicted !== undefined) return yield* gone(`A run of the session ${sessionId}`)
    if (runs.length === 0) return yield* refuse(404, "NOT_FOUND", `There is no session ${sessionId}.`)
    return json({ sessionId: route.sessionId, executions: runs.map((run) => execution(state, run)) })
  })
