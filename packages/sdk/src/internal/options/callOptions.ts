/** The options of one call, and the common part of every request through `NoukaiHttp`. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { APITimeoutError, BudgetExceededError, InvalidRequestError, NoukaiError, Sent } from "../../NoukaiError.js"
import { checkPositiveAmount } from "../core/cost.js"
import { amended, type Checked, invalid, type Problem, problem, type RefusalFacts } from "../core/makeError.js"
import { durationReason, toMillis } from "../core/time.js"
import { checkJson } from "../kit/jsonProblem.js"
import {
  isCount,
  isFields,
  isVersion,
  type Kind,
  kindProblem,
  misnamed,
  type Names,
  type Table,
  unknownName,
  unreadable
} from "../kit/names.js"
import { versionForms } from "./address.js"
import { headersProblem, isHeaderValue } from "./headers.js"

/** The options of one call; each one replaces the client's. They are checked before anything is sent. */
export interface CallOptions {
  /** Headers, sent beside the client's; reserved ones are dropped. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The time until the request is on a socket. Default: the client's, 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** The limit of one attempt, its body included. Default: the client's, 300 seconds. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /**
   * The schedule of retries, of reads and of requests that never left or were refused (429) before a run. Default: the
   * client's policy.
   */
  readonly retry?: Schedule.Schedule<unknown, NoukaiError> | undefined
  /** Whether to repeat a POST that may have arrived. Default: the client's, false. */
  readonly retryPost?: boolean | undefined
}

/** The options of one call that only reads. */
export interface ReadOptions extends Omit<CallOptions, "retryPost"> {}

/** The options of reading a run. */
export interface TimedReadOptions extends ReadOptions {
  /** The limit of the whole call with its attempts; of a list, of each page. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
}

/** The options of an event stream, whose clocks are its own: `attemptTimeout` and `retryPost` have no effect here. */
export interface StreamOptions extends CallOptions {
  /** The time from sending to the first byte of the body. Default: the client's, 300 seconds. */
  readonly firstByteTimeout?: Duration.DurationInput | undefined
  /** The time between two arrivals of bytes, while one is waited for. Default: the client's, 300 seconds. */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/**
 * The progress of a call, written while it is in flight, so that a clock above it can tell whether a request had left.
 */
export interface Progress {
  sent: Sent
  /** Is called with the error when a clock above the call runs out, which interrupts the call. Absent: not called. */
  timedOut?: ((error: APITimeoutError) => void) | undefined
}

/** The fields of every request through `NoukaiHttp` beside its own. */
export interface RequestContext {
  /** The operation that errors name: `FlowService.execute`. */
  readonly method: string
  readonly options: CallOptions
  readonly progress: Progress
  /** Whether recordings leave the request out, since a replay does not make it. Default: false. */
  readonly isUnrecorded?: boolean
  /**
   * Reserves the cost of the run in the budgets around its call. An implementation runs it before it sends a request
   * that runs a flow; a replay sends nothing, and so reserves nothing. Absent: the call is in no budget.
   */
  readonly reserve?: Effect.Effect<void, BudgetExceededError | InvalidRequestError> | undefined
}

const rank = { no: 0, unknown: 1, yes: 2 } as const

/** The one after which more may have been sent. */
export const further = (a: Sent, b: Sent): Sent => rank[a] >= rank[b] ? a : b

/**
 * The progress of a call of several requests: the furthest of any of them. Each request has a progress of its own,
 * since one that never left may be sent again after any outcome of those before.
 */
export class CallProgress implements Progress {
  private earlier: Sent = "no"
  private latest: Progress = { sent: "no" }

  get sent(): Sent {
    return further(this.earlier, this.latest.sent)
  }

  set sent(sent: Sent) {
    this.latest.sent = sent
  }

  get timedOut(): Progress["timedOut"] {
    return this.latest.timedOut
  }

  set timedOut(timedOut: Progress["timedOut"]) {
    this.latest.timedOut = timedOut
  }

  /** The progress of the next request. */
  begin(): Progress {
    this.earlier = this.sent
    this.latest = { sent: "no" }
    return this.latest
  }
}

/**
 * The error of a call after a request that may have started a run: it is not retryable, since a second run could start.
 */
export const afterARunMayExist = <E extends NoukaiError>(error: E, sent: Sent): E =>
  amended(error, {
    isRetryable: false,
    ...(error._tag === "APIConnectionError" || error._tag === "APITimeoutError"
      ? { sent: further(error.sent, sent) }
      : undefined)
  })

/** The error of a read. Nothing of a run was sent for it. */
export const beforeARun = <E extends NoukaiError>(error: E): E =>
  error._tag === "APIConnectionError" || error._tag === "APITimeoutError" ? amended(error, { sent: "no" }) : error

/** The schema of an option that is given. */
export type Option = Schema.Schema<unknown>

/** Decodes an input of a caller, or returns the error of the first option that is wrong or unknown. */
export type Decode<A> = (method: string, given: A, facts?: RefusalFacts) => Checked<A>

const unknownOption = (name: string, names: ReadonlyArray<string>): Problem =>
  problem(name, unknownName(name, names, "remove it"))

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
 * Returns the decoder of an input. `whole` is the name of the input in errors. The schemas of its options are made on the
 * first call. Absent options are not decoded. `rules` requires options, and compares them with each other.
 */
export const decoder = <A extends object>(
  whole: string,
  options: () => { readonly [K in keyof A]-?: Option },
  rules: (input: A, facts: RefusalFacts | undefined) => Problem | undefined = () => undefined
): <B extends A>(method: string, given: B, facts?: RefusalFacts) => Checked<B> => {
  let made: { readonly [name: string]: Option } | undefined
  return (method, given, facts) => {
    const known = made ??= options()
    let at = whole
    const problemIn = (input: unknown): Problem | undefined => {
      if (!isFields(input)) return problem(whole, "must be an object")
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
      return Either.left(invalid(method, at, unreadable, { ...facts, cause }))
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

/** A value whose unknown names are refused, at any depth of the table. */
export const named = <A, I>(names: Table, schema: Schema.Schema<A, I>): Schema.Schema<A, unknown> =>
  checked((_, value) => isFields(value) ? misnamed("", value, names) : undefined).pipe(
    Schema.compose(schema, { strict: false })
  )

/** An option that is sent as JSON. */
export const json = (option: Schema.Schema.AnyNoContext): Option =>
  checked((path, value) => problemOf(path, option, value) ?? checkJson(path, value))

/** An option of another operation. */
export const refused = (reason: string): Option => must(() => false, reason)

export const anything: Option = Schema.Unknown

/** An option whose values are of a kind. */
export const ofKind = (kind: Kind): Option =>
  Schema.Unknown.pipe(Schema.filter((value) => kindProblem(kind, value) ?? true))

export const text: Option = ofKind("text")

export const flag: Option = ofKind("flag")

export const callback: Option = must(Predicate.isFunction, "must be a function")

export const oneOf = (...values: ReadonlyArray<string>): Option => ofKind(values)

/** An integer in a range. */
export const count = (minimum: number, maximum = Infinity): Option =>
  must(
    (value) => isCount(value, minimum, maximum),
    maximum === Infinity
      ? `must be an integer of at least ${minimum}`
      : `must be an integer from ${minimum} to ${maximum}`
  )

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

export const checkKey = (method: string, key: unknown): Either.Either<void, InvalidRequestError> =>
  typeof key === "string" && key !== ""
    ? Either.void
    : Either.left(invalid(method, "key", "must be text that is not empty"))

/** A limit on the requests of a time: no more than `limit` leave within any `interval`. */
export interface Rate {
  /** An integer of at least 1. */
  readonly limit: number
  /** Longer than 0, and finite. */
  readonly interval: Duration.DurationInput
}

const rateNames: Names<Rate> = { limit: true, interval: true }

/** A number of requests per second, or a limit with its interval. */
export const rate: Option = checked((path, value) => {
  if (typeof value === "number") {
    return isCount(value, 1) ? undefined : problem(path, "must be an integer of at least 1")
  }
  if (!Predicate.isRecord(value)) {
    return problem(path, "must be a number of requests per second, or { limit, interval }")
  }
  const unknown = misnamed(path, value, rateNames)
  if (unknown !== undefined) return problem(`${path}.${unknown.field}`, unknown.reason)
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
