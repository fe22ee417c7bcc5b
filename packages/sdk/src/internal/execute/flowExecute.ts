/**
 * `FlowService.execute` and `resume`: from what a caller gives to a run on the seam.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { ExecuteInput, ResumeInput } from "../../ExecuteInput.js"
import { PausedState } from "../../ExecuteResult.js"
import type { AnyParameters, FlowRef } from "../../Flow.js"
import type { InvalidRequestError, ToolCallLimitError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import type { ToolResult } from "../../Tool.js"
import { invalid } from "../errors/invalid.js"
import * as Address from "../flow/address.js"
import { encodeParameters } from "../flow/flowCodec.js"
import { sessionIdOf } from "../scope/callSession.js"
import type { HttpService } from "../seam/httpService.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import { milliseconds } from "../time/duration.js"
import { totalTimeout } from "../time/totalTimeout.js"
import { answeringOf } from "../tools/toolAnswering.js"
import * as Toolkit from "../tools/toolkit.js"
import { checkCounts, checkTools, declarationsOf } from "../tools/toolsInput.js"
import { CallProgress } from "./callProgress.js"
import * as Checks from "./executeInput.js"
import * as ExecuteRun from "./executeRun.js"
import { isNearLimit, warnOfSize } from "./sizeWarning.js"

type Input<E, R> = ExecuteInput<AnyParameters, Toolkit.Given<E, R> | undefined>

type AnyInput = Input<unknown, unknown>

const checkInput = (
  input: AnyInput,
  tools: Toolkit.Resolved<unknown, unknown> | undefined
): Checks.Problem | undefined =>
  Checks.checkMessages(input.message, input.messages) ??
    Checks.checkParameters(input.parameters) ??
    Checks.checkOverrides("blockOverrides", input.blockOverrides, true) ??
    Checks.checkAttachments(input.attachments) ??
    checkTools(tools) ??
    Checks.checkToolChoice(input.toolChoice, declarationsOf(tools)) ??
    checkCounts(input)

const outcomeOf = ({ status }: ExecuteRun.Outcome): string => status === "completed" ? "completed" : "paused"

/** @internal */
export const execute = (
  http: HttpService
): <E, R>(flow: FlowRef<never>, input: Input<E, R>) => ExecuteRun.Following<E | ToolCallLimitError, R> => {
  const method = "FlowService.execute"
  let warned = false

  const warnOnce = (messages: ReadonlyArray<unknown>): Effect.Effect<void> => {
    if (warned || !isNearLimit(messages)) return Effect.void
    warned = true
    return warnOfSize(method, "messages")
  }

  const call = <E, R>(
    flow: FlowRef<never>,
    input: Input<E, R>,
    enclosing?: CallProgress
  ): ExecuteRun.Following<E | ToolCallLimitError, R> =>
    Effect.withFiberRuntime((fiber) => {
      const progress = enclosing ?? new CallProgress()
      const resolved = Address.resolve(method, flow, http.defaults)
      if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
      const address = resolved.right
      const addressText = Address.format(address)
      const version = Address.checkVersion(method, input.version)
      if (Either.isLeft(version)) return Effect.fail(version.left)
      const { tools } = input
      const total = milliseconds(method, "timeout", input.timeout ?? http.defaults.timeout ?? Infinity)
      if (Either.isLeft(total)) return Effect.fail(total.left)
      if (Toolkit.isUnresolved(tools)) {
        // one clock over what provides the tools and the run
        return totalTimeout(
          Effect.flatMap(
            Toolkit.resolve(method, tools),
            (handled) =>
              call<E | InvalidRequestError, R>(flow, { ...input, tools: handled, timeout: Infinity }, progress)
          ),
          total.right,
          { method, flow: addressText, executionId: () => undefined },
          progress
        )
      }
      const problem = checkInput(input, tools)
      if (problem !== undefined) {
        return Effect.fail(invalid(method, problem.field, problem.reason, { flow: addressText }))
      }

      const messages = input.messages === undefined || input.messages.length === 0 ? undefined : input.messages
      const start = (parameters: unknown): ExecuteRun.Following<E | ToolCallLimitError, R> => {
        const sticky: ExecuteRun.Sticky = {
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
          sessionId: sessionIdOf(fiber, http, input.sessionId),
          options: input,
          progress,
          sticky,
          answering: answeringOf({ ...input, tools }),
          executionId: undefined,
          answeredItself: false
        }
        return totalTimeout(
          ExecuteRun.post(run, { message: input.message, messages, ...sticky }, 0),
          total.right,
          { method, flow: addressText, executionId: () => run.executionId },
          progress
        )
      }
      const encoded = ParseResult.flatMap(encodeParameters(method, addressText, flow, input.parameters), start)
      const warnedFirst = messages === undefined ? encoded : Effect.zipRight(warnOnce(messages), encoded)
      return Metrics.counted(
        fiber,
        "execute",
        outcomeOf,
        Spans.flowSpan(fiber, spanNames.execute, address, version.right, warnedFirst)
      )
    })

  return call
}

const isPausedState = Schema.is(PausedState)

/** @internal */
export const resume = (http: HttpService) =>
<E, R>(
  flow: FlowRef<never>,
  state: PausedState,
  results: ReadonlyArray<ToolResult>,
  input: ResumeInput<Toolkit.Given<E, R> | undefined> = {},
  enclosing?: CallProgress
): ExecuteRun.Following<E | ToolCallLimitError, R> =>
  Effect.withFiberRuntime((fiber) => {
    const progress = enclosing ?? new CallProgress()
    const method = "FlowService.resume"
    const resolved = Address.resolve(method, flow, http.defaults)
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const address = resolved.right
    const addressText = Address.format(address)
    const { tools } = input
    const total = milliseconds(method, "timeout", input.timeout ?? http.defaults.timeout ?? Infinity)
    if (Either.isLeft(total)) return Effect.fail(total.left)
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
        total.right,
        { method, flow: addressText, executionId: () => state.executionId },
        progress
      )
    }
    const problem = !isPausedState(state)
      ? { field: "state", reason: "is not the state of a paused run" }
      : state.flow !== addressText
      ? { field: "state", reason: `is of another flow, ${state.flow}` }
      : checkTools(tools) ?? checkCounts(input)
    if (problem !== undefined) {
      return Effect.fail(invalid(method, problem.field, problem.reason, { flow: addressText }))
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
      sticky: {
        parameters: state.parameters,
        blockOverrides: state.blockOverrides,
        attachments: state.attachments,
        tools: declarationsOf(tools) ?? state.tools,
        toolChoice: state.toolChoice,
        trace: state.trace
      },
      answering: tools === undefined ? { _tag: "manual" } : answeringOf({ ...input, tools }),
      executionId: state.executionId,
      answeredItself: false
    }
    return Metrics.counted(
      fiber,
      "execute",
      outcomeOf,
      Spans.flowSpan(
        fiber,
        spanNames.execute,
        address,
        state.flowVersion,
        totalTimeout(
          ExecuteRun.resume(run, state, results, state.rounds),
          total.right,
          { method, flow: addressText, executionId: () => run.executionId },
          progress
        )
      )
    )
  })
