/**
 * Compares an answer with the expectation of a case.
 *
 * @internal
 */
import type { Json } from "../../Flow.js"
import { isObject } from "../json/jsonObject.js"

const isList = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

const kindOf = (value: Json | undefined): string => {
  if (value === null) return "null"
  if (isList(value)) return "list"
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value
}

const show = (value: Json | undefined): string => value === undefined ? "nothing" : JSON.stringify(value).slice(0, 200)

const matchers: { readonly [name: string]: (argument: Json, actual: Json | undefined, path: string) => Array<string> } =
  {
    $any: (kind, actual, path) =>
      kindOf(actual) === kind || (kind === "number" && typeof actual === "number")
        ? []
        : [`${path}: expected any ${String(kind)}, got ${show(actual)}`],
    $matches: (pattern, actual, path) =>
      typeof actual === "string" && new RegExp(String(pattern)).test(actual)
        ? []
        : [`${path}: expected text like ${String(pattern)}, got ${show(actual)}`],
    $absent: (_, actual, path) =>
      actual === undefined || actual === null ? [] : [`${path}: expected nothing, got ${show(actual)}`],
    $length: (length, actual, path) =>
      isList(actual) && actual.length === length
        ? []
        : [`${path}: expected ${String(length)} items, got ${isList(actual) ? actual.length : show(actual)}`],
    $each: (expected, actual, path) =>
      isList(actual)
        ? actual.flatMap((item, index) => mismatches(expected, item, `${path}[${index}]`))
        : [`${path}: expected a list, got ${show(actual)}`]
  }

/** The places where `actual` is not as expected; empty when it matches. @internal */
export const mismatches = (expected: Json, actual: Json | undefined, path: string): Array<string> => {
  if (isList(expected)) {
    if (!isList(actual)) return [`${path}: expected a list, got ${show(actual)}`]
    return actual.length === expected.length
      ? expected.flatMap((item, index) => mismatches(item, actual[index], `${path}[${index}]`))
      : [`${path}: expected ${expected.length} items, got ${actual.length}: ${show(actual)}`]
  }
  if (!isObject(expected)) {
    return expected === actual
      ? []
      : [`${path}: expected ${show(expected)}, got ${show(actual)}`]
  }
  const [first, ...rest] = Object.entries(expected)
  const matcher = first !== undefined && rest.length === 0 ? matchers[first[0]] : undefined
  if (matcher !== undefined) return matcher(first![1], actual, path)
  if (!isObject(actual)) return [`${path}: expected an object, got ${show(actual)}`]
  return Object.entries(expected).flatMap(([key, value]) => mismatches(value, actual[key], `${path}.${key}`))
}
