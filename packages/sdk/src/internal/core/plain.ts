/** JSON values as they are: their depth, their order, and the JSON behind a decoded value. It needs no Effect. */
import { digitsOf, stringifyJson, withDigits } from "./digits.js"

/** An object that is not a list. */
export const isRecord = (u: unknown): u is { readonly [key: string]: unknown } =>
  typeof u === "object" && u !== null && !Array.isArray(u)

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
