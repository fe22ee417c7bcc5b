/** JSON from outside: its objects, its depth, its schemas and their mistakes. */
import { unknownName } from "@effect-noukai/sdk/kit/names"
import { digitsWithin, nestsTooDeep, parseJson, restoreDigits, withoutDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Order from "effect/Order"
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
      (value) => !nestsTooDeep(value, maxDepth),
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
    if (nestsTooDeep(value, maxDepth)) return Either.left(refuse(value, `nested deeper than ${maxDepth} levels`))
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

const leavesOf = (issue: ParseResult.ParseIssue): number => {
  switch (issue._tag) {
    case "Composite":
      return Arr.ensure(issue.issues).reduce((count, one) => count + leavesOf(one), 0)
    case "Pointer":
    case "Refinement":
    case "Transformation":
      return leavesOf(issue.issue)
    default:
      return 1
  }
}

/** The same issue, in which a value that fits no member of a union is measured against the nearest one alone. */
const nearestIn = (issue: ParseResult.ParseIssue): ParseResult.ParseIssue => {
  switch (issue._tag) {
    case "Composite": {
      const { actual, ast } = issue
      const issues = Arr.map("_tag" in issue.issues ? Arr.of(issue.issues) : issue.issues, nearestIn)
      if (ast._tag !== "Union") return new ParseResult.Composite(ast, actual, issues, issue.output)
      return issues.every(({ _tag }) => _tag === "Composite")
        ? Arr.min(issues, Order.mapInput(Order.number, leavesOf))
        : issues.every(({ _tag }) => _tag === "Type")
        ? new ParseResult.Type(ast, actual)
        : new ParseResult.Composite(ast, actual, issues, issue.output)
    }
    case "Pointer":
      return new ParseResult.Pointer(issue.path, issue.actual, nearestIn(issue.issue))
    case "Refinement":
      return new ParseResult.Refinement(issue.ast, issue.actual, issue.kind, nearestIn(issue.issue))
    default:
      return issue
  }
}

/** Effect lists the names that are options. */
const named = (path: ReadonlyArray<PropertyKey>, message: string): string => {
  const [, names] = /^is unexpected, expected: (".*")$/.exec(message) ?? []
  return names === undefined
    // an optional field may be undefined, which JSON cannot be
    ? message.replace(" | undefined,", ",").replace(/^is unexpected, /, "")
    : unknownName(String(path.at(-1)), names.split(" | ").map((name) => name.slice(1, -1)))
}

/** The mistakes of a value against a schema, with their places. */
export const mistakesOf = (error: ParseResult.ParseError): ReadonlyArray<Mistake> =>
  ParseResult.ArrayFormatter.formatIssueSync(nearestIn(error.issue))
    .filter((issue) => !issue.message.startsWith("Expected undefined"))
    .map(({ message, path }) => ({ path: placeOf(path), message: named(path, message) }))

/** The text of a thrown value. */
export const errorText = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)
