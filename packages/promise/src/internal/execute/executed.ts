/**
 * From what an execution comes to in the sdk to the results of this package.
 *
 * @internal
 */
import type { ExecuteResult as SdkResult, PausedResult as SdkPaused } from "@effect-noukai/sdk/ExecuteResult"
import { type FlowExecutionError, isNoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import type { ExecuteResult, PausedResult } from "../../ExecuteResult.js"
import { hide } from "../json/hide.js"
import { resultsOf, wireCalls } from "../tools/toolHandling.js"

type Fields<A> = Omit<A, "requiresToolCalls" | "resume">

/**
 * Runs what a pause goes on with.
 *
 * @internal
 */
export type Start = (
  execution: Effect.Effect<ExecuteResult | PausedResult, unknown>
) => Promise<ExecuteResult | PausedResult>

const isRunFailure = (error: unknown): error is FlowExecutionError =>
  isNoukaiError(error) && error._tag === "FlowExecutionError"

const ended = (
  run: {
    readonly result?: unknown
    readonly executionId?: string | undefined
    readonly sessionId?: string | undefined
  },
  status: "completed" | "failed",
  flowId: string,
  blockCount: number
): ExecuteResult => {
  const fields: Fields<ExecuteResult> = { status, result: run.result, flowId, blockCount }
  if (run.executionId !== undefined) fields.executionId = run.executionId
  if (run.sessionId !== undefined) fields.sessionId = run.sessionId
  return hide(fields, "requiresToolCalls", false as const)
}

const paused = (run: SdkPaused, start: Start): PausedResult => {
  const { state } = run
  const fields: Fields<PausedResult> = {
    status: "tool_calls_required",
    executionId: run.executionId,
    pausedAtStep: state.pausedAtStep,
    iterationsUsed: state.iterationsUsed,
    toolCallMessages: state.toolCallMessages as Array<Record<string, unknown>>,
    toolCalls: wireCalls(run.toolCalls),
    accumulatedOutputs: state.accumulatedOutputs,
    flowId: run.flowId ?? "",
    blockCount: run.blockCount ?? 0
  }
  if (run.sessionId !== undefined) fields.sessionId = run.sessionId
  const resume: PausedResult["resume"] = ({ toolResults }) =>
    start(executed(Effect.suspend(() => run.resume(resultsOf(toolResults))), start))
  return hide(hide(fields, "requiresToolCalls", true as const), "resume", resume)
}

/**
 * The result of an execution. A run that failed is a result here. `start` is for what a pause resumes.
 *
 * @internal
 */
export const executed = <E, R>(
  execution: Effect.Effect<SdkResult | SdkPaused, E, R>,
  start: Start
): Effect.Effect<ExecuteResult | PausedResult, E, R> =>
  Effect.matchEffect(execution, {
    onFailure: (error) =>
      isRunFailure(error) && error.flowId !== undefined && error.blockCount !== undefined
        ? Effect.succeed(ended(error, "failed", error.flowId, error.blockCount))
        : Effect.fail(error),
    onSuccess: (run) =>
      Effect.succeed(
        run.status === "completed" ? ended(run, "completed", run.flowId, run.blockCount) : paused(run, start)
      )
  })
