/** JSON: values that it can hold, and JSON that travels as text: the arguments of a tool, its answer, a quoted body. */
import * as Predicate from "effect/Predicate"
import { type Problem, problem } from "./makeError.js"

/** The limit of nesting: deeper than any recording, and far from the end of the stack of a recursive walk. */
export const maxDepth = 512

/** Whether lists and objects are nested deeper than {@link maxDepth}, or without end. */
export const nestsTooDeep = (value: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; depth <= maxDepth; depth++) {
    level = level.flatMap((one) => typeof one === "object" && one !== null ? Object.values(one) : [])
    if (level.length === 0) return false
  }
  return true
}

/**
 * A JSON value with the keys of its objects in order, so that equal values make equal text. Keys without a value are
 * left out.
 */
export const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical)
  return Predicate.isRecord(value)
    ? Object.fromEntries(
      Object.keys(value).sort().flatMap((key) => value[key] === undefined ? [] : [[key, canonical(value[key])]])
    )
    : value
}

export const canonicalText = (value: unknown): string => JSON.stringify(canonical(value)) ?? "null"

/** The starts of JSON with more than one value: testing for them is cheaper than a failed parse. */
const opening = /^\s*(?:\{\s*"|\[\s*["[{\dtfn-]|")/

/** The value of a text that is JSON of an object, a list or a text; else `undefined`, also if it nests too deeply. */
export const valueOfText = (text: string): unknown => {
  if (text.length < 2 || !opening.test(text)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return nestsTooDeep(value) ? undefined : value
  } catch {
    return undefined
  }
}

/**
 * Begins a text that stands for a number which `JSON.stringify` would write otherwise: `1.0`, `12345678901234567890`.
 */
const mark = "\uE000\uE001"

/** The digits of a text that stands for a number; else `undefined`. */
export const digitsOf = (text: string): string | undefined =>
  text.startsWith(mark) ? text.slice(mark.length) : undefined

const withMarks = (text: string): string =>
  text.replace(
    /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g,
    (token) => token.startsWith("\"") || String(Number(token)) === token ? token : `"${mark}${token}"`
  )

const marked = new RegExp(`"${mark}(-?\\d[\\d.eE+-]*)"`, "g")

/** The number of backslashes that end at a place of a text. */
const backslashesBefore = (text: string, at: number): number => {
  let from = at
  while (text[from - 1] === "\\") from--
  return at - from
}

const outsideStrings = new Set(" \t\r\n0123456789.,:+-eEtrufalsn\\")

/** The limit of nesting of JSON between words: each open bracket of a text is followed so far. */
const maxPieceDepth = 64

/** The place of a piece of JSON in a text, and the number of times that it was written into a string. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly level: number
}

/** The piece of JSON whose bracket opens at a place of a text, if what is between the brackets looks like one. */
const pieceAt = (text: string, from: number): Piece | undefined => {
  let depth = 0
  let level: number | undefined
  for (let at = from; at < text.length; at++) {
    const char = text[at]!
    if (char === "{" || char === "[") {
      if (++depth > maxPieceDepth) return undefined
    } else if (char === "}" || char === "]") {
      if (--depth === 0) return { from, to: at + 1, level: level ?? 0 }
    } else if (char === "\"") {
      // each level doubles the backslashes of the level below, and puts one before the quote
      level ??= Math.log2(backslashesBefore(text, at) + 1)
      if (!Number.isInteger(level)) return undefined
      do {
        at = text.indexOf("\"", at + 1)
        if (at < 0) return undefined
      } while (backslashesBefore(text, at) % 2 ** (level + 1) !== 2 ** level - 1)
    } else if (!outsideStrings.has(char)) return undefined
  }
  return undefined
}

const written = (text: string): string => JSON.stringify(text).slice(1, -1)

/** The text that was written into a string so many times; `undefined` if it was not. */
const readString = (text: string, level: number): string | undefined => {
  let read = text
  try {
    // a line break is no part of a string, and is one of the text around it
    for (let n = 0; n < level; n++) read = String(JSON.parse(`"${read.replace(/[\n\r\t]/g, written)}"`))
  } catch {
    return undefined
  }
  return read
}

/** A piece of JSON mapped; `undefined` if it is none. */
const mapPiece = (piece: string, level: number, f: (value: unknown) => unknown): string | undefined => {
  const text = readString(piece, level)
  const value = text === undefined ? undefined : valueOfText(text)
  if (text === undefined || value === undefined) return undefined
  let mapped = mapValue(text, value, f)
  if (mapped === text) return piece
  for (let n = 0; n < level; n++) mapped = written(mapped)
  return mapped
}

/**
 * A text with every object and list mapped that it holds as JSON: as a whole, between words, and as JSON that was
 * written into a string of such JSON. Other text, and unchanged JSON, stays to the letter. Numbers stay as
 * they were written: some are given as text that {@link digitsOf} reads.
 */
export const mapEmbedded = (text: string, f: (value: unknown) => unknown): string => {
  const whole = valueOfText(text)
  if (whole !== undefined) return mapValue(text, whole, f)
  const parts: Array<string> = []
  let done = 0
  const bracket = /[[{]/g
  for (let found = bracket.exec(text); found !== null; found = bracket.exec(text)) {
    const piece = pieceAt(text, found.index)
    const mapped = piece === undefined ? undefined : mapPiece(text.slice(piece.from, piece.to), piece.level, f)
    if (piece === undefined || mapped === undefined) continue
    parts.push(text.slice(done, piece.from), mapped)
    done = bracket.lastIndex = piece.to
  }
  return done === 0 ? text : parts.join("") + text.slice(done)
}

const mapValue = (text: string, value: unknown, f: (value: unknown) => unknown): string => {
  if (value === undefined) return text
  const before = JSON.stringify(value)
  const after = JSON.stringify(f(value))
  if (after === before || before.includes(mark)) return after === before ? text : after
  return JSON.stringify(f(JSON.parse(withMarks(text)))).replace(marked, "$1")
}

/**
 * Adds the JSON that a value was decoded from to it, as its `raw`, unless there is none. The property is not enumerable, so
 * that neither comparisons nor `JSON.stringify` see it.
 */
export const withRaw = <A extends object>(value: A, json: unknown): A =>
  json === undefined ? value : Object.defineProperty(value, "raw", { get: () => json, configurable: true })

/** The value as it will be read from JSON. */
export function jsonCopy<A>(value: A): A {
  return JSON.parse(JSON.stringify(value)) as A
}

/** The depth of values that servers send and callers send back, which may be greater than that of inputs. */
const maxDepthOfServers = 2000

const maxPath = 200

const plainKey = /^[A-Za-z_][A-Za-z0-9_]{0,40}$/

const step = (key: string | number): string =>
  typeof key === "number" ? `[${key}]` : plainKey.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 40))}]`

const hasToJson = (value: object): value is { readonly toJSON: (key: string) => unknown } =>
  "toJSON" in value && typeof value.toJSON === "function"

/** Whether an object, of this or another realm, has only its own keys. */
const isPlain = (value: object): boolean => {
  const proto: unknown = Object.getPrototypeOf(value)
  return proto === null || proto === Object.prototype || Object.getPrototypeOf(proto) === null
}

const saysNothing = "must be JSON: an object of this kind has no JSON"

/** The reason why a value is not JSON, if there is one. `path` then holds the keys to the wrong place. */
const reasonIn = (given: unknown, maxDepth: number, path: Array<string | number>): string | undefined => {
  const ofValue = (value: unknown, depth: number): string | undefined => {
    switch (typeof value) {
      case "string":
      case "boolean":
      case "undefined":
        return undefined
      case "number":
        return Number.isFinite(value) ? undefined : "must be a finite number"
      case "object":
        return value === null ? undefined : ofObject(value, depth)
      default:
        return `must be JSON, not a ${typeof value}`
    }
  }
  const ofObject = (value: object, depth: number): string | undefined => {
    if (depth > maxDepth) {
      path.length = 0
      return `must not nest deeper than ${maxDepth} levels, nor hold itself`
    }
    if (Array.isArray(value)) return ofEntries(value.entries(), depth)
    if (hasToJson(value)) {
      if (value instanceof Date && Number.isNaN(value.getTime())) return "must be a valid Date"
      const json = value.toJSON("")
      return json === undefined ? saysNothing : ofValue(json, depth + 1)
    }
    const entries = Object.entries(value)
    return !isPlain(value) && (entries.length === 0 || Symbol.iterator in value)
      ? saysNothing
      : ofEntries(entries, depth)
  }
  const ofEntries = (entries: Iterable<readonly [string | number, unknown]>, depth: number): string | undefined => {
    for (const [key, value] of entries) {
      path.push(key)
      const reason = value === undefined && typeof key === "number"
        ? "must be JSON, which has no undefined in a list"
        : ofValue(value, depth + 1)
      if (reason !== undefined) return reason
      path.pop()
    }
    return undefined
  }
  return ofValue(given, 0)
}

const checkedTo = (maxDepth: number) => (field: string, value: unknown): Problem | undefined => {
  const path: Array<string | number> = []
  try {
    const reason = reasonIn(value, maxDepth, path)
    return reason === undefined ? undefined : problem(field + path.map(step).join("").slice(0, maxPath), reason)
  } catch {
    // a `toJSON` that throws
    return problem(field, "cannot be read: reading it throws")
  }
}

/**
 * Checks that a value is JSON as it is: `JSON.stringify` would drop or replace no part of it, nor follow it without end.
 */
export const checkJson: (field: string, value: unknown) => Problem | undefined = checkedTo(maxDepth)

/** Checks a value that a server has sent before. */
export const checkStored: (field: string, value: unknown) => Problem | undefined = checkedTo(maxDepthOfServers)
