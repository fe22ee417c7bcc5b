/** The parts of a payload that people, models and tools said: texts, messages, and calls of tools beside their answers. */
import { digitsAt, digitsWithin, parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"

/** A call of a tool, with its answer where one follows. */
export interface SpokenCall {
  readonly id: string | undefined
  readonly name: string
  /** The arguments: JSON, or what the model wrote in its place. */
  readonly given: string
  /** Text, or JSON of another value. */
  readonly answer: SpokenText | undefined
}

export interface SpokenText {
  readonly kind: "text" | "json"
  readonly value: string
}

export interface SpokenMessage {
  readonly role: string
  readonly said: ReadonlyArray<SpokenText>
  readonly calls: ReadonlyArray<SpokenCall>
  /** Its other parts, as JSON. */
  readonly rest: string | undefined
}

export interface Spoken {
  readonly messages: ReadonlyArray<SpokenMessage>
  /** The other fields of the payload, as JSON. */
  readonly rest: string | undefined
}

/** Up to this length, a payload is read for what is said in it, in characters. */
const readable = 256_000

type Fields = { readonly [name: string]: unknown }

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const json = (value: unknown): string => stringifyJson(value, digitsWithin(value))

/** Some fields of an object, as JSON. */
const restOf = (fields: Fields, of: Fields): string | undefined => {
  const rest = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)
  return rest.length === 0 ? undefined : stringifyJson(Object.fromEntries(rest), digitsWithin(of))
}

/** The texts of a content, and JSON of its parts that are none. */
const saidOf = (fields: Fields, name: string): ReadonlyArray<SpokenText> => {
  const content = fields[name]
  if (content === null || content === undefined || content === "") return []
  if (typeof content === "string") return [{ kind: "text", value: content }]
  if (!Array.isArray(content)) {
    return [{ kind: "json", value: stringifyJson(content, digitsAt(digitsWithin(fields), name)) }]
  }
  return content.flatMap((part: unknown): ReadonlyArray<SpokenText> =>
    isFields(part) && part.type === "text" && typeof part.text === "string" && Object.keys(part).length === 2
      ? [{ kind: "text", value: part.text }]
      : [{ kind: "json", value: json(part) }]
  )
}

const callOf = (call: unknown): SpokenCall | undefined => {
  if (!isFields(call)) return undefined
  const { arguments: given = {}, name } = isFields(call.function) ? call.function : call
  if (typeof name !== "string") return undefined
  return {
    id: typeof call.id === "string" ? call.id : undefined,
    name,
    given: typeof given === "string" ? given : json(given),
    answer: undefined
  }
}

const isMessage = (value: unknown): value is Fields => isFields(value) && typeof value.role === "string"

const isMessages = (value: unknown): value is ReadonlyArray<Fields> =>
  Array.isArray(value) && value.length > 0 && value.every(isMessage)

const messageOf = (fields: Fields): SpokenMessage => {
  const { content: _, role, tool_calls: snake, toolCalls = snake, ...rest } = fields
  const calls = Array.isArray(toolCalls)
    ? toolCalls.map(callOf)
    : toolCalls === undefined || toolCalls === null
    ? []
    : [undefined]
  const isUsual = calls.every((call) => call !== undefined)
  return {
    role: String(role),
    said: saidOf(fields, "content"),
    calls: isUsual ? calls : [],
    rest: restOf({ ...rest, ...!isUsual && { tool_calls: toolCalls } }, fields)
  }
}

/** Puts the answers of tools beside their calls. An answer to no call stays a message. */
const paired = (messages: ReadonlyArray<Fields>): ReadonlyArray<SpokenMessage> => {
  const all: Array<SpokenMessage> = []
  for (const fields of messages) {
    const { tool_call_id: snake, toolCallId = snake, ...others } = fields
    const [answer, ...more] = saidOf(fields, "content")
    const isAnswer = typeof toolCallId === "string" && answer !== undefined && more.length === 0 &&
      Object.keys(others).every((name) => name === "role" || name === "content")
    // an id may come again in a later round
    const at = isAnswer
      ? all.findLastIndex(({ calls }) => calls.some((call) => call.id === toolCallId && call.answer === undefined))
      : -1
    if (at === -1) all.push(messageOf(fields))
    else {
      const asked = all[at]!
      const nth = asked.calls.findIndex((call) => call.id === toolCallId && call.answer === undefined)
      all[at] = { ...asked, calls: asked.calls.map((call, other) => other === nth ? { ...call, answer } : call) }
    }
  }
  return all
}

const textFields = { user: ["message"], assistant: ["text", "content", "message", "answer"] } as const

const spokenIn = (value: unknown, role: keyof typeof textFields): Spoken | undefined => {
  if (typeof value === "string") {
    return { messages: [{ role, said: saidOf({ value }, "value"), calls: [], rest: undefined }], rest: undefined }
  }
  if (isMessages(value)) return { messages: paired(value), rest: undefined }
  if (isMessage(value)) return { messages: paired([value]), rest: undefined }
  if (!isFields(value)) return undefined
  const { messages, ...others } = value
  if (isMessages(messages)) return { messages: paired(messages), rest: restOf(others, value) }
  const name = textFields[role].find((field) => typeof value[field] === "string" && value[field] !== "")
  if (name === undefined) return undefined
  const { [name]: _, ...rest } = value
  return { messages: [{ role, said: saidOf(value, name), calls: [], rest: undefined }], rest: restOf(rest, value) }
}

/**
 * The messages in a payload. Absent: it is data.
 *
 * @param role Who says a text that names nobody.
 */
export const spokenOf = (text: string, role: keyof typeof textFields): Spoken | undefined => {
  if (text.length > readable) return undefined
  try {
    return spokenIn(parseJson(text), role)
  } catch {
    return undefined
  }
}
