/** The schemas of single options. */
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { checkPositiveAmount } from "../core/cost.js"
import { type Problem, problem } from "../core/makeError.js"
import { durationReason, toMillis } from "../core/time.js"
import { isVersion, versionForms } from "./address.js"
import { headersProblem, isHeaderValue } from "./headers.js"

export type Option = Schema.optionalWith<Schema.Schema<unknown>, { readonly exact: true }>

const optional = (schema: Schema.Schema<unknown>): Option => Schema.optionalWith(schema, { exact: true })

/** A value that fits, or the reason why not. */
export const required = (fits: (value: unknown) => boolean, reason: string): Schema.Schema<unknown> =>
  Schema.Unknown.pipe(Schema.filter((value) => fits(value) || reason))

export const must = (fits: (value: unknown) => boolean, reason: string): Option => optional(required(fits, reason))

/** An option with a check, which takes the path to its value, and returns the path to the wrong part. */
export const checked = (check: (path: string, value: unknown) => Problem | undefined): Option =>
  optional(Schema.Unknown.pipe(Schema.filter((value) => {
    const found = check("", value)
    return found && { path: [found.field], message: found.reason }
  })))

/** An option of another operation. */
export const refused = (reason: string): Option => must(() => false, reason)

export const anything: Option = must(() => true, "")

export const text: Option = must(Predicate.isString, "must be a string")

export const flag: Option = must(Predicate.isBoolean, "must be true or false")

export const callback: Option = must(Predicate.isFunction, "must be a function")

export const oneOf = (...values: ReadonlyArray<string>): Option =>
  must((value) => values.some((one) => one === value), `must be ${values.map((one) => `"${one}"`).join(" or ")}`)

export const isCount = (value: unknown, minimum: number, maximum = Infinity): boolean =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= minimum && value <= maximum

export const count = (minimum: number): Option =>
  must((value) => isCount(value, minimum), `must be an integer of at least ${minimum}`)

/** A duration of any form, which may be infinite. */
export const duration: Option = must((value) => toMillis(value) !== undefined, durationReason)

const isFinite = (value: unknown): boolean => (toMillis(value) ?? Infinity) < Infinity

/** A duration that ends. */
export const finiteDuration: Option = must(isFinite, "must be a duration, at least 0 and with an end")

export const schedule: Option = must(Schedule.isSchedule, "must be a Schedule")

export const headers: Option = checked(headersProblem)

export const sessionId: Option = must(isHeaderValue, "must be text that a header can carry")

export const version: Option = must(isVersion, versionForms)

export const costLimit: Option = checked(checkPositiveAmount)

export const checkKey = (key: unknown): Problem | undefined =>
  typeof key === "string" && key !== "" ? undefined : problem("key", "must be text that is not empty")

/** A number of requests per second, or a limit with its interval. */
export const rate: Option = checked((path, value) => {
  if (typeof value === "number") {
    return isCount(value, 1)
      ? undefined
      : problem(path, "must be an integer of at least 1")
  }
  if (!Predicate.isRecord(value)) {
    return problem(path, "must be a number of requests per second, or { limit, interval }")
  }
  if (!isCount(value.limit, 1)) return problem(`${path}.limit`, "must be an integer of at least 1")
  return isFinite(value.interval) && toMillis(value.interval) !== 0
    ? undefined
    : problem(`${path}.interval`, "must be a duration that is longer than 0 and finite")
})

/** The options of every call. */
export const ofCall = {
  headers,
  connectTimeout: duration,
  attemptTimeout: duration,
  retry: schedule,
  retryPost: flag
}

/** The options of every event stream. */
export const ofStream = { ...ofCall, firstByteTimeout: duration, idleTimeout: duration }

/** The options of every client, of Noukai and of a relay. */
export const ofClient = {
  headers,
  connectTimeout: duration,
  attemptTimeout: duration,
  timeout: duration,
  maxRetries: count(0),
  retry: schedule,
  maxConcurrency: count(1),
  rate,
  maxResponseBytes: count(1),
  log: callback,
  logPayloads: flag,
  dispatcher: must(
    (value) => Predicate.hasProperty(value, "dispatch") && typeof value.dispatch === "function",
    "must be an undici Dispatcher"
  )
}
