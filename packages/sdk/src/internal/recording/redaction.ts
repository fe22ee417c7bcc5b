/**
 * From what a caller wants removed to a function that removes it.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { InvalidRequestError } from "../../NoukaiError.js"
import type { Redact } from "../../Redact.js"
import { invalid } from "../errors/invalid.js"
import { type Segment, unquoted } from "../json/jsonPath.js"
import { mapStrings } from "../json/walk.js"
import { noukaiKey, redacted } from "./credentials.js"

/**
 * Removes from a JSON value what must not be recorded. Removing twice is removing once.
 *
 * @internal
 */
export type Redaction = (value: unknown) => unknown

type Pattern = ReadonlyArray<Segment>

const part = /(?:^|\.)(\*\*|\*|[^.*[\]"]+)|\[(\d{1,9}|\*)\]|\[("(?:[^"\\]|\\.)*")\]/y

const parse = (text: string): Pattern | undefined => {
  const body = text.replace(/^\$\.?/, "")
  const pattern: Array<Segment> = []
  let at = 0
  while (at < body.length) {
    part.lastIndex = at
    const match = part.exec(body)
    if (match === null) return undefined
    const [whole, name, index, quoted] = match
    const next = name ?? (index === undefined ? unquoted(quoted!) : index === "*" ? "*" : Number(index))
    if (next === undefined) return undefined
    pattern.push(next)
    at += whole.length
  }
  return pattern.length === 0 ? undefined : pattern
}

const fits = (pattern: Segment | undefined, segment: Segment): boolean =>
  pattern === "*" || pattern === segment || (typeof segment === "number" && pattern === String(segment))

/** What is left of the patterns below one step; an empty one means that the value there is removed. */
const descend = (patterns: ReadonlyArray<Pattern>, segment: Segment): ReadonlyArray<Pattern> =>
  patterns.flatMap((pattern): ReadonlyArray<Pattern> => {
    const [first, ...rest] = pattern
    if (first !== "**") return fits(first, segment) ? [rest] : []
    return [pattern, ...descend([rest], segment)]
  })

const removeAt = (value: unknown, patterns: ReadonlyArray<Pattern>): unknown => {
  if (patterns.length === 0) return value
  const below = (item: unknown, segment: Segment): unknown => {
    const left = descend(patterns, segment)
    return left.some((pattern) => pattern.length === 0) ? redacted : removeAt(item, left)
  }
  if (Array.isArray(value)) return value.map((item, index) => below(item, index))
  return Predicate.isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, below(item, key)]))
    : value
}

const global = (pattern: RegExp): RegExp => new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, "")}g`)

/** @internal */
export const redactionOf = (
  method: string,
  redact: Redact | undefined,
  scrub: (text: string) => string = (text) => text
): Either.Either<Redaction, InvalidRequestError> =>
  Either.gen(function*() {
    const paths: Array<Pattern> = []
    for (const text of redact?.paths ?? []) {
      const pattern = parse(text)
      if (pattern === undefined) {
        return yield* Either.left(invalid(method, "redact.paths", `${JSON.stringify(text)} is no path`))
      }
      paths.push(pattern)
    }
    const patterns = (redact?.patterns ?? []).map(global)
    // Keys go first, and whole: another pattern might take a part of one away, and leave the rest.
    const clean = (text: string): string =>
      patterns.reduce((left, pattern) => left.replace(pattern, redacted), scrub(text.replace(noukaiKey, redacted)))
    return (value) => mapStrings(removeAt(value, paths), clean)
  })
