/** From the calls of a recording to the value that is written, and back. */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import { canonical, canonicalText } from "../core/json.js"
import { known } from "../core/makeError.js"
import type { Match } from "../core/replayReport.js"
import type { CallDefaults } from "../operations/operations.js"
import type { Interaction } from "./interaction.js"
import type { Entry, Meta, RecordedAnswer, RecordedCassette } from "./RecordedCassette.js"
import type { Redaction } from "./redaction.js"
import {
  desymbolise,
  index,
  restoreMeasured,
  symbolise,
  symboliseText,
  type Symbols,
  withoutMeasured
} from "./volatile.js"

export type CassetteClient = RecordedCassette["client"]

export const clientOf = (
  { org, project, replayEnabled, timeout }: CallDefaults,
  redact: Redaction
): CassetteClient => ({
  ...(org === undefined ? undefined : { org: redact.text(org) }),
  ...(project === undefined ? undefined : { project: redact.text(project) }),
  ...(timeout === undefined || !Duration.isFinite(timeout) ? undefined : { timeout: Duration.toMillis(timeout) }),
  ...(replayEnabled === true ? { replayEnabled } : undefined)
})

export const defaultsOf = ({ timeout, ...client }: CassetteClient): CallDefaults =>
  known({ ...client, timeout: timeout === undefined ? undefined : Duration.millis(timeout) })

const texts: ReadonlySet<string> = new Set(["detail", "responseBody", "reason"])

/** Replaces ids in an error, whose words name them too. */
const symboliseError = (error: unknown, symbols: Symbols): unknown =>
  Predicate.isRecord(error)
    ? Object.fromEntries(
      Object.entries(error).map(([key, value]) =>
        typeof value === "string" && texts.has(key)
          ? [key, symboliseText(value, symbols)]
          : [key, symbolise(value, symbols)]
      )
    )
    : error

const symboliseAnswer = (answer: unknown, symbols: Symbols): unknown => {
  if (!Predicate.isRecord(answer)) return answer
  return Object.fromEntries(
    Object.entries(answer).map(([key, value]) => {
      switch (key) {
        case "error":
          return [key, symboliseError(value, symbols)]
        case "end":
          return [key, Predicate.isRecord(value) ? symboliseAnswer(value, symbols) : value]
        case "statuses":
          return [key, Array.isArray(value) ? value.map((status) => symboliseAnswer(status, symbols)) : value]
        default:
          return [key, symbolise(value, symbols)]
      }
    })
  )
}

const entryKey = ({ fingerprint, occurrence }: Pick<Entry, "fingerprint" | "occurrence">): string =>
  `${fingerprint}.${occurrence}`

const order = (a: Entry, b: Entry): number => {
  const [left, right] = [a, b].map(({ fingerprint, flow }) => `${flow ?? ""} ${fingerprint}`) as [string, string]
  return left < right ? -1 : left > right ? 1 : a.occurrence - b.occurrence
}

/** The cassette of the calls of a recording, given in the order in which they began. */
export const layout = (interactions: ReadonlyArray<Interaction>, client: CassetteClient): RecordedCassette => {
  const { keyed, symbols } = index(interactions)
  const meta: { [key: string]: Meta["entries"][string] } = {}
  const entries = keyed.map(({ fingerprint, occurrence }, place): Entry => {
    const { answer: given, at, endpoint, flow, input, version } = interactions[place]!
    const { answer, values } = withoutMeasured(given)
    meta[entryKey({ fingerprint, occurrence })] = {
      order: place + 1,
      ...(at === undefined ? undefined : { at }),
      ...(Object.keys(values).length === 0 ? undefined : { values: canonical(values) as typeof values })
    }
    return {
      ...(flow === undefined ? undefined : { flow }),
      endpoint,
      ...(version === undefined ? undefined : { version }),
      fingerprint,
      occurrence,
      input: canonical(symbolise(input, symbols)),
      answer: canonical(symboliseAnswer(answer, symbols)) as RecordedAnswer
    }
  })
  const ids = [...symbols].map(([id, name]) => [name, id] as const).sort(([a], [b]) => a < b ? -1 : 1)
  return {
    format: "noukai-cassette/1",
    kind: "recording",
    client,
    entries: entries.sort(order),
    meta: {
      ids: Object.fromEntries(ids),
      entries: Object.fromEntries(Object.entries(meta).sort(([a], [b]) => a < b ? -1 : 1))
    }
  }
}

/**
 * The entries of a cassette, in the order in which their calls began. Those without a place in `meta`, such as those
 * written by hand, come last.
 */
export const entriesInOrder = ({ entries, meta }: RecordedCassette): ReadonlyArray<Entry> => {
  const place = (entry: Entry): number => meta.entries[entryKey(entry)]?.order ?? Number.MAX_SAFE_INTEGER
  return [...entries].sort((a, b) => place(a) - place(b))
}

/** The calls of a cassette, in the order of {@link entriesInOrder}. */
export const restore = (cassette: RecordedCassette): ReadonlyArray<Interaction> => {
  const { meta } = cassette
  return entriesInOrder(cassette).map((entry): Interaction => {
    const more = meta.entries[entryKey(entry)]
    const answer = desymbolise(entry.answer, meta.ids) as RecordedAnswer
    restoreMeasured(answer, more?.values)
    return {
      endpoint: entry.endpoint,
      flow: entry.flow,
      version: entry.version,
      input: desymbolise(entry.input, meta.ids),
      answer,
      at: more?.at
    }
  })
}

const isAnswered = ({ answer }: Entry): boolean =>
  !("unanswered" in answer) && !("events" in answer && answer.end === "unanswered")

/** A cassette without the calls that were given up, which earlier versions kept. */
export const answeredOnly = (cassette: RecordedCassette): RecordedCassette => ({
  ...cassette,
  entries: cassette.entries.filter(isAnswered)
})

const orderOf = ({ meta }: RecordedCassette): unknown =>
  Object.fromEntries(Object.entries(meta.entries).map(([key, { order }]) => [key, order]))

/**
 * Whether two cassettes are recordings of the same calls: all differences are in the values that differ between any two
 * recordings. The order of different calls is one of those only where recordings are found by their input.
 */
export const isSameRecording = (a: RecordedCassette, b: RecordedCassette, match: Match): boolean =>
  canonicalText([a.client, a.incomplete, a.entries]) === canonicalText([b.client, b.incomplete, b.entries]) &&
  (match === "input" || canonicalText(orderOf(a)) === canonicalText(orderOf(b)))
