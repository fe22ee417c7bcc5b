/**
 * JSON values with the digits of numbers that JavaScript cannot hold. Objects and lists carry the digits of the numbers in
 * them. A number cannot: its digits travel beside it.
 */
import {
  type Digits,
  digitsAt,
  digitsIn,
  digitsOf,
  digitsWithin,
  stringifyJson,
  withDigits
} from "@effect-noukai/sdk/kit/plainJson"
import type { Json } from "../Flow.js"
import type { JsonObject } from "./json.js"

/** A value, and its digits if it is a number. */
export interface Exact {
  readonly value: Json
  readonly digits?: Digits | undefined
}

export interface Exacts {
  readonly [key: string]: Exact
}

/** The JSON of a value, with all digits. */
export const textOf = ({ digits, value }: Exact): string => stringifyJson(value, digits ?? digitsWithin(value))

/** The value at a key of an object or a list, unless it has none. */
export const at = (holder: unknown, key: string | number): Exact | undefined => {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, key)) return undefined
  const value = (holder as { readonly [key: string]: Json | undefined })[key]
  return value === undefined ? undefined : { value, digits: digitsAt(digitsOf(holder), key) }
}

/** Adds the digits of one of its values to an object. */
export const keeping = <A extends object>(holder: A, key: string, part: Exact | undefined): A =>
  withDigits(holder, digitsIn([[key, part?.digits]]))

export const partsOf = (object: JsonObject): Exacts =>
  Object.fromEntries(Object.keys(object).map((key) => [key, at(object, key)!]))

export const objectOf = (parts: Exacts): JsonObject => {
  const entries = Object.entries(parts)
  return withDigits(
    Object.fromEntries(entries.map(([key, { value }]) => [key, value])),
    digitsIn(entries.map(([key, { digits }]) => [key, digits]))
  )
}

export const listOf = (items: ReadonlyArray<Exact>): ReadonlyArray<Json> =>
  withDigits(items.map(({ value }) => value), digitsIn(items.map(({ digits }, index) => [index, digits])))
