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
import { fieldOf, overReceived } from "../json/received.js"
import { rightOrThrow } from "../options/reading.js"
import { answerOf, wireCalls } from "../tools/toolHandling.js"

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

/** What a run that ended and a pause have in common. */
interface Run {
  readonly raw?: unknown
  readonly executionId?: string | undefined
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly sessionId?: string | undefined
}

/** What the server said of a run; what it did not say is absent, whatever the types of `@noukai/sdk` promise. */
const common = (
  { blockCount, executionId, flowId, sessionId }: Run
): Pick<ExecuteResult, "flowId" | "blockCount" | "executionId" | "sessionId"> => ({
  ...(flowId === undefined ? undefined : { flowId }),
  ...(blockCount === undefined ? undefined : { blockCount }),
  ...(executionId === undefined ? undefined : { executionId }),
  ...(sessionId === undefined ? undefined : { sessionId })
} as Pick<ExecuteResult, "flowId" | "blockCount">)

const ended = (run: Run & { readonly result?: unknown }, status: "completed" | "failed"): ExecuteResult => {
  const fields: Fields<ExecuteResult> = overReceived(run.raw, {
    status,
    ...(run.result === undefined ? undefined : { result: run.result }),
    ...common(run)
  })
  return hide(fields, "requiresToolCalls", false as const)
}

const paused = (run: SdkPaused, start: Start): PausedResult => {
  const { state } = run
  const fields: Fields<PausedResult> = overReceived(run.raw, {
    status: "tool_calls_required",
    ...common(run),
    executionId: run.executionId,
    pausedAtStep: state.pausedAtStep,
    iterationsUsed: state.iterationsUsed,
    toolCallMessages: state.toolCallMessages as Array<Record<string, unknown>>,
    toolCalls: wireCalls(run.toolCalls, fieldOf(run.raw, "toolCalls")),
    accumulatedOutputs: state.accumulatedOutputs
  })
  const resume: PausedResult["resume"] = async (answer) => {
    const results = rightOrThrow(answerOf("flow.execute", answer, run.executionId))
    return await start(executed(Effect.suspend(() => run.resume(results)), start))
  }
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
      isRunFailure(error) && error.status === "failed"
        ? Effect.succeed(ended(error, "failed"))
        : Effect.fail(error),
    onSuccess: (run) => Effect.succeed(run.status === "completed" ? ended(run, "completed") : paused(run, start))
  })
