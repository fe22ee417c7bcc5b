import * as Effect from "effect/Effect"
import type { ExecuteResponse } from "../operations/requests.js"

/** The facts of a run beside its result. */
export interface RunFacts {
  /** Default: `ex_test`. */
  readonly executionId?: string | undefined
  /** Default: `fl_test`. */
  readonly flowId?: string | undefined
  /** Default: 1. */
  readonly blockCount?: number | undefined
}

const common = (facts: RunFacts = {}) => ({
  flowId: facts.flowId ?? "fl_test",
  blockCount: facts.blockCount ?? 1,
  executionId: facts.executionId ?? "ex_test"
})

/** The answer of a run that completed. */
export const completed = (result: unknown, facts?: RunFacts): Effect.Effect<ExecuteResponse> =>
  Effect.succeed({ status: "completed", result, ...common(facts) })

/** The answer of a run that failed; `error` is text, or an object with `code` and `message`. */
export const failed = (error: unknown, facts?: RunFacts): Effect.Effect<ExecuteResponse> =>
  Effect.succeed({ status: "failed", result: error, ...common(facts) })

/** A call of a tool by a model. */
export interface ToolCallInput {
  /** Default: `tc_` and the place of the call in the round, from 1. */
  readonly id?: string | undefined
  readonly name: string
  /** The arguments, which become JSON text. Default: `{}`. */
  readonly arguments?: unknown
}

export const pauseFields = (tools: ReadonlyArray<ToolCallInput>) => {
  const toolCalls = tools.map((tool, place) => ({
    id: tool.id ?? `tc_${place + 1}`,
    type: "function",
    function: { name: tool.name, arguments: JSON.stringify(tool.arguments ?? {}) }
  }))
  return {
    iterationsUsed: 1,
    toolCallMessages: [{ role: "assistant", content: null, tool_calls: toolCalls }],
    toolCalls
  }
}

/** The answer of a run that waits for the results of these tools. */
export const paused = (
  tools: ReadonlyArray<ToolCallInput>,
  facts?: RunFacts & { readonly pausedAtStep?: string | undefined }
): Effect.Effect<ExecuteResponse> =>
  Effect.succeed({
    status: "tool_calls_required",
    pausedAtStep: facts?.pausedAtStep ?? "step",
    accumulatedOutputs: {},
    ...pauseFields(tools),
    ...common(facts)
  })
