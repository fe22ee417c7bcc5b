/** `FlowService.execute` and `resume`: from the input of a caller to a run through `NoukaiHttp`. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { ExecuteOnceInput, OnceOptions, TakeOverOptions } from "../../Execution.js"
import { PausedState } from "../../FlowCursor.js"
import type { CallError, InvalidRequestError, OnceError, ToolCallLimitError } from "../../NoukaiError.js"
import { checkStored } from "../core/json.js"
import { invalid, type RefusalFacts } from "../core/makeError.js"
import { toMillis } from "../core/time.js"
import { isOf } from "../core/wire.js"
import { resolveCall } from "../operations/call.js"
import type { HttpService } from "../operations/operations.js"
import type { ExecuteBody } from "../operations/requests.js"
import { resolveRun } from "../operations/scope.js"
import type { AnyParameters, FlowRef } from "../options/address.js"
import { CallProgress } from "../options/callOptions.js"
import { checkKey } from "../options/fields.js"
import { encodeParameters } from "../options/flowCodec.js"
import { isHeaderValue } from "../options/headers.js"
import * as ExecuteRun from "./executeRun.js"
import { RunCosts } from "./runCosts.js"
import {
  checkTools,
  declarationsOf,
  executeInput,
  type ExecuteInputOf,
  executeOnceInput,
  resumeInput,
  type ResumeInputOf,
  wireAttachments
} from "./runInput.js"
import type { ToolResult } from "./tool.js"
import * as Tools from "./toolRound.js"

/** The way in which a call begins its run: what it checks beside the input of `execute`, and what it sends. */
interface Beginning<B, A extends ExecuteRun.RunResult, X> {
  readonly method: string
  readonly decode: <E, R>(
    method: string,
    given: ExecuteInputOf<E, R> & B,
    facts: RefusalFacts
  ) => Either.Either<ExecuteInputOf<E, R> & B, InvalidRequestError>
  /** The default of the option `snapshots`. */
  readonly snapshots: boolean
  /** Whether this client has warned of messages that are nearly too large. */
  readonly size: { warned: boolean }
  readonly post: <E, R>(
    run: ExecuteRun.Run<E, R>,
    body: ExecuteBody,
    input: ExecuteInputOf<E, R> & B
  ) => Effect.Effect<A, CallError | X | E, R>
  readonly outcomeOf: (result: A) => string
  /** Whether the session of the run is derived from a key, so that the session of the call is not that of the run. */
  readonly isKeyed: boolean
}

/** The tools of a call as declarations and handlers, which an effect may have to provide. */
const toolsOf = <E, R>(
  method: string,
  flow: string,
  input: Parameters<typeof checkTools>[0] & { readonly tools?: Tools.ToolsOption<E, R> | undefined }
): Effect.Effect<Tools.RunTools<E | InvalidRequestError, R> | undefined, E | InvalidRequestError, R> => {
  const tools: Tools.ToolsOption<E, R> | undefined = input.tools
  if (!Tools.isUnresolved(tools)) return Effect.succeed(tools)
  return Effect.flatMap(Tools.resolve<E, R>(method, tools), (handled) => {
    const found = checkTools({ ...input, tools: handled })
    return found === undefined
      ? Effect.succeed(handled)
      : Effect.fail(invalid(method, found.field, found.reason, { flow }))
  })
}

type Begun<A, X, E, R> = Effect.Effect<A, CallError | X | E | ToolCallLimitError, R>

const begin = <B, A extends ExecuteRun.RunResult, X, E, R>(
  http: HttpService,
  walk: ExecuteRun.Walk | undefined,
  beginning: Beginning<B, A, X>,
  flow: FlowRef<never>,
  given: ExecuteInputOf<E, R> & B
): Begun<A, X, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const { decode, isKeyed, method, outcomeOf, post, size, snapshots } = beginning
    const resolved = resolveRun(fiber, http, method, flow, decode, given)
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const { input, ...target } = resolved.right
    const { addressText, sessionId } = target
    const { blockOverrides, maxCostUsd, message, onPause, toolChoice } = input
    const messages = input.messages === undefined || input.messages.length === 0 ? undefined : input.messages
    const call = { http, method, flow, ...target, options: input, maxCostUsd }
    const run: ExecuteRun.Run<E | InvalidRequestError | ToolCallLimitError, R> = {
      ...call,
      progress: new CallProgress(),
      resumeFields: { trace: input.snapshots ?? snapshots },
      onPause,
      answering: { _tag: "none" },
      costs: RunCosts.of(fiber, call),
      executionId: undefined,
      answeredItself: false,
      walk
    }
    const started = Effect.gen(function*() {
      if (messages !== undefined && !size.warned && Tools.isNearLimit(messages)) {
        size.warned = true
        yield* Tools.warnOfSize(method, "messages")
      }
      const parameters = yield* encodeParameters(method, addressText, flow, input.parameters)
      const tools = yield* toolsOf(method, addressText, input)
      run.answering = Tools.answeringOf({ ...input, tools })
      run.resumeFields = {
        parameters,
        blockOverrides,
        attachments: wireAttachments(input.attachments),
        tools: declarationsOf(tools),
        toolChoice,
        trace: input.snapshots ?? snapshots
      }
      return yield* post(run, { message, messages, ...run.resumeFields }, input)
    })
    return ExecuteRun.asCall(
      fiber,
      run,
      {
        sessionId: isKeyed ? undefined : sessionId,
        isWalked: () => !isKeyed && ExecuteRun.isWalked(run, { messages }),
        outcomeOf
      },
      started
    )
  })

export const execute = (http: HttpService, walk: ExecuteRun.Walk | undefined) => {
  const method = "FlowService.execute"
  const beginning: Beginning<unknown, ExecuteRun.RunResult, never> = {
    method,
    decode: executeInput,
    snapshots: false,
    size: { warned: false },
    post: (run, body) =>
      ExecuteRun.isWalked(run, body) ? ExecuteRun.postSteps(run, body) : ExecuteRun.post(run, body, 0),
    outcomeOf: ExecuteRun.outcomeOf,
    isKeyed: false
  }
  return <E, R>(
    flow: FlowRef<never>,
    input: ExecuteInputOf<E, R>
  ): ExecuteRun.RunEffect<E | ToolCallLimitError, R> => begin(http, walk, beginning, flow, input)
}

type ExecuteOnceOptions = OnceOptions & TakeOverOptions

export const executeOnce = (http: HttpService, walk: ExecuteRun.Walk | undefined) => {
  const method = "FlowService.executeOnce"
  const size = { warned: false }
  const beginning = (key: string): Beginning<ExecuteOnceOptions, ExecuteRun.OnceRunResult, OnceError> => ({
    method,
    decode: executeOnceInput,
    snapshots: true,
    size,
    post: (run, body, { rerunFailed = false, settle = 0, takeOver = false }) =>
      ExecuteRun.postOnce(run, body, { key, rerunFailed, settle: toMillis(settle) ?? 0, takeOver }),
    outcomeOf: (result) => result.status === "completed" && result.reused ? "reused" : ExecuteRun.outcomeOf(result),
    isKeyed: true
  })
  return <E, R>(
    key: string,
    flow: FlowRef<never>,
    input: ExecuteOnceInput<AnyParameters, Tools.ToolsOption<E, R> | undefined, Effect.Effect<void, E, R>>
  ): Begun<ExecuteRun.OnceRunResult, OnceError, E, R> =>
    Effect.suspend(() => {
      const found = checkKey(key)
      return found === undefined
        ? begin<ExecuteOnceOptions, ExecuteRun.OnceRunResult, OnceError, E, R>(http, walk, beginning(key), flow, input)
        : Effect.fail(invalid(method, found.field, found.reason))
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

export const resume = (http: HttpService, walk: ExecuteRun.Walk | undefined) =>
<E, R>(
  flow: FlowRef<never>,
  givenState: PausedState,
  results: ReadonlyArray<ToolResult>,
  given: ResumeInputOf<E, R> = {}
): ExecuteRun.RunEffect<E | ToolCallLimitError, R> =>
  Effect.gen(function*() {
    const method = "FlowService.resume"
    const { input, ...target } = yield* resolveCall(http, method, flow, resumeInput, given)
    const { addressText } = target
    const state = yield* stateOf(method, addressText, givenState)
    const { attachments, blockOverrides, executionId, parameters, sessionId, toolChoice, tools, trace } = state
    const before: Omit<ExecuteRun.Run<E | InvalidRequestError | ToolCallLimitError, R>, "costs"> = {
      http,
      method,
      flow,
      ...target,
      version: state.flowVersion,
      sessionId,
      options: input,
      progress: new CallProgress(),
      resumeFields: { parameters, blockOverrides, attachments, tools, toolChoice, trace },
      onPause: input.onPause,
      answering: { _tag: "manual" },
      maxCostUsd: input.maxCostUsd,
      executionId,
      answeredItself: false,
      walk
    }
    return yield* ExecuteRun.goingOn(before, state, (run) =>
      Effect.gen(function*() {
        const given = yield* toolsOf(method, addressText, input)
        if (given !== undefined) {
          run.resumeFields = { ...run.resumeFields, tools: declarationsOf(given) ?? tools }
          run.answering = Tools.answeringOf({ ...input, tools: given })
        }
        return yield* ExecuteRun.resume(run, state, results, state.rounds)
      }))
  })
