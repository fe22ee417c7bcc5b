/** Sends one webhook. */
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import * as Https from "node:https"

/**
 * Posts a body and returns the status of the answer. Follows no redirect, and uses a connection of its own, which no
 * proxy of the environment takes. Fails with the reason if there is no whole answer.
 */
export const post = (
  url: URL,
  headers: { readonly [name: string]: string },
  body: string
): Effect.Effect<number, string> =>
  Effect.async((resume) => {
    const { request } = url.protocol === "https:" ? Https : Http
    const fail = (error: Error) => resume(Effect.fail(error.message))
    const sent = request(url, { method: "POST", headers, agent: false }, (response) => {
      response.on("error", fail)
      response.on("end", () => resume(Effect.succeed(response.statusCode ?? 0)))
      response.resume()
    })
    sent.on("error", fail)
    sent.end(body)
    return Effect.sync(() => sent.destroy())
  })
