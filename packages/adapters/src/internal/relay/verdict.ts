import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"

const isBoxed = (value: object): boolean =>
  value instanceof Boolean || value instanceof Number || value instanceof String

/** The kind of an object that stands for no caller; most of them come from a mistake in `authorize`. */
const oddObject = (value: object): string | undefined => {
  if (Array.isArray(value)) return "an array"
  if (value instanceof Error) return "an error"
  if (isBoxed(value)) return "a boxed primitive"
  if (value instanceof Response) return "a response"
  // an Option, an Either and a response of the platform are Effects too
  if (Effect.isEffect(value)) return "an Effect"
  return Predicate.isPromiseLike(value) ? "a promise" : undefined
}

/**
 * The kind of a value that is no verdict, in words; `undefined` for `true`, `false` and an object.
 *
 * @internal
 */
export const oddVerdict = (value: unknown): string | undefined => {
  if (typeof value === "boolean") return undefined
  if (value === undefined || value === null) return String(value)
  if (typeof value !== "object") return `a ${typeof value}`
  return Either.getOrElse(Either.try(() => oddObject(value)), () => "something that cannot be looked at")
}
