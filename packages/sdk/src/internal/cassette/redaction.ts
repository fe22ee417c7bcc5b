/** Turns the options of a redaction into the functions that redact. */
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as EffectRegExp from "effect/RegExp"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { type Path, type Segment, segmentsOf } from "../core/diff.js"
import { digitsOfText, jsonCopy, mapEmbedded } from "../core/json.js"
import { invalid, known, type Problem, problem } from "../core/makeError.js"
import { misnamed, type Names } from "../kit/names.js"
import { digitsAt, digitsIn, digitsLeft, digitsOf, withDigits } from "../kit/plainJson.js"
import { textFields } from "../kit/runOptions.js"
import { type SessionExecution, snapshots } from "../operations/requests.js"
import * as CallOptions from "../options/callOptions.js"
import { measured, payloads } from "./layout.js"
import {
  type AnswerMapping,
  type Interaction,
  mapAnswer,
  mapStatus,
  type Question,
  type RecordedAnswer,
  type SessionCassette,
  type Status
} from "./recording.js"
import { maskSecrets, redacted, renamed } from "./secretForms.js"

/**
 * Removes values from a recording, before anything is compared or written; a replay removes the same from its calls. A
 * removed value reads `[redacted]`.
 *
 * A path is matched against the body of a request and against its outcome: `parameters.customer.email` in a request,
 * `result.email` in an answer, `output.email` in an event. `*` is any one key or index, `**` any number of them:
 * `**.email` removes every `email`, wherever the flow carries it, also in JSON that travels as text:
 * `function.arguments.email` in the call of a tool, or in JSON that a sentence quotes.
 *
 * A value that a path removed is also removed from every text that repeats it, in the same call or a later one, with or
 * without the escapes of JSON. This applies to values of at least 6 characters that are not a single word: `1`, `true` and
 * `completed` stay. A call that repeats a value which only an answer before it had under a path is not found in a
 * replay; remove such values by a pattern.
 *
 * A pattern is matched inside every text, names of keys, flows and projects included, and in every number of a flow or
 * its caller, which is removed as a whole. Counts and measures of a call stay (`blockCount`, `durationMs`): numbers
 * below 1,000,000,000 that neither a flow nor its caller wrote. Keys that become equal are numbered, `[redacted 2]`, and
 * keep their values.
 *
 * The client's own key and secrets of well-known forms (`maskSecrets`) are always removed.
 *
 * @example
 * ```ts
 * import type { Redact } from "@effect-noukai/sdk"
 *
 * const redact: Redact = { paths: ["**.email"], patterns: [/\b\d{16}\b/] }
 * ```
 */
export interface Redact {
  /** Paths of values to remove. Default: none. */
  readonly paths?: ReadonlyArray<string> | undefined
  /** Patterns of text to remove, each as if it had the flag `g`. Default: none. */
  readonly patterns?: ReadonlyArray<RegExp> | undefined
}

/**
 * Removes values that must not be recorded: the client's key, secrets of well-known forms, and the values of `redact`.
 * Removing twice changes nothing more. A value that was removed by its path is then removed from every text that
 * repeats it.
 */
export interface Redaction {
  /** Whether values are removed by their paths. */
  readonly hasPaths: boolean
  /** From the body of a call, or from its outcome. */
  readonly call: (value: unknown) => unknown
  /** From a value of a flow or its caller. `digits`: those of its numbers that are stored apart. */
  readonly payload: (value: unknown, digits?: unknown) => unknown
  /** From a name. */
  readonly text: (text: string) => string
}

type Pattern = Path

const part = /(?:^|\.)(\*\*|\*|[^.*[\]"]+)|\[(\d{1,9}|\*)\]|\[("(?:[^"\\]|\\.)*")\]/y

const fits = (pattern: Segment | undefined, segment: Segment): boolean =>
  pattern === "*" || pattern === segment || (typeof segment === "number" && pattern === String(segment))

/** The rests of the patterns below one step. An empty one means that the value there is removed. */
const descend = (patterns: ReadonlyArray<Pattern>, segment: Segment): ReadonlyArray<Pattern> =>
  patterns.flatMap((pattern): ReadonlyArray<Pattern> => {
    const [first, ...rest] = pattern
    if (first !== "**") return fits(first, segment) ? [rest] : []
    return [pattern, ...descend([rest], segment)]
  })

/**
 * Whether a value outside of payloads is a count or a measure, which a replay needs as it is: a pattern that happens to
 * match one is not meant for it. No count has ten digits.
 */
const isFact = (key: Segment, item: unknown): boolean =>
  typeof item === "number" ? Math.abs(item) < 1e9 : typeof item === "string" && measured.has(key)

/** Fields of a request that a caller writes. `payloads` has the fields of answers. */
const written: ReadonlySet<string> = new Set([...textFields, "inputOverrides", "summary"])

const isPayload = (key: string): boolean => payloads.has(key) || written.has(key)

/** Finds the starts and ends of the texts that are removed. */
export type FindPlaces = (text: string) => ReadonlyArray<readonly [from: number, to: number]>

const finding = ({ flags, source }: RegExp): FindPlaces => {
  const pattern = new RegExp(source, `${flags.replace(/[gy]/g, "")}g`)
  return (text) => Array.from(text.matchAll(pattern), ({ 0: { length }, index }) => [index, index + length])
}

const marker = /\[redacted(?: \d{1,9})?\]/g

/** Replaces matches, but no match that cuts through text that was removed before. */
const without = (text: string, find: FindPlaces): string => {
  const places = find(text)
  if (places.length === 0) return text
  const markers = Array.from(text.matchAll(marker), ({ 0: { length }, index }) => ({ from: index, to: index + length }))
  let left = ""
  let at = 0
  for (const [from, to] of places) {
    const isCut = markers.some((one) => one.from < to && from < one.to && (one.from < from || to < one.to))
    if (isCut) continue
    left += text.slice(at, from) + redacted
    at = to
  }
  return left + text.slice(at)
}

/** Whether a text is removed wherever it occurs. A short text or a single word may mean anything, and stays. */
const isTelling = (text: string): boolean =>
  text.length >= 6 && /[^\p{L}\s]|\p{L}\s+\p{L}/u.test(text) && !text.includes("[redacted")

const shortEscapes: { readonly [char: string]: string } = { "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t" }

/** The pattern of an escape of JSON, whose digits are of either case. */
const escapePattern = (unit: string): string =>
  `\\\\+u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`.replace(/[a-f]/g, (one) => `[${one}${one.toUpperCase()}]`)

/** The pattern of a character, also with the escapes of JSON, of JSON in JSON, and so on. */
const charPattern = (char: string): string => {
  if (/[\w .@-]/.test(char)) return EffectRegExp.escape(char)
  if (char === "\\") return "\\\\+"
  const codes = char.replace(/[^]/g, escapePattern)
  const plain = char === "\"" || char === "/" ? `\\\\*${char}` : EffectRegExp.escape(char)
  const short = shortEscapes[char]
  return `(?:${[plain, codes, ...(short === undefined ? [] : [`\\\\+${short}`])].join("|")})`
}

/** The pattern of texts, longest first, where they are not part of a longer word. */
const wholePattern = (texts: Iterable<string>): RegExp => {
  const all = [...texts].sort((a, b) => b.length - a.length)
    .map((text) => Array.from(text.replace(/\\+/g, "\\"), charPattern).join(""))
  const word = "[\\p{L}\\p{N}]"
  const escape = "\\\\(?:[bfnrt]|u[\\da-fA-F]{4})"
  return new RegExp(`(?:(?<!${word})|(?<=${escape})|(?!${word}))(?:${all.join("|")})(?:(?<!${word})|(?!${word}))`, "gu")
}

/** The text that `scrub` puts in place of the key. */
const scrubbed = "<redacted>"

/** A key of nobody, of the usual form. */
const otherKey = "nk_live_text"

class Redactor implements Redaction {
  /** The texts that a path removed, which are removed wherever they occur. */
  private readonly known = new Set<string>()
  private pattern: RegExp | undefined
  readonly hasPaths: boolean

  constructor(
    private readonly paths: ReadonlyArray<Pattern>,
    private readonly patterns: ReadonlyArray<FindPlaces>,
    private readonly scrub: (text: string) => string
  ) {
    this.hasPaths = paths.length > 0
  }

  readonly call = (value: unknown): unknown => this.cleanAll(value, false)

  readonly payload = (value: unknown, digits?: unknown): unknown => this.cleanAll(value, true, digits)

  private cleanAll(value: unknown, isWritten: boolean, digits?: unknown): unknown {
    const { size } = this.known
    const cleaned = this.clean(value, this.paths, isWritten, digits)
    // a value that was found may be repeated earlier
    return this.known.size === size ? cleaned : this.clean(cleaned, this.paths, isWritten, digits)
  }

  // secrets go first, since another pattern could remove a part of one and leave the rest
  readonly text = (text: string): string => this.patterns.reduce(without, this.withoutSecrets(text))

  private withoutSecrets(text: string): string {
    // a replay without the key removes as much of the text around it as around another key
    const other = text.split(scrubbed).map((part) => this.scrub(part).replaceAll(scrubbed, otherKey)).join(scrubbed)
    return maskSecrets(other).replaceAll(otherKey, redacted)
  }

  private clean(
    value: unknown,
    paths: ReadonlyArray<Pattern>,
    isWritten: boolean,
    digits: unknown = digitsOf(value)
  ): unknown {
    switch (typeof value) {
      case "string":
        return this.cleanText(value, paths, isWritten)
      case "number":
        return this.cleanNumber(typeof digits === "string" ? digits : String(value)) ?? value
    }
    const below = (item: unknown, segment: Segment, isInside: boolean): unknown => {
      const left = descend(paths, segment)
      if (left.some((pattern) => pattern.length === 0)) {
        this.learn(item, digitsAt(digits, segment))
        return redacted
      }
      if (isInside || !isFact(segment, item)) return this.clean(item, left, isInside, digitsAt(digits, segment))
      return typeof item === "string" ? this.withoutSecrets(item) : item
    }
    if (!Array.isArray(value) && !Predicate.isRecord(value)) return value
    const cleaned = Array.isArray(value)
      ? value.map((item, index) => below(item, index, isWritten))
      : renamed(value, this.text, (item, key) => below(item, key, isWritten || isPayload(key)))
    return withDigits(cleaned, digitsLeft(cleaned, digits))
  }

  private cleanText(text: string, paths: ReadonlyArray<Pattern>, isWritten: boolean): string {
    const digits = digitsOfText(text)
    if (digits !== undefined) return this.cleanNumber(digits) ?? text
    const inside = paths.length === 0 && this.patterns.length === 0
      ? text
      : mapEmbedded(text, (value) => this.clean(value, paths, true))
    // an id outside of payloads is one that a replay needs
    return this.text(isWritten || !this.known.has(inside) ? this.withoutKnown(inside) : inside)
  }

  /** Removes a number, as a whole. */
  private cleanNumber(digits: string): string | undefined {
    return this.text(digits) === digits && !this.known.has(digits) ? undefined : redacted
  }

  /** Adds the texts in a removed value. */
  private learn(value: unknown, digits: unknown = digitsOf(value)): void {
    if (typeof value === "object" && value !== null) {
      return Object.entries(value).forEach(([key, item]) => this.learn(item, digitsAt(digits, key)))
    }
    const text = typeof digits === "string" ? digits : String(value).trim()
    if (this.known.has(text) || !isTelling(text)) return
    this.known.add(text)
    this.pattern = undefined
  }

  private withoutKnown(text: string): string {
    if (this.known.size === 0) return text
    return text.replace(this.pattern ??= wholePattern(this.known), redacted)
  }
}

/** The redaction of these paths, and of the places that are found. */
export const redactionBy = (
  method: string,
  texts: ReadonlyArray<string>,
  patterns: ReadonlyArray<FindPlaces>,
  scrub: (text: string) => string = identity
): Either.Either<Redaction, InvalidRequestError> => {
  const paths = Either.all(texts.map((text) => {
    const pattern = segmentsOf(text.replace(/^\$\.?/, ""), part)
    return pattern === undefined || pattern.length === 0
      ? Either.left(invalid(method, "redact.paths", `${JSON.stringify(text)} is not a path`))
      : Either.right(pattern)
  }))
  return Either.map(paths, (paths) => new Redactor(paths, patterns, scrub))
}

const redactNames: Names<Redact> = { paths: true, patterns: true }

const redactProblem = (path: string, value: unknown): Problem | undefined => {
  if (!Predicate.isRecord(value)) return problem(path, "must be an object with paths or patterns")
  const unknown = misnamed(path, value, redactNames)
  if (unknown !== undefined) return problem(`${path}.${unknown.field}`, unknown.reason)
  const { paths = [], patterns = [] } = value
  if (!Array.isArray(paths) || !paths.every(Predicate.isString)) {
    return problem(`${path}.paths`, "must be a list of paths")
  }
  return Array.isArray(patterns) && patterns.every(Predicate.isRegExp)
    ? undefined
    : problem(`${path}.patterns`, "must be a list of regular expressions")
}

/** The option `redact` of a caller. */
export const redactOption: CallOptions.Option = CallOptions.checked(redactProblem)

export const redactionOf = (
  method: string,
  redact: Redact = {},
  scrub?: (text: string) => string
): Either.Either<Redaction, InvalidRequestError> => {
  const wrong = redactProblem("redact", redact)
  if (wrong !== undefined) return Either.left(invalid(method, wrong.field, wrong.reason))
  const { paths = [], patterns = [] } = redact
  return redactionBy(method, paths, patterns.map(finding), scrub)
}

/** A question without the values to remove. A recording and a replay redact it alike. */
export const redactQuestion = ({ endpoint, flow, input, version }: Question, redact: Redaction): Question => ({
  endpoint,
  flow: flow === undefined ? undefined : redact.text(flow),
  version: version === undefined ? undefined : redact.text(version),
  input: redact.call(input)
})

/** The parts of an answer without the values to remove. */
const answerWithout = (redact: Redaction): AnswerMapping => ({
  value: (recorded) => ({ ...recorded, value: redact.call(jsonCopy(recorded.value ?? null)) }),
  error: (error) => ({
    ...redact.call(jsonCopy(error)) as { readonly [key: string]: unknown },
    _tag: error._tag
  })
})

export const redactStatus = (status: Status, redact: Redaction): Status => mapStatus(status, answerWithout(redact))

export const redactAnswer = (answer: RecordedAnswer, redact: Redaction): RecordedAnswer => {
  const once = (answer: RecordedAnswer) => mapAnswer(answer, answerWithout(redact))
  // a value that is removed from one event is known in all
  return redact.hasPaths ? once(once(answer)) : once(answer)
}

/** The whole of a call. */
export const redactInteraction = (interaction: Interaction, redact: Redaction): Interaction => ({
  ...redactQuestion(interaction, redact),
  answer: redactAnswer(interaction.answer, redact),
  at: interaction.at
})

/** A session without the values to redact, in its snapshots and in the names of its flows and steps. */
export const redactSession = (cassette: SessionCassette, redact: Redaction): SessionCassette => {
  const { client: { org, project }, session } = cassette
  const ids = session.executions.flatMap(({ errorAtStep = [], steps }) =>
    steps.map(({ stepId }) => stepId).concat(errorAtStep)
  )
  // steps with different names keep different names
  const renamedIds = renamed(Object.fromEntries(ids.map((id) => [id, id])), redact.text, identity)
  const names = new Map(Object.entries(renamedIds).map(([name, id]) => [id, name]))
  const clean = (execution: SessionExecution): SessionExecution => ({
    ...execution,
    ...known({
      slug: execution.slug && redact.text(execution.slug),
      errorAtStep: execution.errorAtStep && names.get(execution.errorAtStep)
    }),
    steps: execution.steps.map(({ digits, ...step }) => {
      const cleaned = snapshots.flatMap((name) =>
        Object.hasOwn(step, name) ? [[name, redact.payload(step[name], digitsAt(digits, name))] as const] : []
      )
      return {
        ...step,
        stepId: names.get(step.stepId) ?? step.stepId,
        ...Object.fromEntries(cleaned),
        ...known({
          digits: digitsIn(cleaned.map(([name, value]) => [name, digitsLeft(value, digitsAt(digits, name))]))
        })
      }
    })
  })
  // a value that is removed from one snapshot is known in all
  if (redact.hasPaths) session.executions.forEach(clean)
  return {
    ...cassette,
    client: known({ org: org && redact.text(org), project: project && redact.text(project) }),
    session: { ...session, executions: session.executions.map(clean) }
  }
}
