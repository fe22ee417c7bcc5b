/**
 * From the calls of a recording to the value that is written, and back. Values that differ between recordings of the
 * same calls are apart there: ids have names; times and costs are in `meta`.
 */
import * as Duration from "effect/Duration"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import { formatPath, mapParts, mapStrings, parsePath, type Path, putInto, type Segment } from "../core/diff.js"
import { canonical, canonicalText } from "../core/json.js"
import { known } from "../core/makeError.js"
import type { Match } from "../core/replayReport.js"
import { digitsIn, digitsLeft, digitsOf, restoreDigits, withDigits } from "../kit/plainJson.js"
import type { CallDefaults } from "../operations/operations.js"
import * as Recording from "./recording.js"

/** Fields with values of the flow and its caller, in which nothing is replaced. */
export const payloads: ReadonlySet<Segment> = new Set(
  ("result output outputData inputData data accumulatedOutputs toolCallMessages inputContext " +
    "outputContext errorContext inputSnapshot outputSnapshot errorSnapshot function").split(" ")
)

/** Fields with measures, which differ each time. */
export const measured: ReadonlySet<Segment> = new Set(
  "requestId durationMs waitingMs costUsd startedAt completedAt retryAfter".split(" ")
)

const toolCallIds = (value: unknown): ReadonlyArray<unknown> => {
  if (Array.isArray(value)) return value.flatMap(toolCallIds)
  if (!Predicate.isRecord(value)) return []
  return [value.toolCalls, value.tool_calls].flatMap((calls) =>
    Array.isArray(calls) ? calls.map((call) => Predicate.isRecord(call) ? call.id : undefined) : []
  )
}

/** The ids that an answer introduces, in order. */
const idsIn = (answer: Recording.Recording["answer"]): ReadonlyArray<string> => {
  const found: Array<unknown> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!Predicate.isRecord(value)) return
    found.push(value.executionId, value.runId)
    for (const id of toolCallIds(value)) found.push(id)
    for (const id of toolCallIds(value.toolCallMessages)) found.push(id)
    if (Predicate.isRecord(value.flowRun)) found.push(value.flowRun.id)
    if (Array.isArray(value.runs)) { for (const run of value.runs) if (Predicate.isRecord(run)) found.push(run.id) }
    for (const [key, item] of Object.entries(value)) if (!payloads.has(key)) visit(item)
  }
  visit(answer)
  return [...new Set(found.filter((id): id is string => typeof id === "string" && id !== ""))]
}

/** An answer whose measured values are `undefined`, and those values by their place. */
const withoutMeasured = (
  answer: Recording.RecordedAnswer
): { readonly answer: Recording.RecordedAnswer; readonly values: { readonly [path: string]: unknown } } => {
  const values: { [path: string]: unknown } = {}
  const strip = (value: unknown, path: Path): unknown =>
    mapParts(value, (item, key) => {
      const place = [...path, key]
      if (payloads.has(key)) return item
      if (!measured.has(key) || Predicate.isRecord(item)) return strip(item, place)
      values[formatPath(place)] = item
      return undefined
    })
  return { answer: strip(answer, []) as Recording.RecordedAnswer, values }
}

/** Puts measured values back into an answer, which is changed in place and so must not be shared. */
const restoreMeasured = (answer: unknown, values: { readonly [path: string]: unknown } | undefined): void => {
  for (const [text, value] of Object.entries(values ?? {})) {
    const path = parsePath(text)
    if (path !== undefined) putInto(answer, path, value)
  }
}

/**
 * A hash of a text, of 64 bits as 16 hexadecimal digits: enough to tell the calls of a file apart, and no more than
 * that.
 */
const hashText = (text: string): string => {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return [low, high].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("")
}

/** The names of ids, by id. */
export type Symbols = ReadonlyMap<string, string>

/** Marks a text of a user that looks like one of these names; the mark is taken off again when it is read. */
const escape = (text: string): string => text.replace(/<id(!*):/g, "<id!$1:")

const reference = (name: string): string => `<id:${name}>`

/** A value with names in place of ids, wherever a whole text is an id. */
const symbolise = (value: unknown, symbols: Symbols): unknown =>
  mapStrings(value, (text) => {
    const name = symbols.get(text)
    return name === undefined ? escape(text) : reference(name)
  })

/** A text for people, such as the message of an error, with names in place of the ids between its words. */
const symboliseText = (text: string, symbols: Symbols): string =>
  escape(text).replace(/[\w-]{8,}/g, (word) => {
    const name = symbols.get(word)
    return name === undefined ? word : reference(name)
  })

/** The inverse of both. An unknown name stays. */
const desymbolise = (value: unknown, ids: { readonly [name: string]: string }): unknown =>
  mapStrings(value, (text) =>
    text.includes("<id")
      ? text
        .replace(/<id:([\w.]+)>/g, (whole, name: string) => Object.hasOwn(ids, name) ? ids[name]! : whole)
        .replace(/<id!(!*):/g, "<id$1:")
      : text)

/** The text by which equal calls are found equal. */
export const keyOf = ({ endpoint, flow, input, version }: Recording.Question, symbols: Symbols): string =>
  canonicalText(
    withDigits([flow ?? null, endpoint, version ?? null, symbolise(input, symbols)], digitsIn([[3, digitsOf(input)]]))
  )

interface CallKey {
  readonly key: string
  readonly fingerprint: string
  /** The place among the interactions with this key, from 1. */
  readonly occurrence: number
}

/** The beginning that the names of all ids have which a call introduced. */
export const ownName = ({ fingerprint, occurrence }: Pick<CallKey, "fingerprint" | "occurrence">): string =>
  `${fingerprint.slice(0, 12)}.${occurrence}`

/**
 * Names the ids of a recording, and makes the key of each call. An id is named after the call that introduced it, so that
 * names are the same in the next recording; an id that the program knew before keeps its text.
 */
export const index = (
  recordings: ReadonlyArray<Recording.Recording>
): { readonly symbols: Symbols; readonly keyed: ReadonlyArray<CallKey> } => {
  const symbols = new Map<string, string>()
  const known = new Set<string>()
  const counts = new Map<string, number>()
  const keyed = recordings.map((recording): CallKey => {
    mapStrings(recording.input, (text) => {
      if (!symbols.has(text)) known.add(text)
      return text
    })
    const key = keyOf(recording, symbols)
    const fingerprint = hashText(key)
    const occurrence = (counts.get(key) ?? 0) + 1
    counts.set(key, occurrence)
    const name = ownName({ fingerprint, occurrence })
    let count = 0
    for (const id of idsIn(recording.answer)) {
      if (!symbols.has(id) && !known.has(id)) symbols.set(id, `${name}.${++count}`)
    }
    return { key, fingerprint, occurrence }
  })
  return { symbols, keyed }
}

export type CassetteClient = Recording.RecordedCassette["client"]

export const defaultsOf = ({ timeout, ...client }: CassetteClient): CallDefaults =>
  known({ ...client, timeout: timeout === undefined ? undefined : Duration.millis(timeout) })

const texts: ReadonlySet<string> = new Set(["detail", "responseBody", "reason"])

/** Replaces ids in an error, whose words name them too. */
const symboliseError = (error: Recording.RecordedError, symbols: Symbols): Recording.RecordedError =>
  Record.map(
    error,
    (value, key) =>
      typeof value === "string" && texts.has(key) ? symboliseText(value, symbols) : symbolise(value, symbols)
  ) as Recording.RecordedError

const entryKey = ({ fingerprint, occurrence }: Pick<Recording.Entry, "fingerprint" | "occurrence">): string =>
  `${fingerprint}.${occurrence}`

const order = (a: Recording.Entry, b: Recording.Entry): number => {
  const [left, right] = [a, b].map(({ fingerprint, flow }) => `${flow ?? ""} ${fingerprint}`) as [string, string]
  return left < right ? -1 : left > right ? 1 : a.occurrence - b.occurrence
}

/** The cassette of the calls of a recording, given in the order in which they began. */
export const layout = (
  interactions: ReadonlyArray<Recording.Interaction>,
  client: CassetteClient
): Recording.RecordedCassette => {
  const { keyed, symbols } = index(interactions)
  const symbolising: Recording.AnswerMapping = {
    value: ({ value, ...rest }) => ({
      ...rest,
      value: symbolise(value, symbols),
      ...known({ digits: digitsLeft(value) })
    }),
    error: (error) => symboliseError(error, symbols)
  }
  const meta: { [key: string]: Recording.Meta["entries"][string] } = {}
  const entries = keyed.map(({ fingerprint, occurrence }, place): Recording.Entry => {
    const { answer: given, at, endpoint, flow, input, version } = interactions[place]!
    const { answer, values } = withoutMeasured(given)
    meta[entryKey({ fingerprint, occurrence })] = {
      order: place + 1,
      ...(at === undefined ? undefined : { at }),
      ...(Object.keys(values).length === 0 ? undefined : { values })
    }
    return {
      ...(flow === undefined ? undefined : { flow }),
      endpoint,
      ...(version === undefined ? undefined : { version }),
      fingerprint,
      occurrence,
      input: canonical(symbolise(input, symbols)),
      ...known({ digits: digitsLeft(input) }),
      answer: canonical(Recording.mapAnswer(answer, symbolising)) as Recording.RecordedAnswer
    }
  })
  return {
    format: "noukai-cassette/1",
    kind: "recording",
    client,
    entries: entries.sort(order),
    // a file has these in alphabetical order
    meta: { ids: Object.fromEntries(Array.from(symbols, ([id, name]) => [name, id])), entries: meta }
  }
}

/**
 * The entries of a cassette, in the order in which their calls began. Those without a place in `meta`, such as those
 * written by hand, come last.
 */
export const entriesInOrder = ({ entries, meta }: Recording.RecordedCassette): ReadonlyArray<Recording.Entry> => {
  const place = (entry: Recording.Entry): number => meta.entries[entryKey(entry)]?.order ?? Number.MAX_SAFE_INTEGER
  return [...entries].sort((a, b) => place(a) - place(b))
}

/** Puts digits back into the values of an answer, which are changed in place and so must not be shared. */
const restoringDigits: Recording.AnswerMapping = {
  value: ({ digits, ...recorded }) => {
    restoreDigits(recorded.value, digits)
    return recorded
  },
  error: identity
}

/** The calls of a cassette, in the order in which they began. */
export const restore = (cassette: Recording.RecordedCassette): ReadonlyArray<Recording.Interaction> => {
  const { meta } = cassette
  return entriesInOrder(cassette).map((entry): Recording.Interaction => {
    const more = meta.entries[entryKey(entry)]
    const answer = desymbolise(entry.answer, meta.ids) as Recording.RecordedAnswer
    restoreMeasured(answer, more?.values)
    const input = desymbolise(entry.input, meta.ids)
    restoreDigits(input, entry.digits)
    return {
      endpoint: entry.endpoint,
      flow: entry.flow,
      version: entry.version,
      input,
      answer: Recording.mapAnswer(answer, restoringDigits),
      at: more?.at
    }
  })
}

const orderOf = ({ meta }: Recording.RecordedCassette): unknown =>
  Object.fromEntries(Object.entries(meta.entries).map(([key, { order }]) => [key, order]))

/**
 * Whether two cassettes are recordings of the same calls: all differences are in the values that differ between any two
 * recordings. The order of different calls is one of those only where recordings are found by their input.
 */
export const isSameRecording = (a: Recording.RecordedCassette, b: Recording.RecordedCassette, match: Match): boolean =>
  canonicalText([a.client, a.incomplete, a.entries]) === canonicalText([b.client, b.incomplete, b.entries]) &&
  (match === "input" || canonicalText(orderOf(a)) === canonicalText(orderOf(b)))
