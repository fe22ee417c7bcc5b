/**
 * Reads the input of every operation once, into a new value, and checks it, so that a wrong input of any type is
 * refused before anything is sent. Types of TypeScript are not trusted: JavaScript calls too, and the fields of a
 * request from outside have any type.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid, type Problem } from "../errors/makeError.js"
import { checkStored } from "./json.js"

/** The facts of a refused call beside its problem. */
export interface RefusalFacts {
  readonly flow?: string | undefined
  readonly executionId?: string | undefined
}

/** The rules by which an input is read and checked. */
export interface InputRules<in A, in out B extends object> {
  /** The name of the whole input. */
  readonly field: string
  /** Reads the fields, each once. For an object without fields it gives them all as `undefined`. */
  readonly pick: (given: A) => B
  readonly check: (taken: B, facts: RefusalFacts | undefined) => Problem | undefined
}

/** Whether a value is an object of fields: no list, map, promise or effect. */
const isFields = (u: unknown): boolean =>
  Predicate.isRecord(u) && Object.prototype.toString.call(u) === "[object Object]" && !(Symbol.iterator in u)

const unreadable = "cannot be read: reading it throws"

const throws = (read: () => unknown): boolean => {
  try {
    read()
    return false
  } catch {
    return true
  }
}

/** The field that cannot be read, or else the whole. */
const culprit = (whole: string, fields: ReadonlyArray<string>, given: unknown): string =>
  throws(() => isFields(given))
    ? whole
    : fields.find((name) => throws(() => checkStored(name, (given as { readonly [field: string]: unknown })[name]))) ??
      whole

/**
 * Runs a function that reads values of a caller. A getter that throws, a revoked proxy, and values that nest too deeply
 * for the stack are failures here and no defects.
 */
export const guarded = <A, E>(
  method: string,
  field: string | (() => string),
  read: () => Either.Either<A, E>,
  facts?: RefusalFacts
): Either.Either<A, E | InvalidRequestError> => {
  try {
    return read()
  } catch (cause) {
    return Either.left(invalid(method, typeof field === "string" ? field : field(), unreadable, { ...facts, cause }))
  }
}

export const take = <A, B extends object>(
  method: string,
  { check, field, pick }: InputRules<A, B>,
  given: A,
  facts?: RefusalFacts
): Either.Either<B, InvalidRequestError> => {
  const refused = (at: string, reason: string): Either.Either<never, InvalidRequestError> =>
    Either.left(invalid(method, at, reason, facts))
  return guarded(
    method,
    () => culprit(field, Object.keys(pick({} as A)), given),
    () => {
      if (!isFields(given)) return refused(field, "must be an object")
      const taken = pick(given)
      const found = check(taken, facts)
      return found === undefined ? Either.right(taken) : refused(found.field, found.reason)
    },
    facts
  )
}
