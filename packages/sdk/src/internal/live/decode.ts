import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"

/**
 * Reads a body by its schema; a string says what does not fit.
 *
 * @internal
 */
export const decodeBody = <A, I>(schema: Schema.Schema<A, I>): (json: unknown) => Either.Either<A, string> => {
  const decode = ParseResult.decodeUnknownEither(schema, { errors: "first" })
  return (json) => Either.mapLeft(decode(json), ParseResult.TreeFormatter.formatIssueSync)
}
