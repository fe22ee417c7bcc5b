import type { FlowCursor } from "../../FlowCursor.js"
import type { NoukaiError } from "../../NoukaiError.js"
import { setCursor } from "./errorCursor.js"
import { unchecked } from "./unchecked.js"

interface Changes {
  readonly isRetryable?: boolean
  readonly sent?: string
  readonly executionId?: string
}

/**
 * Another error of the same class that tells more. The given one stays as it is: it is a value, and may be shared.
 *
 * @internal
 */
export const amended = <E extends NoukaiError>(error: E, changes: Changes, mark?: () => FlowCursor): E => {
  const Class = error.constructor as new(fields: object, options: typeof unchecked) => E
  const other = new Class({ ...error, ...changes }, unchecked)
  if (mark !== undefined) setCursor(other, mark)
  return other
}
