/** Files of JSON or YAML, whose errors have the line. */
import { maxDepth, nestsTooDeep } from "@effect-noukai/sdk/kit/plainJson"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { basename } from "node:path"
import { type Document, isNode, LineCounter, parseDocument, type Tags } from "yaml"
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

/**
 * Whether a text may nest so deeply that the parser's stack overflows, which ends the process. Brackets in texts count,
 * too.
 */
const mayNestTooDeep = (text: string): boolean => {
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1
    if (depth > maxDepth) return true
  }
  return /^ {512}|(?:[-?:] +){64}/m.test(text)
}

/** All tags except the one for .nan and .inf, which JSON does not have. */
const jsonTags = (tags: Tags): Tags => tags.filter((tag) => typeof tag === "string" || tag.test?.test(".nan") !== true)

/** The document of a text, if the parser may read it. */
const documentOf = (text: string) => {
  const lines = new LineCounter()
  return mayNestTooDeep(text) ? Option.none() : Option.some({
    document: parseDocument(text, { lineCounter: lines, prettyErrors: false, customTags: jsonTags }),
    lineOf: (offset: number) => lines.linePos(offset).line
  })
}

const refusal = (path: string, lineNo: number | undefined, place: Place, reason: string) =>
  new InvalidEvalError({
    at: lineNo === undefined ? basename(path) : `${basename(path)}:${lineNo}`,
    field: place.length === 0 ? "the file" : line(place.map(String).join(".")),
    reason: line(reason)
  })

/** Makes errors at places of a text, which it parses again for their lines. */
const refusing = (path: string, text: string): Parsed["invalid"] => (place, reason) => {
  const lineNo = Option.flatMap(
    documentOf(text),
    ({ document, lineOf }) => Option.map(Option.fromNullable(offsetOf(document, place)), lineOf)
  )
  return refusal(path, Option.getOrUndefined(lineNo), place, reason)
}

/** The mistakes of one value in a sentence: it may be any of several values. */
const together = (mistakes: ReadonlyArray<{ readonly message: string }>): string => {
  const messages = [...new Set(mistakes.map(({ message }) => message))]
    .filter((message) => !message.startsWith("Expected undefined"))
  const [first = ""] = messages
  const expected = messages.flatMap((message) => /^Expected (.*), actual /s.exec(message)?.[1] ?? [])
  const actual = first.slice(first.lastIndexOf(", actual "))
  return expected.length === messages.length ? `Expected ${expected.join(" or ")}${actual}` : first
}

const tooDeep = "nests too deeply"

const parsed = (value: unknown, invalid: Parsed["invalid"]): Either.Either<Parsed, InvalidEvalError> =>
  nestsTooDeep(value) ? Either.left(invalid([], tooDeep)) : Either.right({
    value,
    invalid,
    decode: (schema, place = [], part = value) =>
      Either.mapLeft(Schema.decodeUnknownEither(schema, { onExcessProperty: "error" })(part), (failure) => {
        const mistakes = ParseResult.ArrayFormatter.formatErrorSync(failure)
        // of a union, the part that fits best: its mistake is the deepest
        const { path } = mistakes.reduce((deepest, one) => one.path.length > deepest.path.length ? one : deepest)
        const isThere = (one: { readonly path: Place }) => String(one.path) === String(path)
        return invalid([...place, ...path], `is wrong: ${together(mistakes.filter(isThere))}`)
      })
  })

/** Parses a definition: JSON or YAML. A key that is there twice is an error. */
export const parseYaml = (path: string, text: string): Either.Either<Parsed, InvalidEvalError> => {
  const invalid = refusing(path, text)
  return Option.match(documentOf(text), {
    onNone: () => Either.left(refusal(path, undefined, [], tooDeep)),
    onSome: ({ document, lineOf }) => {
      const [error] = document.errors
      if (error !== undefined) {
        return Either.left(refusal(path, lineOf(error.pos[0]), [], `is not whole JSON or YAML: ${error.message}`))
      }
      return Either.try({
        try: (): unknown => document.toJS(),
        catch: (cause) => invalid([], `cannot be read: ${messageOf(cause)}`)
      }).pipe(Either.flatMap((value) => parsed(value, invalid)))
    }
  })
}

/** Parses JSON, which may be long. */
export const parseJson = (path: string, text: string): Either.Either<Parsed, InvalidEvalError> =>
  Option.match(Option.liftThrowable((): unknown => JSON.parse(text))(), {
    onNone: () => parseYaml(path, text),
    onSome: (value) => parsed(value, refusing(path, text))
  })
