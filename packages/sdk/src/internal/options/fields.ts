/** The schemas of options, and the decoders of public inputs that are made of them. */
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { checkPositiveAmount } from "../core/cost.js"
import { nearest } from "../core/diff.js"
import { checkJson } from "../core/json.js"
import { invalid, type Problem, problem, type RefusalFacts } from "../core/makeError.js"
import { durationReason, toMillis } from "../core/time.js"
import { isVersion, versionForms } from "./address.js"
import { headersProblem, isHeaderValue } from "./headers.js"

/** The schema of an option that is given. */
export type Option = Schema.Schema<unknown>

/** Decodes an input of a caller, or returns the error of the first option that is wrong or unknown. */
type Decode<A extends object> = <B extends A>(
  method: string,
  given: B,
  facts?: RefusalFacts
) => Either.Either<B, InvalidRequestError>

/** Whether a value is an object of options: not a list, map, promise or effect. */
const isInput = (u: unknown): u is { readonly [name: string]: unknown } =>
  Predicate.isRecord(u) && Object.prototype.toString.call(u) === "[object Object]" && !(Symbol.iterator in u)

const unknownOption = (name: string, names: ReadonlyArray<string>): Problem => {
  const meant = nearest(name, names, identity)
  return problem(name, `is not an option: ${meant === undefined ? "remove it" : `did you mean ${meant}?`}`)
}

/** The text of a part of a path. The path of a check within its option is text already. */
const segmentText = (key: PropertyKey): string =>
  typeof key === "number" ? `[${key}]` : /^[[.]|^$/.test(String(key)) ? String(key) : `.${String(key)}`

/** The problem of an option, if it has one. */
export const problemOf = (name: string, option: Schema.Schema.AnyNoContext, value: unknown): Problem | undefined => {
  const decoded = ParseResult.decodeUnknownEither(option)(value)
  if (Either.isRight(decoded)) return undefined
  const { message, path } = ParseResult.ArrayFormatter.formatIssueSync(decoded.left)[0]!
  return problem(name + path.map(segmentText).join(""), message)
}

/**
 * The decoder of an input whose name is `whole`, from the schemas of its options, which are made on the first call. Only
 * the options that are given are decoded. `rules` requires options, and checks them against one another.
 */
export const decoder = <A extends object>(
  whole: string,
  options: () => { readonly [K in keyof A]-?: Option },
  rules: (input: A, facts: RefusalFacts | undefined) => Problem | undefined = () => undefined
): Decode<A> => {
  let made: { readonly [name: string]: Option } | undefined
  return (method, given, facts) => {
    const known = made ??= options()
    let at = whole
    const problemIn = (input: unknown): Problem | undefined => {
      if (!isInput(input)) return problem(whole, "must be an object")
      for (at of Object.keys(input)) {
        const value = input[at]
        if (value === undefined) continue
        const option = Object.hasOwn(known, at) ? known[at] : undefined
        const found = option === undefined ? unknownOption(at, Object.keys(known)) : problemOf(at, option, value)
        if (found !== undefined) return found
      }
      at = whole
      return rules(given, facts)
    }
    try {
      const found = problemIn(given)
      return found === undefined
        ? Either.right({ ...given })
        : Either.left(invalid(method, found.field, found.reason, facts))
    } catch (cause) {
      return Either.left(invalid(method, at, "cannot be read: reading it throws", { ...facts, cause }))
    }
  }
}

/** A value that fits, or the reason why not. */
export const must = (fits: (value: unknown) => boolean, reason: string): Option =>
  Schema.Unknown.pipe(Schema.filter((value) => fits(value) || reason))

/** An option with a check, which takes the path to its value, and returns the path to the wrong part. */
export const checked = (check: (path: string, value: unknown) => Problem | undefined): Option =>
  Schema.Unknown.pipe(Schema.filter((value) => {
    const found = check("", value)
    return found && { path: [found.field], message: found.reason }
  }))

/** An option with this reason where its value is of another kind. */
export const says = <S extends Schema.Annotable.All>(reason: string, schema: S): Schema.Annotable.Self<S> =>
  Schema.annotations<S>({ message: () => reason })(schema)

/** A list of at most so many entries. */
export const list = <A, I>(
  reason: string,
  entry: Schema.Schema<A, I>,
  max = Infinity
): Schema.Schema<ReadonlyArray<A>, unknown> =>
  Schema.Unknown.pipe(
    Schema.filter((value) => !Array.isArray(value) ? reason : value.length <= max || `must be at most ${max}`),
    Schema.compose(Schema.Array(entry), { strict: false })
  )

/** An option that is sent as JSON. */
export const json = (option: Schema.Schema.AnyNoContext): Option =>
  checked((path, value) => problemOf(path, option, value) ?? checkJson(path, value))

/** An option of another operation. */
export const refused = (reason: string): Option => must(() => false, reason)

export const anything: Option = Schema.Unknown

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
    return isCount(value, 1) ? undefined : problem(path, "must be an integer of at least 1")
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
