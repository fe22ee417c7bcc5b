/**
 * JSON that travels as text: the arguments of a tool, what it answered, a body that is quoted.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"

/**
 * Deeper than anything that is recorded, and far from what overflows the stack of whoever walks it.
 *
 * @internal
 */
export const maxDepth = 512

/**
 * More values than any request or recording can hold. Lists that hold one another a few times each have as many: no
 * text, and no walk, of them comes to an end.
 *
 * @internal
 */
export const maxValues = 10_000_000

/**
 * Whether lists and objects are nested deeper than {@link maxDepth}, or without end.
 *
 * @internal
 */
export const nestsTooDeep = (value: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; depth <= maxDepth; depth++) {
    const inner: Array<unknown> = []
    for (const one of level) {
      if (typeof one === "object" && one !== null) { for (const item of Object.values(one)) inner.push(item) }
    }
    if (inner.length === 0) return false
    if (inner.length > maxValues) return true
    level = inner
  }
  return true
}

/**
 * A JSON value with the keys of its objects in order, so that equal values make equal text. Keys without a value are
 * left out.
 *
 * @internal
 */
export const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical)
  return Predicate.isRecord(value)
    ? Object.fromEntries(
      Object.keys(value).sort().flatMap((key) => value[key] === undefined ? [] : [[key, canonical(value[key])]])
    )
    : value
}

/** @internal */
export const canonicalText = (value: unknown): string => JSON.stringify(canonical(value)) ?? "null"

/** What begins like this can be more than one value: where it cannot, it is cheaper to see that than to fail at it. */
const opening = /^\s*(?:\{\s*"|\[\s*["[{\dtfn-]|")/

/**
 * The value of a text that is JSON of an object, a list or a text; else `undefined`, also if it nests too deeply to be
 * walked through.
 *
 * @internal
 */
export const valueOfText = (text: string): unknown => {
  if (text.length < 2 || !opening.test(text)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return nestsTooDeep(value) ? undefined : value
  } catch {
    return undefined
  }
}

/** Begins a text that stands for a number which would be written otherwise than it was: `1.0`, `12345678901234567890`. */
const mark = "\uE000\uE001"

/** The digits of a number that stands as text, if that is what it is. @internal */
export const digitsOf = (text: string): string | undefined =>
  text.startsWith(mark) ? text.slice(mark.length) : undefined

const withMarks = (text: string): string =>
  text.replace(
    /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g,
    (token) => token.startsWith("\"") || String(Number(token)) === token ? token : `"${mark}${token}"`
  )

const marked = new RegExp(`"${mark}(-?\\d[\\d.eE+-]*)"`, "g")

const opens = /[[{]/

/** In a fence, as models write it, or on a line of its own, as in a log. */
const piece = /(?<=```[\w-]{0,20}[ \t]{0,9}\r?\n)[{["][^]*?(?=\r?\n[ \t]{0,9}```)|^[ \t]*[{[].*[}\]][ \t]*$/gm

/**
 * The values that a text holds as JSON, and what is left of it without them.
 *
 * @internal
 */
export const partsOf = (text: string): { readonly values: ReadonlyArray<unknown>; readonly rest: string } => {
  const whole = valueOfText(text)
  if (whole !== undefined) return { values: [whole], rest: "" }
  if (!opens.test(text)) return { values: [], rest: text }
  const values: Array<unknown> = []
  const rest = text.replace(piece, (part) => {
    const value = valueOfText(part)
    if (value === undefined) return part
    values.push(value)
    return ""
  })
  return { values, rest }
}

/**
 * A text with the values changed that it holds as JSON; what is no JSON, or is not changed, stays to the letter. Numbers
 * stay as they were written: some are given as text that {@link digitsOf} reads.
 *
 * @internal
 */
export const mapInside = (text: string, f: (value: unknown) => unknown): string => {
  const value = valueOfText(text)
  if (value !== undefined) return mapValue(text, value, f)
  return opens.test(text) ? text.replace(piece, (part) => mapValue(part, valueOfText(part), f)) : text
}

const mapValue = (text: string, value: unknown, f: (value: unknown) => unknown): string => {
  if (value === undefined) return text
  const before = JSON.stringify(value)
  const after = JSON.stringify(f(value))
  if (after === before || before.includes(mark)) return after === before ? text : after
  return JSON.stringify(f(JSON.parse(withMarks(text)))).replace(marked, "$1")
}
