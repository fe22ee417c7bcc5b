/**
 * E3 and E4: `POST …/jobs` and `GET …/jobs/{executionId}`.
 *
 * @see docs/wire.md#jobs
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Struct from "effect/Struct"
import { coded, refuse } from "../apiError.js"
import { keeping } from "../exact.js"
import { refOf } from "../flow/flows.js"
import { type Endpoint, json } from "../server/endpoint.js"
import type { Route } from "../server/router.js"
import type { State } from "../state.js"
import { decoder, JobBody, runInputOf } from "../wire/requestBody.js"
import * as Checks from "./requestChecks.js"
import { gone, startRun } from "./runRow.js"

const decode = decoder(JobBody)

export const makeSubmit = (state: State): Endpoint<Route<"submitJob">> => ({ body, headers, of, plan, route, size }) =>
  Effect.gen(function*() {
    const request = yield* decode(body)
    const sessionId = yield* Checks.sessionIdOf(headers)
    const tree = yield* state.flows.resolve(route.flow)
    yield* Checks.executable(tree)
    if ((request.tools ?? []).length > 0) {
      return yield* coded(400, "TOOLS_REQUIRE_SYNC_EXECUTE", "A job cannot have tools.")
    }
    yield* Checks.parameterNames(request.parameters)
    const callback = yield* state.webhooks.callbackOf(request)
    yield* Checks.hasMessage(tree, { message: request.message, messages: undefined, parameters: request.parameters })
    yield* state.accounts.mayStart(tree.org)
    const run = yield* startRun(state, {
      tree,
      trigger: "job",
      sessionId,
      size,
      rowDelay: plan.rowDelayMs ?? state.jobRowDelay,
      // no caller can answer the tool calls of a job
      input: runInputOf({ ...Struct.omit(request, "attachments", "tools"), toolChoice: "none" })
    })
    of(run)
    if (
      !(yield* state.jobs.submit({ run, cancelAfter: plan.cancelAfterMs, ended: state.webhooks.ended(run, callback) }))
    ) {
      yield* state.jobs.cancel(run)
      return yield* coded(503, "QUEUE_FULL", "The queue is full.")
    }
    return json(
      { executionId: run.id, status: "started", flowId: tree.flowId, blockCount: tree.steps.length },
      202
    )
  })

export const makePoll = (state: State): Endpoint<Route<"pollJob">> => ({ route }) =>
  Either.gen(function*() {
    const { executionId, flow } = route
    const run = state.runs.get(executionId)
    if (run === undefined) {
      const evicted = state.runs.evicted(executionId)
      if (evicted?.trigger === "job" && evicted.flow.ref === refOf(flow)) return yield* gone(`The job ${executionId}`)
    }
    if (
      run === undefined || run.trigger !== "job" || run.visibleAt > state.ledger.now() || run.flow.ref !== refOf(flow)
    ) {
      return yield* refuse(404, "JOB_NOT_FOUND", `There is no job ${executionId}.`)
    }
    const job = {
      executionId: run.id,
      status: run.status,
      ...(run.status === "completed" ? { result: run.result?.value } : {}),
      // the code is an addition of the emulator
      ...(run.status === "failed"
        ? { error: run.error?.message ?? "The run failed.", ...(run.error && { code: run.error.code }) }
        : {})
    }
    return json(keeping(job, "result", run.result))
  })
