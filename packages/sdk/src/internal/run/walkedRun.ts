/**
 * One run on `/step`, one paid step per request, with the answers that `/execute` would have given: its end, or its next
 * pause.
 *
 * @see docs/wire.md#cursor
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ToolCallsRequired } from "../../FlowEvent.js"
import { withRaw } from "../core/json.js"
import { digitsAt, digitsIn, digitsOf, withDigits } from "../kit/plainJson.js"
import type { ExecuteBody, ExecuteEnded, ExecutePaused } from "../operations/requests.js"
import { withStepSpans } from "../trace/stepSpans.js"
import type { DeliveredRunEvent } from "./deliveredEvent.js"
import type { AnyRun, MoreEndpoints, WalkAnswer } from "./executeRun.js"
import { runPosition } from "./runPosition.js"
import { everyOfWalk, type StreamSettings } from "./streamHealing.js"
import { StreamWalk } from "./streamWalk.js"
import type { ToolCall } from "./tool.js"

const settingsOf = (run: AnyRun, asExecute: ExecuteBody): StreamSettings<never, never> => ({
  ...run,
  // the result is decoded where the result of `/execute` is
  flow: run.addressText,
  answering: { _tag: "manual" },
  only: "events",
  everyRequest: everyOfWalk(run),
  heal: undefined,
  total: undefined,
  asExecute
})

const wireCall = (call: ToolCall): unknown =>
  call.raw ?? { id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } }

const pausedOf = ({ cursor, raw }: ToolCallsRequired, flowId: string | undefined): ExecutePaused => {
  const { executionId, outputs, pending, stepCount } = cursor
  const paused: ExecutePaused = {
    status: "tool_calls_required",
    executionId,
    pausedAtStep: pending?.stepId ?? "",
    iterationsUsed: pending?.iterationsUsed ?? 0,
    toolCallMessages: pending?.toolCallMessages ?? [],
    toolCalls: pending?.toolCalls?.map(wireCall),
    accumulatedOutputs: outputs,
    blockCount: stepCount,
    flowId
  }
  const digits = digitsIn([["toolCallMessages", pending?.digits], ["accumulatedOutputs", cursor.digits]])
  return withDigits(withRaw(paused, raw), digits)
}

const walk: MoreEndpoints["walk"] = (run, cursor, asExecute) =>
  Effect.suspend(() => {
    const source = new StreamWalk(
      settingsOf(run, asExecute),
      // a pause was within the limit when it was answered
      { cursor, begun: false, mayBeOver: false, isAfforded: true, progress: run.progress },
      run.costs,
      undefined,
      () => {},
      () => Stream.empty
    )
    let stepCount = cursor.stepCount
    const endedAs = (raw: unknown, facts: Omit<ExecuteEnded, "blockCount" | "flowId">, digits: unknown): WalkAnswer => {
      const response = withRaw({ ...facts, flowId: run.flowId, blockCount: stepCount }, raw)
      return { response: withDigits(response, digitsIn([["result", digits]])) }
    }

    const answerOf = (event: DeliveredRunEvent): WalkAnswer | undefined => {
      switch (event.type) {
        case "run_started":
          run.executionId ??= event.executionId || undefined
          run.flowId ??= event.flowId
          stepCount = event.stepCount ?? stepCount
          return undefined
        case "tool_calls_required":
          return { response: pausedOf(event, run.flowId), cursor: event.cursor }
        case "flow_completed": {
          const { executionId, raw, result } = event
          return endedAs(raw, { status: "completed", result, executionId }, digitsAt(digitsOf(event), "result"))
        }
        case "step_error": {
          const { error: result, raw, stepId } = event
          const { executionId } = run
          return endedAs(raw, { status: "failed", result, executionId, stepId }, digitsAt(digitsOf(event), "error"))
        }
        default:
          return undefined
      }
    }

    let answer: WalkAnswer | undefined
    const walked = source.run((events) =>
      Effect.sync(() => {
        for (const event of events) answer ??= answerOf(event)
      })
    )
    // a run never ends without an event that says so
    const ended = Effect.suspend(() =>
      answer === undefined ? Effect.dieMessage("the walk ended without an end") : Effect.succeed(answer)
    )
    return Effect.onExit(Effect.zipRight(walked, ended), source.close)
  })

export const moreEndpoints: MoreEndpoints = {
  walk,
  withStepSpans,
  position: ({ address: flow, http, method, options }, executionId) =>
    runPosition(
      (request) => http.request("trace", request),
      (request) => http.stream("traceStream", request),
      { method, flow, executionId, options }
    )
}
