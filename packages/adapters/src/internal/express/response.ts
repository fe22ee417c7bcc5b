/**
 * Ends of responses of Node.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { NodeResponse } from "./messages.js"

/**
 * Waits until a response has been handed to the system, or cannot be any more.
 *
 * @internal
 */
export const over = (response: NodeResponse): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (response.writableFinished || response.destroyed) return resume(Effect.void)
    const done = () => resume(Effect.void)
    response.on("finish", done)
    response.on("close", done)
    return Effect.sync(() => {
      response.off("finish", done)
      response.off("close", done)
    })
  })

/** What says something of a body that is not sent. */
const ofBody = /^(content-(?!security-policy)|etag$|last-modified$|transfer-encoding$|location$)/

/**
 * Sends a response, unless one has begun; it may be in place of one that was about to be sent.
 *
 * @internal
 */
export const send = (
  response: NodeResponse,
  status: number,
  body: string | undefined,
  headers: Readonly<Record<string, string>>
): void => {
  if (response.headersSent || response.writableEnded) return
  for (const name of response.getHeaderNames()) {
    if (ofBody.test(name)) response.removeHeader(name)
  }
  response.statusCode = status
  response.statusMessage = ""
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (body === undefined) response.end()
  else response.end(body)
}

/**
 * Sends JSON, as `send` does.
 *
 * @internal
 */
export const sendJson = (response: NodeResponse, status: number, body: unknown): void =>
  send(response, status, JSON.stringify(body), { "content-type": "application/json" })

const controllers = new WeakMap<object, AbortController>()

/**
 * Aborted when a response is cut off before its end.
 *
 * @internal
 */
export const cutOff = (response: NodeResponse): AbortSignal => {
  const known = controllers.get(response)
  if (known !== undefined) return known.signal
  const controller = new AbortController()
  controllers.set(response, controller)
  const abort = () => {
    if (!response.writableFinished) controller.abort(new Error("the caller closed the connection"))
  }
  if (response.destroyed) abort()
  else response.on("close", abort)
  return controller.signal
}
