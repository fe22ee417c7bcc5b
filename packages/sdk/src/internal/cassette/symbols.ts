/** Names for ids. In a file, `<id:…>` stands for an id that another recording of the same calls would not have. */
import { eachString, mapStrings } from "../json/jsonPath.js"
import { canonicalText } from "../json/jsonText.js"
import type { Interaction, Question } from "./interaction.js"
import { idsIn } from "./volatile.js"

/**
 * A hash of a text, of 64 bits as 16 hexadecimal digits: enough to tell the calls of a file apart, and no more than
 * that.
 */
export const hashText = (text: string): string => {
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
export const symbolise = (value: unknown, symbols: Symbols): unknown =>
  mapStrings(value, (text) => {
    const name = symbols.get(text)
    return name === undefined ? escape(text) : reference(name)
  })

/** A text for people, such as the message of an error, with names in place of the ids between its words. */
export const symboliseText = (text: string, symbols: Symbols): string =>
  escape(text).replace(/[\w-]{8,}/g, (word) => {
    const name = symbols.get(word)
    return name === undefined ? word : reference(name)
  })

/** The inverse of both. An unknown name stays. */
export const desymbolise = (value: unknown, ids: { readonly [name: string]: string }): unknown =>
  mapStrings(value, (text) =>
    text.includes("<id")
      ? text
        .replace(/<id:([\w.]+)>/g, (whole, name: string) => Object.hasOwn(ids, name) ? ids[name]! : whole)
        .replace(/<id!(!*):/g, "<id$1:")
      : text)

/** The text by which equal calls are found equal. */
export const keyOf = ({ endpoint, flow, input, version }: Question, symbols: Symbols): string =>
  canonicalText([flow ?? null, endpoint, version ?? null, symbolise(input, symbols)])

export interface KeyedInteraction {
  readonly interaction: Interaction
  readonly key: string
  readonly fingerprint: string
  /** The place among the interactions with this key, from 1. */
  readonly occurrence: number
}

/** The beginning that the names of all ids have which a call introduced. */
export const ownName = ({ fingerprint, occurrence }: Pick<KeyedInteraction, "fingerprint" | "occurrence">): string =>
  `${fingerprint.slice(0, 12)}.${occurrence}`

const named = /<id:(\w+\.\d+)(\.\d+>)/g

/** The beginnings of the names of the ids in a value. */
export const idNames = (value: unknown): ReadonlySet<string> => {
  const names = new Set<string>()
  eachString(value, (text) => {
    if (text.includes("<id:")) { for (const [, name] of text.matchAll(named)) names.add(name!) }
  })
  return names
}

/** A value in which the ids of some calls have the names that those of other calls would have. */
export const renameIds = (value: unknown, names: ReadonlyMap<string, string>): unknown =>
  mapStrings(value, (text) =>
    text.includes("<id:")
      ? text.replace(named, (whole, name: string, rest: string) => {
        const other = names.get(name)
        return other === undefined ? whole : `<id:${other}${rest}`
      })
      : text)

const longestId = 200

/**
 * Names the ids of a recording, and gives each call its key. An id is named after the call that introduced it, so that
 * names are the same in the next recording; an id that the program knew before keeps its text.
 */
export const index = (
  interactions: ReadonlyArray<Interaction>
): { readonly symbols: Symbols; readonly keyed: ReadonlyArray<KeyedInteraction> } => {
  const symbols = new Map<string, string>()
  const known = new Set<string>()
  const counts = new Map<string, number>()
  const keyed = interactions.map((interaction): KeyedInteraction => {
    eachString(interaction.input, (text) => {
      if (text.length <= longestId && !symbols.has(text)) known.add(text)
    })
    const key = keyOf(interaction, symbols)
    const fingerprint = hashText(key)
    const occurrence = (counts.get(key) ?? 0) + 1
    counts.set(key, occurrence)
    const name = ownName({ fingerprint, occurrence })
    let count = 0
    for (const id of idsIn(interaction.answer)) {
      if (id.length > longestId || symbols.has(id) || known.has(id)) continue
      symbols.set(id, `${name}.${++count}`)
    }
    return { interaction, key, fingerprint, occurrence }
  })
  return { symbols, keyed }
}
