/**
 * Answers the tool pauses of a run, on `/execute` and in event streams alike.
 *
 * @see contract 6.3, 7.6
 */
import * as Effect from "effect/Effect"
import {
  type ErrorCode,
  type InvalidRequestError,
  ToolCallLimitError,
  UnexpectedResponseError
} from "../../NoukaiError.js"
import { isHandled, type ToolSet } from "../../Tools.js"
import { invalid, known, unchecked } from "../core/makeError.js"
import * as Spans from "../telemetry/spans.js"
import { isNearLimit, warnOfSize } from "./runInput.js"
import { isSameCall, type ToolCall, type ToolOutcome, type ToolResult } from "./tool.js"
import type { RunTools } from "./toolkit.js"
import { checkResults } from "./toolRound.js"

/** The way in which pauses are answered: not at all, by the caller later, or by a handler now. */
export type AnswerStrategy<E = unknown, R = unknown> =
  | { readonly _tag: "none" }
  | { readonly _tag: "manual" }
  | HandlerStrategy<E, R>

interface AnsweredCall {
  readonly call: ToolCall
  readonly outcome: ToolOutcome
}

export interface HandlerStrategy<E = unknown, R = unknown> {
  readonly _tag: "handled"
  readonly tools: ToolSet<E, R>
  readonly maxRounds: number
  readonly concurrency: number
  readonly onFailure: "fail" | "report"
  /** Results by the id of their call, so that no handler runs twice for one. */
  readonly answered: Map<string, AnsweredCall>
  /** The number of rounds in a row in which the model called a tool wrongly, by tool. */
  readonly faults: Map<string, number>
  /** The error of a run whose rounds are used up. */
  readonly limit: (pause: ToolPause, detail: string, toolName?: string) => E
}

export interface AnswerOptions<E = unknown, R = unknown> {
  readonly tools?: RunTools<E, R> | undefined
  readonly maxToolRounds?: number | undefined
  readonly toolConcurrency?: number | undefined
  readonly onToolFailure?: "fail" | "report" | undefined
}

/** The way in which the pauses of one run are answered. */
export const answeringOf = <E, R>(input: AnswerOptions<E, R>): AnswerStrategy<E | ToolCallLimitError, R> => {
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
      new ToolCallLimitError(
        known({
          method: pause.method,
          flow: pause.addressText,
          executionId: pause.executionId,
          code: "TOOL_CALL_LIMIT_CLIENT",
          detail,
          rounds: pause.rounds,
          toolName,
          isRetryable: false
        }),
        unchecked
      )
  }
}

/** The code of a pause that a call cannot answer. */
export const unanswered: ErrorCode = "TOOL_CALLS_UNANSWERED_CLIENT"

const warnEntries = 200

/** Warns when the conversation of a paused step comes near the server's limit. */
export const warnOfConversation = (
  method: string,
  addressText: string,
  messages: ReadonlyArray<unknown>
): Effect.Effect<void> =>
  messages.length > warnEntries || isNearLimit(messages)
    ? warnOfSize(`${method} ${addressText}`, `the tool conversation of ${messages.length} entries`)
    : Effect.void

const maxFaultyRounds = 3

/** The facts of a pause that its handler needs. */
export interface ToolPause {
  readonly method: string
  readonly addressText: string
  readonly executionId: string
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** The number of calls of the handler before this pause. */
  readonly rounds: number
}

/** Runs the handler for a pause, unless its rounds are used up. Gives exactly one result per call. */
export const answer = <E, R>(
  answering: HandlerStrategy<E, R>,
  pause: ToolPause
): Effect.Effect<ReadonlyArray<ToolResult>, E | InvalidRequestError | UnexpectedResponseError, R> => {
  const limit = (detail: string, toolName?: string) => Effect.fail(answering.limit(pause, detail, toolName))
  if (pause.rounds >= answering.maxRounds) return limit(`the handler has run ${pause.rounds} times`)
  const calls = distinct(pause.toolCalls)
  const changed = calls === undefined ? pause.toolCalls[0] : calls.find((call) => {
    const known = answering.answered.get(call.id)
    return known !== undefined && !isSameCall(known.call, call)
  })
  if (calls === undefined || changed !== undefined) {
    return Effect.fail(
      new UnexpectedResponseError({
        method: pause.method,
        flow: pause.addressText,
        executionId: pause.executionId,
        reason: `the id of a tool call, ${JSON.stringify(changed?.id)}, names two different calls`,
        isRetryable: false
      }, unchecked)
    )
  }
  const fresh = calls.filter((call) => !answering.answered.has(call.id))
  const settings = { method: pause.method, concurrency: answering.concurrency, onFailure: answering.onFailure }
  const outcomes = fresh.length === 0
    ? Effect.succeed<ReadonlyArray<ToolOutcome>>([])
    : Spans.roundSpan(pause.rounds, answering.tools.run(fresh, settings))
  return Effect.flatMap(outcomes, (outcomes): Effect.Effect<ReadonlyArray<ToolResult>, E | InvalidRequestError> => {
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
    for (const call of fresh) answering.answered.set(call.id, { call, outcome: byId.get(call.id)! })
    const answers = calls.map((call) => answering.answered.get(call.id)!)
    countFaults(answering.faults, answers)
    const wrongly = [...answering.faults].find(([, rounds]) => rounds >= maxFaultyRounds)
    if (wrongly !== undefined) {
      return limit(
        `the model called ${JSON.stringify(wrongly[0])} wrongly ${maxFaultyRounds} rounds in a row`,
        wrongly[0]
      )
    }
    return Effect.succeed(
      answers.map(({ call, outcome }) => ({ toolCallId: call.id, content: outcome.content }))
    )
  })
}

/** The calls by id, each once; `undefined` where one id names two different calls. */
const distinct = (calls: ReadonlyArray<ToolCall>): ReadonlyArray<ToolCall> | undefined => {
  const byId = new Map<string, ToolCall>()
  for (const call of calls) {
    const known = byId.get(call.id)
    if (known !== undefined && !isSameCall(known, call)) return undefined
    byId.set(call.id, known ?? call)
  }
  return [...byId.values()]
}

/** Counts faults in a row. A tool that was not called in a round keeps its count: only a good call resets it. */
const countFaults = (faults: Map<string, number>, answers: ReadonlyArray<AnsweredCall>): void => {
  const faulty = new Set(answers.filter(({ outcome }) => outcome.fault !== undefined).map(({ call }) => call.name))
  for (const { call } of answers) if (!faulty.has(call.name)) faults.delete(call.name)
  for (const name of faulty) faults.set(name, (faults.get(name) ?? 0) + 1)
}
