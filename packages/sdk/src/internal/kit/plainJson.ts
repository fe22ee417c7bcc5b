/**
 * JSON values as they are, without Effect: the digits of numbers, the depth and the order of values, and the JSON behind a
 * decoded value.
 *
 * JavaScript cannot hold the digits of some numbers: `12345678901234567890` is another number once it is read. The value
 * is a number as ever, and its text is kept beside it, so that it is passed on as it came.
 */

/**
 * The texts of such numbers in a value, at their places: `{ id: "12345678901234567890" }` of `{ id: 12345678901234567000 }`,
 * with the indices of lists as keys. It is JSON, so that it can be stored beside the value.
 */
export type Digits = string | { readonly [key: string]: Digits }

const kept: unique symbol = Symbol("@effect-noukai/sdk/digits")

/** The digits in an object or a list that {@link parseJson} read, or that has them by {@link withDigits}. */
export const digitsOf = (value: unknown): Digits | undefined =>
  typeof value === "object" && value !== null ? (value as { readonly [kept]?: Digits })[kept] : undefined

/** Sets the digits of an object or a list, unless there are none. They are not listed among its fields. */
export function withDigits<A extends object>(value: A, digits: unknown): A {
  return digits === undefined ? value : Object.defineProperty(value, kept, { value: digits, configurable: true })
}

/** Sets the digits of a value and of the objects and lists in it, which are changed in place. */
export const restoreDigits = (value: unknown, digits: unknown): void => {
  if (typeof value !== "object" || value === null || typeof digits !== "object" || digits === null) return
  withDigits(value, digits)
  for (const [key, inner] of Object.entries(digits)) {
    if (Object.hasOwn(value, key)) restoreDigits((value as { readonly [key: string]: unknown })[key], inner)
  }
}

/** The digits of one place. */
export const digitsAt = (digits: unknown, key: string | number): Digits | undefined =>
  typeof digits === "object" && digits !== null && Object.hasOwn(digits, key)
    ? (digits as { readonly [key: string]: Digits })[key]
    : undefined

/** The digits of several places, unless there are none. */
export const digitsIn = (
  places: Iterable<readonly [key: string | number, digits: unknown]>
): Digits | undefined => {
  const known = [...places].filter(([, digits]) => digits !== undefined)
  return known.length === 0 ? undefined : Object.fromEntries(known) as Digits
}

/** The levels of a value that are looked at. */
const mostLevels = 200

/** The digits in a value, also where it was made of values that have them. */
export const digitsWithin = (value: unknown, levels = mostLevels): Digits | undefined => {
  if (typeof value !== "object" || value === null || levels === 0) return undefined
  const own = digitsOf(value)
  const found: Array<readonly [string, Digits]> = []
  for (const key of Object.keys(value)) {
    const inside = digitsAt(own, key) ?? digitsWithin((value as { readonly [key: string]: unknown })[key], levels - 1)
    if (inside !== undefined) found.push([key, inside])
  }
  return digitsIn(found)
}

/** A copy of plain JSON, without digits. Deeper parts, and values that are not plain, are kept. */
export const plainCopy = (value: unknown, depth = 0): unknown => {
  if (depth > maxDepth) return value
  if (Array.isArray(value)) return value.map((item) => plainCopy(item, depth + 1))
  return isRecord(value) && Object.getPrototypeOf(value) === Object.prototype
    ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainCopy(part, depth + 1)]))
    : value
}

/**
 * The value that a schema of a caller reads: a copy if it has digits. A strict schema counts them as an excess key, and
 * refuses the value.
 */
export const withoutDigits = (value: unknown): unknown => digitsWithin(value) === undefined ? value : plainCopy(value)

/** Numbers that may lose digits: of 16 digits or more, of an exponent of three, and `-0`. */
const long = "-?[\\d.]{16}|-?[\\d.]+[eE][+-]?\\d{3}|-0(?![.\\d]*[1-9])"

const mayLose = new RegExp(`[[:,\\s](?:${long})`)

const isLong = new RegExp(`^(?:${long})`)

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?|-?\d[\d.eE+-]*/g

/** Begins a text that stands for a number, and a text that begins so itself. */
const mark = "\uE000"

const beginsMarked = /^"(?:\uE000|\\u[eE]000)/

const marked = (token: string): string => {
  if (!token.startsWith("\"")) {
    return isLong.test(token) && String(Number(token)) !== token
      ? `"${mark}${token}"`
      : token
  }
  return !token.endsWith(":") && beginsMarked.test(token) ? `"${mark}${token.slice(1)}` : token
}

/** Reads valid JSON, with the digits in its objects and lists. */
const readMarked = (text: string): unknown =>
  JSON.parse(text.replace(tokens, marked), function(this: object, key, item: unknown) {
    let digits = digitsOf(item)
    let value = item
    if (typeof item === "string" && item.startsWith(mark)) {
      const rest = item.slice(1)
      digits = rest.startsWith(mark) ? undefined : rest
      value = digits === undefined ? rest : Number(rest)
    }
    if (digits !== undefined) {
      const inside = digitsOf(this) ?? {}
      Object.defineProperty(inside, key, { value: digits, enumerable: true })
      withDigits(this, inside)
    }
    return value
  })

/** `JSON.parse`, with the digits of numbers that JavaScript cannot hold. */
export const parseJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  if (!mayLose.test(text)) return value
  try {
    return readMarked(text)
  } catch {
    // it nests too deeply to be read so
    return value
  }
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Whether a value is the number of a text. One that is infinite becomes `null` where it is stored as JSON. */
const isOf = (value: unknown, text: string): boolean =>
  number.test(text) && (value === Number(text) || (value === null && !Number.isFinite(Number(text))))

/** The digits whose numbers are still in a value. */
export const digitsLeft = (value: unknown, digits: unknown = digitsOf(value)): Digits | undefined => {
  if (typeof digits === "string") return isOf(value, digits) ? digits : undefined
  if (typeof value !== "object" || value === null || typeof digits !== "object" || digits === null) return undefined
  return digitsIn(
    Object.entries(digits).map(([key, inner]: [string, unknown]) => [
      key,
      Object.hasOwn(value, key) ? digitsLeft((value as { readonly [key: string]: unknown })[key], inner) : undefined
    ])
  )
}

const block = (open: string, items: ReadonlyArray<string>, close: string, indent: number): string => {
  if (indent === 0 || items.length === 0) return `${open}${items.join(",")}${close}`
  const inner = items.map((item) => `\n${item}`.replaceAll("\n", `\n${" ".repeat(indent)}`))
  return `${open}${inner.join(",")}\n${close}`
}

const written = (value: unknown, digits: Digits | undefined, indent: number): string | undefined => {
  if (typeof digits === "string") return isOf(value, digits) ? digits : JSON.stringify(value)
  if (digits === undefined || typeof value !== "object" || value === null || "toJSON" in value) {
    return JSON.stringify(value, null, indent)
  }
  const items = Object.entries(value).map(([key, item]: [string, unknown]) =>
    [key, written(item, digitsAt(digits, key), indent)] as const
  )
  if (Array.isArray(value)) return block("[", items.map(([, text = "null"]) => text), "]", indent)
  const colon = indent === 0 ? ":" : ": "
  return block(
    "{",
    items.flatMap(([key, text]) => text === undefined ? [] : [`${JSON.stringify(key)}${colon}${text}`]),
    "}",
    indent
  )
}

/** `JSON.stringify` of JSON, with the digits of numbers: those of the value, or others. */
export const stringifyJson = (value: unknown, digits: unknown = digitsOf(value), indent: number = 0): string =>
  (digits === undefined
    ? JSON.stringify(value, null, indent)
    : written(value, digitsLeft(value, digits), indent)) as string

const markedNumber = new RegExp(`"${mark}(-?\\d[\\d.eE+-]*)"`, "g")

/** A value whose numbers with digits are texts. */
const asTexts = (value: unknown, digits: Digits | undefined): unknown => {
  if (digits === undefined) return value
  if (typeof digits === "string") return mark + digits
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) =>
    [key, asTexts(item, digitsAt(digits, key))] as const
  )
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries)
}

/** A value, and the digits of its numbers. */
export interface Exact {
  readonly value: unknown
  readonly digits?: Digits | undefined
}

/** Compares values by all the digits of their numbers. `compare` returns JSON; its numbers have the digits of the values. */
export const exactly = <A>(values: readonly [Exact, Exact], compare: (before: unknown, after: unknown) => A): A => {
  const [before, after] = values.map(({ digits, value }) => digits ?? digitsWithin(value))
  if (before === undefined && after === undefined) return compare(values[0].value, values[1].value)
  const compared = compare(asTexts(values[0].value, before), asTexts(values[1].value, after))
  return parseJson(JSON.stringify(compared).replace(markedNumber, "$1")) as A
}

/** An object that is not a list. */
export const isRecord = (u: unknown): u is { readonly [key: string]: unknown } =>
  typeof u === "object" && u !== null && !Array.isArray(u)

/** Whether a value has a number that may not be the written one: `JSON.parse` rounds long integers. */
export const hasRounded = (value: unknown): boolean =>
  typeof value === "number"
    ? Math.abs(value) > Number.MAX_SAFE_INTEGER
    : typeof value === "object" && value !== null && Object.values(value).some(hasRounded)

/** The limit of nesting: deeper than any recording, and far from the end of the stack of a recursive walk. */
export const maxDepth = 512

/** Whether lists and objects are nested deeper than so many levels, or without end. */
export const nestsTooDeep = (value: unknown, levels: number = maxDepth): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; depth <= levels; depth++) {
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
  if (Array.isArray(value)) return withDigits(value.map(canonical), digitsOf(value))
  if (!isRecord(value)) return value
  const inOrder = Object.keys(value).sort().flatMap((key) =>
    value[key] === undefined ? [] : [[key, canonical(value[key])]]
  )
  return withDigits(Object.fromEntries(inOrder) as object, digitsOf(value))
}

export const canonicalText = (value: unknown): string => stringifyJson(canonical(value)) ?? "null"

/**
 * Adds the JSON that a value was decoded from to it, as its `raw`, unless there is none. The property is not enumerable, so
 * that neither comparisons nor `JSON.stringify` see it.
 */
export const withRaw = <A extends object>(value: A, json: unknown): A =>
  json === undefined ? value : Object.defineProperty(value, "raw", { get: () => json, configurable: true })
