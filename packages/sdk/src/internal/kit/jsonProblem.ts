/** The places where a value is not JSON. It needs no Effect: the relay flow of the Promise client checks values too. */
import { type Problem, problem, unreadable } from "./names.js"
import { type Digits, digitsAt, digitsOf, maxDepth } from "./plainJson.js"

/** The depth of values that servers send and callers send back, which may be greater than the depth of inputs. */
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

/** Whether an object is an error, of this or another realm. Its message is not among its entries. */
const isError = (value: object): boolean =>
  value instanceof Error || Object.prototype.toString.call(value) === "[object Error]"

const saysNothing = "must be JSON: an object of this kind has no JSON"

/** The reason why a value is not JSON, if there is one. `path` then has the keys to the wrong place. */
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
    if (Array.isArray(value)) return ofEntries(value.entries(), depth, digitsOf(value))
    if (hasToJson(value)) {
      if (value instanceof Date && Number.isNaN(value.getTime())) return "must be a valid Date"
      const json = value.toJSON("")
      return json === undefined ? saysNothing : ofValue(json, depth + 1)
    }
    if ("then" in value && typeof value.then === "function") return "must be JSON, not a promise: await it"
    if (isError(value)) return saysNothing
    const entries = Object.entries(value)
    return !isPlain(value) && (entries.length === 0 || Symbol.iterator in value)
      ? saysNothing
      : ofEntries(entries, depth, digitsOf(value))
  }
  const ofEntries = (
    entries: Iterable<readonly [string | number, unknown]>,
    depth: number,
    digits: Digits | undefined
  ): string | undefined => {
    for (const [key, value] of entries) {
      // a number whose digits are kept is written as it came
      if (typeof value === "number" && digitsAt(digits, key) !== undefined) continue
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
    return problem(field, unreadable)
  }
}

/**
 * Checks that a value is JSON as it is: `JSON.stringify` would drop or replace no part of it, nor follow it without end.
 */
export const checkJson: (field: string, value: unknown) => Problem | undefined = checkedTo(maxDepth)

/** Checks a value that a server has sent before. */
export const checkStored: (field: string, value: unknown) => Problem | undefined = checkedTo(maxDepthOfServers)
