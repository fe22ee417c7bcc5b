/**
 * Reads a request body within its limits.
 *
 * @internal
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Http from "node:http"
import { coded, invalidBody } from "../apiError.js"
import type { ApiError } from "../apiError.js"
import { maxDepth } from "../readSchema.js"

/** The connection ended before the exchange did. @internal */
export class ConnectionGone extends Data.TaggedError("ConnectionGone") {}

/** @internal */
export interface ReceivedBody {
  /** `undefined` when it was larger than the limit */
  readonly bytes: Buffer | undefined
  readonly length: number
}

/**
 * A body over the limit is not kept, but its rest is read so that the refusal reaches a client that is still sending;
 * up to a point.
 */
const patience = 4

/** @internal */
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
      resume(Effect.fail(new ConnectionGone()))
    }
    request.on("data", onData)
    request.on("end", onEnd)
    request.on("error", onGone)
    request.on("close", onGone)
    return Effect.sync(stop)
  })

const nestsTooDeep = (text: string): boolean => {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const char = text.charCodeAt(index)
    if (inString) {
      if (char === 0x5c) index++
      else if (char === 0x22) inString = false
    } else if (char === 0x22) inString = true
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > maxDepth) return true
    } else if (char === 0x7d || char === 0x5d) depth--
  }
  return false
}

/** @internal */
export const tooLarge = (limit: number): ApiError =>
  coded(413, "BODY_TOO_LARGE", `The body is larger than ${limit} bytes.`)

/** JSON that is no object, or no JSON at all, is a validation failure (contract 16.1). @internal */
export const parseObject = (text: string): Either.Either<{ readonly [key: string]: unknown }, ApiError> => {
  if (nestsTooDeep(text)) {
    return Either.left(invalidBody([{ loc: ["body"], msg: "value is nested too deep", type: "value_error.depth" }]))
  }
  return Either.flatMap(
    Either.try({
      try: (): unknown => JSON.parse(text),
      catch: () => invalidBody([{ loc: ["body"], msg: "body is not valid JSON", type: "value_error.jsondecode" }])
    }),
    (value) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Either.right(value as { readonly [key: string]: unknown })
        : Either.left(invalidBody([{ loc: ["body"], msg: "value is not a valid dict", type: "type_error.dict" }]))
  )
}
