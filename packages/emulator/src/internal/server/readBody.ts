/** Reads a request body within its limits. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import { type ApiError, coded } from "../apiError.js"

/** The connection ended before the response was complete. */
export class ConnectionGone extends Data.TaggedError("ConnectionGone") {}

/** Shared by all requests, because a new error with its stack is as slow as the rest of a small request. */
export const gone: Effect.Effect<never, ConnectionGone> = Effect.fail(new ConnectionGone())

export interface ReceivedBody {
  /** `undefined` for a body over the limit. */
  readonly bytes: Buffer | undefined
  readonly length: number
}

/** A body is read up to this multiple of the limit. */
const patience = 4

/**
 * Reads a body. A body over the limit is dropped, and read on so that a client that is still sending receives the
 * refusal.
 */
export const readBody = (
  request: Http.IncomingMessage,
  limit: number
): Effect.Effect<ReceivedBody, ConnectionGone> =>
  Effect.async((resume) => {
    let chunks: Array<Buffer> = []
    let length = 0
    const stop = () => {
      request.off("data", onData)
      request.off("end", onEnd)
      request.off("error", onGone)
      request.off("close", onGone)
    }
    const onEnd = () => {
      stop()
      resume(Effect.succeed({ bytes: length > limit ? undefined : Buffer.concat(chunks), length }))
    }
    const onData = (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else {
        chunks = []
        if (length > limit * patience) {
          request.pause()
          onEnd()
        }
      }
    }
    const onGone = () => {
      stop()
      resume(gone)
    }
    request.on("data", onData)
    request.on("end", onEnd)
    request.on("error", onGone)
    request.on("close", onGone)
    return Effect.sync(stop)
  })

export const tooLarge = (limit: number): ApiError =>
  coded(413, "BODY_TOO_LARGE", `The body is larger than ${limit} bytes.`)
