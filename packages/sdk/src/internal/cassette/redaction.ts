/**
 * From what a caller wants removed to a function that removes it.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { InvalidRequestError } from "../../NoukaiError.js"
import type { Redact } from "../../Redact.js"
import { invalid } from "../errors/makeError.js"
import { type Segment, unquoted } from "../json/jsonPath.js"
import { digitsOf, mapInside } from "../json/jsonText.js"
import { noukaiKey } from "./credentialShapes.js"
import { renamed } from "./renamed.js"
import { redacted } from "./standIn.js"
import { payloads } from "./volatile.js"

/**
 * Removes what must not be recorded. Removing twice is removing once.
 *
 * @internal
 */
export interface Redaction {
  /** From the body of a call, or from what came of it. */
  readonly call: (value: unknown) => unknown
  /** From what a flow or its caller wrote. */
  readonly payload: (value: unknown) => unknown
  /** From a name. */
  readonly text: (text: string) => string
}

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

/** What a call counts and measures, and a replay needs as it is: a pattern that happens to fit it is not meant for it. */
const counts: ReadonlySet<string> = new Set([
  "attempt",
  "blockCount",
  "completion",
  "durationMs",
  "inputSizeBytes",
  "iterationsUsed",
  "limit",
  "loopIndex",
  "matching",
  "nextStepIndex",
  "nth",
  "number",
  "outputSizeBytes",
  "prompt",
  "retryAfter",
  "rounds",
  "statusCode",
  "stepCount",
  "stepIndex",
  "total",
  "unmatchable"
])

/** The same of texts. */
const measures: ReadonlySet<string> = new Set(["completedAt", "costUsd", "startedAt"])

const isFact = (key: Segment, item: unknown): boolean =>
  typeof key === "string" &&
  (typeof item === "number" ? counts.has(key) : typeof item === "string" && measures.has(key))

/** What a caller writes into a call; what comes back is in `payloads`. */
const written: ReadonlySet<string> = new Set([
  "attachments",
  "blockOverrides",
  "inputOverrides",
  "message",
  "messages",
  "parameters",
  "summary",
  "toolChoice",
  "tools"
])

const isPayload = (key: string): boolean => payloads.has(key) || written.has(key)

const global = (pattern: RegExp): RegExp => new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, "")}g`)

const marker = /\[redacted(?: \d{1,9})?\]/g

/** What was removed before is not looked into again. */
const without = (text: string, pattern: RegExp): string => {
  if (!text.includes("[redacted")) return text.replace(pattern, redacted)
  const markers = Array.from(text.matchAll(marker), ({ 0: { length }, index }) => ({ from: index, to: index + length }))
  let next = 0
  return text.replace(pattern, (match, ...more: ReadonlyArray<unknown>) => {
    const from = more.find((one) => typeof one === "number")!
    const to = from + match.length
    while (next < markers.length && markers[next]!.to <= from) next++
    const one = markers[next]
    return one !== undefined && one.from < to && !(from <= one.from && one.to <= to) ? match : redacted
  })
}

class Redactor implements Redaction {
  constructor(
    private readonly paths: ReadonlyArray<Pattern>,
    private readonly patterns: ReadonlyArray<RegExp>,
    private readonly scrub: (text: string) => string
  ) {}

  readonly call = (value: unknown): unknown => this.clean(value, this.paths, false)

  readonly payload = (value: unknown): unknown => this.clean(value, this.paths, true)

  readonly text = (text: string): string => {
    // Keys go first, and whole: another pattern might take a part of one away, and leave the rest.
    return this.patterns.reduce(without, this.withoutKeys(text))
  }

  private withoutKeys(text: string): string {
    return this.scrub(text.replace(noukaiKey, redacted))
  }

  private clean(value: unknown, paths: ReadonlyArray<Pattern>, isWritten: boolean): unknown {
    switch (typeof value) {
      case "string":
        return this.cleanText(value, paths)
      case "number":
        return this.cleanNumber(String(value)) ?? value
    }
    const below = (item: unknown, segment: Segment, isInside: boolean): unknown => {
      const left = paths.length === 0 ? paths : descend(paths, segment)
      if (left.some((pattern) => pattern.length === 0)) return redacted
      return isInside || !isFact(segment, item)
        ? this.clean(item, left, isInside)
        : typeof item === "string"
        ? this.withoutKeys(item)
        : item
    }
    if (Array.isArray(value)) return value.map((item, index) => below(item, index, isWritten))
    return Predicate.isRecord(value)
      ? renamed(value, this.text, (item, key) => below(item, key, isWritten || isPayload(key)))
      : value
  }

  private cleanText(text: string, paths: ReadonlyArray<Pattern>): string {
    const digits = digitsOf(text)
    if (digits !== undefined) return this.cleanNumber(digits) ?? text
    const inside = paths.length === 0 && this.patterns.length === 0
      ? text
      : mapInside(text, (value) => this.clean(value, paths, true))
    return this.text(inside)
  }

  /** A number goes as a whole. */
  private cleanNumber(digits: string): string | undefined {
    return this.text(digits) === digits ? undefined : redacted
  }
}

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
    return new Redactor(paths, (redact?.patterns ?? []).map(global), scrub)
  })
