/**
 * What answers the tool pauses of a run, on `/execute` and in event streams alike (contract 6.3, 7.6).
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { InvalidRequestError } from "../NoukaiError.js"
import { ToolCallLimitError } from "../NoukaiError.js"
import * as Telemetry from "../Telemetry.js"
import type { ToolCall, ToolOutcome, ToolResult } from "../Tool.js"
import { type Handled, isHandled } from "../Tools.js"
import { invalid } from "./invalid.js"
import type { Resolved } from "./toolkit.js"
import { checkResults } from "./toolRound.js"

/**
 * What answers a pause: nobody, the caller later, or a handler now.
 *
 * @internal
 */
export type Answering<E = unknown, R = unknown> =
  | { readonly _tag: "none" }
  | { readonly _tag: "manual" }
  | HandledAnswering<E, R>

/** @internal */
export interface HandledAnswering<E = unknown, R = unknown> {
  readonly _tag: "handled"
  readonly tools: Handled<E, R>
  readonly maxRounds: number
  readonly concurrency: number
  readonly onFailure: "fail" | "report"
  /** Results by call, so that no handler runs twice for one. */
  readonly answered: Map<string, ToolOutcome>
  /** How many rounds in a row the model called a tool wrongly, by tool. */
  readonly faults: Map<string, number>
  /** The error of a run whose rounds are used up. */
  readonly limit: (pause: Pause, detail: string, toolName?: string) => E
}

/** @internal */
export interface AnsweringOptions<E = unknown, R = unknown> {
  readonly tools?: Resolved<E, R> | undefined
  readonly maxToolRounds?: number | undefined
  readonly toolConcurrency?: number | undefined
  readonly onToolFailure?: "fail" | "report" | undefined
}

/**
 * What answers the pauses of one run.
 *
 * @internal
 */
export const answeringOf = <E, R>(input: AnsweringOptions<E, R>): Answering<E | ToolCallLimitError, R> => {
  const { tools } = input
  if (tools === undefined) return { _tag: "none" }
  if (!isHandled(tools)) return { _tag: "manual" }
  return {
    _tag: "handled",
    tools,
    maxRounds: input.maxToolRounds ?? 10,
    concurrency: input.toolConcurrency ?? 4,
    onFailure: input.onToolFailure ?? "fail",
    answered: new Map(),
    faults: new Map(),
    limit: (pause, detail, toolName) =>
      new ToolCallLimitError({
        method: pause.method,
        flow: pause.addressText,
        executionId: pause.executionId,
        code: "TOOL_CALL_LIMIT_CLIENT",
        detail,
        rounds: pause.rounds,
        toolName,
        isRetryable: false
      }, { disableValidation: true })
  }
}

const warnEntries = 200
const warnBytes = 900_000

/**
 * Says so when the conversation of a paused step comes near the server's limit.
 *
 * @internal
 */
export const warnOfSize = (
  method: string,
  addressText: string,
  messages: ReadonlyArray<unknown>
): Effect.Effect<void> =>
  messages.length > warnEntries || JSON.stringify(messages).length > warnBytes
    ? Effect.logWarning(
      `${method} ${addressText}: toolCallMessages has ${messages.length} entries and nears the server's limit of 1,000,000 bytes`
    )
    : Effect.void

const maxFaultyRounds = 3

/**
 * A pause as its handler sees it.
 *
 * @internal
 */
export interface Pause {
  readonly method: string
  readonly addressText: string
  readonly executionId: string
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** How often a handler had run before this pause. */
  readonly rounds: number
}

/**
 * Runs the handler for a pause, unless its rounds are used up. Exactly one result per call comes out.
 *
 * @internal
 */
export const answer = <E, R>(
  answering: HandledAnswering<E, R>,
  pause: Pause
): Effect.Effect<ReadonlyArray<ToolResult>, E | InvalidRequestError, R> => {
  const limit = (detail: string, toolName?: string) => Effect.fail(answering.limit(pause, detail, toolName))
  if (pause.rounds >= answering.maxRounds) return limit(`the handler has run ${pause.rounds} times`)
  const keyOf = (call: ToolCall) => JSON.stringify([call.id, call.name, call.arguments])
  const fresh = pause.toolCalls.filter((call, index, all) =>
    !answering.answered.has(keyOf(call)) && all.findIndex((other) => keyOf(other) === keyOf(call)) === index
  )
  const settings = { method: pause.method, concurrency: answering.concurrency, onFailure: answering.onFailure }
  const outcomes = fresh.length === 0
    ? Effect.succeed<ReadonlyArray<ToolOutcome>>([])
    : Telemetry.roundSpan(pause.rounds, answering.tools.run(fresh, settings))
  return Effect.flatMap(
    outcomes,
    (outcomes): Effect.Effect<ReadonlyArray<ToolResult>, E | InvalidRequestError> => {
      const problem = checkResults(fresh, outcomes)
      if (problem !== undefined) {
        return Effect.fail(
          invalid(pause.method, problem.field, problem.reason, {
            flow: pause.addressText,
            executionId: pause.executionId
          })
        )
      }
      const byId = new Map(outcomes.map((outcome) => [outcome.toolCallId, outcome]))
      for (const call of fresh) answering.answered.set(keyOf(call), byId.get(call.id)!)
      countFaults(answering.faults, fresh, byId)
      const wrongly = [...answering.faults].find(([, rounds]) => rounds >= maxFaultyRounds)
      if (wrongly !== undefined) {
        return limit(
          `the model called ${JSON.stringify(wrongly[0])} wrongly ${maxFaultyRounds} rounds in a row`,
          wrongly[0]
        )
      }
      return Effect.succeed(pause.toolCalls.map((call) => {
        const { content } = answering.answered.get(keyOf(call))!
        return { toolCallId: call.id, content }
      }))
    }
  )
}

const countFaults = (
  faults: Map<string, number>,
  calls: ReadonlyArray<ToolCall>,
  outcomes: ReadonlyMap<string, ToolOutcome>
): void => {
  const faulty = new Set(calls.filter((call) => outcomes.get(call.id)?.fault !== undefined).map((call) => call.name))
  for (const call of calls) if (!faulty.has(call.name)) faults.delete(call.name)
  for (const name of faulty) faults.set(name, (faults.get(name) ?? 0) + 1)
}
