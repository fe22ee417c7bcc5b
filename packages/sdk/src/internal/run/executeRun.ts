/**
 * One run of `execute`, from its first request through its tool rounds to its end: on `/execute` or, where its cost is
 * limited, step by step.
 *
 * @see docs/wire.md#tool-results
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ExecuteResult, OncePausedResult, OnceResult, PausedResult } from "../../Execution.js"
import type { FlowCursor, PausedState, PendingTools } from "../../FlowCursor.js"
import * as Errors from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import type { ToolResult } from "../../Tools.js"
import { type AnyFiber, withFiber } from "../core/fiber.js"
import { mapNow, withRaw } from "../core/json.js"
import { invalid, known, newError, receivedAs, setCursor, setState } from "../core/makeError.js"
import { recordedAsExecute } from "../core/replayReport.js"
import { isEndedStatus, isOfRun, otherRun, problemOf } from "../core/runProblem.js"
import * as Pauses from "../kit/pauses.js"
import { type Digits, digitsAt, digitsIn, digitsOf, digitsWithin, withDigits } from "../kit/plainJson.js"
import { totalTimeout } from "../operations/operations.js"
import type * as Operation from "../operations/requests.js"
import type { FlowVersion } from "../options/address.js"
import { afterARunMayExist, beforeARun, CallProgress } from "../options/callOptions.js"
import { decodeResult } from "../options/flowCodec.js"
import type * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import type { withStepSpans } from "../trace/stepSpans.js"
import { RunCosts } from "./runCosts.js"
import { startOf, unanswered } from "./runFold.js"
import { firstCall, type FlowCall, walkedBody } from "./streamHealing.js"
import * as Tools from "./toolRound.js"

export interface Run<E, R> extends FlowCall<E, R> {
  /** The session of the run; of one that runs once per key, from the first response on. */
  sessionId: string | undefined
  readonly progress: CallProgress
  /** Known once the call has begun, as is the answering of pauses. */
  fields: Operation.RunFields
  answering: Tools.AnswerStrategy<E, R> | undefined
  /** Is given the state of each pause before it is answered. */
  readonly onPause: ((state: PausedState) => Effect.Effect<void, E, R>) | undefined
  /** The id of the run, from the first response on. */
  executionId?: string | undefined
  /** The server's id of the flow, once a response has told it. */
  flowId?: string | undefined
  /** Whether another call began the run; absent of a run that does not run once per key. */
  reused?: boolean
  /** Whether a handler has answered a pause: running the whole call again would then start a second run. */
  answeredItself?: true
  /** Absent over a relay. */
  readonly more: MoreEndpoints | undefined
  /** The costs of the call, if it has a limit or is in a budget. */
  readonly costs: RunCosts | undefined
}

export type AnyRun = Run<unknown, unknown>

/** The answer to a run that is walked step by step, as `/execute` would have given it. */
export interface WalkAnswer {
  readonly response: Operation.ExecuteResponse
  /** The place of a pause. */
  readonly cursor?: FlowCursor
}

/** The parts of a run that need more endpoints than `execute`: a relay has none. */
export interface MoreEndpoints {
  /** Goes on with a run step by step from a cursor, to its end or its next pause. */
  readonly walk: (run: AnyRun, from: FlowCursor, asExecute: Operation.ExecuteBody) => Answer
  /** Reads where a run is: at its end or at a pause; `undefined` where that cannot be read. */
  readonly position: (
    run: AnyRun,
    executionId: string
  ) => Effect.Effect<Operation.ExecuteResponse | undefined, Errors.CallError>
  /** Gives a call the spans of its steps when it has ended. */
  readonly withStepSpans: typeof withStepSpans
}

/**
 * Whether a run is walked step by step: where its costs are to be checked between its steps. Messages and the draft
 * cannot be walked; where there are no streams, a limit is refused and a budget is not.
 */
export const isWalked = (
  { costs, maxCostUsd, more, version }: AnyRun,
  { messages }: Pick<Operation.ExecuteBody, "messages">
): boolean =>
  maxCostUsd !== undefined ||
  (costs !== undefined && more !== undefined && messages === undefined && version !== "draft")

export type RunResult = ExecuteResult<unknown> | PausedResult

export type OnceRunResult = OnceResult<unknown> | OncePausedResult

export type RunEffect<E, R> = Effect.Effect<RunResult, Errors.CallError | E, R>

/** The run of an execution that failed, if it had one and ended. */
const executionIdOf = (error: unknown): string | undefined =>
  Errors.isNoukaiError(error) && error._tag === "FlowExecutionError" && error.reused !== true
    ? error.executionId
    : undefined

const outcomeOf = (
  result: RunResult | OnceRunResult
): Metrics.Outcome => [
  result.status !== "completed" ? "paused" : "reused" in result && result.reused ? "reused" : "completed"
]

/**
 * A call of a run: within its total timeout, settled in its budgets, with its span, and counted. A session that is derived
 * from a key is not told.
 */
export const asCall = <A extends RunResult | OnceRunResult, E, R>(
  fiber: AnyFiber,
  run: AnyRun,
  sessionId: string | undefined,
  isWalked: boolean,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Errors.APITimeoutError, R> => {
  const { address, addressText, costs, http, method, progress, total, version } = run
  const { interrupted, stepSpans } = http.defaults
  const executionId = () => run.executionId
  let call = totalTimeout(self, total, { method, flow: addressText, executionId }, progress)
  if (interrupted !== undefined) {
    call = Effect.onInterrupt(call, () =>
      Effect.sync(() => {
        if (run.executionId !== undefined) interrupted(run.executionId)
      }))
  }
  if (costs !== undefined) call = costs.settling(call, () => ({ executionId: run.executionId, sent: progress.sent }))
  const withPayloads = stepSpans === "payloads"
  const span = { address, http, method, version, sessionId, executionId: run.executionId, withPayloads }
  const facts = { isWalked: () => isWalked, ...span }
  return Spans.flowCall(
    fiber,
    "execute",
    spanNames.execute,
    facts,
    outcomeOf,
    stepSpans && run.more ? run.more.withStepSpans(facts, call, executionIdOf) : call
  )
}

/** A call of its own that goes on with a run from a pause, with its clock. */
export const goingOn = <E, R>(
  before: Omit<Run<E, R>, "costs">,
  state: PausedState,
  use: (run: Run<E, R>) => RunEffect<E, R>
): RunEffect<E, R> =>
  withFiber((fiber) => {
    const run: Run<E, R> = { ...before, costs: RunCosts.of(fiber, before) }
    return asCall(fiber, run, before.sessionId, state.steps !== undefined, use(run))
  })

/** The version of a walked run, which is never the draft. */
const walkedVersion = (version: FlowVersion): FlowCursor["flowVersion"] => version === "draft" ? "production" : version

/** The fields of a walked run that a paused state has beside those of any run. */
const stepsOf = ({ lastStepId, stepCount, stepIndex }: FlowCursor): NonNullable<PausedState["steps"]> => ({
  stepIndex,
  ...known({ stepCount, lastStepId })
})

/** The cursor of a walked run at its pause. */
const cursorOf = (state: PausedState, pending: Partial<PendingTools>, rounds: number): FlowCursor => ({
  version: 1,
  flow: state.flow,
  flowVersion: walkedVersion(state.flowVersion),
  executionId: state.executionId,
  stepIndex: 0,
  ...state.steps,
  outputs: state.accumulatedOutputs,
  ...known({ sessionId: state.sessionId, digits: digitsAt(state.digits, "accumulatedOutputs") }),
  pending: {
    stepId: state.pausedAtStep,
    iterationsUsed: state.iterationsUsed,
    toolCallMessages: state.toolCallMessages,
    ...known({ digits: digitsAt(state.digits, "toolCallMessages") }),
    ...pending
  },
  rounds
})

/** The codes of the server for the answer to a pause that is over. */
const staleAnswer: ReadonlySet<unknown> = new Set([
  "EXECUTION_ID_INVALID",
  "PAUSED_STEP_INVALID",
  "TOOL_RESULTS_MISMATCH"
])

const isPauseOf = (state: PausedState, response: Operation.ExecuteResponse): boolean => {
  if (response.status !== "tool_calls_required") return false
  const ids = Pauses.callsOf(response.toolCalls, response.toolCallMessages).map(({ id }) => id)
  return response.pausedAtStep === state.pausedAtStep && response.iterationsUsed === state.iterationsUsed &&
    ids.length === state.toolCalls.length && state.toolCalls.every(({ id }) => ids.includes(id))
}

type Answer = Effect.Effect<WalkAnswer, Errors.CallError>

/** The next request of a run. */
const requestOf = (run: AnyRun, body: Operation.ExecuteBody): Operation.ExecuteRequest => ({
  method: run.method,
  flow: run.address,
  version: run.version,
  sessionId: run.sessionId,
  options: run.options,
  progress: run.progress.begin(),
  body,
  reserve: run.costs?.reserve(run.executionId)
})

const answeredBefore = (run: AnyRun, answer: Answer): Answer =>
  run.answeredItself ? Effect.mapError(answer, (error) => afterARunMayExist(error, run.progress.sent)) : answer

const sent = (run: AnyRun, body: Operation.ExecuteBody): Answer =>
  answeredBefore(run, Effect.map(run.http.request("execute", requestOf(run, body)), (response) => ({ response })))

const walk = (run: AnyRun, from: FlowCursor, asExecute: Operation.ExecuteBody): Answer => {
  if (run.more !== undefined) return run.more.walk(run, from, asExecute)
  const reason = "runs a flow step by step, and there are no streams here: leave it out"
  return Effect.fail(invalid(run.method, "maxCostUsd", reason, { flow: run.addressText }))
}

const positionOf = (run: AnyRun, { executionId }: PausedState): ReturnType<MoreEndpoints["position"]> =>
  run.more?.position(run, executionId) ?? Effect.sync(() => undefined)

/** Fails because a response does not fit. A result in it is kept, of whichever run. */
const unexpected = (run: AnyRun, response: Operation.ExecuteResponse, reason: string, code?: Errors.ErrorCode) =>
  Effect.fail(newError(Errors.UnexpectedResponseError, {
    method: run.method,
    flow: run.addressText,
    executionId: run.executionId,
    requestId: response.requestId,
    reason,
    code,
    result: "result" in response ? response.result : undefined
  }))

/** Leads an answer to the end of the run, or to its next pause for the caller. */
const follow = <E, R>(run: Run<E, R>, { cursor, response }: WalkAnswer, rounds: number): RunEffect<E, R> => {
  if (run.executionId !== undefined && !isOfRun(run.executionId, response.executionId)) {
    return unexpected(run, response, otherRun(response.executionId))
  }
  run.executionId ??= response.executionId || undefined
  run.flowId ??= response.flowId || undefined
  switch (response.status) {
    case "completed":
      return completed(run, response)
    case "failed":
      return Effect.fail(runFailed(run, response))
    case "tool_calls_required":
      return paused(run, response, cursor, rounds)
  }
}

/** The facts of a run that are known, for its result. */
const factsOf = (
  { sessionId }: AnyRun,
  { blockCount, flowId, requestId }: Operation.ExecuteEnded | Operation.ExecutePaused
) => known({ flowId, blockCount, sessionId, requestId })

const completed = (run: AnyRun, response: Operation.ExecuteEnded): RunEffect<never, never> => {
  const { addressText, executionId, flow, method } = run
  const facts = { method, address: addressText, executionId, requestId: response.requestId }
  return mapNow(
    decodeResult(flow, facts, response.result),
    (result) =>
      withDigits(
        withRaw({ status: "completed", result, ...known({ executionId }), ...factsOf(run, response) }, response.raw),
        digitsIn([["result", digitsAt(digitsOf(response), "result")]])
      )
  )
}

const runFailed = (
  { addressText, executionId, method, reused, sessionId }: AnyRun,
  response: Operation.ExecuteEnded
): Errors.FlowExecutionError => {
  const { blockCount, flowId, raw, requestId, result, stepId } = response
  const failed = receivedAs(
    newError(Errors.FlowExecutionError, {
      method,
      flow: addressText,
      executionId,
      requestId,
      ...problemOf(result),
      stepId,
      status: "failed",
      result,
      flowId,
      blockCount,
      sessionId,
      reused
    }),
    raw
  )
  return withDigits(failed, digitsIn([["result", digitsAt(digitsOf(response), "result")]]))
}

/** The digits of the numbers that the answer to a pause repeats. */
const digitsOfState = ({ fields: { parameters } }: AnyRun, response: Operation.ExecutePaused): Digits | undefined =>
  digitsIn([...Object.entries(Pauses.digitsOfPause(response) ?? {}), ["parameters", digitsWithin(parameters)]])

const paused = <E, R>(
  run: Run<E, R>,
  response: Operation.ExecutePaused,
  cursor: FlowCursor | undefined,
  rounds: number
): RunEffect<E, R> => {
  const { answering, executionId, onPause } = run
  const { accumulatedOutputs = {}, iterationsUsed, pausedAtStep, toolCallMessages } = response
  const refused = (reason: string) => unexpected(run, response, reason, unanswered)
  if (answering === undefined) return refused("the run is paused for tool calls; this call has no tools")
  if (executionId === undefined) return refused("the run paused for tool calls without an executionId")
  const toolCalls = Pauses.callsOf(response.toolCalls, toolCallMessages)
  if (toolCalls.length === 0) return refused("the run paused for tool calls and names none")
  const state: PausedState = {
    version: 1,
    flow: run.addressText,
    flowVersion: run.version,
    executionId,
    pausedAtStep,
    iterationsUsed,
    toolCallMessages,
    toolCalls,
    accumulatedOutputs,
    ...known({ digits: digitsOfState(run, response), sessionId: run.sessionId }),
    rounds,
    ...known<Operation.RunFields>(run.fields),
    ...(cursor && { steps: stepsOf(cursor) })
  }
  const answered = Effect.suspend(() =>
    answering._tag === "manual"
      ? Effect.succeed(pausedResult(run, state, response))
      : withinLimit(run, state, Effect.suspend(() => answeredBy(run, answering, state)))
  )
  return onPause === undefined ? answered : Effect.zipRight(Effect.suspend(() => onPause(state)), answered)
}

/** Goes on with the answers of the handler. */
const answeredBy = <E, R>(
  run: Run<E, R>,
  handler: Tools.HandlerStrategy<E, R>,
  state: PausedState
): RunEffect<E, R> => {
  const { accumulatedOutputs, executionId, iterationsUsed, pausedAtStep, toolCallMessages, toolCalls } = state
  const place = [pausedAtStep, iterationsUsed, accumulatedOutputs, toolCallMessages]
  return Effect.flatMap(
    Tools.answer(handler, { ...run, executionId, toolCalls, place, rounds: state.rounds }),
    (results) => {
      run.answeredItself = true
      const rounds = state.rounds + 1
      return Effect.flatMap(send(run, state, results, rounds), (next) => follow(run, next, rounds))
    }
  )
}

/** Answers a pause unless the run has cost too much. */
const withinLimit = <E, R>({ costs }: AnyRun, state: PausedState, answered: RunEffect<E, R>): RunEffect<E, R> =>
  costs === undefined
    ? answered
    : Effect.flatMap(costs.check(state.executionId), (error): RunEffect<E, R> => {
      if (error === undefined) return answered
      setState(error, state)
      if (state.steps !== undefined) {
        setCursor(error, () => cursorOf(state, { toolCalls: state.toolCalls }, state.rounds))
      }
      return Effect.fail(error)
    })

const pausedResult = <E, R>(run: Run<E, R>, state: PausedState, response: Operation.ExecutePaused): PausedResult =>
  withRaw(
    {
      status: "tool_calls_required",
      executionId: state.executionId,
      toolCalls: state.toolCalls,
      state,
      ...factsOf(run, response),
      resume: (results) =>
        Effect.suspend(() => {
          const next: Run<never, never> = {
            ...run,
            answering: { _tag: "manual" },
            // the caller has each state that follows
            onPause: undefined,
            progress: new CallProgress()
          }
          return goingOn(next, state, (run) => resume(run, state, results))
        })
    },
    response.raw
  )

/** Sends the checked answer to a pause. */
const send = (run: AnyRun, state: PausedState, results: ReadonlyArray<ToolResult>, rounds: number): Answer => {
  const body: Operation.ExecuteBody & Pauses.RepeatedPause = Pauses.resumeBody(run.fields, state, results)
  const { toolCallMessages } = body
  const answer = state.steps === undefined
    ? Effect.zipRight(
      Tools.warnOfConversation(run.method, run.addressText, toolCallMessages),
      Effect.suspend(() => sent(run, body))
    )
    : answeredBefore(run, walk(run, cursorOf(state, { toolCallMessages }, rounds), run.fields))
  // what was refused can be sent again
  return Effect.tapError(answer, (error) =>
    Effect.sync(() => {
      if (error._tag === "RateLimitError" || error._tag === "BudgetExceededError") setState(error, state)
    }))
}

/**
 * Sends the answer to a pause of a walked run, unless its step has completed since: the server would run it again.
 * Steps that have completed are not run again, and the run goes on after them.
 */
const sendOnce = (run: AnyRun, state: PausedState, results: ReadonlyArray<ToolResult>): Answer => {
  const { address, http, method, options } = run
  const { executionId, pausedAtStep, rounds, steps } = state
  const answer = Effect.suspend(() => send(run, state, results, rounds))
  const trace = http.request("trace", { method, options, progress: { sent: "no" }, flow: address, executionId })
  // a run that may not be read is answered; another one may have completed the step
  return Effect.matchEffect(trace, {
    onFailure: (error) =>
      error.isRetryable || error._tag === "UnexpectedResponseError" ? Effect.fail(beforeARun(error)) : answer,
    onSuccess: ({ flowRun, steps: traced }): Answer => {
      if (isEndedStatus(flowRun.status)) {
        return Effect.flatMap(
          positionOf(run, state),
          (response) => response === undefined ? answer : Effect.succeed({ response })
        )
      }
      const done = new Set(
        traced.flatMap(({ loopIndex, status, stepId }) =>
          loopIndex === undefined && (status === "completed" || status === "skipped") ? [stepId] : []
        )
      )
      if (!done.has(pausedAtStep)) return answer
      const { pending: __, ...cursor } = cursorOf(state, {}, rounds)
      return walk(run, { ...cursor, ...steps, stepIndex: done.size }, run.fields)
    }
  })
}

/**
 * The answer of a run that has moved past the pause, because it was answered before: by a process that died, or by a
 * request whose response was lost. A run that waits there still, or cannot be read, leaves the refusal.
 */
const movedPast = (run: AnyRun, state: PausedState, refusal: Errors.FlowExecutionError): Answer =>
  Effect.flatMap(
    positionOf(run, state),
    (response) =>
      response === undefined || isPauseOf(state, response) ? Effect.fail(refusal) : Effect.succeed({ response })
  )

/** Begins a run, step by step if it is walked. */
export const post = <E, R>(run: Run<E, R>, body: Operation.ExecuteBody, isWalked: boolean): RunEffect<E, R> =>
  Effect.flatMap(isWalked ? walkAll(run, body) : sent(run, body), (answer) => follow(run, answer, 0))

const beginning = (run: AnyRun, body: Operation.ExecuteBody): FlowCursor =>
  startOf(run.addressText, walkedVersion(run.version), {
    ...known({ sessionId: run.sessionId }),
    first: firstCall(body.message, body)
  })

/** Walks a run step by step from its beginning. */
const walkAll = (run: AnyRun, body: Operation.ExecuteBody): Answer => {
  const from = beginning(run, body)
  return Effect.catchTag(
    walk(run, from, body),
    "ReplayMissError",
    (miss) => miss.code === recordedAsExecute ? sent(run, body) : Effect.fail(miss)
  )
}

/** Runs once per key, or gives the run of the key. A run that is walked begins step by step. */
export const postOnce = <E, R>(
  run: Run<E, R>,
  body: Operation.ExecuteBody,
  once: Pick<Operation.ExecuteOnceRequest, "key" | "rerunFailed" | "settle" | "silence" | "takeOver">,
  isWalked: boolean
): Effect.Effect<OnceRunResult, Errors.CallError | Errors.OnceError | E, R> => {
  let answer: WalkAnswer | undefined
  const begin = (sessionId: string | undefined) =>
    Effect.suspend(() => {
      run.sessionId = sessionId
      return Effect.map(walkAll(run, body), (walked) => {
        answer = walked
        return walked.response
      })
    })
  const walk = isWalked ? { body: walkedBody(run, beginning(run, body)), begin } : undefined
  const request = { ...requestOf(run, body), ...once, ...(walk && { progress: run.progress, walk }) }
  return Effect.flatMap(
    run.http.request("executeOnce", request),
    ({ response, reused, sessionId }): Effect.Effect<OnceRunResult, Errors.CallError | E, R> => {
      run.sessionId = sessionId
      run.reused = reused
      return Effect.map(
        follow(run, (reused ? undefined : answer) ?? { response }, 0),
        (ended) => withDigits(withRaw({ ...ended, reused }, ended.raw), digitsOf(ended))
      )
    }
  )
}

/**
 * Answers a pause by hand: checks the results and sends them. A pause that was answered before leads to the end of the
 * run or to its next pause.
 */
export const resume = <E, R>(
  run: Run<E, R>,
  state: PausedState,
  results: ReadonlyArray<ToolResult>
): RunEffect<E, R> => {
  const { executionId, rounds, steps, toolCalls } = state
  const answers = Tools.answersOf(run.method, toolCalls, results, { flow: run.addressText, executionId })
  if (Either.isLeft(answers)) return Effect.fail(answers.left)
  const answer = Effect.suspend(() =>
    steps === undefined
      ? Effect.catchTag(
        send(run, state, answers.right, rounds),
        "FlowExecutionError",
        (error) => staleAnswer.has(error.code) ? movedPast(run, state, error) : Effect.fail(error)
      )
      : sendOnce(run, state, answers.right)
  )
  return withinLimit(run, state, Effect.flatMap(answer, (answer) => follow(run, answer, rounds)))
}
