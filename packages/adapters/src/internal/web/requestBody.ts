import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import { broken, ended, type Pull } from "../relay/readBody.js"

export interface RequestBody {
  readonly pull: Pull
  /** Releases a body that will not be read to its end, perhaps together with its connection. */
  readonly cancel: () => void
}

const isStream = (u: unknown): u is ReadableStream<Uint8Array> =>
  typeof u === "object" && u !== null && "getReader" in u && typeof u.getReader === "function"

/**
 * The body of a `Request`. It is not touched before it is pulled, because a server on Node starts to read a body on
 * first access and then no longer discards the rest.
 */
export const requestBody = (request: object): RequestBody => {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  const read = Effect.suspend(() => {
    if (reader !== undefined) return next(reader)
    const body = "body" in request ? request.body : null
    if (body === null) return ended
    if (!isStream(body) || body.locked || "bodyUsed" in request && request.bodyUsed === true) return broken
    reader = body.getReader()
    return next(reader)
  })
  const next = (reader: ReadableStreamDefaultReader<Uint8Array>): Pull =>
    Effect.matchEffect(Effect.tryPromise(() => reader.read()), {
      onFailure: () => broken,
      onSuccess: ({ value }) => value === undefined ? ended : Effect.succeed(Chunk.of(value))
    })
  return {
    pull: read,
    cancel: () => void reader?.cancel().catch(() => undefined)
  }
}
