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
  !(cause instanceof Error)
    ? String(cause)
    : cause.cause !== undefined
    ? reasonOf(cause.cause)
    // of the tries at several addresses, the first one
    : cause instanceof AggregateError && cause.message === "" && cause.errors.length > 0
    ? reasonOf(cause.errors[0])
    : cause.message || String("code" in cause ? cause.code : cause.name)

/** Reads a URL, through a proxy if there is one. Node's `fetch` accepts no dispatcher in all versions, and no status 407. */
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
      const { request } = await import("./proxyAgent.js")
      const { body, headers: { date }, statusCode } = await request(url, { signal, headers })
      return { status: statusCode, date: String(date ?? ""), body: await body.text() }
    },
    catch: reasonOf
  })
