/**
 * Reads foreign values by a schema. `Schema` itself throws at some JSON values: where it chooses by a literal it makes
 * text of the value, which may be an object whose `toString` is no function, or lists that nest without end.
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"

/** An object by key, kept as it is: a `Schema.Record` copies, and loses a key that is called `__proto__`. */
export const KeptObject: Schema.Schema<{ readonly [key: string]: unknown }> = Schema.declare(
  (u): u is { readonly [key: string]: unknown } => Predicate.isRecord(u),
  {
    identifier: "KeptObject",
    arbitrary: () => (fc) => fc.dictionary(fc.string(), fc.jsonValue()),
    jsonSchema: { type: "object" }
  }
)

/** The mismatch of a value and its schema. */
export type ParseIssue = ParseResult.ParseIssue

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
  let decode: ((value: unknown) => Either.Either<A, ParseResult.ParseIssue>) | undefined
  return (value) => {
    const decoding = decode ??= ParseResult.decodeUnknownEither(schema, first)
    return Either.flatMap(Either.try({ try: () => decoding(value), catch: () => unreadable(schema, value) }), identity)
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
