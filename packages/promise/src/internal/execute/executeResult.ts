/** Translates results of `execute` from the SDK. */
import type {
  ExecuteResult as SdkResult,
  OncePausedResult as SdkOncePaused,
  OnceResult as SdkOnceResult,
  PausedResult as SdkPausedResult
} from "@effect-noukai/sdk/Execution"
import { type FlowExecutionError, isNoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import type { ExecuteResult, OnceResult, PausedResult } from "../../ExecuteResult.js"
import { hide, overReceived, resultField, said } from "../json.js"
import { wireCalls } from "../tools/toolHandling.js"
import { answerOf } from "../tools/toolResults.js"

type SdkPaused = SdkPausedResult

type Fields<A> = Omit<A, "requiresToolCalls" | "resume" | "state">

/** Runs the continuation of a pause. */
export type ContinuationRunner = (
  execution: Effect.Effect<ExecuteResult | PausedResult, unknown>
) => Promise<ExecuteResult | PausedResult>

/** Whether an error is the failure of a run that ended, which is a result. Other errors of a run reject. */
export const isFailedRun = (error: unknown): error is FlowExecutionError =>
  isNoukaiError(error) && error._tag === "FlowExecutionError" && error.status === "failed"

/** The fields that an ended run and a paused run share. */
interface RunFields {
  readonly raw?: unknown
  readonly executionId?: string | undefined
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly sessionId?: string | undefined
  readonly reused?: boolean | undefined
}

/** Returns the fields that the server sent. Others are absent, against the types of `@noukai/sdk`. */
const common = ({ blockCount, executionId, flowId, reused, sessionId }: RunFields) =>
  said({ flowId, blockCount, executionId, sessionId, reused }) as Pick<
    ExecuteResult,
    "flowId" | "blockCount" | "executionId" | "sessionId"
  >

const ended = (run: RunFields & { readonly result?: unknown }, status: "completed" | "failed"): ExecuteResult => {
  const fields: Fields<ExecuteResult> = overReceived(run.raw, {
    status,
    ...resultField(run.raw, run.result),
    ...common(run)
  })
  return hide(fields, "requiresToolCalls", false as const)
}

const paused = (run: SdkPaused, operation: string, start: ContinuationRunner): PausedResult => {
  const { state } = run
  const fields: Fields<PausedResult> = overReceived(run.raw, {
    status: "tool_calls_required",
    ...common(run),
    executionId: run.executionId,
    pausedAtStep: state.pausedAtStep,
    iterationsUsed: state.iterationsUsed,
    toolCallMessages: state.toolCallMessages as Array<Record<string, unknown>>,
    toolCalls: wireCalls(run.toolCalls),
    accumulatedOutputs: state.accumulatedOutputs
  })
  const resume: PausedResult["resume"] = async (answer) => {
    const results = answerOf(operation, answer, run.executionId)
    return await start(executeResult(Effect.suspend(() => run.resume(results)), operation, start))
  }
  return hide(hide(hide(fields, "requiresToolCalls", true as const), "resume", resume), "state", state)
}

/**
 * Returns the result of an execution, also of a failed run. `start` runs the continuation of a pause, whose errors name
 * `operation`.
 */
export const executeResult = <E, R>(
  execution: Effect.Effect<SdkResult | SdkPaused, E, R>,
  operation: string,
  start: ContinuationRunner
): Effect.Effect<ExecuteResult | PausedResult, E, R> =>
  Effect.matchEffect(execution, {
    onFailure: (error) =>
      isFailedRun(error)
        ? Effect.succeed(ended(error, "failed"))
        : Effect.fail(error),
    onSuccess: (run) =>
      Effect.succeed(run.status === "completed" ? ended(run, "completed") : paused(run, operation, start))
  })

/** Returns the result of an execution once per key, with `reused`. */
export const onceResult = <E, R>(
  execution: Effect.Effect<SdkOnceResult | SdkOncePaused, E, R>,
  operation: string,
  start: ContinuationRunner
): Effect.Effect<OnceResult, E, R> => executeResult(execution, operation, start) as Effect.Effect<OnceResult, E, R>
