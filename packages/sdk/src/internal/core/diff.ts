/** The differences of values: paths into JSON values, `$.a.b[0]["c d"]`, and walks along them. */
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import { digitsOf, withDigits } from "../kit/plainJson.js"

/** A place in which two values differ; an absent value is left out. */
export interface Divergence {
  readonly path: Path
  readonly expected?: unknown
  readonly actual?: unknown
}

type Holder = { readonly [key: Segment]: unknown }

/** The keys of two lists, or of two objects; `undefined` for other values, which have no places in common. */
const keysOf = (a: unknown, b: unknown): Array<Segment> | undefined => {
  if (Array.isArray(a) && Array.isArray(b)) return [...(a.length > b.length ? a : b).keys()]
  if (!Predicate.isRecord(a) || !Predicate.isRecord(b)) return undefined
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
}

/** Two values at a place, and the way to it: its last segment, and the way to the value around it. */
interface Pair {
  readonly way: Way | undefined
  readonly values: Omit<Divergence, "path">
}

interface Way {
  readonly segment: Segment
  readonly around: Way | undefined
}

const pathOf = (way: Way | undefined): Path => {
  const path: Array<Segment> = []
  for (let at = way; at !== undefined; at = at.around) path.push(at.segment)
  return path.reverse()
}

/** The places in which two JSON values differ, at most so many. Values may be nested without a limit. */
export const differences = (expected: unknown, actual: unknown, limit: number): ReadonlyArray<Divergence> => {
  const changes: Array<Divergence> = []
  const open: Array<Pair> = [{ way: undefined, values: { expected, actual } }]
  while (changes.length < limit) {
    const pair = open.pop()
    if (pair === undefined) break
    const { values, way } = pair
    const { actual: after, expected: before } = values
    const keys = Object.is(before, after) ? undefined : keysOf(before, after)
    if (keys === undefined) {
      const isSame = Object.is(before, after) && "expected" in values && "actual" in values
      if (!isSame) changes.push({ path: pathOf(way), ...values })
      continue
    }
    const [was, is] = [before, after] as [Holder, Holder]
    for (const key of keys.reverse()) {
      open.push({
        way: { segment: key, around: way },
        values: {
          ...Object.hasOwn(was, key) && { expected: was[key] },
          ...Object.hasOwn(is, key) && { actual: is[key] }
        }
      })
    }
  }
  return changes
}

export type Segment = string | number

export type Path = ReadonlyArray<Segment>

const plain = /^[A-Za-z_][A-Za-z0-9_]*$/

export const formatPath = (path: Path): string =>
  `$${
    path.map((segment) =>
      typeof segment === "number"
        ? `[${segment}]`
        : plain.test(segment)
        ? `.${segment}`
        : `[${JSON.stringify(segment)}]`
    ).join("")
  }`

const segment = /\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]/y

/**
 * The segments of a path, read by a sticky pattern whose groups are a name, an index and a quoted name; `undefined` if
 * the pattern does not fit.
 */
export const segmentsOf = (text: string, pattern: RegExp): Path | undefined => {
  const path: Array<Segment> = []
  let at = 0
  while (at < text.length) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match === null) return undefined
    const [whole, name, index, quoted] = match
    if (quoted !== undefined) {
      try {
        path.push(String(JSON.parse(quoted)))
      } catch {
        return undefined
      }
    } else path.push(name ?? (index === "*" ? index : Number(index)))
    at += whole.length
  }
  return path
}

/** The inverse of `formatPath`; `undefined` for anything else. */
export const parsePath = (text: string): Path | undefined =>
  text.startsWith("$") ? segmentsOf(text.slice(1), segment) : undefined

/** The parts of a list or of an object mapped, with its digits. `remade` makes the object; default: with the same keys. */
export const mapParts = (
  value: unknown,
  f: (item: unknown, key: Segment) => unknown,
  remade = (fields: { readonly [key: string]: unknown }): object => Record.map(fields, f)
): unknown => {
  if (Array.isArray(value)) return withDigits(value.map(f), digitsOf(value))
  return Predicate.isRecord(value) ? withDigits(remade(value), digitsOf(value)) : value
}

/** A value with its strings, and the names of its keys, replaced. */
export const mapStrings = (value: unknown, f: (text: string) => string): unknown => {
  if (typeof value === "string") return f(value)
  const inside = (item: unknown): unknown => mapStrings(item, f)
  return mapParts(
    value,
    inside,
    (fields) => Object.fromEntries(Object.entries(fields).map(([key, item]) => [f(key), inside(item)]))
  )
}

/**
 * Puts a value at a place inside another one, which is changed in place and so must not be shared. Without an object or
 * list to hold it, it is dropped.
 */
export const putInto = (value: unknown, path: Path, item: unknown): void => {
  let holder = value
  for (const segment of path.slice(0, -1)) {
    if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, segment)) return
    holder = (holder as { readonly [key: string | number]: unknown })[segment]
  }
  const last = path.at(-1)
  const fits = typeof last === "number" ? Array.isArray(holder) && last < holder.length : Predicate.isRecord(holder)
  if (last === undefined || !fits) return
  Object.defineProperty(holder, last, { value: item, enumerable: true, writable: true, configurable: true })
}
