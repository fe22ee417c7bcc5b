/**
 * From what an execution comes to in the sdk to the results of this package.
 *
 * @internal
 */
import type { ExecuteResult as SdkResult, PausedResult as SdkPaused } from "@effect-noukai/sdk"
import { type FlowExecutionError, isNoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import type { ExecuteResult, PausedResult } from "../ExecuteResult.js"
import { resultsOf, wireCalls } from "./toolHandling.js"

type Fields<A> = Omit<A, "requiresToolCalls" | "resume">

/**
 * Runs what a pause goes on with.
 *
 * @internal
 */
export type Start = (
  execution: Effect.Effect<ExecuteResult | PausedResult, unknown>
) => Promise<ExecuteResult | PausedResult>

/** What is not data is hidden from `JSON.stringify` and from comparisons. */
const hidden = <A extends object, B extends object>(fields: A, rest: B): A & B =>
  Object.defineProperties(
    fields,
    Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, { value, enumerable: false }]))
  ) as A & B

const optional = <K extends string>(key: K, value: string | undefined): { readonly [_ in K]?: string } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [_ in K]?: string }

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
  const fields: Fields<ExecuteResult> = {
    status,
    result: run.result,
    flowId,
    blockCount,
    ...optional("executionId", run.executionId),
    ...optional("sessionId", run.sessionId)
  }
  return hidden(fields, { requiresToolCalls: false as const })
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
    blockCount: run.blockCount ?? 0,
    ...optional("sessionId", run.sessionId)
  }
  return hidden(fields, {
    requiresToolCalls: true as const,
    resume: ({ toolResults }: { readonly toolResults: unknown }) =>
      start(executed(Effect.suspend(() => run.resume(resultsOf(toolResults))), start))
  })
}

const isRunFailure = (error: unknown): error is FlowExecutionError =>
  isNoukaiError(error) && error._tag === "FlowExecutionError"

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
