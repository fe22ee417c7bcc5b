/**
 * JSON of others read by a schema, where `Schema` itself would throw: it walks values without end, and where it chooses
 * by a literal it makes text of what is there, which may be an object whose `toString` is no function.
 *
 * @internal
 */
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/** Deep enough for any real file or body; a deeper one would overflow the stack of whoever walks it. @internal */
export const maxDepth = 200

const nestsTooDeep = (value: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; depth <= maxDepth; depth++) {
    const inner: Array<unknown> = []
    for (const one of level) {
      if (typeof one === "object" && one !== null) { for (const item of Object.values(one)) inner.push(item) }
    }
    if (inner.length === 0) return false
    level = inner
  }
  return true
}

/** @internal */
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
