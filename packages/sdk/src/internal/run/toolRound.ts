/**
 * Answers the tool pauses of a run, on `/execute` and in event streams alike: the calls of a pause, the tools that answer
 * them, the checks of their results, and the form of an answer on the wire.
 *
 * @see docs/wire.md#tool-results
 * @see docs/wire.md#pauses
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ExecuteOptions } from "../../Execution.js"
import type { PendingTools } from "../../FlowCursor.js"
import { type InvalidRequestError, ToolCallLimitError, UnexpectedResponseError } from "../../NoukaiError.js"
import { invalid, known, newError, type RefusalFacts } from "../core/makeError.js"
import * as Pauses from "../kit/pauses.js"
import type { HttpService } from "../operations/operations.js"
import * as Spans from "../telemetry/spans.js"
import * as Tool from "./tool.js"

/** Declarations by hand, or with their handlers. */
export type RunTools<E = unknown, R = unknown> = ReadonlyArray<Tool.ToolDeclaration> | Tool.ToolSet<E, R>

/** Reads and checks the results that a caller gives by hand. */
export const answersOf = (
  method: string,
  calls: ReadonlyArray<Tool.ToolCall>,
  results: unknown,
  facts: RefusalFacts
): Either.Either<ReadonlyArray<Tool.ToolResult>, InvalidRequestError> => {
  const found = Pauses.checkResults(calls, results)
  return found === undefined
    ? Either.right(Pauses.inOrderOf(calls, results as ReadonlyArray<Tool.ToolResult>))
    : Either.left(invalid(method, found.field, found.reason, facts))
}

/**
 * A pause of a stream with its answer, which the next request echoes.
 *
 * @see docs/wire.md#pauses
 */
export const answeredPause = (pending: PendingTools, results: ReadonlyArray<Tool.ToolResult>): PendingTools =>
  known({
    stepId: pending.stepId,
    iterationsUsed: pending.iterationsUsed,
    toolCallMessages: Pauses.resumeMessages(pending.toolCallMessages, results),
    digits: pending.digits
  })

/** The way in which pauses are answered: by the caller later, or by a handler now. */
export type AnswerStrategy<E = unknown, R = unknown> = { readonly _tag: "manual" } | HandlerStrategy<E, R>

interface AnsweredCall {
  readonly call: Tool.ToolCall
  readonly outcome: Tool.ToolOutcome
}

export interface HandlerStrategy<E = unknown, R = unknown> {
  readonly _tag: "handled"
  readonly tools: Tool.ToolSet<E, R>
  readonly maxRounds: number
  readonly concurrency: number
  readonly onFailure: "fail" | "report"
  /** The newest round and its answers: if its pause comes again, no handler runs twice. */
  newest: { readonly key: string; readonly answers: ReadonlyArray<AnsweredCall> } | undefined
  /** The number of rounds in a row in which the model called a tool wrongly, by tool. */
  readonly faults: Map<string, number>
  /** The error of a run whose rounds are used up. */
  readonly limit: (pause: ToolPause, detail: string, toolName?: string) => E
}

type AnswerOptions = Pick<ExecuteOptions, "maxToolRounds" | "toolConcurrency" | "onToolFailure">

/** The way in which the pauses of one run are answered; `undefined` if they cannot be. */
export const answeringOf = <E, R>(
  tools: RunTools<E, R> | undefined,
  input: AnswerOptions
): AnswerStrategy<E | ToolCallLimitError, R> | undefined => {
  if (tools === undefined) return undefined
  if (!Tool.isHandled(tools)) return { _tag: "manual" }
  return {
    _tag: "handled",
    tools,
    maxRounds: input.maxToolRounds ?? 10,
    concurrency: input.toolConcurrency ?? 4,
    onFailure: input.onToolFailure ?? "fail",
    newest: undefined,
    faults: new Map(),
    limit: (pause, detail, toolName) =>
      newError(ToolCallLimitError, {
        method: pause.method,
        flow: pause.addressText,
        executionId: pause.executionId,
        code: "TOOL_CALL_LIMIT_CLIENT",
        detail,
        rounds: pause.rounds,
        toolName
      })
  }
}

const maxFaultyRounds = 3

/** The facts of a pause that its handler needs. */
export interface ToolPause {
  readonly http: Pick<HttpService, "defaults">
  readonly method: string
  readonly addressText: string
  readonly executionId: string
  readonly toolCalls: ReadonlyArray<Tool.ToolCall>
  /** The place in the run, as JSON. A pause that comes again has the same place; ids of calls may be those of other rounds. */
  readonly place: ReadonlyArray<unknown>
  /** The number of calls of the handler before this pause. */
  readonly rounds: number
}

/** Runs the handler for the calls of a pause. */
const run = Effect.fnUntraced(function*<E, R>(
  { concurrency, onFailure, tools }: HandlerStrategy<E, R>,
  { addressText: flow, executionId, http, method, rounds, toolCalls }: ToolPause
): Effect.fn.Return<ReadonlyArray<AnsweredCall>, E | InvalidRequestError | UnexpectedResponseError, R> {
  const asked = Pauses.distinctCalls(toolCalls)
  if (typeof asked === "string") {
    return yield* newError(UnexpectedResponseError, { method, flow, executionId, reason: asked })
  }
  const outcomes = yield* Spans.roundSpan(
    rounds,
    tools.run(asked, {
      method,
      concurrency,
      onFailure,
      payloads: http.defaults.stepSpans === "payloads",
      facts: { flow, executionId }
    })
  )
  const problem = Pauses.checkResults(asked, outcomes)
  if (problem !== undefined) return yield* invalid(method, problem.field, problem.reason, { flow, executionId })
  const results = new Map(outcomes.map((outcome) => [outcome.toolCallId, outcome]))
  return asked.map((call) => ({ call, outcome: results.get(call.id)! }))
})

/** Runs the handler for a pause, unless its rounds are used up. Gives exactly one result per call. */
export const answer = Effect.fnUntraced(function*<E, R>(
  strategy: HandlerStrategy<E, R>,
  pause: ToolPause
): Effect.fn.Return<ReadonlyArray<Tool.ToolResult>, E | InvalidRequestError | UnexpectedResponseError, R> {
  const { faults, limit, maxRounds, newest } = strategy
  const { rounds } = pause
  if (rounds >= maxRounds) return yield* Effect.fail(limit(pause, `the handler has run ${rounds} times`))
  const key = Pauses.pauseKey(pause.place, pause.toolCalls)
  const answers = key !== undefined && key === newest?.key ? newest.answers : yield* run(strategy, pause)
  if (key !== undefined) strategy.newest = { key, answers }
  countFaults(faults, answers)
  const wrongly = [...faults].find(([, rounds]) => rounds >= maxFaultyRounds)
  if (wrongly !== undefined) {
    const [name] = wrongly
    const detail = `the model called ${JSON.stringify(name)} wrongly ${maxFaultyRounds} rounds in a row`
    return yield* Effect.fail(limit(pause, detail, name))
  }
  return answers.map(({ call, outcome }) => ({ toolCallId: call.id, content: outcome.content }))
})

/** Counts faults in a row. A tool that was not called in a round keeps its count: only a good call resets it. */
const countFaults = (faults: Map<string, number>, answers: ReadonlyArray<AnsweredCall>): void => {
  const faulty = new Set(answers.filter(({ outcome }) => outcome.fault !== undefined).map(({ call }) => call.name))
  for (const { call } of answers) if (!faulty.has(call.name)) faults.delete(call.name)
  for (const name of faulty) faults.set(name, (faults.get(name) ?? 0) + 1)
}

const warnBytes = 900_000

/**
 * Whether a list of messages comes near the server's limit of 1,000,000 bytes. The request refuses values that are not
 * JSON.
 *
 * @see docs/wire.md#execute
 * @see docs/wire.md#messages
 */
export const isNearLimit = (messages: ReadonlyArray<unknown>): boolean =>
  new TextEncoder().encode(Pauses.written(messages)).length > warnBytes

export const warnOfSize = (method: string, what: string): Effect.Effect<void> =>
  Effect.logWarning(`${method}: ${what} nears the server's limit of 1,000,000 bytes`)

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
