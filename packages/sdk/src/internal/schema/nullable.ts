/**
 * Schemas of keys that the server may leave out or send as `null`, which is the same.
 *
 * @see contract 0.4
 */
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Types from "effect/Types"

/**
 * A key that may be absent, and whose type says no more. A value of `undefined` fits too: a constructor of an error must
 * not throw because of one.
 */
export const absentable = <A, I>(schema: Schema.Schema<A, I>): Schema.PropertySignature<"?:", A, never, "?:", I> =>
  Schema.optional(schema) as unknown as Schema.PropertySignature<"?:", A, never, "?:", I>

/** A key whose `null` is kept: reading changes nothing. */
export const nullable = <A, I>(
  schema: Schema.Schema<A, I>
): Schema.optional<Schema.NullOr<Schema.Schema<A, I>>> => Schema.optional(Schema.NullOr(schema))

/** A key whose `null` becomes absent. */
export const nullAsAbsent = <A, I>(
  schema: Schema.Schema<A, I>
): Schema.optionalWith<Schema.Schema<A, I>, { nullable: true }> => Schema.optionalWith(schema, { nullable: true })

/** A key with a default for an absent value or `null`; any other value must fit. */
export const nullAs = <A, I>(
  schema: Schema.Schema<A, I>,
  absent: () => Types.NoInfer<A>
): Schema.optionalWith<Schema.Schema<A, I>, { nullable: true; default: () => Types.NoInfer<A> }> =>
  Schema.optionalWith(schema, { nullable: true, default: absent })

const fitting = <A, I>(schema: Schema.Schema<A, I>): (given: Option.Option<unknown>) => Option.Option<A> => {
  let decode: ((given: unknown) => Option.Option<A>) | undefined
  return Option.flatMap((given) => {
    // made when it is first needed: a module of schemas would load twice as long
    decode ??= Schema.decodeUnknownOption(schema)
    return decode(given)
  })
}

/** A key that nothing depends on: `null` and values that do not fit become absent, so that they cost nothing else. */
export const lenient = <A, I>(
  schema: Schema.Schema<A, I>
): Schema.PropertySignature<"?:", A, never, "?:", unknown> =>
  Schema.optionalToOptional(Schema.Unknown, Schema.typeSchema(schema), {
    decode: fitting(schema),
    encode: identity
  })

/** A key that nothing depends on, with a default for `null` and values that do not fit. */
export const lenientWith = <A, I>(
  schema: Schema.Schema<A, I>,
  absent: A
): Schema.PropertySignature<":", A, never, "?:", unknown> => {
  const fit = fitting(schema)
  return Schema.optionalToRequired(Schema.Unknown, Schema.typeSchema(schema), {
    decode: (given) => Option.getOrElse(fit(given), () => absent),
    encode: Option.some
  })
}
