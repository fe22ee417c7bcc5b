/**
 * Checks that a value is JSON as it is: `JSON.stringify` would drop or replace no part of it, nor follow it without end.
 */
import { maxDepth, maxValues } from "./json.js"
import { type Problem, problem } from "./makeError.js"

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

class Walk {
  private values = 0
  /** The keys to the value that is checked; after a fault, those to its place. */
  readonly path: Array<string | number> = []

  constructor(private readonly maxDepth: number) {}

  /** The reason why a value is not JSON, if there is one. */
  reasonOf(value: unknown, depth: number): string | undefined {
    switch (typeof value) {
      case "string":
      case "boolean":
      case "undefined":
        return undefined
      case "number":
        return Number.isFinite(value) ? undefined : "must be a finite number"
      case "object":
        return value === null ? undefined : this.ofObject(value, depth)
      default:
        return `must be JSON, not a ${typeof value}`
    }
  }

  private ofObject(value: object, depth: number): string | undefined {
    if (depth > this.maxDepth) return this.ofWhole(`must not nest deeper than ${this.maxDepth} levels, nor hold itself`)
    if (Array.isArray(value)) return this.ofList(value, depth)
    if (hasToJson(value)) {
      if (value instanceof Date && Number.isNaN(value.getTime())) return "must be a valid Date"
      const json = value.toJSON("")
      return json === undefined ? saysNothing : this.reasonOf(json, depth + 1)
    }
    const keys = Object.keys(value)
    if (!isPlain(value) && (keys.length === 0 || Symbol.iterator in value)) return saysNothing
    if (this.isTooMuch(keys.length)) return this.ofWhole("holds too many values")
    for (const key of keys) {
      const reason = this.at(key, (value as { readonly [key: string]: unknown })[key], depth)
      if (reason !== undefined) return reason
    }
    return undefined
  }

  private ofList(list: ReadonlyArray<unknown>, depth: number): string | undefined {
    if (this.isTooMuch(list.length)) return this.ofWhole("holds too many values")
    for (let index = 0; index < list.length; index++) {
      const reason = this.at(index, list[index], depth)
      if (reason !== undefined) return reason
    }
    return undefined
  }

  private at(key: string | number, value: unknown, depth: number): string | undefined {
    this.path.push(key)
    const reason = value === undefined && typeof key === "number"
      ? "must be JSON, which has no undefined in a list"
      : this.reasonOf(value, depth + 1)
    if (reason === undefined) this.path.pop()
    return reason
  }

  private isTooMuch(values: number): boolean {
    this.values += values
    return this.values > maxValues
  }

  private ofWhole(reason: string): string {
    this.path.length = 0
    return reason
  }
}

const checkedTo = (maxDepth: number) => (field: string, value: unknown): Problem | undefined => {
  const walk = new Walk(maxDepth)
  try {
    const reason = walk.reasonOf(value, 0)
    return reason === undefined ? undefined : problem(field + walk.path.map(step).join("").slice(0, maxPath), reason)
  } catch {
    // a `toJSON` that throws
    return problem(field, "cannot be read: reading it throws")
  }
}

export const checkJson: (field: string, value: unknown) => Problem | undefined = checkedTo(maxDepth)

/** Checks a value that a server has sent before. */
export const checkStored: (field: string, value: unknown) => Problem | undefined = checkedTo(maxDepthOfServers)
