/**
 * The checks of the names of options and of kinds of values, and the words that differ between the clients for Effect
 * and for Promises. They need no Effect.
 */

/**
 * The names of all options of an interface or a union. The compiler refuses a table that misses a name, or has another, or
 * does not say which options may be `null`. A name of nested options has a table of its own.
 */
export type Names<A> = { readonly [K in Keys<A>]-?: Table | (null extends ValueAt<A, K> ? "or null" : true) }

type Keys<A> = A extends unknown ? Extract<keyof A, string> : never

type ValueAt<A, K extends PropertyKey> = A extends unknown ? (K extends keyof A ? A[K] : never) : never

/** Names of options of any input. */
export interface Table {
  readonly [name: string]: true | "or null" | Table
}

/** The fault of an input: its option, and the rule that it breaks. */
export interface Problem {
  readonly field: string
  readonly reason: string
}

export const problem = (field: string, reason: string): Problem => ({ field, reason })

/** The reason why a value is refused whose getters throw, or that is a revoked proxy. */
export const unreadable = "cannot be read: reading it throws"

/** Whether a value is an object of options: not a list, a map, a promise or an effect. */
export const isFields = (u: unknown): u is { readonly [name: string]: unknown } =>
  typeof u === "object" && u !== null && Object.prototype.toString.call(u) === "[object Object]" &&
  !(Symbol.iterator in u)

/** The number of letters to add, to remove, to change, or to swap with the next one to make one text of the other. */
const distance = (a: string, b: string): number => {
  let before: ReadonlyArray<number> = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next.push(Math.min(
        next[j - 1]! + 1,
        row[j]! + 1,
        row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
        isSwapped ? before[j - 2]! + 1 : Infinity
      ))
    }
    before = row
    row = next
  }
  return row[b.length]!
}

const longest = 255

/**
 * Returns the distance of two names if one was probably meant to be the other: they differ by one letter, or by a third of
 * them and not at their beginning.
 */
export const nameDistance = (a: string, b: string): number | undefined => {
  if (a.length > longest || b.length > longest) return undefined
  const found = distance(a, b)
  if (found <= 1) return found
  return a[0] === b[0] && found <= Math.max(2, Math.floor(Math.min(a.length, b.length) / 3)) ? found : undefined
}

/** Returns the one whose name a misspelled name was probably meant to be, if there is one. */
export const nearest = <A>(name: string, all: ReadonlyArray<A>, nameOf: (one: A) => string): A | undefined =>
  all.flatMap((one) => {
    const distance = nameDistance(name, nameOf(one))
    return distance === undefined ? [] : [{ one, distance }]
  }).sort((a, b) => a.distance - b.distance)[0]?.one

const lettersOf = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "")

/** Returns the advice for an unknown option: the option that was probably meant, or `otherwise` if there is none. */
export const hint = (name: string, names: ReadonlyArray<string>, otherwise: string = listed(names)): string => {
  const meant = nearest(lettersOf(name), names, lettersOf)
  return meant === undefined ? otherwise : `did you mean ${meant}?`
}

/** Returns the reason why an unknown option is refused, with the advice of {@link hint}. */
export const unknownName = (name: string, names: ReadonlyArray<string>, otherwise?: string): string =>
  `is not an option: ${hint(name, names, otherwise)}`

const listed = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "there are no options" : `the options are ${names.join(", ")}`

const notNull = "must not be null: leave the option out, or give it a value"

/**
 * Returns the problem of an input that is not an object, or that has an option that is unknown, unreadable, or `null` where
 * it takes none. An option that is `undefined` is absent. `whole` is the name of the input.
 */
export const misnamed = (whole: string, given: unknown, names: Table): Problem | undefined => {
  let at = whole
  const within = (input: { readonly [name: string]: unknown }, names: Table, path: string): Problem | undefined => {
    for (const name of Object.keys(input)) {
      at = `${path}${name}`
      const value = input[name]
      if (value === undefined) continue
      const known = Object.hasOwn(names, name) ? names[name] : undefined
      if (known === undefined) return { field: at, reason: unknownName(name, Object.keys(names)) }
      if (value === null && known !== "or null") return { field: at, reason: notNull }
      const found = typeof known === "object" && isFields(value) ? within(value, known, `${at}.`) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }
  try {
    return isFields(given) ? within(given, names, "") : { field: whole, reason: "must be an object" }
  } catch {
    return { field: at, reason: unreadable }
  }
}

/** Whether a value is a whole number in a range. */
export const isCount = (value: unknown, minimum: number, maximum = Infinity): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= minimum && value <= maximum

const isNegativePart = (u: unknown): boolean => !(typeof u === "number" && u >= 0)

/**
 * Whether a duration is negative or `NaN` in any of its forms: milliseconds, nanoseconds, a pair of both, text. Effect
 * reads such a duration as 0.
 */
export const isNegativeTime = (input: unknown): boolean =>
  typeof input === "number" || typeof input === "bigint"
    ? !(input >= 0)
    : typeof input === "string"
    ? input.trim().startsWith("-")
    : Array.isArray(input) && input.some(isNegativePart)

/** Whether a value is a finite number in a range. */
export const isNumber = (value: unknown, minimum: number, maximum = Infinity): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= minimum && value <= maximum

/** A text, true or false, an integer of at least 1, or one of some words. */
export type Kind = "text" | "flag" | "count" | ReadonlyArray<string>

/** The reason why a value is not of a kind. */
export const kindProblem = (kind: Kind, value: unknown): string | undefined => {
  if (kind === "text") return typeof value === "string" ? undefined : "must be a string"
  if (kind === "flag") return typeof value === "boolean" ? undefined : "must be true or false"
  if (kind === "count") return isCount(value, 1) ? undefined : "must be an integer of at least 1"
  return kind.some((word) => word === value) ? undefined : `must be ${kind.map((word) => `"${word}"`).join(" or ")}`
}

/**
 * Returns the options of a pure function. The `counts` must be whole numbers of at least 0, or `Infinity`. Throws a
 * `TypeError` for a value that is not an object, an unknown option, and any other count.
 */
export const orThrow = <A extends object>(
  operation: string,
  given: A,
  names: Names<A>,
  counts: ReadonlyArray<keyof A & string> = []
): A => {
  const isLimit = (value: unknown) => value === undefined || value === Infinity || isCount(value, 0)
  const wrong = (): Problem | undefined => {
    const field = counts.find((name) => !isLimit(given[name]))
    return field && { field, reason: "must be an integer of at least 0, or Infinity" }
  }
  const found = misnamed("options", given, names) ?? wrong()
  if (found !== undefined) throw new TypeError(`${operation}: invalid ${found.field}: ${found.reason}`)
  return given
}

/** A client's words for the same things. */
export interface Terms {
  /** The name of an operation: `FlowService.execute`. */
  readonly operation: (method: string) => string
  /** The name of an option: `attemptTimeout`. */
  readonly option: (name: string) => string
  /** The means by which a run is read. */
  readonly reader: string
  /** The ways to go on with a run whose process has gone. */
  readonly takeOver: string
}

/** The words of the SDK. */
export const termsOfSdk: Terms = {
  operation: (method) => method,
  option: (name) => name,
  reader: "RunService",
  takeOver: "set `takeOver` or resume its stored state"
}

const messageKey: unique symbol = Symbol("@effect-noukai/sdk/NoukaiError/message")

/** The properties of a prototype of errors that have a message in the terms of each client. */
export const messageProperties = <E extends object>(
  message: (error: E, terms: Terms) => string
): PropertyDescriptorMap & ThisType<E> => ({
  [messageKey]: {
    value(terms: Terms) {
      return message(this, terms)
    }
  },
  message: {
    get() {
      return message(this, termsOfSdk)
    }
  }
})

/** Returns the message of an error in the terms of a client. */
export const messageIn = (error: Error, terms: Terms): string => {
  const { [messageKey]: message } = error as { readonly [messageKey]?: (terms: Terms) => string }
  return message === undefined ? error.message : message.call(error, terms)
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whether a value is a UUID, in any case: the id of a session, and of a run of today's server. */
export const isUuid = (u: unknown): u is string => typeof u === "string" && uuid.test(u)

/** The UUID of a version from its first 16 bytes. */
export const uuidOf = (bytes: Uint8Array, version: 4 | 5): string => {
  bytes[6] = (bytes[6]! & 0x0f) | (version << 4)
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5")
}

/** Whether a value names a version of a flow. 0 is the draft. */
export const isVersion = (u: unknown): u is "production" | "draft" | number =>
  u === "production" || u === "draft" || (typeof u === "number" && Number.isSafeInteger(u) && u >= 0)
