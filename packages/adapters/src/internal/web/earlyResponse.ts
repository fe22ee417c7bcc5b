import * as Effect from "effect/Effect"
import type { JsonAnswer } from "../jsonAnswer.js"
import { linger } from "../relay/readBody.js"
import type { RequestBody } from "./requestBody.js"

const encoder = new TextEncoder()

/**
 * A response to a request whose body has not been read to its end. All of it is sent at once with its length; for the
 * server it ends when the rest of the request has arrived, or as much of it as is read.
 *
 * @internal
 */
export const earlyResponse = (
  request: RequestBody,
  { body, headers, status }: JsonAnswer
): Response => {
  const bytes = encoder.encode(body ?? "")
  const left = new AbortController()
  let isSent = false
  const stream = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      if (!isSent) {
        isSent = true
        return controller.enqueue(bytes)
      }
      const isEnded = await Effect.runPromise(linger(request.pull), { signal: left.signal })
      controller.close()
      if (!isEnded) request.cancel()
    },
    cancel: () => left.abort()
  }, { highWaterMark: 0 })
  return new Response(stream, { status, headers: { ...headers, "content-length": String(bytes.length) } })
}
