import { InvalidRequestError } from "../../NoukaiError.js"
import { unchecked } from "./unchecked.js"

/**
 * What is wrong with something that a caller gave.
 *
 * @internal
 */
export interface Problem {
  readonly field: string
  readonly reason: string
}

/** @internal */
export const problem = (field: string, reason: string): Problem => ({ field, reason })

/**
 * A check on this side that failed, before anything was sent.
 *
 * @internal
 */
export const invalid = (
  method: string,
  field: string,
  reason: string,
  facts?: { readonly flow?: string | undefined; readonly cause?: unknown; readonly executionId?: string | undefined }
): InvalidRequestError => new InvalidRequestError({ method, field, reason, isRetryable: false, ...facts }, unchecked)
