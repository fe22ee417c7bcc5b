/**
 * The `fetch` that replaces the platform's transport: from the options, or a replaced global one, as tests and
 * instrumentations install it.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { InvalidRequestError } from "../../NoukaiError.js"

type Fetch = typeof globalThis.fetch

const atImport = globalThis.fetch

export interface FetchInUse {
  readonly fetch: Fetch
  /** Logs that a replaced global `fetch` is used. */
  readonly announce: Effect.Effect<void>
}

const replaced = Logger.withMinimumLogLevel(
  Effect.logDebug(
    "globalThis.fetch is not what it was when this package was imported: requests go through it, nothing is retried, and sent is \"unknown\" until there is a response"
  ),
  LogLevel.Debug
)

const wrong = (operation: string, reason: string): InvalidRequestError =>
  new InvalidRequestError(`${operation}: invalid fetch: ${reason}`, { field: "fetch", reason })

/** Throws an `InvalidRequestError` if `fetch` is not a function, or if there is a dispatcher too. */
export const fetchInUse = (
  operation: string,
  given: { readonly fetch?: Fetch | null | undefined; readonly dispatcher?: unknown }
): FetchInUse | undefined => {
  const fetch = given.fetch ?? undefined
  const dispatcher = given.dispatcher ?? undefined
  if (fetch !== undefined) {
    if (typeof fetch !== "function") throw wrong(operation, "must be a function")
    if (dispatcher !== undefined) throw wrong(operation, "has no use for a dispatcher: give one of both")
    return { fetch, announce: Effect.void }
  }
  const global = globalThis.fetch
  return dispatcher === undefined && global !== atImport && typeof global === "function"
    ? { fetch: global, announce: replaced }
    : undefined
}
