/**
 * Keys that the server may leave out or send as `null`, which is the same (contract 0.4).
 *
 * @internal
 */
import * as Schema from "effect/Schema"

/**
 * A `null` stays what it is: reading changes nothing.
 *
 * @internal
 */
export const nullable = <A, I>(
  schema: Schema.Schema<A, I>
): Schema.optional<Schema.NullOr<Schema.Schema<A, I>>> => Schema.optional(Schema.NullOr(schema))

/**
 * A `null` becomes absent.
 *
 * @internal
 */
export const nullAsAbsent = <A, I>(
  schema: Schema.Schema<A, I>
): Schema.optionalWith<Schema.Schema<A, I>, { nullable: true }> => Schema.optionalWith(schema, { nullable: true })
