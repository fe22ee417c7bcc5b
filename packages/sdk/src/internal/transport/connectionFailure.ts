/**
 * The reason of a failed connection, made safe to show: the innermost error's words, without the request that many of
 * these errors carry and without the values of its headers, which some of them quote.
 */
import type { Sent } from "../../NoukaiError.js"
import { ConnectionFailure } from "./HttpTransport.js"

const maxDepth = 8

const causeOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "cause" in error ? error.cause : undefined

const innermost = (error: unknown): unknown => {
  let current = error
  for (let depth = 0; depth < maxDepth; depth++) {
    const cause = causeOf(current)
    if (typeof cause !== "object" || cause === null) {
      return current
    }
    current = cause
  }
  return current
}

const codeOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined

/** The messages of an error; one after attempts at several addresses has only those of the attempts. */
const messagesOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(messagesOf).join(", ")
  }
  if (error instanceof Error && error.message !== "") {
    return error.message
  }
  return codeOf(error) ?? "connection failed"
}

/** The least length of a header value that is removed: a shorter one is too common in messages, and no secret. */
const minSecret = 8

const withoutValues = (message: string, headers: Record<string, string>): string => {
  let safe = message
  for (const value of Object.values(headers)) {
    for (const word of [value, ...value.split(/\s+/)]) {
      if (word.length >= minSecret) {
        safe = safe.replaceAll(word, "<redacted>")
      }
    }
  }
  return safe
}

/** @param headers the request's, so that their values can be kept out */
export const connectionFailure = (error: unknown, sent: Sent, headers: Record<string, string>): ConnectionFailure => {
  const original = innermost(error)
  const reason = withoutValues(messagesOf(original), headers)
  const cause = new Error(reason)
  cause.name = original instanceof Error ? original.name : "Error"
  const code = codeOf(original)
  return new ConnectionFailure({ reason, sent, cause: code === undefined ? cause : Object.assign(cause, { code }) })
}
