import * as Either from "effect/Either"
import type * as Schema from "effect/Schema"
import { issueText, readEither } from "../schema/schemaReader.js"
import { maskCredentials } from "./credentials.js"

/**
 * Reads what was recorded. What does not fit is told in words, which quote values, but no secret.
 *
 * @internal
 */
export const quotingNoSecret = <A>(
  value: unknown,
  read: (value: unknown) => Either.Either<A, string>
): Either.Either<A, string> => {
  const whole = read(value)
  if (Either.isRight(whole)) return whole
  const masked = read(maskCredentials(value))
  return Either.isLeft(masked) ? masked : Either.left("a value does not fit")
}

/**
 * The same by a schema.
 *
 * @internal
 */
export const readRecorded = <A, I>(schema: Schema.Schema<A, I>): (value: unknown) => Either.Either<A, string> => {
  const read = readEither(schema)
  return (value) => quotingNoSecret(value, (json) => Either.mapLeft(read(json), issueText))
}
