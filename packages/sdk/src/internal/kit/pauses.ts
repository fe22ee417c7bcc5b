/**
 * The rules of tool pauses, on every wire: the calls of a pause, the checks of their results, and the form of an answer.
 * It needs no Effect: the relay flow of the Promise client has the same rules.
 *
 * @see docs/wire.md#pauses
 * @see docs/wire.md#results
 */
import { checkJson } from "./jsonProblem.js"
import { type Problem, unreadable } from "./names.js"
import {
  canonicalText,
  type Digits,
  digitsAt,
  digitsIn,
  digitsOf,
  digitsWithin,
  isRecord,
  maxDepth,
  nestsTooDeep,
  parseJson,
  stringifyJson,
  withDigits,
  withRaw
} from "./plainJson.js"

/** A call of a tool by the model. `arguments` is JSON text. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
  /** The call as the server sent it, unknown keys included, without the key. Not enumerable, and not in a stored state. */
  readonly raw?: unknown
}

/** The JSON text of a value, with the digits of its numbers; `undefined` if it has none, or nests too deeply. */
export const written = (value: unknown): string | undefined => {
  try {
    return stringifyJson(value)
  } catch {
    return undefined
  }
}

const lastAssistant = (messages: ReadonlyArray<unknown>): { readonly [key: string]: unknown } | undefined =>
  messages.findLast((message): message is { readonly [key: string]: unknown } =>
    isRecord(message) && message.role === "assistant"
  )

/** The calls of a list, or none where one of them cannot be read: an answer to the others would be incomplete. */
const readCalls = (wireCalls: unknown): ReadonlyArray<ToolCall> => {
  if (!Array.isArray(wireCalls)) return []
  const calls = wireCalls.flatMap((call: unknown) => {
    if (!isRecord(call) || typeof call.id !== "string" || !isRecord(call.function)) return []
    const { arguments: args, name } = call.function
    const text = typeof args === "string" ? args : written(args ?? {})
    return typeof name === "string" && text !== undefined
      ? [withRaw<ToolCall>({ id: call.id, name, arguments: text }, call)]
      : []
  })
  return calls.length === wireCalls.length ? calls : []
}

/** The calls of a pause, from the last assistant message where `toolCalls` cannot be read. */
export const callsOf = (wireCalls: unknown, messages: ReadonlyArray<unknown>): ReadonlyArray<ToolCall> => {
  const calls = readCalls(wireCalls)
  if (calls.length > 0) return calls
  const assistant = lastAssistant(messages)
  return readCalls(assistant?.tool_calls ?? assistant?.toolCalls)
}

/** The arguments of a call as a value; a string is the reason why they are none. An empty text means no arguments. */
export const parseArguments = (call: ToolCall): { readonly value: unknown } | string => {
  if (call.arguments.trim() === "") return { value: {} }
  try {
    const value = parseJson(call.arguments)
    return nestsTooDeep(value) ? `the arguments nest deeper than ${maxDepth} levels` : { value }
  } catch {
    return "the arguments are not JSON"
  }
}

const comparable = (call: ToolCall): string => {
  const parsed = parseArguments(call)
  return JSON.stringify([call.name, typeof parsed === "string" ? call.arguments : canonicalText(parsed.value)])
}

/**
 * The calls of a round, each once. A string is the reason why they have no answer. Ids count in one round alone: a model
 * may use them again in a later round.
 */
export const distinctCalls = (calls: ReadonlyArray<ToolCall>): ReadonlyArray<ToolCall> | string => {
  const distinct = new Map<string, ToolCall>()
  for (const call of calls) {
    const same = distinct.get(call.id) ?? call
    if (same !== call && comparable(same) !== comparable(call)) {
      return `the id of a tool call, ${JSON.stringify(call.id)}, names two different calls`
    }
    distinct.set(call.id, same)
  }
  return [...distinct.values()]
}

/** A limit far above the calls of any pause. */
export const maxResults = 10_000

/** The name of a content, from its place in the list and the id of its call. */
type NameContent = (place: string, toolCallId: string) => string

/** Whether content is JSON as it is, and has a text. */
const checkContent = (field: string, content: unknown): Problem | undefined =>
  checkJson(field, content) ??
    (written(content) === undefined ? { field, reason: "must be a string or JSON" } : undefined)

/**
 * The problem of the results of a round, unless every call is answered once with JSON, and nothing else is.
 *
 * @param nameOf Default: the place.
 */
export const checkResults = (
  calls: ReadonlyArray<{ readonly id: string }>,
  results: unknown,
  nameOf: NameContent = (place) => place
): Problem | undefined => {
  let field = "results"
  try {
    if (!Array.isArray(results) || results.length > maxResults) {
      return { field, reason: "must be an array with one result per tool call" }
    }
    const open = new Set(calls.map((call) => call.id))
    const answered = new Set<string>()
    for (const [index, result] of results.entries()) {
      field = `results[${index}]`
      const { content, then, toolCallId: id }: { readonly [key: string]: unknown } = isRecord(result) ? result : {}
      if (typeof then === "function") return { field, reason: "must be a result, not a promise: await it" }
      if (typeof id !== "string" || (id === "" && !open.has(id))) {
        return { field: `${field}.toolCallId`, reason: "must be the id of a tool call" }
      }
      if (answered.has(id)) return { field, reason: `${JSON.stringify(id)} is answered twice` }
      if (!open.has(id)) return { field: `${field}.toolCallId`, reason: `${JSON.stringify(id)} was not asked for` }
      const found = checkContent(nameOf(`${field}.content`, id), content)
      if (found !== undefined) return found
      answered.add(id)
    }
    const missing = [...open].filter((id) => !answered.has(id))
    return missing.length === 0
      ? undefined
      : { field: "results", reason: `no result for ${missing.map((id) => JSON.stringify(id)).join(", ")}` }
  } catch {
    return { field, reason: unreadable }
  }
}

/** The results of a round that {@link checkResults} has checked, in the order of its calls. */
export const inOrderOf = <A extends { readonly toolCallId: string }>(
  calls: ReadonlyArray<{ readonly id: string }>,
  results: ReadonlyArray<A>
): ReadonlyArray<A> => {
  const byId = new Map(results.map((result) => [result.toolCallId, result]))
  return [...new Set(calls.map(({ id }) => id))].flatMap((id) => byId.get(id) ?? [])
}

/**
 * The messages of a resume: those of the pause, verbatim, then one entry per result in the casing that the pause uses.
 */
export const resumeMessages = (
  messages: ReadonlyArray<unknown>,
  results: ReadonlyArray<{ readonly toolCallId: string; readonly content: unknown }>
): ReadonlyArray<unknown> => {
  const assistant = lastAssistant(messages)
  const camel = assistant !== undefined && "toolCalls" in assistant && !("tool_calls" in assistant)
  const idKey = camel ? "toolCallId" : "tool_call_id"
  return [
    ...messages,
    ...results.map(({ content, toolCallId }) => ({
      role: "tool",
      [idKey]: toolCallId,
      content: typeof content === "string" ? content : stringifyJson(content, digitsWithin(content))
    }))
  ]
}

/** The parts of a pause on `/execute` that its answer repeats. */
export interface RepeatedPause {
  readonly executionId: string
  readonly pausedAtStep: string
  readonly iterationsUsed: number
  readonly toolCallMessages: ReadonlyArray<unknown>
  readonly accumulatedOutputs: { readonly [stepId: string]: unknown }
  /** The digits of the numbers in both, as {@link digitsOfPause} gives them. */
  readonly digits?: unknown
}

/** The digits of the numbers that a pause sends back, from its response. */
export const digitsOfPause = (response: unknown): Digits | undefined => {
  const digits = digitsOf(response)
  return digitsIn(["toolCallMessages", "accumulatedOutputs"].map((name) => [name, digitsAt(digits, name)]))
}

/** The body that answers a pause on `/execute`, after the fields that every request of the run has. */
export const resumeBody = <A extends object>(
  fields: A,
  { accumulatedOutputs, digits, executionId, iterationsUsed, pausedAtStep, toolCallMessages }: RepeatedPause,
  results: ReadonlyArray<{ readonly toolCallId: string; readonly content: unknown }>
) =>
  withDigits({
    ...fields,
    executionId,
    pausedAtStep,
    iterationsUsed,
    toolCallMessages: resumeMessages(toolCallMessages, results),
    accumulatedOutputs
  }, digits)

/**
 * The text by which a pause that comes again is known, so that no handler runs twice; `undefined` if it has none.
 *
 * @param place the place in the run: ids of calls may be those of other rounds
 */
export const pauseKey = (place: ReadonlyArray<unknown>, calls: ReadonlyArray<ToolCall>): string | undefined =>
  written([place, calls])
