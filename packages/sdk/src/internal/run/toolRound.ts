/**
 * The answer to one pause: the checks of its results, and their form on the wire.
 *
 * @see contract 6.2, C3
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { PendingTools } from "../../FlowCursor.js"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { checkJson } from "../core/checkJson.js"
import { withRaw } from "../core/json.js"
import { invalid, type Problem, type RefusalFacts } from "../core/makeError.js"
import type { ToolCall, ToolResult } from "./tool.js"

const lastAssistant = (messages: ReadonlyArray<unknown>): { readonly [key: string]: unknown } | undefined =>
  messages.findLast((message): message is { readonly [key: string]: unknown } =>
    Predicate.isRecord(message) && message.role === "assistant"
  )

/** The JSON text of a value; `undefined` where it nests too deeply for the stack. */
const written = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** The calls of a list, or none where one of them cannot be read: an answer to the others would be incomplete. */
const readCalls = (wireCalls: unknown): ReadonlyArray<ToolCall> => {
  if (!Array.isArray(wireCalls)) return []
  const calls = wireCalls.flatMap((call: unknown) => {
    if (!Predicate.isRecord(call) || typeof call.id !== "string" || !Predicate.isRecord(call.function)) return []
    const { arguments: args, name } = call.function
    const text = typeof args === "string" ? args : written(args ?? {})
    return typeof name === "string" && text !== undefined
      ? [withRaw<ToolCall>({ id: call.id, name, arguments: text }, call)]
      : []
  })
  return calls.length === wireCalls.length ? calls : []
}

/**
 * The calls of a pause, from the last assistant message where `toolCalls` cannot be read.
 *
 * @see contract 5.3
 */
export const callsOf = (
  wireCalls: ReadonlyArray<unknown> | null | undefined,
  messages: ReadonlyArray<unknown>
): ReadonlyArray<ToolCall> => {
  const calls = readCalls(wireCalls)
  if (calls.length > 0) return calls
  const assistant = lastAssistant(messages)
  return readCalls(assistant?.tool_calls ?? assistant?.toolCalls)
}

/** A limit far above the calls of any pause. */
const maxResults = 10_000

type CheckContent = (field: string, content: unknown) => Problem | undefined

/**
 * Checks the content of a handler's result only for depth: JSON may drop parts of it, since the run has begun and would
 * be lost.
 */
const checkWritten: CheckContent = (field, content) =>
  written(content) === undefined ? { field, reason: "must be a string or JSON" } : undefined

/** The problem of the results of a round, unless every call is answered once, and nothing else is. */
export const checkResults = (
  calls: ReadonlyArray<ToolCall>,
  results: unknown,
  checkContent: CheckContent = checkWritten
): Problem | undefined => {
  if (!Array.isArray(results) || results.length > maxResults) {
    return { field: "results", reason: "must be an array with one result per tool call" }
  }
  const open = new Set(calls.map((call) => call.id))
  const answered = new Set<string>()
  for (const [index, result] of results.entries()) {
    const id: unknown = Predicate.isRecord(result) ? result.toolCallId : undefined
    if (typeof id !== "string") {
      return { field: `results[${index}].toolCallId`, reason: "must be the id of a tool call" }
    }
    if (answered.has(id)) return { field: `results[${index}]`, reason: `${JSON.stringify(id)} is answered twice` }
    if (!open.has(id)) {
      return { field: `results[${index}].toolCallId`, reason: `${JSON.stringify(id)} was not asked for` }
    }
    const found = checkContent(`results[${index}].content`, Predicate.isRecord(result) ? result.content : undefined)
    if (found !== undefined) return found
    answered.add(id)
  }
  const missing = calls.filter((call) => !answered.has(call.id))
  return missing.length === 0
    ? undefined
    : { field: "results", reason: `no result for ${missing.map((call) => JSON.stringify(call.id)).join(", ")}` }
}

/** Reads and checks the results that a caller gives by hand. */
export const answersOf = (
  method: string,
  calls: ReadonlyArray<ToolCall>,
  results: unknown,
  facts: RefusalFacts
): Either.Either<ReadonlyArray<ToolResult>, InvalidRequestError> => {
  const found = checkResults(
    calls,
    results,
    (field, content) => checkJson(field, content) ?? checkWritten(field, content)
  )
  return found === undefined
    ? Either.right(results as ReadonlyArray<ToolResult>)
    : Either.left(invalid(method, found.field, found.reason, facts))
}

/**
 * The messages of a resume: those of the pause, verbatim, then one entry per result in the casing that the pause uses.
 */
export const resumeMessages = (
  messages: ReadonlyArray<unknown>,
  results: ReadonlyArray<ToolResult>
): ReadonlyArray<unknown> => {
  const assistant = lastAssistant(messages)
  const camel = assistant !== undefined && "toolCalls" in assistant && !("tool_calls" in assistant)
  const idKey = camel ? "toolCallId" : "tool_call_id"
  return [
    ...messages,
    ...results.map((result) => ({
      role: "tool",
      [idKey]: result.toolCallId,
      content: typeof result.content === "string" ? result.content : JSON.stringify(result.content)
    }))
  ]
}

/**
 * A pause of a stream with its answer, which the next request echoes.
 *
 * @see contract 7.6
 */
export const answeredPause = (pending: PendingTools, results: ReadonlyArray<ToolResult>): PendingTools => ({
  ...(pending.stepId === undefined ? undefined : { stepId: pending.stepId }),
  iterationsUsed: pending.iterationsUsed,
  toolCallMessages: resumeMessages(pending.toolCallMessages, results)
})
