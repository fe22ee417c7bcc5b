/**
 * JSON text as a tree whose nodes are found when they are looked at. No value is made of the whole text, and long work
 * is done in slices: 10 MB do not block the page.
 */

export type JsonKind = "object" | "array" | "string" | "number" | "boolean" | "null" | "empty" | "text"

/** A value: a part of the text. */
export interface JsonNode {
  readonly kind: JsonKind
  readonly start: number
  readonly end: number
}

/** The members of an object or array, three numbers each: where the key, the value, and the end of the value are. */
export interface Children {
  readonly length: number
  readonly places: Int32Array
}

const quote = 34
const backslash = 92

/** How many characters a slice reads at most until it asks for the time. */
const slice = 1 << 16

/** An object or array without members is `empty`, where nothing but its brackets is there. */
const kindAt = (text: string, start: number, end: number): JsonKind => {
  switch (text[start]) {
    case "{":
      return end - start === 2 ? "empty" : "object"
    case "[":
      return end - start === 2 ? "empty" : "array"
    case "\"":
      return "string"
    case "t":
    case "f":
      return "boolean"
    case "n":
      return "null"
    default:
      return "number"
  }
}

export const rootOf = (text: string): JsonNode => {
  const start = text.search(/\S/)
  const end = text.trimEnd().length
  if (start === -1 || !/["{[tfn\d-]/.test(text[start]!)) return { kind: "text", start: 0, end: text.length }
  return { kind: kindAt(text, start, end), start, end }
}

/** The place after a string that begins at a place. */
const afterString = (text: string, start: number): number => {
  for (let at = start;;) {
    at = text.indexOf("\"", at + 1)
    if (at === -1) return text.length
    let before = at - 1
    while (text.charCodeAt(before) === backslash) before--
    if ((at - before) % 2 === 1) return at + 1
  }
}

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9

/** The members of an object or array. Yields between slices. */
export function* childrenOf(text: string, { end, kind, start }: JsonNode): Generator<void, Children> {
  let places = new Int32Array(96)
  let length = 0
  const close = end - 1
  let checked = start
  let at = start + 1
  const skip = (): void => {
    while (at < close && (isSpace(text.charCodeAt(at)) || text.charCodeAt(at) === 44)) at++
  }
  for (skip(); at < close; skip()) {
    let key = -1
    if (kind === "object") {
      key = at
      at = afterString(text, at)
      while (at < close && (isSpace(text.charCodeAt(at)) || text.charCodeAt(at) === 58)) at++
    }
    const value = at
    let depth = 0
    for (; at < close;) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        at = afterString(text, at)
        if (depth === 0) break
        continue
      }
      if (code === 123 || code === 91) depth++
      else if (code === 125 || code === 93) {
        depth--
        if (depth === 0) {
          at++
          break
        }
      } else if (depth === 0 && (code === 44 || isSpace(code))) break
      at++
      if (at - checked > slice) {
        checked = at
        yield
      }
    }
    if (3 * length === places.length) {
      const more = new Int32Array(places.length * 2)
      more.set(places)
      places = more
    }
    places.set([key, value, at], 3 * length)
    length++
    if (at - checked > slice) {
      checked = at
      yield
    }
  }
  return { length, places }
}

export const childAt = (text: string, { places }: Children, index: number): JsonNode => {
  const start = places[3 * index + 1]!
  const end = places[3 * index + 2]!
  return { kind: kindAt(text, start, end), start, end }
}

/** The first characters of a string, without escapes. `isWhole`: whether these are all. */
export const stringOf = (text: string, { end, start }: JsonNode, most: number): { text: string; isWhole: boolean } => {
  const isWhole = end - start - 2 <= most
  const raw = text.slice(start + 1, isWhole ? end - 1 : start + 1 + most)
  // the cut may lie within an escape, which has up to 6 characters
  for (let cut = 0; cut <= 6; cut++) {
    try {
      return { text: JSON.parse(`"${raw.slice(0, raw.length - cut)}"`) as string, isWhole: isWhole && cut === 0 }
    } catch {
      // shorter
    }
  }
  return { text: raw, isWhole }
}

export const keyAt = (text: string, { places }: Children, index: number): string | undefined => {
  const start = places[3 * index]!
  if (start === -1) return undefined
  return stringOf(text, { kind: "string", start, end: afterString(text, start) }, 10_000).text
}

/** The member in which a place of the text lies. */
export const childAround = ({ length, places }: Children, place: number): number | undefined => {
  let low = 0
  let high = length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const key = places[3 * middle]!
    if (place < (key === -1 ? places[3 * middle + 1]! : key)) high = middle - 1
    else if (place >= places[3 * middle + 2]!) low = middle + 1
    else return middle
  }
  return undefined
}

/** The most places that a search finds. */
export const mostHits = 1_000

/** The places of a text in values, and of JSON such as `"id":7`, in upper or lower case. Yields between slices. */
export function* search(text: string, sought: string): Generator<void, ReadonlyArray<number>> {
  const escaped = JSON.stringify(sought).slice(1, -1)
  const patterns = [escaped, sought].map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
  const pattern = new RegExp(patterns.join("|"), "gi")
  const hits: Array<number> = []
  for (let from = 0; from < text.length; from += 4 * slice) {
    const part = text.slice(from, from + 4 * slice + escaped.length - 1)
    for (const { index } of part.matchAll(pattern)) {
      hits.push(from + index)
      if (hits.length === mostHits) return hits
    }
    yield
  }
  return hits
}

/** The longest that a slice of work lasts, in milliseconds. */
const turn = 8

/** A task of its own, before which the page can draw. */
const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })

/** Work in slices. Short work is done at once. `undefined`: it was aborted. */
export const inSlices = <A>(work: Generator<void, A>, signal: AbortSignal): A | Promise<A | undefined> => {
  const step = (): { readonly value: A } | undefined => {
    for (const until = performance.now() + turn; performance.now() < until;) {
      const { done, value } = work.next()
      if (done === true) return { value }
    }
    return undefined
  }
  const first = step()
  if (first !== undefined) return first.value
  const rest = async (): Promise<A | undefined> => {
    while (!signal.aborted) {
      await nextTask()
      const found = step()
      if (found !== undefined) return found.value
    }
    return undefined
  }
  return rest()
}

/** The path of a member below another, as jq and `--jq` spell it. */
export const pathBelow = (path: string, key: string | number): string => {
  if (typeof key === "number") return `${path === "" ? "." : path}[${key}]`
  return /^[A-Za-z_]\w*$/.test(key) ? `${path}.${key}` : `${path === "" ? "." : path}[${JSON.stringify(key)}]`
}
