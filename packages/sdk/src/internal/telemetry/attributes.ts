/**
 * The attributes of spans that follow the GenAI conventions, and the payloads in them.
 *
 * @see docs/wire.md#spans
 */
import * as Cause from "effect/Cause"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { isNoukaiError } from "../../NoukaiError.js"
import { attributeKeys, genAi } from "../../Telemetry.js"
import { knownCount } from "../core/cost.js"
import { known } from "../core/makeError.js"
import { problemOf } from "../core/runProblem.js"
import type { CallDefaults } from "../operations/operations.js"
import type { StepTrace } from "../operations/requests.js"
import { type FlowAddress, format } from "../options/address.js"

export type AttributeValue = string | number | boolean

/** Attributes by key. One that is `undefined` is left out. */
export type Attributes = { readonly [key: string]: AttributeValue | undefined }

/** Codes are names in capitals, names in small letters, or statuses: any other text may be a payload or an id. */
const codeForm = /^(?:[A-Z][A-Z0-9_]{0,63}|[a-z_]{1,64}|[1-5]\d\d)$/

/** The `error.type` of a problem that the server stored or sent: its code, else another. */
export const problemType = (problem: unknown, otherwise = "_OTHER"): string => {
  const { code = "" } = problemOf(problem)
  return codeForm.test(code) ? code : otherwise
}

/** The `error.type` of an error: the code of the service, else the `_tag`, else `_OTHER`. */
export const errorType = (error: unknown): string => {
  const tag = Predicate.hasProperty(error, "_tag") ? String(error._tag) : undefined
  return isNoukaiError(error) ? problemType({ code: error.code }, tag) : tag ?? "_OTHER"
}

/** The `error.type` of a failure. An interruption has none. */
export const failureType = (cause: Cause.Cause<unknown>): string | undefined =>
  Cause.isInterruptedOnly(cause) ? undefined : errorType(Option.getOrUndefined(Cause.failureOption(cause)))

export const addressAttributes = (address: FlowAddress): Attributes => ({
  [attributeKeys.org]: address.org,
  [attributeKeys.project]: address.project,
  [attributeKeys.slug]: address.slug
})

/** The attributes of any operation on the models of the service. */
const operation = (name: string): Attributes => ({
  [attributeKeys.operationName]: name,
  [attributeKeys.provider]: genAi.provider
})

/** The attributes of the run of a flow: the client form of `invoke_agent`. */
export const runAttributes = (
  address: FlowAddress | undefined,
  server?: CallDefaults["server"]
): Attributes => ({
  ...operation(genAi.run),
  ...(address && { ...addressAttributes(address), [attributeKeys.agentName]: format(address) }),
  [attributeKeys.serverAddress]: server?.address,
  [attributeKeys.serverPort]: server?.port
})

interface Tokens {
  readonly prompt: number
  readonly completion: number
}

export const tokenAttributes = (tokens: Tokens | undefined): Attributes => ({
  [attributeKeys.inputTokens]: knownCount(tokens?.prompt),
  [attributeKeys.outputTokens]: knownCount(tokens?.completion)
})

/** The known tokens of several steps. */
export const sumTokens = (steps: ReadonlyArray<{ readonly tokens?: Tokens | undefined }>): Tokens =>
  steps.reduce(
    (sum, { tokens }) => ({
      prompt: sum.prompt + (knownCount(tokens?.prompt) ?? 0),
      completion: sum.completion + (knownCount(tokens?.completion) ?? 0)
    }),
    { prompt: 0, completion: 0 }
  )

/** The attributes of a step that asked a model. */
export const modelAttributes = ({ inputContext, modelUsed, outputContext }: StepTrace, payloads: boolean): Attributes =>
  modelUsed === undefined ? {} : {
    ...operation(genAi.model),
    [attributeKeys.model]: modelUsed,
    [attributeKeys.responseModel]: modelUsed,
    [attributeKeys.inputMessages]: payloads ? messagesJson(inputMessages(inputContext)) : undefined,
    [attributeKeys.outputMessages]: payloads ? messagesJson(outputMessages(outputContext)) : undefined
  }

/** The attributes of the call of a tool of this program. */
export const toolAttributes = (
  call: { readonly id: string; readonly name: string; readonly arguments: string },
  description: string | undefined,
  payloads: boolean
): Attributes => ({
  [attributeKeys.operationName]: genAi.tool,
  [attributeKeys.toolName]: call.name,
  [attributeKeys.toolType]: "function",
  [attributeKeys.toolDescription]: description,
  [attributeKeys.toolCallId]: call.id,
  [attributeKeys.toolArguments]: payloads ? payloadJson(parsed(call.arguments)) : undefined
})

const limit = 4_096

const mark = "…[truncated]"

/** A payload as JSON; one that JSON cannot hold, as text. */
export const payloadText = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value) : Inspectable.toStringUnknown(value, 0)

/** The value of JSON text, or other text itself. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A text of at most `max` characters before its mark. No character is cut in two. */
const cut = (text: string, max: number): string =>
  text.length <= max + mark.length ? text : `${text.slice(0, max).replace(/[\ud800-\udbff]$/, "")}${mark}`

/** JSON within the limit, whose longest texts are cut to `least` characters or more; `undefined` where that is too long. */
const fitted = (value: unknown, least: number): string | undefined => {
  const cutTo = (max: number) =>
    JSON.stringify(value, (_, part: unknown) => typeof part === "string" ? cut(part, max) : part)
  let json = cutTo(least)
  if (json.length > limit) return undefined
  for (let step = limit / 2, max = least; step >= 1; step /= 2) {
    const longer = cutTo(max + step)
    if (longer.length <= limit) {
      json = longer
      max += step
    }
  }
  return json
}

/** A payload as JSON of at most 4,096 characters: its longest texts are cut, or else the JSON itself, as text. */
export const payloadJson = (payload: unknown): string => {
  const text = String(payloadText(payload))
  const value = parsed(text)
  const json = value === text ? JSON.stringify(text) : text
  return json.length <= limit ? json : fitted(value, 0) ?? fitted(text, 0) ?? "null"
}

/** Messages as JSON of at most 4,096 characters: the first ones are left out where it does not suffice to cut texts. */
const messagesJson = (messages: ReadonlyArray<unknown> | undefined): string | undefined => {
  for (let kept = messages ?? []; kept.length > 0; kept = kept.slice(Math.ceil(kept.length / 2))) {
    const json = fitted(kept, 64)
    if (json !== undefined) return json
  }
  return undefined
}

type Fields = { readonly [key: string]: unknown }

const textPart = (content: string): Fields => ({ type: "text", content })

const partOf = (part: unknown): Fields | undefined => {
  if (typeof part === "string") return textPart(part)
  if (!Predicate.isRecord(part) || typeof part.type !== "string") return undefined
  return part.type === "text" && typeof part.text === "string" ? textPart(part.text) : part
}

const toolCallPart = (call: unknown): Fields | undefined => {
  const { function: made, id } = Predicate.isRecord(call) ? call : {}
  if (!Predicate.isRecord(made) || typeof made.name !== "string") return undefined
  const { arguments: args, name } = made
  return { type: "tool_call", ...known({ id, name, arguments: typeof args === "string" ? parsed(args) : args }) }
}

const listOf = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]

/** A message of OpenAI's form as one of the conventions. `undefined` where a part of it cannot be read. */
const messageOf = (message: unknown): Fields | undefined => {
  if (!Predicate.isRecord(message) || typeof message.role !== "string") return undefined
  const { content, name, role, tool_call_id: id, tool_calls: calls } = message
  const response = typeof content === "string" ? parsed(content) : content ?? null
  const parts = role === "tool"
    ? [{ type: "tool_call_response", ...known({ id, response }) }]
    : [...listOf(content).map(partOf), ...listOf(calls).map(toolCallPart)]
  return parts.includes(undefined) ? undefined : { role, ...known({ name }), parts }
}

const inputMessages = (input: unknown): ReadonlyArray<Fields> | undefined => {
  const given = Predicate.isRecord(input) ? input.messages ?? input.message : input
  const messages = listOf(given).map((one) => messageOf(typeof one === "string" ? { role: "user", content: one } : one))
  return messages.includes(undefined) ? undefined : messages as ReadonlyArray<Fields>
}

/** The answer of a model: a message, or else its text, which is the JSON of any other value. */
const outputMessages = (output: unknown): ReadonlyArray<Fields> => {
  if (output === undefined) return []
  const told = messageOf(output) ??
    { role: "assistant", parts: [textPart(typeof output === "string" ? output : payloadText(output))] }
  const isCall = Predicate.isRecord(output) && listOf(output.tool_calls).length > 0
  return [{ ...told, finish_reason: isCall ? "tool_call" : "stop" }]
}
