/** `FlowService.execute` and `resume`: from the input of a caller to a run through `NoukaiHttp`. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { PausedState } from "../../FlowCursor.js"
import type { CallError, InvalidRequestError, OnceError, ToolCallLimitError } from "../../NoukaiError.js"
import { withFiber } from "../core/fiber.js"
import { isOf } from "../core/json.js"
import { invalid, readable } from "../core/makeError.js"
import { toMillis } from "../core/time.js"
import { checkStored } from "../kit/jsonProblem.js"
import { digitsAt, withDigits } from "../kit/plainJson.js"
import { type HttpService, resolveCall, resolveRun } from "../operations/operations.js"
import { type RunFields, runFieldsOf } from "../operations/requests.js"
import type { FlowRef } from "../options/address.js"
import { CallProgress, checkKey } from "../options/callOptions.js"
import { encodeParameters } from "../options/flowCodec.js"
import { isHeaderValue } from "../options/headers.js"
import * as ExecuteRun from "./executeRun.js"
import { RunCosts } from "./runCosts.js"
import * as RunInput from "./runInput.js"
import type { ToolResult } from "./tool.js"
import * as Tools from "./toolRound.js"

type Begun<E, R> = Effect.Effect<ExecuteRun.RunResult | ExecuteRun.OnceRunResult, CallError | OnceError | E, R>

/** Runs a flow, once per key where a key is given. */
const beginning = (http: HttpService, more: ExecuteRun.MoreEndpoints | undefined) => {
  /** Whether this client has warned of messages that are nearly too large. */
  let hasWarned = false
  return <E, R>(
    flow: FlowRef<never>,
    given: RunInput.ExecuteOnceInputOf<E, R>,
    key?: string
  ): Begun<E | ToolCallLimitError, R> =>
    withFiber((fiber) => {
      const isKeyed = key !== undefined
      const method = isKeyed ? "FlowService.executeOnce" : "FlowService.execute"
      const resolved = resolveRun(
        fiber,
        http,
        method,
        flow,
        isKeyed ? RunInput.executeOnceInput : RunInput.executeInput,
        given
      )
      if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
      const { input, ...target } = resolved.right
      const { addressText, sessionId } = target
      const { maxCostUsd, message, onPause, rerunFailed = false, takeOver = false } = input
      const messages = input.messages === undefined || input.messages.length === 0 ? undefined : input.messages
      const trace = input.snapshots ?? isKeyed
      const call = { http, method, flow, options: input, maxCostUsd, ...target }
      const run: ExecuteRun.Run<E | InvalidRequestError | ToolCallLimitError, R> = {
        progress: new CallProgress(),
        fields: { trace },
        onPause,
        answering: undefined,
        costs: RunCosts.of(fiber, call),
        more,
        ...call
      }
      const isWalked = isKeyed ? maxCostUsd !== undefined : ExecuteRun.isWalked(run, { messages })
      const started: Begun<E | InvalidRequestError | ToolCallLimitError, R> = Effect.gen(function*() {
        if (messages !== undefined && !hasWarned && Tools.isNearLimit(messages)) {
          hasWarned = true
          yield* Tools.warnOfSize(method, "messages")
        }
        const parameters = yield* encodeParameters(method, addressText, flow, input.parameters)
        const { tools } = input
        run.answering = Tools.answeringOf(tools, input)
        run.fields = RunInput.runFields(input, parameters, tools, trace)
        const body = { message, messages, ...run.fields }
        if (isKeyed) {
          const settle = toMillis(input.settle ?? 0) ?? 0
          const silence = toMillis(input.silence ?? RunInput.defaultSilence)
          return yield* ExecuteRun.postOnce(run, body, { key, rerunFailed, settle, silence, takeOver }, isWalked)
        }
        return yield* ExecuteRun.post(run, body, isWalked)
      })
      return ExecuteRun.asCall(fiber, run, isKeyed ? undefined : sessionId, isWalked, started)
    })
}

const isPausedState = isOf(PausedState)

/** The stored state of a pause, or the error of a value that is not one. */
const stateOf = (
  method: string,
  addressText: string,
  given: unknown
): Either.Either<PausedState, InvalidRequestError> => {
  const refused = (field: string, reason: string) => Either.left(invalid(method, field, reason, { flow: addressText }))
  const state: unknown = Predicate.isRecord(given) ? { ...given } : given
  if (!isPausedState(state)) return refused("state", "is not the state of a paused run")
  const unwritten = checkStored("state", state)
  if (unwritten !== undefined) return refused(unwritten.field, unwritten.reason)
  if (state.steps !== undefined && (state.flowVersion === "draft" || state.flowVersion === 0)) {
    return refused("state", "is not the state of a paused run")
  }
  if (state.flow !== addressText) return refused("state", `is of another flow, ${state.flow}`)
  return state.sessionId === undefined || isHeaderValue(state.sessionId)
    ? Either.right(state)
    : refused("state.sessionId", "must be text that a header can carry")
}

/** The fields that the requests of a paused run repeat, with the digits of its parameters. */
const fieldsOf = (state: PausedState): RunFields => {
  const fields = runFieldsOf(state)
  const { parameters } = fields
  return Predicate.isRecord(parameters)
    ? { ...fields, parameters: withDigits({ ...parameters }, digitsAt(state.digits, "parameters")) }
    : fields
}

const resume = (http: HttpService, more: ExecuteRun.MoreEndpoints | undefined) =>
<E, R>(
  flow: FlowRef<never>,
  givenState: PausedState,
  results: ReadonlyArray<ToolResult>,
  given: RunInput.ResumeInputOf<E, R> = {}
): ExecuteRun.RunEffect<E | ToolCallLimitError, R> =>
  Effect.gen(function*() {
    const method = "FlowService.resume"
    const { input, ...target } = yield* resolveCall(http, method, flow, RunInput.resumeInput, given)
    const { addressText } = target
    const state = yield* readable(method, "state", () => stateOf(method, addressText, givenState), {
      flow: addressText
    })
    const before: Omit<ExecuteRun.Run<E | InvalidRequestError | ToolCallLimitError, R>, "costs"> = {
      http,
      method,
      flow,
      ...target,
      version: state.flowVersion,
      sessionId: state.sessionId,
      options: input,
      progress: new CallProgress(),
      fields: fieldsOf(state),
      onPause: input.onPause,
      answering: { _tag: "manual" },
      maxCostUsd: input.maxCostUsd,
      executionId: state.executionId,
      more
    }
    return yield* ExecuteRun.goingOn(before, state, (run) =>
      Effect.gen(function*() {
        const { tools: given } = input
        if (given !== undefined) {
          run.fields = { ...run.fields, tools: RunInput.declarationsOf(given) ?? state.tools }
          run.answering = Tools.answeringOf(given, input)
        }
        return yield* ExecuteRun.resume(run, state, results)
      }))
  })

/** The operations that wait for the end of a run. `more`: absent over a relay. */
export const make = (http: HttpService, more: ExecuteRun.MoreEndpoints | undefined) => {
  const begin = beginning(http, more)
  return {
    execute: <E, R>(flow: FlowRef<never>, input: RunInput.ExecuteInputOf<E, R>): Begun<E | ToolCallLimitError, R> =>
      begin(flow, input),
    executeOnce: <E, R>(
      key: string,
      flow: FlowRef<never>,
      input: RunInput.ExecuteOnceInputOf<E, R>
    ): Begun<E | ToolCallLimitError, R> =>
      Effect.flatMap(checkKey("FlowService.executeOnce", key), () => begin(flow, input, key)),
    resume: resume(http, more)
  }
}
