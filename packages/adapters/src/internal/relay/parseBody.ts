/**
 * Parses the text of a request into its JSON object.
 *
 * @see docs/wire.md#relays
 */
import * as Digits from "@effect-noukai/sdk/kit/plainJson"
import * as Either from "effect/Either"

export interface JsonObject {
  readonly [key: string]: unknown
}

/**
 * The error codes of a body. A content type other than JSON is refused, because a page of another site may send it
 * without a preflight request.
 */
export type BodyProblem = "INVALID_JSON" | "UNSUPPORTED_MEDIA_TYPE" | "TOO_MANY_MESSAGES"

const quote = 0x22
const backslash = 0x5c

/** Whether arrays and objects nest deeper than `max`. The result means nothing for text that is not JSON. */
const isDeeperThan = (text: string, max: number): boolean => {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const char = text.charCodeAt(index)
    if (inString) {
      if (char === backslash) index++
      else if (char === quote) inString = false
      continue
    }
    switch (char) {
      case quote:
        inString = true
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > max) return true
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth--
    }
  }
  return false
}

export const isJsonObject = (u: unknown): u is JsonObject => typeof u === "object" && u !== null && !Array.isArray(u)

/** Reads JSON, with the digits of numbers that JavaScript cannot hold. */
export const parseJson = (text: string): Either.Either<unknown, "INVALID_JSON"> =>
  Either.try({ try: () => Digits.parseJson(text), catch: () => "INVALID_JSON" as const })

const jsonType = /^application\/(json|[a-z0-9!#$&^_.+-]+\+json)\s*(;|$)/i

const isLonger = (list: unknown, max: number): boolean => Array.isArray(list) && list.length > max

/** The object of a body; an empty body is an empty object. */
export const parseBody = (
  text: string,
  contentType: string | undefined,
  limits: { readonly maxDepth: number; readonly maxMessages: number }
): Either.Either<JsonObject, BodyProblem> => {
  if (text === "") return Either.right({})
  if (contentType === undefined || !jsonType.test(contentType.trim())) return Either.left("UNSUPPORTED_MEDIA_TYPE")
  if (isDeeperThan(text, limits.maxDepth)) return Either.left("INVALID_JSON")
  return Either.flatMap(parseJson(text), (body): Either.Either<JsonObject, BodyProblem> => {
    if (!isJsonObject(body)) return Either.left("INVALID_JSON")
    return isLonger(body.messages, limits.maxMessages) || isLonger(body.toolCallMessages, limits.maxMessages)
      ? Either.left("TOO_MANY_MESSAGES")
      : Either.right(body)
  })
}
