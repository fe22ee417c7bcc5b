/**
 * E1: `POST …/execute`, new and resumed.
 *
 * @see docs/wire.md#execute
 * @see docs/wire.md#tools
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type ApiError, coded, refuse } from "../apiError.js"
import { type Segment, type SegmentOutcome, wholeRun } from "../engine/engine.js"
import { keeping, objectOf } from "../exact.js"
import { type FlowAddress, refOf } from "../flow/flows.js"
import { type Endpoint, json, type Reply } from "../server/endpoint.js"
import type { Route } from "../server/router.js"
import type { State } from "../state.js"
import type { Caller } from "../store/accounts.js"
import type { Run } from "../store/runs.js"
import { decoder, ExecuteBody, runInputOf } from "../wire/requestBody.js"
import { checkAnswered } from "../wire/toolConversation.js"
import * as Checks from "./requestChecks.js"
import { gone, startRun } from "./runRow.js"

const decode = decoder(ExecuteBody)

const reply = (run: Run, outcome: SegmentOutcome): Either.Either<Reply, ApiError> => {
  const row = { flowId: run.flow.flowId, blockCount: run.flow.stepCount, executionId: run.id }
  switch (outcome.type) {
    case "Completed":
      return Either.right(
        json(keeping({ status: "completed", result: outcome.result.value, ...row }, "result", outcome.result))
      )
    case "ToolPause":
      return Either.right(json({
        status: "tool_calls_required",
        executionId: run.id,
        pausedAtStep: outcome.pause.stepId,
        iterationsUsed: outcome.pause.iterationsUsed,
        toolCallMessages: outcome.pause.messages,
        toolCalls: outcome.pause.calls,
        accumulatedOutputs: objectOf(outcome.pause.outputs),
        flowId: row.flowId,
        blockCount: row.blockCount
      }))
    case "Failed": {
      const { code, message, status } = outcome.failure
      return status === undefined
        ? Either.right(json({ status: "failed", result: { code, message }, ...row }))
        : Either.left(coded(status, code, message, { executionId: run.id }))
    }
    case "StepPaused":
      // only a segment of a single step pauses like this
      return refuse(500, "INTERNAL_ERROR", "The run stopped in the middle.")
  }
}

const fresh = (
  state: State,
  flow: FlowAddress,
  body: ExecuteBody,
  headers: { readonly [name: string]: string },
  size: number
): Either.Either<Segment<never>, ApiError> =>
  Either.gen(function*() {
    const sessionId = yield* Checks.sessionIdOf(headers)
    const tree = yield* state.flows.resolve(flow)
    yield* Checks.executable(tree)
    yield* Checks.parameterNames(body.parameters)
    yield* Checks.oneOfMessages(body.message, body.messages)
    yield* Checks.messageSize("messages", body.messages)
    yield* Checks.messageRoles(body.messages)
    yield* Checks.attachments(tree, body.attachments)
    yield* Checks.tools(tree, body.tools, body.toolChoice)
    yield* Checks.hasMessage(tree, { message: body.message, messages: body.messages, parameters: body.parameters })
    yield* state.accounts.mayStart(tree.org)
    const run = yield* startRun(state, {
      tree,
      trigger: "execute",
      sessionId,
      size,
      input: runInputOf(body)
    })
    return wholeRun(run, tree)
  })

/**
 * Resumes a run with its own flow, input and outputs. The request has the results.
 *
 * @see docs/wire.md#execute
 * @see docs/wire.md#tool-results
 */
const resumed = (
  state: State,
  caller: Caller,
  flow: FlowAddress,
  body: ExecuteBody
): Either.Either<Segment<never>, ApiError> =>
  Either.gen(function*() {
    const messages = body.toolCallMessages ?? []
    yield* Checks.messageSize("toolCallMessages", messages)
    const executionId = body.executionId ?? ""
    const run = state.runs.get(executionId)
    const evicted = state.runs.evicted(executionId)
    if (evicted?.trigger === "execute" && evicted.flow.ref === refOf(flow)) return yield* gone(`The run ${executionId}`)
    const pause = run?.pause
    const tree = run?.tree
    if (
      run === undefined || pause === undefined || tree === undefined || run.trigger !== "execute" ||
      tree.ref !== refOf(flow)
    ) {
      return yield* refuse(400, "EXECUTION_ID_INVALID", `The run ${executionId} does not wait for tool results.`)
    }
    yield* state.accounts.authorize(caller, tree.org, tree.project)
    if (body.pausedAtStep !== pause.stepId) {
      return yield* refuse(
        400,
        "PAUSED_STEP_INVALID",
        `The run is paused at ${pause.stepId}, not at ${body.pausedAtStep}.`
      )
    }
    yield* Checks.tools(tree, body.tools, body.toolChoice)
    yield* checkAnswered(messages, pause.calls.map((call) => call.id))
    return {
      ...wholeRun(run, tree),
      from: pause.stepIndex,
      outputs: pause.outputs,
      resume: { messages, iterationsUsed: pause.iterationsUsed },
      first: false
    }
  })

export const make = (state: State): Endpoint<Route<"execute">> => ({ body, caller, headers, of, route, size }) =>
  Effect.gen(function*() {
    const request = yield* decode(body)
    const isResume = request.executionId !== undefined && request.pausedAtStep !== undefined &&
      request.toolCallMessages !== undefined
    const segment = isResume
      ? yield* resumed(state, caller, route.flow, request)
      : yield* fresh(state, route.flow, request, headers, size)
    of(segment.run)
    return yield* reply(segment.run, yield* state.engine.runSegment(segment))
  })
