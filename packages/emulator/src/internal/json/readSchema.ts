/**
 * Decodes foreign JSON by a schema where `Schema` itself would throw: it recurses without a bound, and to choose by a
 * literal it makes text of a value, which may be an object whose `toString` is no function.
 */
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { maxDepth, nestsTooDeep } from "./nesting.js"

export const readSchema = <A, I>(
  schema: Schema.Schema<A, I>
): (value: unknown) => Either.Either<A, ParseResult.ParseError> => {
  const decode = Schema.decodeUnknownEither(schema, { errors: "all", onExcessProperty: "error" })
  const refuse = (value: unknown, message: string) =>
    ParseResult.parseError(new ParseResult.Type(schema.ast, value, message))
  return (value) =>
    nestsTooDeep(value)
      ? Either.left(refuse(value, `nested deeper than ${maxDepth} levels`))
      : Either.flatMap(
        Either.try({ try: () => decode(value), catch: () => refuse(value, "a value cannot be read") }),
        identity
      )
}
