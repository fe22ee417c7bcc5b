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

/** Reads through a proxy. Node's `fetch` does not accept a dispatcher in all versions. */
const dispatched = (url: URL, headers: Record<string, string>, through: Dispatcher): Effect.Effect<Answer, string> =>
  Effect.async((resume) => {
    let [status, date, body] = [0, "", ""]
    through.dispatch({ origin: url.origin, path: url.pathname, method: "GET", headers }, {
      onRequestStart: () => {},
      onResponseStart: (_, code, headers) => {
        status = code
        date = String(headers.date)
      },
      onResponseData: (_, chunk) => void (body += chunk.toString()),
      onResponseEnd: () => resume(Effect.succeed({ status, date, body })),
      onResponseError: (_, error) => resume(Effect.fail(reasonOf(error)))
    })
  })

/** Reads a URL, through a proxy if there is one. */
export const answer = (
  url: URL,
  headers: Record<string, string>,
  through: Dispatcher | undefined
): Effect.Effect<Answer, string> =>
  through !== undefined ? dispatched(url, headers, through) : Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(url, { signal, headers, redirect: "manual" })
      return {
        status: response.status,
        date: response.headers.get("date") ?? "",
        body: await response.text()
      }
    },
    catch: reasonOf
  })
