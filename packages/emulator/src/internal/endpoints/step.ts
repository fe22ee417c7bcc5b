/**
 * E2: `POST …/step` (contract 7). Nothing of the conversation is kept between calls: outputs and messages come from
 * the request, the row only ties the calls together and remembers what the first one brought.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { refuse } from "../apiError.js"
import type { ApiError } from "../apiError.js"
import { checkAnswered } from "../engine/toolConversation.js"
import type { Resume } from "../engine/toolStep.js"
import type { State } from "../state.js"
import type { FlowAddress, Tree } from "../store/flows.js"
import type { Run } from "../store/runs.js"
import type { Endpoint, RouteOf } from "./endpoint.js"
import { messageOf, startRun } from "./newRun.js"
import { decoder, StepBody } from "./requestBody.js"
import * as Checks from "./requestChecks.js"
import { sessionIdOf } from "./sessionId.js"

const decode = decoder(StepBody)

interface Ready {
  readonly run: Run
  readonly resume: Resume | undefined
  readonly first: boolean
}

const hasAny = (record: object | undefined): boolean => record !== undefined && Object.keys(record).length > 0

const firstCall = (
  state: State,
  tree: Tree,
  body: StepBody,
  headers: { readonly [name: string]: string },
  size: number
): Either.Either<Ready, ApiError> =>
  Either.gen(function*() {
    const sessionId = yield* sessionIdOf(headers)
    if ((body.stepIndex ?? 0) > 0) {
      return yield* refuse(400, "INVALID_FIRST_CALL", "A run begins at stepIndex 0; a later step needs executionId.")
    }
    if (hasAny(body.accumulatedOutputs) || hasAny(body.toolCallMessages)) {
      return yield* refuse(400, "INVALID_FIRST_CALL", "The first call has neither outputs nor tool messages.")
    }
    yield* Checks.attachments(tree, body.attachments)
    yield* Checks.hasMessage(tree, { message: body.message, messages: undefined, parameters: body.parameters })
    yield* state.accounts.mayStart(tree.org)
    const run = startRun(state, {
      tree,
      trigger: "step",
      sessionId,
      size,
      input: {
        message: messageOf(body.message, undefined),
        messages: [],
        parameters: body.parameters ?? {},
        blockOverrides: body.blockOverrides ?? {},
        tools: body.tools,
        toolChoice: body.toolChoice,
        trace: body.trace ?? false
      }
    })
    return { run, resume: undefined, first: true }
  })

const runOf = (state: State, tree: Tree, executionId: string): Either.Either<Run, ApiError> =>
  Either.gen(function*() {
    const run = state.runs.get(executionId)
    if (run === undefined || run.trigger !== "step" || run.tree.ref !== tree.ref) {
      return yield* refuse(404, "RUN_NOT_FOUND", `There is no run ${executionId} of ${tree.ref}.`)
    }
    if (run.tree !== tree) {
      return yield* refuse(409, "STALE_TREE", `${tree.ref} has changed since the run began.`)
    }
    return run
  })

const laterCall = (state: State, tree: Tree, executionId: string, body: StepBody): Either.Either<Ready, ApiError> =>
  Either.gen(function*() {
    const run = yield* runOf(state, tree, executionId)
    const index = body.stepIndex ?? 0
    const messages = hasAny(body.toolCallMessages) ? body.toolCallMessages : undefined
    if (index === 0 && hasAny(body.accumulatedOutputs) && messages === undefined) {
      return yield* refuse(400, "INVALID_FIRST_CALL", "At stepIndex 0 there are no outputs yet.")
    }
    const known = { ...body.accumulatedOutputs, ...body.inputOverrides }
    const missing = tree.steps.slice(0, index).find((step) => !Object.hasOwn(known, step.id))
    if (missing !== undefined) {
      return yield* refuse(
        400,
        "INVALID_FIRST_CALL",
        `At stepIndex ${index} accumulatedOutputs must have the output of ${missing.id}.`
      )
    }
    if (Either.isLeft(state.accounts.mayStart(tree.org))) {
      return yield* refuse(402, "CREDITS_EXHAUSTED", "The credits ran out during the run.")
    }
    // the row keeps message and parameters; the rest is sent with every call
    run.input = {
      ...run.input,
      blockOverrides: body.blockOverrides ?? {},
      tools: body.tools ?? run.input.tools,
      toolChoice: body.toolChoice ?? run.input.toolChoice,
      trace: body.trace ?? run.input.trace
    }
    if (messages === undefined) return { run, resume: undefined, first: false }
    const step = tree.steps[index]!
    if (!run.pausedAt.has(step.id)) {
      return yield* refuse(400, "EXECUTION_ID_INVALID", `The run ${executionId} did not pause at ${step.id}.`)
    }
    yield* checkAnswered(messages)
    const resume = { messages, iterationsUsed: body.iterationsUsed ?? 0 }
    if (state.engine.exceedsToolLimit(run, index, resume)) {
      return yield* refuse(409, "TOOL_ITERATION_LIMIT", `${step.id} asks for more rounds of tool calls than allowed.`)
    }
    return { run, resume, first: false }
  })

const prepare = (
  state: State,
  flow: FlowAddress,
  body: StepBody,
  headers: { readonly [name: string]: string },
  size: number
): Either.Either<Ready, ApiError> =>
  Either.gen(function*() {
    if (flow.version === 0) return yield* refuse(400, "INVALID_VERSION", "The draft cannot be stepped through by /v0.")
    const tree = yield* state.flows.resolve(flow)
    yield* Checks.all(
      () => Checks.executable(tree),
      () => Checks.parameterNames(body.parameters),
      () => Checks.messageSize("toolCallMessages", body.toolCallMessages),
      () =>
        body.executionId === undefined
          ? Either.void
          : Either.map(runOf(state, tree, body.executionId), () => undefined),
      () => Checks.tools(tree, body.tools, body.toolChoice)
    )
    const index = body.stepIndex ?? 0
    if (index >= tree.steps.length) {
      return yield* refuse(400, "INVALID_STEP_INDEX", `${tree.ref} has ${tree.steps.length} steps, none at ${index}.`)
    }
    return yield* body.executionId === undefined
      ? firstCall(state, tree, body, headers, size)
      : laterCall(state, tree, body.executionId, body)
  })

/** @internal */
export const make = (state: State): Endpoint<RouteOf<"step">> => ({ body, headers, route, size }) =>
  Effect.gen(function*() {
    const request = yield* decode(body)
    const { first, resume, run } = yield* prepare(state, route.flow, request, headers, size)
    return {
      type: "events",
      run: (emit) =>
        Effect.asVoid(state.engine.runSegment({
          run,
          from: request.stepIndex ?? 0,
          single: request.runRemaining !== true,
          outputs: request.accumulatedOutputs ?? {},
          inputOverrides: request.inputOverrides ?? {},
          resume,
          first,
          emit
        }))
    }
  })
