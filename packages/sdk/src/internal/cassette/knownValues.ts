/** The values that were removed by path, to remove them from texts that repeat them. */
import * as Predicate from "effect/Predicate"
import { redacted } from "./renamed.js"

const shortest = 6

/** Whether a text tells enough of its owner to be removed wherever it is: a short text or a word may mean anything. */
const isTelling = (text: string): boolean =>
  text.length >= shortest && /[^\p{L}\s]|\p{L}\s+\p{L}/u.test(text) && !text.includes("[redacted")

const controls: { readonly [name: string]: string } = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }

const escapes = /\\+(?:u([\da-fA-F]{4})|([bfnrt"/]))?/g

const unescaped = (code: string | undefined, char: string | undefined): string =>
  code !== undefined ? String.fromCharCode(parseInt(code, 16)) : char === undefined ? "\\" : controls[char] ?? char

/** A text with the escapes of JSON, of JSON in JSON, and so on, as the characters that they stand for. */
const plainOf = (text: string): string =>
  text.includes("\\")
    ? text.replace(escapes, (_, code: string | undefined, char: string | undefined) => unescaped(code, char))
    : text

/** For each place of a plain text, and for its end, the place in the text with escapes. */
const placesOf = (text: string): ReadonlyArray<number> => {
  const places: Array<number> = []
  let done = 0
  for (const { 0: { length }, index } of text.matchAll(escapes)) {
    while (done < index) places.push(done++)
    places.push(index)
    done = index + length
  }
  while (done <= text.length) places.push(done++)
  return places
}

const isWord = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{N}]/u.test(char)

/** Whether a value stands by itself at a place of a text, and is no part of a longer word. */
const isWhole = (text: string, value: string, at: number): boolean =>
  !(isWord(value[0]) && isWord(text[at - 1])) && !(isWord(value.at(-1)) && isWord(text[at + value.length]))

export class KnownValues {
  /** The values as plain texts, longest first, by their first characters. */
  private readonly byBeginning = new Map<string, Array<string>>()
  private readonly values = new Set<string>()

  get size(): number {
    return this.values.size
  }

  /** Adds a removed value, with the values inside it. */
  add(value: unknown): void {
    if (typeof value === "string" || typeof value === "number") this.addText(String(value).trim())
    else if (Array.isArray(value)) { for (const item of value) this.add(item) }
    else if (Predicate.isRecord(value)) { for (const item of Object.values(value)) this.add(item) }
  }

  private addText(text: string): void {
    const plain = plainOf(text)
    if (!isTelling(text) || plain.length < shortest || this.values.has(plain)) return
    this.values.add(plain)
    const beginning = plain.slice(0, shortest)
    const same = this.byBeginning.get(beginning) ?? []
    same.push(plain)
    this.byBeginning.set(beginning, same.sort((a, b) => b.length - a.length))
  }

  has(text: string): boolean {
    return this.values.has(plainOf(text))
  }

  /** A text without the values. */
  removeFrom(text: string): string {
    if (this.values.size === 0 || text.length < shortest) return text
    const plain = plainOf(text)
    const places = plain === text ? undefined : placesOf(text)
    const parts: Array<string> = []
    let done = 0
    for (let at = 0; at <= plain.length - shortest; at++) {
      const found = this.byBeginning.get(plain.slice(at, at + shortest))
        ?.find((value) => plain.startsWith(value, at) && isWhole(plain, value, at))
      if (found === undefined) continue
      parts.push(text.slice(done, places?.[at] ?? at), redacted)
      at += found.length - 1
      done = places?.[at + 1] ?? at + 1
    }
    return done === 0 ? text : parts.join("") + text.slice(done)
  }
}
