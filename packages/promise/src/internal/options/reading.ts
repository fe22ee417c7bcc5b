/** Reads the options of a caller. The SDK checks the values themselves. Needs no Effect. */
import { isFields, unreadable } from "@effect-noukai/sdk/kit/names"
import { InvalidRequestError, type InvalidRequestErrorInit, NoukaiError } from "../../NoukaiError.js"

export const refusal = (
  operation: string,
  field: string,
  reason: string,
  more?: Pick<InvalidRequestErrorInit, "executionId" | "cause">
): InvalidRequestError =>
  new InvalidRequestError(`${operation}: invalid ${field}: ${reason}`, { field, reason, ...more })

/** The reason why a value that is not a schema is refused. */
export const noSchema = "must be a schema of Zod 4, Valibot, ArkType, Effect or another library with Standard Schema"

/** Returns the value of `read`. Throws its error of this package, and a refusal of the field for any other error. */
export const reading = <A>(operation: string, field: string, read: () => A): A => {
  try {
    return read()
  } catch (cause) {
    throw cause instanceof NoukaiError
      ? cause
      : refusal(operation, field, unreadable, { cause })
  }
}

/**
 * Returns the options of a call, or no fields without options. Throws a refusal for any other value.
 */
export const fieldsOf = <A extends object>(operation: string, given: A | undefined): Partial<A> => {
  if (given === undefined) return {}
  if (!isFields(given)) throw refusal(operation, "options", "must be an object")
  return given
}

const isSignal = (u: unknown): u is AbortSignal =>
  typeof u === "object" && u !== null && "aborted" in u && typeof u.aborted === "boolean" &&
  "addEventListener" in u && typeof u.addEventListener === "function" &&
  "removeEventListener" in u && typeof u.removeEventListener === "function"

/** Returns a signal. `null` counts as absent. Throws a refusal for any other value. */
export const signalOf = (operation: string, signal: unknown): AbortSignal | undefined => {
  if (signal === undefined || signal === null) return undefined
  if (!isSignal(signal)) throw refusal(operation, "signal", "must be an AbortSignal")
  return signal
}

/** Returns milliseconds. `null` counts as absent. Throws a refusal for any other value. */
export const millisOf = (operation: string, field: string, millis: unknown): number | undefined => {
  if (millis === undefined || millis === null) return undefined
  if (typeof millis !== "number" || !(millis >= 0)) {
    throw refusal(operation, field, "must be a number of milliseconds, at least 0")
  }
  return millis
}

/** Returns the milliseconds of an interval, which has an end. Throws a refusal for any other value. */
export const intervalOf = (operation: string, field: string, millis: unknown): number | undefined => {
  if (millis === Infinity) throw refusal(operation, field, "must be a number of milliseconds with an end")
  return millisOf(operation, field, millis)
}

export interface CallOptions<B> {
  readonly input: B
  readonly signal: AbortSignal | undefined
}

/** Returns the options of a call, as `read` translates them, and its signal. Throws a refusal for wrong options. */
export const takeOptions = <A extends { signal?: AbortSignal | undefined }, B>(
  operation: string,
  given: A | undefined,
  read: (options: Partial<A>) => B
): CallOptions<B> =>
  reading(operation, "options", () => {
    const options = fieldsOf(operation, given)
    return { input: read(options), signal: signalOf(operation, options.signal) }
  })
