/**
 * E2: `POST …/step`. The row of the run connects its requests. It keeps the input of the first request and, in the
 * hosted shape, the outputs. In the documented shape each request has the outputs. In both shapes it has the tool
 * messages.
 *
 * @see docs/wire.md#step
 * @see docs/wire.md#outputs
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Step } from "../../Flow.js"
import { type ApiError, refuse } from "../apiError.js"
import type { Resume } from "../engine/toolStep.js"
import { type Exacts, partsOf } from "../exact.js"
import type { FlowAddress, Tree } from "../flow/flows.js"
import type { JsonObject } from "../json.js"
import type { Endpoint } from "../server/endpoint.js"
import type { Route } from "../server/router.js"
import type { State } from "../state.js"
import type { Run } from "../store/runs.js"
import { decoder, laterInputOf, type RunInput, runInputOf, StepBody } from "../wire/requestBody.js"
import { checkAnswered } from "../wire/toolConversation.js"
import * as Checks from "./requestChecks.js"
import { gone, startRun } from "./runRow.js"

const decode = decoder(StepBody)

interface PreparedStep {
  readonly run: Run
  readonly tree: Tree
  readonly resume: Resume | undefined
  readonly first: boolean
  /** The outputs of earlier steps. */
  readonly outputs: Exacts
}

const hasAny = (record: object | undefined): boolean => record !== undefined && Object.keys(record).length > 0

const ofSteps = (steps: ReadonlyArray<Step>, outputs: Exacts): Exacts =>
  Object.fromEntries(
    steps.flatMap(({ id }) => Object.hasOwn(outputs, id) ? [[id, outputs[id]!]] : [])
  )

const firstRequest = (
  state: State,
  tree: Tree,
  body: StepBody,
  headers: { readonly [name: string]: string },
  size: number
): Either.Either<PreparedStep, ApiError> =>
  Either.gen(function*() {
    const sessionId = yield* Checks.sessionIdOf(headers)
    const index = body.stepIndex ?? 0
    const outputs = partsOf(body.accumulatedOutputs ?? {})
    const seen = { ...outputs, ...body.inputOverrides }
    const before = tree.steps.slice(0, index)
    const missing = before.find((step) => !Object.hasOwn(seen, step.id))
    if (missing !== undefined) {
      return yield* refuse(
        400,
        "INVALID_FIRST_CALL",
        `A run that begins at stepIndex ${index} needs the output of ${missing.id} in accumulatedOutputs; one that goes on needs executionId.`
      )
    }
    if ((index === 0 && hasAny(outputs)) || hasAny(body.toolCallMessages)) {
      return yield* refuse(
        400,
        "INVALID_FIRST_CALL",
        "The first call has no tool messages, and at stepIndex 0 no outputs."
      )
    }
    yield* Checks.attachments(tree, body.attachments)
    yield* Checks.hasMessage(tree, { message: body.message, messages: undefined, parameters: body.parameters })
    yield* state.accounts.mayStart(tree.org)
    const run = yield* startRun(state, {
      tree,
      trigger: "step",
      sessionId,
      size,
      input: runInputOf(body)
    })
    Object.assign(run.outputs, ofSteps(before, outputs))
    return { run, tree, resume: undefined, first: true, outputs }
  })

const runOf = (state: State, tree: Tree, executionId: string): Either.Either<Run, ApiError> =>
  Either.gen(function*() {
    const run = state.runs.get(executionId)
    const evicted = state.runs.evicted(executionId)
    if (evicted?.trigger === "step" && evicted.flow.ref === tree.ref) return yield* gone(`The run ${executionId}`)
    if (run === undefined || run.trigger !== "step" || run.flow.ref !== tree.ref) {
      return yield* refuse(404, "RUN_NOT_FOUND", `There is no run ${executionId} of ${tree.ref}.`)
    }
    if (run.flow !== tree.summary) {
      return yield* refuse(409, "STALE_TREE", `${tree.ref} has changed since the run began.`)
    }
    return run
  })

/** The tool results of a request for a paused step. */
const resumeOf = (
  state: State,
  run: Run,
  step: Step,
  input: RunInput,
  messages: ReadonlyArray<JsonObject>,
  iterationsUsed: number
): Either.Either<Resume, ApiError> =>
  Either.gen(function*() {
    if (!run.pausedAt.has(step.id)) {
      return yield* refuse(400, "EXECUTION_ID_INVALID", `The run ${run.id} did not pause at ${step.id}.`)
    }
    yield* checkAnswered(messages)
    const resume = { messages, iterationsUsed }
    if (state.engine.exceedsToolLimit(step, input, resume)) {
      return yield* refuse(409, "TOOL_ITERATION_LIMIT", `${step.id} requests more rounds of tool calls than allowed.`)
    }
    return resume
  })

const laterRequest = (
  state: State,
  tree: Tree,
  executionId: string,
  body: StepBody
): Either.Either<PreparedStep, ApiError> =>
  Either.gen(function*() {
    const run = yield* runOf(state, tree, executionId)
    const index = body.stepIndex ?? 0
    const messages = hasAny(body.toolCallMessages) ? body.toolCallMessages : undefined
    if (index === 0 && hasAny(body.accumulatedOutputs) && messages === undefined) {
      return yield* refuse(400, "INVALID_FIRST_CALL", "At stepIndex 0 there are no outputs yet.")
    }
    const before = tree.steps.slice(0, index)
    const known = state.streamOutputs === "hosted" ? ofSteps(before, run.outputs) : {}
    const outputs = { ...known, ...partsOf(body.accumulatedOutputs ?? {}) }
    const seen = { ...outputs, ...body.inputOverrides }
    const missing = before.find((step) => !Object.hasOwn(seen, step.id))
    if (missing !== undefined) {
      return yield* refuse(
        400,
        "INVALID_FIRST_CALL",
        state.streamOutputs === "hosted"
          ? `stepIndex ${index} needs the output of ${missing.id}, which has not run and is not in accumulatedOutputs.`
          : `At stepIndex ${index} accumulatedOutputs must have the output of ${missing.id}.`
      )
    }
    if (Either.isLeft(state.accounts.mayStart(tree.org))) {
      return yield* refuse(402, "CREDITS_EXHAUSTED", "The credits ran out during the run.")
    }
    const input = laterInputOf(run.input, body)
    const resume = messages &&
      (yield* resumeOf(state, run, tree.steps[index]!, input, messages, body.iterationsUsed ?? 0))
    run.input = input
    Object.assign(run.outputs, ofSteps(before, outputs))
    return { run, tree, resume, first: false, outputs }
  })

const prepare = (
  state: State,
  flow: FlowAddress,
  body: StepBody,
  headers: { readonly [name: string]: string },
  size: number
): Either.Either<PreparedStep, ApiError> =>
  Either.gen(function*() {
    if (flow.version === 0) return yield* refuse(400, "INVALID_VERSION", "The draft cannot be stepped through by /v0.")
    const tree = yield* state.flows.resolve(flow)
    yield* Checks.executable(tree)
    yield* Checks.parameterNames(body.parameters)
    yield* Checks.messageSize("toolCallMessages", body.toolCallMessages)
    if (body.executionId !== undefined) yield* runOf(state, tree, body.executionId)
    yield* Checks.tools(tree, body.tools, body.toolChoice)
    const index = body.stepIndex ?? 0
    if (index >= tree.steps.length) {
      return yield* refuse(
        400,
        "INVALID_STEP_INDEX",
        `${tree.ref} has ${tree.steps.length} steps, so stepIndex ${index} is too large.`
      )
    }
    return yield* body.executionId === undefined
      ? firstRequest(state, tree, body, headers, size)
      : laterRequest(state, tree, body.executionId, body)
  })

export const make = (state: State): Endpoint<Route<"step">> => ({ body, headers, of, route, size }) =>
  Effect.gen(function*() {
    const request = yield* decode(body)
    const { first, outputs, resume, run, tree } = yield* prepare(state, route.flow, request, headers, size)
    of(run)
    return {
      type: "events",
      run: (emit) =>
        Effect.asVoid(state.engine.runSegment({
          run,
          tree,
          from: request.stepIndex ?? 0,
          single: request.runRemaining !== true,
          outputs,
          inputOverrides: partsOf(request.inputOverrides ?? {}),
          resume,
          first,
          emit
        }))
    }
  })
