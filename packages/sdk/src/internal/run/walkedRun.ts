/**
 * One run on `/step`, one paid step per request, with the answers that `/execute` would have given: its end, or its next
 * pause.
 *
 * @see docs/wire.md#cursor
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import { withRaw } from "../core/json.js"
import { digitsAt, digitsIn, digitsOf, withDigits } from "../kit/plainJson.js"
import type { ExecuteBody, ExecutePaused } from "../operations/requests.js"
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

const pausedOf = (cursor: FlowCursor): Omit<ExecutePaused, "flowId"> => {
  const { pending } = cursor
  return {
    status: "tool_calls_required",
    executionId: cursor.executionId,
    pausedAtStep: pending?.stepId ?? "",
    iterationsUsed: pending?.iterationsUsed ?? 0,
    toolCallMessages: pending?.toolCallMessages ?? [],
    toolCalls: pending?.toolCalls?.map(wireCall),
    accumulatedOutputs: cursor.outputs,
    blockCount: cursor.stepCount
  }
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
    const facts = () => ({ flowId: run.flowId, blockCount: stepCount })

    const answerOf = (event: DeliveredRunEvent): WalkAnswer | undefined => {
      switch (event.type) {
        case "run_started":
          run.executionId ??= event.executionId || undefined
          run.flowId ??= event.flowId
          stepCount = event.stepCount ?? stepCount
          return undefined
        case "tool_calls_required":
          return {
            response: withDigits(
              withRaw({ ...pausedOf(event.cursor), flowId: run.flowId }, event.raw),
              digitsIn([
                ["toolCallMessages", event.cursor.pending?.digits],
                ["accumulatedOutputs", event.cursor.digits]
              ])
            ),
            cursor: event.cursor
          }
        case "flow_completed": {
          const { executionId, result } = event
          const response = withRaw({ status: "completed" as const, result, executionId, ...facts() }, event.raw)
          return { response: withDigits(response, digitsOf(event)) }
        }
        case "step_error": {
          const { error: result, stepId } = event
          const { executionId } = run
          const response = withRaw({ status: "failed" as const, result, executionId, ...facts() }, event.raw)
          return { response: withDigits(response, digitsIn([["result", digitsAt(digitsOf(event), "error")]])), stepId }
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
