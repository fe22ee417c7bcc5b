/** Files of JSON or YAML, whose errors have the line. */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { basename } from "node:path"
import { type Document, isNode, LineCounter, parseDocument } from "yaml"
import { InvalidEvalError } from "../EvalError.js"
import { line, messageOf } from "./values.js"

/** A path into a file. */
export type Place = ReadonlyArray<PropertyKey>

/** A file whose text is JSON or YAML. */
export interface Parsed {
  readonly value: unknown
  /** An error at a place of the file. */
  readonly invalid: (place: Place, reason: string) => InvalidEvalError
  /** Decodes a part of the file. */
  readonly decode: <A, I>(
    schema: Schema.Schema<A, I>,
    place?: Place,
    value?: unknown
  ) => Effect.Effect<A, InvalidEvalError>
}

/** The offset of the innermost part of a document on the way to a place. */
const offsetOf = (document: Document, place: Place): number | undefined => {
  for (let length = place.length; length >= 0; length--) {
    const node: unknown = document.getIn(place.slice(0, length), true)
    if (isNode(node) && node.range != null) return node.range[0]
  }
  return undefined
}

/** A text with the errors at its places. The document is made when an error needs it. */
const file = (path: string, text: string) => {
  const name = basename(path)
  let made: { readonly document: Document; readonly lines: LineCounter } | undefined
  const parse = () => {
    if (made !== undefined) return made
    const lines = new LineCounter()
    return made = { document: parseDocument(text, { lineCounter: lines, prettyErrors: false }), lines }
  }
  const at = (offset: number | undefined) =>
    offset === undefined ? name : `${name}:${parse().lines.linePos(offset).line}`
  const invalid = (place: Place, reason: string): InvalidEvalError =>
    new InvalidEvalError({
      at: at(offsetOf(parse().document, place)),
      field: place.length === 0 ? "the file" : place.map(String).join("."),
      reason: line(reason)
    })
  const value = (): Either.Either<unknown, InvalidEvalError> => {
    const { document } = parse()
    const [error] = document.errors
    if (error !== undefined) {
      const reason = `is not whole JSON or YAML: ${line(error.message)}`
      return Either.left(new InvalidEvalError({ at: at(error.pos[0]), field: "the file", reason }))
    }
    return Either.try({
      try: (): unknown => document.toJS(),
      catch: (cause) => invalid([], `cannot be read: ${messageOf(cause)}`)
    })
  }
  return { invalid, value }
}

const parsed = (value: unknown, invalid: Parsed["invalid"]): Parsed => ({
  value,
  invalid,
  decode: (schema, place = [], part = value) =>
    Either.mapLeft(Schema.decodeUnknownEither(schema, { onExcessProperty: "error" })(part), (failure) => {
      // of a union, the part that fits best: its mistake is the deepest
      const { message, path } = ParseResult.ArrayFormatter.formatErrorSync(failure)
        .reduce((deepest, one) => one.path.length > deepest.path.length ? one : deepest)
      return invalid([...place, ...path], `is wrong: ${message}`)
    })
})

/** Parses a definition: JSON or YAML. A key that is there twice is an error. */
export const parseYaml = (path: string, text: string): Either.Either<Parsed, InvalidEvalError> => {
  const { invalid, value } = file(path, text)
  return Either.map(value(), (value) => parsed(value, invalid))
}

/** Parses JSON, which may be long. */
export const parseJson = (path: string, text: string): Either.Either<Parsed, InvalidEvalError> => {
  const { invalid, value } = file(path, text)
  return Option.liftThrowable((): unknown => JSON.parse(text))().pipe(
    Option.match({ onNone: value, onSome: Either.right }),
    Either.map((value) => parsed(value, invalid))
  )
}
