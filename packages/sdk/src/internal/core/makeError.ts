import type { FlowCursor } from "../../FlowCursor.js"
import { InvalidRequestError, type NoukaiError } from "../../NoukaiError.js"
import { hiddenAs, setCursor } from "./errorClass.js"

interface Changes {
  readonly isRetryable?: boolean
  readonly sent?: string
  readonly executionId?: string
}

/** A copy of an error with other fields. The given one stays as it is: it is a value, and may be shared. */
export const amended = <E extends NoukaiError>(error: E, changes: Changes, mark?: () => FlowCursor): E => {
  const Class = error.constructor as new(fields: object, options: typeof unchecked) => E
  const other = hiddenAs(new Class({ ...error, ...changes }, unchecked), error)
  if (mark !== undefined) setCursor(other, mark)
  return other
}

/** Allows any values of the server in an error: a constructor that checks its fields would throw. */
export const unchecked = { disableValidation: true }

type Known<F> =
  & { readonly [K in keyof F as undefined extends F[K] ? never : K]: F[K] }
  & { readonly [K in keyof F as undefined extends F[K] ? K : never]?: Exclude<F[K], undefined> }

/** The fields that are known: a key whose value is `undefined` is left out. */
export const known = <const F extends object>(fields: F): Known<F> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Known<F>

/** The fault of a value that a caller gave. */
export interface Problem {
  readonly field: string
  readonly reason: string
}

export const problem = (field: string, reason: string): Problem => ({ field, reason })

/** The facts of a refused call beside its problem. */
export interface RefusalFacts {
  readonly flow?: string | undefined
  readonly executionId?: string | undefined
}

/** The error of a check on this side that failed, before anything was sent. */
export const invalid = (
  method: string,
  field: string,
  reason: string,
  facts?: RefusalFacts & { readonly cause?: unknown }
): InvalidRequestError =>
  new InvalidRequestError(known({ method, field, reason, isRetryable: false, ...facts }), unchecked)
