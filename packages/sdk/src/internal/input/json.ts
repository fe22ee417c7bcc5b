/**
 * Checks that an input is JSON as it stands: `JSON.stringify` would drop or replace no part of it, nor follow it
 * without end.
 */
import { type Problem, problem } from "../errors/makeError.js"
import { maxDepth, maxValues } from "../json/jsonText.js"

/** The depth of values that servers send and callers send back, which may be greater than that of inputs. */
const maxDepthOfServers = 2000

interface ToJson {
  readonly toJSON: (key: string) => unknown
}

const hasToJson = (value: object): value is ToJson => "toJSON" in value && typeof value.toJSON === "function"

interface Walk {
  values: number
  readonly maxDepth: number
}

/** A reason, with the path to its place; no path for the whole. */
interface Fault {
  path: string | undefined
  readonly reason: string
}

const fault = (reason: string): Fault => ({ path: "", reason })

const ofWhole = (reason: string): Fault => ({ path: undefined, reason })

const within = (found: Fault, step: string): Fault => {
  if (found.path !== undefined) found.path = step + found.path
  return found
}

const maxPath = 200

const plainKey = /^[A-Za-z_][A-Za-z0-9_]{0,40}$/

const step = (key: string): string => plainKey.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 40))}]`

/** Whether an object, of this or another realm, has only its own keys. */
const isPlain = (value: object): boolean => {
  const proto: unknown = Object.getPrototypeOf(value)
  return proto === null || proto === Object.prototype || Object.getPrototypeOf(proto) === null
}

const ofItem = (item: unknown, depth: number, walk: Walk): Fault | undefined =>
  item === undefined ? fault("must be JSON, which has no undefined in a list") : ofValue(item, depth, walk)

const ofArray = (value: ReadonlyArray<unknown>, depth: number, walk: Walk): Fault | undefined => {
  walk.values += value.length
  if (walk.values > maxValues) return ofWhole("holds too many values")
  for (let index = 0; index < value.length; index++) {
    const found = ofItem(value[index], depth, walk)
    if (found !== undefined) return within(found, `[${index}]`)
  }
  return undefined
}

const saysNothing = "must be JSON: an object of this kind says nothing in it"

/** Checks what an object says of itself in JSON. */
const ofToJson = (value: ToJson, depth: number, walk: Walk): Fault | undefined => {
  if (value instanceof Date && Number.isNaN(value.getTime())) return fault("must be a date that there is")
  const json = value.toJSON("")
  return json === undefined ? fault(saysNothing) : ofValue(json, depth, walk)
}

const ofObject = (value: object, depth: number, walk: Walk): Fault | undefined => {
  if (depth > walk.maxDepth) return ofWhole(`must not nest deeper than ${walk.maxDepth} levels, nor hold itself`)
  if (Array.isArray(value)) return ofArray(value, depth + 1, walk)
  if (hasToJson(value)) return ofToJson(value, depth + 1, walk)
  const keys = Object.keys(value)
  if (!isPlain(value) && (keys.length === 0 || Symbol.iterator in value)) {
    return fault(saysNothing)
  }
  walk.values += keys.length
  if (walk.values > maxValues) return ofWhole("holds too many values")
  for (const key of keys) {
    const found = ofValue((value as { readonly [key: string]: unknown })[key], depth + 1, walk)
    if (found !== undefined) return within(found, step(key))
  }
  return undefined
}

const ofValue = (value: unknown, depth: number, walk: Walk): Fault | undefined => {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return undefined
    case "number":
      return Number.isFinite(value) ? undefined : fault("must be a finite number")
    case "object":
      return value === null ? undefined : ofObject(value, depth, walk)
    default:
      return fault(`must be JSON, not a ${typeof value}`)
  }
}

const checked = (field: string, value: unknown, maxDepth: number): Problem | undefined => {
  const found = ofValue(value, 0, { values: 0, maxDepth })
  return found === undefined ? undefined : problem(field + (found.path ?? "").slice(0, maxPath), found.reason)
}

export const checkJson = (field: string, value: unknown): Problem | undefined => checked(field, value, maxDepth)

/** Checks a value that a server has sent before. */
export const checkStored = (field: string, value: unknown): Problem | undefined =>
  checked(field, value, maxDepthOfServers)
