import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import { broken, ended, type Pull } from "../relay/readBody.js"

/**
 * The body of a `Request`. One that is not read to its end is left to the server: to cancel it may cut off the answer.
 *
 * @internal
 */
export const requestBody = ({ body, bodyUsed }: Request): Pull => {
  if (body === null) return ended
  if (bodyUsed || body.locked) return broken
  const reader = body.getReader()
  return Effect.matchEffect(Effect.tryPromise(() => reader.read()), {
    onFailure: () => broken,
    onSuccess: ({ value }) => value === undefined ? ended : Effect.succeed(Chunk.of(value))
  })
}
