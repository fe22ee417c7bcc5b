/**
 * Reads the options of a caller in one go: a value that is no object, a revoked proxy or a getter that throws refuses
 * the call with an error of this package before anything is sent. The sdk checks the values themselves.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { InvalidRequestError, type InvalidRequestErrorInit } from "../../NoukaiError.js"

export const refusal = (
  operation: string,
  field: string,
  reason: string,
  more?: Pick<InvalidRequestErrorInit, "executionId" | "cause">
): InvalidRequestError =>
  new InvalidRequestError(`${operation}: invalid ${field}: ${reason}`, { field, reason, ...more })

/** Whether a value is a plain set of fields: no list, no map, no promise of one. */
const isFields = (u: unknown): boolean =>
  Predicate.isRecord(u) && Object.prototype.toString.call(u) === "[object Object]" && !(Symbol.iterator in u)

const throws = (read: () => unknown): boolean => {
  try {
    read()
    return false
  } catch {
    return true
  }
}

/** The first option that cannot be read; `undefined` if none can. */
const culprit = (given: unknown, names: ReadonlyArray<string>): string | undefined =>
  throws(() => isFields(given))
    ? undefined
    : names.find((name) => throws(() => (given as { readonly [name: string]: unknown })[name]))

/** The value of `read`, or the refusal that it throws; any other error that it throws is blamed on the options. */
export const reading = <A>(
  operation: string,
  field: string,
  given: unknown,
  names: ReadonlyArray<string>,
  read: () => A
): Either.Either<A, InvalidRequestError> => {
  try {
    return Either.right(read())
  } catch (cause) {
    return Either.left(
      cause instanceof InvalidRequestError
        ? cause
        : refusal(operation, culprit(given, names) ?? field, "cannot be read: reading it throws", { cause })
    )
  }
}

/**
 * The fields of the options of a call, none if there are none. Throws a refusal for a value that is no set of options.
 */
export const fieldsOf = <A extends object>(operation: string, given: A | undefined): Partial<A> => {
  if (given === undefined) return {}
  if (!isFields(given)) throw refusal(operation, "options", "must be an object")
  return given
}

const isSignal = (u: unknown): u is AbortSignal =>
  Predicate.isObject(u) && "aborted" in u && typeof u.aborted === "boolean" &&
  "addEventListener" in u && typeof u.addEventListener === "function" &&
  "removeEventListener" in u && typeof u.removeEventListener === "function"

/** A signal, if there is one; `null` is none. Throws a refusal for any other value. */
export const signalOf = (operation: string, signal: unknown): AbortSignal | undefined => {
  if (signal === undefined || signal === null) return undefined
  if (!isSignal(signal)) throw refusal(operation, "signal", "must be an AbortSignal")
  return signal
}

/** Milliseconds, if there are any; `null` is none. Throws a refusal for any other value. */
export const millisOf = (operation: string, field: string, millis: unknown): number | undefined => {
  if (millis === undefined || millis === null) return undefined
  if (typeof millis !== "number" || !(millis >= 0)) {
    throw refusal(operation, field, "must be a number of milliseconds, at least 0")
  }
  return millis
}

/** The options of every call of this package, searched for one that cannot be read. */
const names = [
  "message",
  "messages",
  "parameters",
  "blockOverrides",
  "inputOverrides",
  "attachments",
  "tools",
  "toolChoice",
  "toolHandler",
  "toolResults",
  "maxToolRounds",
  "maxCostUsd",
  "runRemaining",
  "trace",
  "version",
  "timeout",
  "pollInterval",
  "concurrency",
  "rate",
  "attempt",
  "loopIndex",
  "signal",
  "sessionId"
]

export interface CallOptions<B> {
  readonly input: B
  readonly signal: AbortSignal | undefined
}

/** The options of a call, as `read` translates them, and its signal. */
export const takeOptions = <A extends { signal?: AbortSignal | undefined }, B>(
  operation: string,
  given: A | undefined,
  read: (options: Partial<A>) => B
): Either.Either<CallOptions<B>, InvalidRequestError> =>
  reading(operation, "options", given, names, () => {
    const options = fieldsOf(operation, given)
    return { input: read(options), signal: signalOf(operation, options.signal) }
  })

export const rightOrThrow = <A>(read: Either.Either<A, InvalidRequestError>): A => {
  if (Either.isRight(read)) return read.right
  throw read.left
}
