import * as Effect from "effect/Effect"

const warnBytes = 900_000

const bytes = (value: unknown): number => {
  try {
    const text = JSON.stringify(value)
    return text.length * 3 <= warnBytes ? text.length : new TextEncoder().encode(text).length
  } catch {
    // the request refuses values that are not JSON
    return 0
  }
}

/**
 * Whether a list of messages comes near the server's limit of 1,000,000 bytes.
 *
 * @see contract 5.1, 5.4
 */
export const isNearLimit = (messages: ReadonlyArray<unknown>): boolean => bytes(messages) > warnBytes

export const warnOfSize = (method: string, what: string): Effect.Effect<void> =>
  Effect.logWarning(`${method}: ${what} nears the server's limit of 1,000,000 bytes`)
