import { InvalidRequestError } from "../../NoukaiError.js"
import { unchecked } from "./unchecked.js"

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
