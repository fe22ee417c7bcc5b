/**
 * Schemas of keys that the server may leave out or send as `null`, which is the same.
 *
 * @see contract 0.4
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"
import type * as Types from "effect/Types"

/** A key that may be absent, and whose type says no more. A value of `undefined` fits too. */
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

/** The decoder, which Effect keeps, is made when it is first needed: a module of schemas would load twice as long. */
const fitting = <A, I>(schema: Schema.Schema<A, I>): (given: Option.Option<unknown>) => Option.Option<A> =>
  Option.flatMap((given) => Schema.decodeUnknownOption(schema)(given))

/** A key that nothing depends on: `null` and values that do not fit become absent, so that they cost nothing else. */
export const lenient = <A, I>(schema: Schema.Schema<A, I>): Schema.PropertySignature<"?:", A, never, "?:", unknown> =>
  Schema.optionalToOptional(Schema.Unknown, Schema.typeSchema(schema), { decode: fitting(schema), encode: identity })

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

/** An object by key, kept as it is: a `Schema.Record` copies, and loses a key that is called `__proto__`. */
export const KeptObject: Schema.Schema<{ readonly [key: string]: unknown }> = Schema.declare(
  (u): u is { readonly [key: string]: unknown } => Predicate.isRecord(u),
  {
    identifier: "KeptObject",
    arbitrary: () => (fc) => fc.dictionary(fc.string(), fc.jsonValue()),
    jsonSchema: { type: "object" }
  }
)

/**
 * These take an effect that may be an `Either`, and go on at once where it is one: cheaper than an operation of Effect.
 */
export const mapNow: typeof ParseResult.map = ParseResult.map

export const flatMapNow: typeof ParseResult.flatMap = ParseResult.flatMap

export const mapErrorNow: typeof ParseResult.mapError = ParseResult.mapError

const unreadable = (schema: Schema.Schema.AnyNoContext, value: unknown): ParseResult.ParseIssue =>
  new ParseResult.Type(schema.ast, value, "a value cannot be read")

const first: ParseOptions = { errors: "first" }

/** The decoder is made when it is first needed: most programs read few of the bodies that there are. */
export const readEither = <A, I>(
  schema: Schema.Schema<A, I>
): (value: unknown) => Either.Either<A, ParseResult.ParseIssue> => {
  const decode = (value: unknown) => ParseResult.decodeUnknownEither(schema, first)(value)
  return (value) =>
    Either.flatMap(Either.try({ try: () => decode(value), catch: () => unreadable(schema, value) }), identity)
}

/** Whether a value is of the type of a schema: one for which it would throw, such as one that nests too deeply, is not. */
export const isOf = <A, I>(schema: Schema.Schema<A, I>): (u: unknown) => u is A => {
  const fits = Schema.is(schema)
  return (u): u is A => {
    try {
      return fits(u)
    } catch {
      return false
    }
  }
}

/** A function of a schema that fails where it would throw, as it does where a value nests too deeply for the stack. */
const guarded = <A, I, B>(
  schema: Schema.Schema<A, I>,
  parse: (value: unknown) => Effect.Effect<B, ParseResult.ParseIssue>
): (value: unknown) => Effect.Effect<B, ParseResult.ParseIssue> =>
(value) => {
  try {
    return parse(value)
  } catch {
    return Either.left(unreadable(schema, value))
  }
}

/** Reads by a schema of a caller, which may be asynchronous. */
export const readEffect = <A, I>(
  schema: Schema.Schema<A, I>
): (value: unknown) => Effect.Effect<A, ParseResult.ParseIssue> =>
  guarded(schema, ParseResult.decodeUnknown(schema, { errors: "all" }))

/** Writes by a schema of a caller, which may be asynchronous. */
export const writeEffect = <A, I>(
  schema: Schema.Schema<A, I>
): (value: unknown) => Effect.Effect<I, ParseResult.ParseIssue> =>
  guarded(schema, ParseResult.encodeUnknown(schema, { errors: "all" }))
