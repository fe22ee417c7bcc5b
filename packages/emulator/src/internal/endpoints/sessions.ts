/**
 * E9: `GET /seq/sessions/{sessionId}` (contract 10.4).
 *
 * @internal
 */
import * as Either from "effect/Either"
import type { Json } from "../../Flow.js"
import { refuse } from "../apiError.js"
import { isObject } from "../json/jsonObject.js"
import { json } from "../server/reply.js"
import type { State } from "../state.js"
import type { Run, StepRecord } from "../store/runs.js"
import * as Snapshots from "../store/snapshots.js"
import type { Endpoint, RouteOf } from "./endpoint.js"
import { isUuid } from "./sessionId.js"
import { errorOf, iso, stepFields, stepsOf } from "./stepFields.js"

/** The prompt is stored beside an output that is an object. */
const withPrompt = (record: StepRecord): Json | undefined => {
  const { output, prompt } = record
  return prompt === undefined || !isObject(output) ? output : { ...output, __rendered_prompt__: prompt }
}

const step = (run: Run, record: StepRecord) => {
  const input = Snapshots.take(run.capture, record.input)
  const output = Snapshots.take(run.capture, withPrompt(record))
  const error = Snapshots.take(run.capture, errorOf(record))
  return {
    ...stepFields(record),
    inputSnapshot: input.value,
    outputSnapshot: output.value,
    errorSnapshot: error.value,
    truncated: input.truncated || output.truncated
  }
}

const execution = (state: State, run: Run) => {
  const steps = stepsOf(run)
  return {
    executionId: run.id,
    flowId: run.tree.flowId,
    slug: state.flows.has(run.tree.ref) ? run.tree.slug : null,
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
    if (!isUuid(route.sessionId)) return yield* refuse(400, "BAD_REQUEST", "A session id is a UUID.")
    const sessionId = route.sessionId.toLowerCase()
    const runs = state.sessions.runsOf(sessionId)
    for (const run of runs) yield* state.accounts.authorize(caller, run.tree.org, run.tree.project)
    if (state.sessions.hasExpired(sessionId)) {
      return yield* refuse(410, "GONE", `The session ${sessionId} has expired.`)
    }
    if (runs.length === 0) return yield* refuse(404, "NOT_FOUND", `There is no session ${sessionId}.`)
    return json({ sessionId: route.sessionId, executions: runs.map((run) => execution(state, run)) })
  })
