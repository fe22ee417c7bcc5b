/**
 * JSON: values that it can hold, JSON that travels as text (the arguments of a tool, its answer, a quoted body), and schemas of
 * keys that the server may leave out or send as `null`, which is the same.
 *
 * @see docs/wire.md#json
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { flow, identity } from "effect/Function"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Types from "effect/Types"
import { digitsWithin, nestsTooDeep, parseJson, stringifyJson, withoutDigits } from "../kit/plainJson.js"

export { canonical, canonicalText, maxDepth, nestsTooDeep, withRaw } from "../kit/plainJson.js"

/** The starts of JSON with more than one value: testing for them is cheaper than a failed parse. */
const opening = /^\s*(?:\{\s*"|\[\s*["[{\dtfn-]|")/

/** The value of a text that is JSON of an object, a list or a text; else `undefined`, also if it nests too deeply. */
export const valueOfText = (text: string): unknown => {
  if (text.length < 2 || !opening.test(text)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return nestsTooDeep(value) ? undefined : value
  } catch {
    return undefined
  }
}

/**
 * Begins a text that stands for a number which `JSON.stringify` would write otherwise: `1.0`, `12345678901234567890`.
 */
const mark = "\uE000\uE001"

/** The digits of a text that stands for a number; else `undefined`. */
export const digitsOfText = (text: string): string | undefined =>
  text.startsWith(mark) ? text.slice(mark.length) : undefined

const withMarks = (text: string): string =>
  text.replace(
    /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g,
    (token) => token.startsWith("\"") || String(Number(token)) === token ? token : `"${mark}${token}"`
  )

const marked = new RegExp(`"${mark}(-?\\d[\\d.eE+-]*)"`, "g")

/** The number of backslashes that end at a place of a text. */
const backslashesBefore = (text: string, at: number): number => {
  let from = at
  while (text[from - 1] === "\\") from--
  return at - from
}

const outsideStrings = new Set(" \t\r\n0123456789.,:+-eEtrufalsn\\")

/** The limit of nesting of JSON between words: each open bracket of a text is followed so far. */
const maxPieceDepth = 64

/** The place of a piece of JSON in a text, and the number of times that it was written into a string. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly level: number
}

/** The piece of JSON whose bracket opens at a place of a text, if what is between the brackets looks like one. */
const pieceAt = (text: string, from: number): Piece | undefined => {
  let depth = 0
  let level: number | undefined
  for (let at = from; at < text.length; at++) {
    const char = text[at]!
    if (char === "{" || char === "[") {
      if (++depth > maxPieceDepth) return undefined
    } else if (char === "}" || char === "]") {
      if (--depth === 0) return { from, to: at + 1, level: level ?? 0 }
    } else if (char === "\"") {
      // each level doubles the backslashes of the level below, and puts one before the quote
      level ??= Math.log2(backslashesBefore(text, at) + 1)
      if (!Number.isInteger(level)) return undefined
      do {
        at = text.indexOf("\"", at + 1)
        if (at < 0) return undefined
      } while (backslashesBefore(text, at) % 2 ** (level + 1) !== 2 ** level - 1)
    } else if (!outsideStrings.has(char)) return undefined
  }
  return undefined
}

const written = (text: string): string => JSON.stringify(text).slice(1, -1)

/** The text that was written into a string so many times; `undefined` if it was not. */
const readString = (text: string, level: number): string | undefined => {
  let read = text
  try {
    // a line break is not a part of a string, but of the text around it
    for (let n = 0; n < level; n++) read = String(JSON.parse(`"${read.replace(/[\n\r\t]/g, written)}"`))
  } catch {
    return undefined
  }
  return read
}

/** A piece of JSON mapped; `undefined` if it is none. */
const mapPiece = (piece: string, level: number, f: (value: unknown) => unknown): string | undefined => {
  const text = readString(piece, level)
  const value = text === undefined ? undefined : valueOfText(text)
  if (text === undefined || value === undefined) return undefined
  let mapped = mapValue(text, value, f)
  if (mapped === text) return piece
  for (let n = 0; n < level; n++) mapped = written(mapped)
  return mapped
}

/**
 * A text whose objects and lists of JSON are mapped: as a whole, between words, and as JSON that was
 * written into a string of such JSON. Other text, and unchanged JSON, stays to the letter. Numbers stay as
 * they were written: some are given as text that {@link digitsOfText} reads.
 */
export const mapEmbedded = (text: string, f: (value: unknown) => unknown): string => {
  const whole = valueOfText(text)
  if (whole !== undefined) return mapValue(text, whole, f)
  const parts: Array<string> = []
  let done = 0
  const bracket = /[[{]/g
  for (let found = bracket.exec(text); found !== null; found = bracket.exec(text)) {
    const piece = pieceAt(text, found.index)
    const mapped = piece === undefined ? undefined : mapPiece(text.slice(piece.from, piece.to), piece.level, f)
    if (piece === undefined || mapped === undefined) continue
    parts.push(text.slice(done, piece.from), mapped)
    done = bracket.lastIndex = piece.to
  }
  return done === 0 ? text : parts.join("") + text.slice(done)
}

const mapValue = (text: string, value: unknown, f: (value: unknown) => unknown): string => {
  if (value === undefined) return text
  const before = JSON.stringify(value)
  const after = JSON.stringify(f(value))
  if (after === before || before.includes(mark)) return after === before ? text : after
  return JSON.stringify(f(JSON.parse(withMarks(text)))).replace(marked, "$1")
}

/** The value as it will be read from JSON, with the digits of its numbers. */
export function jsonCopy<A>(value: A): A {
  return parseJson(stringifyJson(value, digitsWithin(value))) as A
}

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

/** A function of a schema that fails where it would throw, as it does where a value nests too deeply for the stack. */
const guarded =
  <A, I, B>(schema: Schema.Schema<A, I>, parse: (value: unknown) => B) =>
  (value: unknown): B | Either.Either<never, ParseResult.ParseIssue> => {
    try {
      return parse(value)
    } catch {
      return Either.left(unreadable(schema, value))
    }
  }

/** The decoder is made when it is first needed: most programs read few of the bodies that there are. */
export const readEither = <A, I>(
  schema: Schema.Schema<A, I>
): (value: unknown) => Either.Either<A, ParseResult.ParseIssue> =>
  guarded(schema, (value) => ParseResult.decodeUnknownEither(schema)(value))

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

/** Reads by a schema of a caller, which may be asynchronous and strict. */
export const readEffect = <A, I>(
  schema: Schema.Schema<A, I>
): (value: unknown) => Effect.Effect<A, ParseResult.ParseIssue> =>
  guarded(schema, flow(withoutDigits, ParseResult.decodeUnknown(schema, { errors: "all" })))

/** Writes by a schema of a caller, which may be asynchronous and strict. */
export const writeEffect = <A, I>(
  schema: Schema.Schema<A, I>
): (value: unknown) => Effect.Effect<I, ParseResult.ParseIssue> =>
  guarded(schema, flow(withoutDigits, ParseResult.encodeUnknown(schema, { errors: "all" })))
