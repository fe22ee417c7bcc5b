/** The mistakes of a value against a schema, with their places. */
import * as ParseResult from "effect/ParseResult"

export interface Mistake {
  /** The place, such as `flows[0].steps[1].kind`. */
  readonly path: string
  readonly message: string
}

const placeOf = (path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>(
    (text, key) => typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    ""
  )

export const mistakesOf = (error: ParseResult.ParseError): ReadonlyArray<Mistake> =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    // an optional field may be undefined, which no JSON is
    .filter((issue) => !issue.message.startsWith("Expected undefined"))
    .map((issue) => ({ path: placeOf(issue.path), message: issue.message }))
