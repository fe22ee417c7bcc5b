/** JSON from outside: its objects, its depth, its schemas and their mistakes. */
import { digitsWithin, parseJson, restoreDigits, withoutDigits } from "@effect-noukai/sdk/internal/plainJson"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { Json } from "../Flow.js"
import { type ApiError, invalid } from "./apiError.js"

export interface JsonObject {
  readonly [key: string]: Json
}

/** Whether a JSON value is an object, not a list or `null`. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The levels that a value may have. Deeper values would overflow the stack of recursive code. */
const maxDepth = 200

const nestsTooDeep = (value: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return true
    level = level.flatMap((one) => typeof one === "object" && one !== null ? Object.values(one) : [])
  }
  return false
}

const badBody = (msg: string, type: string): ApiError => invalid([{ loc: ["body"], msg, type }])

/**
 * Parses the object of a body. Any other text is a validation failure.
 *
 * @see docs/wire.md#emulator
 */
export const parseObject = (text: string): Either.Either<JsonObject, ApiError> =>
  Either.try({
    try: () => parseJson(text),
    catch: () => badBody("body is not valid JSON", "value_error.jsondecode")
  }).pipe(
    Either.filterOrLeft(
      (value) => !nestsTooDeep(value),
      () => badBody("value is nested too deep", "value_error.depth")
    ),
    Either.filterOrLeft(isObject, () => badBody("value is not a valid dict", "type_error.dict"))
  )

/**
 * Decodes foreign JSON, with the digits of its numbers. `Schema` alone would throw in two cases: it recurses without a bound, and it converts a value
 * to text to choose by a literal, which fails for an object whose `toString` is not a function.
 */
export const readSchema = <A, I>(
  schema: Schema.Schema<A, I>
): (value: unknown) => Either.Either<A, ParseResult.ParseError> => {
  const decode = Schema.decodeUnknownEither(schema, { errors: "all", onExcessProperty: "error" })
  const refuse = (value: unknown, message: string) =>
    ParseResult.parseError(new ParseResult.Type(schema.ast, value, message))
  return (value) => {
    if (nestsTooDeep(value)) return Either.left(refuse(value, `nested deeper than ${maxDepth} levels`))
    const digits = digitsWithin(value)
    const decoded = Either.try({
      try: () => decode(withoutDigits(value)),
      catch: () => refuse(value, "a value cannot be read")
    })
    return Either.map(Either.flatMap(decoded, identity), (read) => {
      restoreDigits(read, digits)
      return read
    })
  }
}

export interface Mistake {
  /** The place, such as `flows[0].steps[1].kind`. */
  readonly path: string
  readonly message: string
}

const placeOf = (path: ReadonlyArray<PropertyKey>): string =>
  path.map((key, index) => typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${String(key)}`).join("")

/** The mistakes of a value against a schema, with their places. */
export const mistakesOf = (error: ParseResult.ParseError): ReadonlyArray<Mistake> =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    // an optional field may be undefined, which JSON cannot be
    .filter((issue) => !issue.message.startsWith("Expected undefined"))
    .map((issue) => ({ path: placeOf(issue.path), message: issue.message }))

/** The text of a thrown value. */
export const errorText = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)
