import * as Either from "effect/Either"
import type * as Schema from "effect/Schema"
import { issueText, readEither } from "../schema/schemaReader.js"

/**
 * Reads a body by its schema; a string says what does not fit.
 *
 * @internal
 */
export const decodeBody = <A, I>(schema: Schema.Schema<A, I>): (json: unknown) => Either.Either<A, string> => {
  const decode = readEither(schema)
  return (json) => Either.mapLeft(decode(json), issueText)
}
