/** Decodes the requests of a page. Nothing in them is trusted. */
import { canonical, digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message, MessagePart } from "../../Page.js"

/** The id of a chat or a message. */
export const Id = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(256), Schema.pattern(/^\P{C}+$/u))

const Part: Schema.Schema<MessagePart> = Schema.Struct(
  { type: Schema.String },
  Schema.Record({ key: Schema.String, value: Schema.Unknown })
).pipe(
  Schema.filter(({ errorText, state, text, type }) =>
    type === "text" ? typeof text === "string" : state !== "output-error" || typeof (errorText ?? "") === "string"
  )
) as Schema.Schema<MessagePart>

const Body = Schema.Struct({
  id: Id,
  messages: Schema.NonEmptyArray(Schema.Struct({
    id: Id,
    role: Schema.Literal("system", "user", "assistant"),
    parts: Schema.Array(Part)
  })),
  trigger: Schema.optional(Schema.Literal("submit-message", "regenerate-message"))
})

const decode = Schema.decodeUnknownEither(Body)

/** The result of a call, as the page has it. */
export type PageResult = { readonly output: unknown } | { readonly error: string }

/** The wish of a POST: to run the turn of a message, or to give the results of tools. */
export type Wish =
  /** `content` is the text of the parts of the message, which differs when a user has edited it. */
  | { readonly _tag: "run"; readonly message: string; readonly content: string; readonly isAgain: boolean }
  /** `results` by the ids of the page. */
  | { readonly _tag: "answer"; readonly executionId: string; readonly results: ReadonlyMap<string, PageResult> }

/** A POST of a page. */
export interface Asked {
  readonly chat: string
  readonly messages: ReadonlyArray<Message>
  readonly wish: Wish
}

const resultOf = (part: MessagePart): ReadonlyArray<readonly [string, PageResult]> => {
  const { errorText, output, providerExecuted, state, toolCallId, type } = part
  if (!type.startsWith("tool-") && type !== "dynamic-tool") return []
  if (typeof toolCallId !== "string" || providerExecuted === true) return []
  if (state === "output-available") return [[toolCallId, { output: output ?? null }]]
  return state === "output-error"
    ? [[toolCallId, { error: typeof errorText === "string" ? errorText : "the tool failed" }]]
    : []
}

/** Reads a body; `undefined` if it is none of a page. */
export const askedOf = (body: unknown): Asked | undefined => {
  const decoded = decode(body)
  if (Either.isLeft(decoded)) return undefined
  const { id: chat, messages, trigger } = decoded.right
  const last = messages.at(-1)
  const isAgain = trigger === "regenerate-message"
  if (last?.role === "user") {
    const parts = canonical(last.parts)
    const content = stringifyJson(parts, digitsWithin(parts))
    return { chat, messages, wish: { _tag: "run", message: last.id, content, isAgain } }
  }
  if (last?.role !== "assistant" || isAgain) return undefined
  const results = new Map(last.parts.flatMap(resultOf))
  return { chat, messages, wish: { _tag: "answer", executionId: last.id, results } }
}

/** The text of the last message, which is one of the user. */
export const lastText = (messages: ReadonlyArray<Message>): string =>
  (messages.at(-1)?.parts ?? []).flatMap(({ text, type }) => type === "text" ? [text] : []).join("")

/** The id of the chat in a path: its last segment, or the one before `stream`; `undefined` if it has none. */
export const chatOf = (url: string, isStream: boolean): string | undefined => {
  const segments = url.replace(/[?#].*$/, "").replace(/\/+$/, "").split("/")
  if (isStream && segments.pop() !== "stream") return undefined
  const id = Either.try(() => decodeURIComponent(segments.at(-1) ?? ""))
  return Either.getOrUndefined(Either.flatMap(id, Schema.decodeUnknownEither(Id)))
}
