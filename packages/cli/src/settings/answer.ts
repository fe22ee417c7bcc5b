/** Plain reads of a server, with the date of the answer. */
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"

/** The answer to a read. */
export interface Answer {
  readonly status: number
  readonly date: string
  readonly body: string
}

const reasonOf = (cause: unknown): string =>
  cause instanceof Error ? cause.cause === undefined ? cause.message : reasonOf(cause.cause) : String(cause)

/** Reads a URL, through a proxy if there is one. Node's `fetch` does not accept a dispatcher in all versions. */
export const answer = (
  url: URL,
  headers: Record<string, string>,
  through: Dispatcher | undefined
): Effect.Effect<Answer, string> =>
  Effect.tryPromise({
    try: async (signal) => {
      if (through !== undefined) {
        const { origin, pathname: path } = url
        const { body, headers: { date }, statusCode } = await through.request({
          origin,
          path,
          method: "GET",
          headers,
          signal
        })
        return { status: statusCode, date: String(date), body: await body.text() }
      }
      const response = await fetch(url, { signal, headers, redirect: "manual" })
      return { status: response.status, date: response.headers.get("date") ?? "", body: await response.text() }
    },
    catch: reasonOf
  })
