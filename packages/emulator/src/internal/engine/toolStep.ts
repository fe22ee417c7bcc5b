/**
 * Decides what a `tool` step does next: another round of calls, or an output from their results.
 *
 * @see docs/wire.md#tools
 */
import type { Json, StepFailure, ToolStep } from "../../Flow.js"
import { type Exact, textOf } from "../exact.js"
import { renderAt, type TemplateScope } from "../flow/template.js"
import type { RunInput } from "../wire/requestBody.js"

import {
  askingMessage,
  type Casing,
  type Message,
  resultsOf,
  roundsOf,
  type WireToolCall
} from "../wire/toolConversation.js"

/** The outcome of one execution of a step. */
export type StepOutcome =
  | { readonly type: "Output"; readonly output: Exact; readonly prompt?: string | undefined }
  | {
    readonly type: "Ask"
    readonly iterationsUsed: number
    readonly calls: ReadonlyArray<WireToolCall>
    readonly messages: ReadonlyArray<Message>
  }
  | { readonly type: "Fail"; readonly failure: StepFailure }

/** The caller's results for a paused step. */
export interface Resume {
  readonly messages: ReadonlyArray<Message>
  readonly iterationsUsed: number
}

export interface ToolOptions {
  /**
   * The rounds after which a run fails.
   *
   * @see docs/wire.md#codes
   */
  readonly toolIterationLimit: number
  readonly casing: Casing
}

const toolName = (tool: Json): string | undefined => {
  const declared = (tool as { readonly function?: { readonly name?: string } } | null)?.function
  return declared?.name
}

const nextRound = (
  step: ToolStep,
  input: RunInput,
  resume: Resume | undefined
): ToolStep["rounds"][number] | undefined => {
  if (input.toolChoice === "none") return undefined
  const answered = resume === undefined ? 0 : roundsOf(resume.messages).length
  const round = step.rounds[answered] ?? (step.forever === true ? step.rounds.at(-1) : undefined)
  if (round === undefined || step.asks !== "declared") return round
  const declared = new Set((input.tools ?? []).map(toolName))
  return round.every((call) => declared.has(call.name)) ? round : undefined
}

/**
 * Whether the step would request one more round than `limit`.
 *
 * @see docs/wire.md#codes
 */
export const exceedsLimit = (step: ToolStep, input: RunInput, resume: Resume, limit: number): boolean =>
  nextRound(step, input, resume) !== undefined && resume.iterationsUsed + 1 > limit

/**
 * Requests calls, or returns the output. A step inside a loop never requests calls, because the caller cannot answer
 * them.
 *
 * @see docs/wire.md#tools
 */
export const askOrAnswer = (
  step: ToolStep,
  input: RunInput,
  scope: TemplateScope,
  resume: Resume | undefined,
  options: ToolOptions
): StepOutcome => {
  const earlier = resume?.messages ?? []
  const full = { ...scope, ...resultsOf(earlier) }
  const round = scope.loop === undefined ? nextRound(step, input, resume) : undefined
  if (round === undefined) return { type: "Output", output: renderAt(step, "output", full) }
  const iterationsUsed = (resume?.iterationsUsed ?? 0) + 1
  if (iterationsUsed > options.toolIterationLimit) {
    return {
      type: "Fail",
      failure: {
        code: "TOOL_ITERATION_LIMIT",
        message: `The step asked for more than ${options.toolIterationLimit} rounds of tool calls.`,
        status: 409
      }
    }
  }
  const number = roundsOf(earlier).length + 1
  const calls = round.map((call, index): WireToolCall => ({
    id: call.id ?? `tc_${step.id}_${number}_${index + 1}`,
    type: "function",
    function: {
      name: call.name,
      arguments: call.rawArguments ?? textOf(renderAt({ arguments: {}, ...call }, "arguments", full))
    }
  }))
  const messages = [...earlier, askingMessage(calls, options.casing, step.assistantExtra)]
  return { type: "Ask", iterationsUsed, calls, messages }
}
