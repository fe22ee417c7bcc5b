/**
 * `FlowService.execute` and `resume`: from the input of a caller to a run through `NoukaiHttp`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { CostLimit, ExecuteInput, ResumeInput } from "../../ExecuteInput.js"
import { PausedState } from "../../ExecuteResult.js"
import { type InvalidRequestError, isNoukaiError, type ToolCallLimitError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { invalid, type Problem } from "../errors/makeError.js"
import * as Address from "../flow/address.js"
import * as Checks from "../flow/executeInput.js"
import type { AnyParameters, FlowRef } from "../flow/flow.js"
import { encodeParameters } from "../flow/flowCodec.js"
import { isNearLimit, warnOfSize } from "../flow/sizeWarning.js"
import { checkCall, checkSessionId } from "../input/checks.js"
import { checkStored } from "../input/json.js"
import { guarded, type InputRules } from "../input/take.js"
import type { HttpService } from "../operations/operations.js"
import { resolveCall } from "../operations/resolvedCall.js"
import { totalTimeout } from "../operations/totalTimeout.js"
import { resolveSession } from "../scope/sessionId.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import { withStepSpans } from "../timeline/stepSpans.js"
import type { ToolResult } from "../tools/tool.js"
import { answeringOf } from "../tools/toolAnswering.js"
import * as Toolkit from "../tools/toolkit.js"
import { checkToolsInput, declarationsOf } from "../tools/toolsInput.js"
import { CallProgress } from "./callProgress.js"
import { checkCostLimit } from "./costLimit.js"
import * as ExecuteRun from "./executeRun.js"

type ExecuteInputOf<E, R> = ExecuteInput<AnyParameters, Toolkit.ToolsOption<E, R> | undefined, CostLimit | undefined>

type AnyExecuteInput = ExecuteInputOf<unknown, unknown>

const pickInput = <E, R>(given: ExecuteInputOf<E, R>): ExecuteInputOf<E, R> => ({
  message: given.message,
  messages: given.messages,
  parameters: given.parameters,
  blockOverrides: given.blockOverrides,
  attachments: given.attachments,
  tools: given.tools,
  toolChoice: given.toolChoice,
  maxToolRounds: given.maxToolRounds,
  toolConcurrency: given.toolConcurrency,
  onToolFailure: given.onToolFailure,
  maxCostUsd: given.maxCostUsd,
  trace: given.trace,
  version: given.version,
  sessionId: given.sessionId,
  headers: given.headers,
  connectTimeout: given.connectTimeout,
  attemptTimeout: given.attemptTimeout,
  timeout: given.timeout,
  retry: given.retry,
  retryPost: given.retryPost
})

const checkInput = (input: AnyExecuteInput): Problem | undefined =>
  Checks.checkMessages(input.message, input.messages) ??
    Checks.checkParameters(input.parameters) ??
    Checks.checkOverrides("blockOverrides", input.blockOverrides, true) ??
    Checks.checkAttachments(input.attachments) ??
    checkToolsInput(input) ??
    checkCostLimit(input.maxCostUsd) ??
    Checks.checkRun(input)

const executeRules = <E, R>(): InputRules<ExecuteInputOf<E, R>, ExecuteInputOf<E, R>> => ({
  field: "input",
  pick: pickInput,
  check: checkInput
})

/** The run of an execution that failed, if it had one and ended. */
const executionIdOf = (error: unknown): string | undefined =>
  isNoukaiError(error) && error._tag === "FlowExecutionError" ? error.executionId : undefined

const outcomeOf = ({ status }: ExecuteRun.RunResult): string => status === "completed" ? "completed" : "paused"

/** @internal */
export const execute = (
  http: HttpService
): <E, R>(flow: FlowRef<never>, input: ExecuteInputOf<E, R>) => ExecuteRun.RunEffect<E | ToolCallLimitError, R> => {
  const method = "FlowService.execute"
  let warned = false

  const warnOnce = (messages: ReadonlyArray<unknown>): Effect.Effect<void> => {
    if (warned || !isNearLimit(messages)) return Effect.void
    warned = true
    return warnOfSize(method, "messages")
  }

  const call = <E, R>(
    flow: FlowRef<never>,
    given: ExecuteInputOf<E, R>,
    enclosing?: CallProgress
  ): ExecuteRun.RunEffect<E | ToolCallLimitError, R> =>
    Effect.withFiberRuntime((fiber) => {
      const progress = enclosing ?? new CallProgress()
      const resolved = resolveCall(http, method, flow, executeRules<E, R>(), given)
      if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
      const { address, addressText, input, total } = resolved.right
      const version = Address.checkVersion(method, input.version)
      if (Either.isLeft(version)) return Effect.fail(version.left)
      const session = resolveSession(fiber, http, input.sessionId, { method, flow: addressText })
      if (Either.isLeft(session)) return Effect.fail(session.left)
      const { tools } = input
      if (Toolkit.isUnresolved(tools)) {
        // one timeout over the effect that provides the tools and the run
        return totalTimeout(
          Effect.flatMap(
            Toolkit.resolve(method, tools),
            (handled) =>
              call<E | InvalidRequestError, R>(flow, { ...input, tools: handled, timeout: Infinity }, progress)
          ),
          total,
          { method, flow: addressText, executionId: () => undefined },
          progress
        )
      }

      const messages = input.messages === undefined || input.messages.length === 0 ? undefined : input.messages
      const start = (parameters: unknown): ExecuteRun.RunEffect<E | ToolCallLimitError, R> => {
        const resumeFields: ExecuteRun.ResumeFields = {
          parameters,
          blockOverrides: input.blockOverrides,
          attachments: Checks.wireAttachments(input.attachments),
          tools: declarationsOf(tools),
          toolChoice: input.toolChoice,
          trace: input.trace ?? false
        }
        const run: ExecuteRun.Run<E | ToolCallLimitError, R> = {
          http,
          method,
          flow,
          address,
          addressText,
          version: version.right,
          sessionId: session.right,
          options: input,
          progress,
          resumeFields,
          answering: answeringOf({ ...input, tools }),
          maxCostUsd: input.maxCostUsd,
          executionId: undefined,
          answeredItself: false
        }
        return totalTimeout(
          ExecuteRun.post(run, { message: input.message, messages, ...resumeFields }, 0),
          total,
          { method, flow: addressText, executionId: () => run.executionId },
          progress
        )
      }
      const encoded = ParseResult.flatMap(encodeParameters(method, addressText, flow, input.parameters), start)
      const warnedFirst = messages === undefined ? encoded : Effect.zipRight(warnOnce(messages), encoded)
      const spanned = http.defaults.stepSpans === true
        ? withStepSpans({ http, method, address }, warnedFirst, executionIdOf)
        : warnedFirst
      return Metrics.counted(
        fiber,
        "execute",
        outcomeOf,
        Spans.flowSpan(fiber, spanNames.execute, address, version.right, spanned)
      )
    })

  return call
}

const isPausedState = Schema.is(PausedState)

type ResumeInputOf<E, R> = ResumeInput<Toolkit.ToolsOption<E, R> | undefined, CostLimit | undefined>

const resumeRules = <E, R>(): InputRules<ResumeInputOf<E, R>, ResumeInputOf<E, R>> => ({
  field: "input",
  pick: (given) => ({
    tools: given.tools,
    maxToolRounds: given.maxToolRounds,
    toolConcurrency: given.toolConcurrency,
    onToolFailure: given.onToolFailure,
    maxCostUsd: given.maxCostUsd,
    headers: given.headers,
    connectTimeout: given.connectTimeout,
    attemptTimeout: given.attemptTimeout,
    timeout: given.timeout,
    retry: given.retry,
    retryPost: given.retryPost
  }),
  check: (input) => checkToolsInput(input) ?? checkCostLimit(input.maxCostUsd) ?? checkCall(input)
})

/** The stored state of a pause, or the error of a value that is none. */
const stateOf = (
  method: string,
  addressText: string,
  given: unknown
): Either.Either<PausedState, InvalidRequestError> =>
  guarded(method, "state", () => {
    const refused = (field: string, reason: string) =>
      Either.left(invalid(method, field, reason, { flow: addressText }))
    const state: unknown = Predicate.isRecord(given) ? { ...given } : given
    if (!isPausedState(state)) return refused("state", "is not the state of a paused run")
    const unwritten = checkStored("state", state)
    if (unwritten !== undefined) return refused(unwritten.field, unwritten.reason)
    if (state.flow !== addressText) return refused("state", `is of another flow, ${state.flow}`)
    const found = checkSessionId("state.sessionId", state.sessionId)
    return found === undefined ? Either.right(state) : refused(found.field, found.reason)
  }, { flow: addressText })

/** @internal */
export const resume = (http: HttpService) =>
<E, R>(
  flow: FlowRef<never>,
  givenState: PausedState,
  results: ReadonlyArray<ToolResult>,
  given: ResumeInputOf<E, R> = {},
  enclosing?: CallProgress
): ExecuteRun.RunEffect<E | ToolCallLimitError, R> =>
  Effect.withFiberRuntime((fiber) => {
    const progress = enclosing ?? new CallProgress()
    const method = "FlowService.resume"
    const resolved = resolveCall(http, method, flow, resumeRules<E, R>(), given)
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const { address, addressText, input, total } = resolved.right
    const checked = stateOf(method, addressText, givenState)
    if (Either.isLeft(checked)) return Effect.fail(checked.left)
    const state = checked.right
    const { tools } = input
    if (Toolkit.isUnresolved(tools)) {
      return totalTimeout(
        Effect.flatMap(
          Toolkit.resolve(method, tools),
          (handled) =>
            resume(http)<E | InvalidRequestError, R>(
              flow,
              state,
              results,
              { ...input, tools: handled, timeout: Infinity },
              progress
            )
        ),
        total,
        { method, flow: addressText, executionId: () => state.executionId },
        progress
      )
    }
    const run: ExecuteRun.Run<E | ToolCallLimitError, R> = {
      http,
      method,
      flow,
      address,
      addressText,
      version: state.flowVersion,
      sessionId: state.sessionId,
      options: input,
      progress,
      resumeFields: {
        parameters: state.parameters,
        blockOverrides: state.blockOverrides,
        attachments: state.attachments,
        tools: declarationsOf(tools) ?? state.tools,
        toolChoice: state.toolChoice,
        trace: state.trace
      },
      answering: tools === undefined ? { _tag: "manual" } : answeringOf({ ...input, tools }),
      maxCostUsd: input.maxCostUsd,
      executionId: state.executionId,
      answeredItself: false
    }
    const resumed = totalTimeout(
      ExecuteRun.resume(run, state, results, state.rounds),
      total,
      { method, flow: addressText, executionId: () => run.executionId },
      progress
    )
    return Metrics.counted(
      fiber,
      "execute",
      outcomeOf,
      Spans.flowSpan(
        fiber,
        spanNames.execute,
        address,
        state.flowVersion,
        http.defaults.stepSpans === true ? withStepSpans({ http, method, address }, resumed, executionIdOf) : resumed
      )
    )
  })
