/**
 * The messages of a paused step, read in either casing and written in one.
 *
 * @see docs/wire.md#tool-results
 * @see docs/wire.md#emulator
 */
import { digitsOf, parseJson, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Either from "effect/Either"
import type { Json } from "../../Flow.js"
import { type ApiError, refuse } from "../apiError.js"
import { at, type Exact, listOf, objectOf, textOf } from "../exact.js"
import { isObject, type JsonObject } from "../json.js"

export type Casing = "snake" | "camel"

/**
 * One requested call, as `toolCalls` has it.
 *
 * @see docs/wire.md#results
 */
export interface WireToolCall {
  readonly id: string
  readonly type: "function"
  readonly function: { readonly name: string; readonly arguments: string }
}

export type Message = JsonObject

interface Round {
  readonly calls: ReadonlyArray<WireToolCall>
  readonly results: Array<{ readonly id: string; readonly content: Exact }>
}

const callIdOf = (message: Message): Json | undefined => message.tool_call_id ?? message.toolCallId

const callsOf = (message: Message): ReadonlyArray<WireToolCall> => {
  const calls = message.tool_calls ?? message.toolCalls
  if (message.role !== "assistant" || !Array.isArray(calls)) return []
  return calls.flatMap((call: unknown) => {
    if (!isObject(call) || typeof call.id !== "string" || !isObject(call.function)) return []
    const { arguments: args, name } = call.function
    if (typeof name !== "string") return []
    return [{
      id: call.id,
      type: "function" as const,
      function: { name, arguments: typeof args === "string" ? args : "{}" }
    }]
  })
}

/** The rounds that the messages went through, oldest first. */
export const roundsOf = (messages: ReadonlyArray<Message>): ReadonlyArray<Round> => {
  const rounds: Array<Round> = []
  for (const message of messages) {
    const calls = callsOf(message)
    if (calls.length > 0) rounds.push({ calls, results: [] })
    const id = callIdOf(message)
    if (message.role === "tool" && typeof id === "string") {
      rounds.at(-1)?.results.push({ id, content: at(message, "content") ?? { value: null } })
    }
  }
  return rounds
}

const roleOf = ({ role }: Message): string =>
  role === undefined || role === null ? "has no role" : `has the role ${JSON.stringify(role)}`

/** The reason why messages do not count as answers. */
const whyUnanswered = (messages: ReadonlyArray<Message>, missing: ReadonlyArray<string>): string => {
  const unnamed = messages.some((message) => message.role === "tool" && typeof callIdOf(message) !== "string")
  for (const id of missing) {
    const answer = messages.find((message) => callIdOf(message) === id && message.role !== "tool")
    if (answer !== undefined) return ` The result of ${id} ${roleOf(answer)}: it needs role "tool".`
  }
  return unnamed ? " A message of role \"tool\" has no tool_call_id." : ""
}

const whyNotAsked = (messages: ReadonlyArray<Message>): string => {
  const asking = messages.find((message) => callsOf({ ...message, role: "assistant" }).length > 0)
  return asking === undefined ? "" : `: the message with the calls ${roleOf(asking)}, and needs role "assistant"`
}

const list = (ids: Iterable<string>): string => [...ids].join(", ")

/** Checks that every id of the newest round is answered once, and no other id is. */
export const checkAnswered = (
  messages: ReadonlyArray<Message>,
  /** The ids of the pause, if the server remembers them. */
  asked?: ReadonlyArray<string>
): Either.Either<void, ApiError> => {
  const mismatch = (message: string) => refuse(400, "TOOL_RESULTS_MISMATCH", message)
  const newest = roundsOf(messages).at(-1)
  if (newest === undefined) {
    return mismatch(`toolCallMessages has no assistant message with tool calls${whyNotAsked(messages)}.`)
  }
  const requested = new Set(newest.calls.map((call) => call.id))
  if (asked !== undefined && (asked.length !== requested.size || asked.some((id) => !requested.has(id)))) {
    return mismatch(`The run waits for the calls ${list(asked)}, not for ${list(requested)}.`)
  }
  const answered = new Set<string>()
  for (const { id } of newest.results) {
    if (!requested.has(id)) return mismatch(`No call has the id ${id}.`)
    if (answered.has(id)) return mismatch(`The call ${id} is answered twice.`)
    answered.add(id)
  }
  const missing = [...requested].filter((id) => !answered.has(id))
  return missing.length === 0
    ? Either.void
    : mismatch(`Not answered: ${list(missing)}.${whyUnanswered(messages, missing)}`)
}

/** The value of content that is JSON. Other text stays text. */
const parsed = (content: Exact): Exact => {
  const { value } = content
  if (typeof value !== "string") return content
  return Either.getOrElse(
    Either.try(() => {
      JSON.parse(value)
      // the digits of a number are in the list around it
      return at(parseJson(`[${value}]`), 0)!
    }),
    () => content
  )
}

/** The results that a template may quote. */
export interface ToolResults {
  readonly tools: { readonly [name: string]: Json }
  readonly texts: { readonly [name: string]: string }
  readonly results: ReadonlyArray<Json>
}

export const resultsOf = (messages: ReadonlyArray<Message>): ToolResults => {
  // entries by name, the newest last, because `fromEntries` accepts every name and an assignment does not
  const tools: Array<readonly [name: string, value: Exact]> = []
  const texts: Array<readonly [name: string, text: string]> = []
  const results: Array<Exact> = []
  for (const round of roundsOf(messages)) {
    for (const { content, id } of round.results) {
      const name = round.calls.find((call) => call.id === id)?.function.name
      const value = parsed(content)
      results.push(value)
      if (name === undefined) continue
      tools.push([name, value])
      texts.push([name, typeof content.value === "string" ? content.value : textOf(content)])
    }
  }
  return { tools: objectOf(Object.fromEntries(tools)), texts: Object.fromEntries(texts), results: listOf(results) }
}

/** The assistant message that requests calls. */
export const askingMessage = (
  calls: ReadonlyArray<WireToolCall>,
  casing: Casing,
  extra: { readonly [key: string]: Json } | undefined
): Message => {
  const key = casing === "snake" ? "tool_calls" : "toolCalls"
  return withDigits({ role: "assistant", content: null, [key]: calls as unknown as Json, ...extra }, digitsOf(extra))
}
