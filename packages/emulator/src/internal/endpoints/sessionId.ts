/**
 * Session ids: UUIDs, in any case.
 *
 * @see contract 10.9
 */
import * as Either from "effect/Either"
import { refuse } from "../apiError.js"
import type { ApiError } from "../apiError.js"
import { isUuid } from "../store/sessions.js"

/**
 * The session id of a request. An empty header is none; any other text that is no UUID is refused.
 *
 * @see contract 10.9
 */
export const sessionIdOf = (
  headers: { readonly [name: string]: string }
): Either.Either<string | undefined, ApiError> => {
  const value = headers["x-session-id"]?.trim() ?? ""
  if (value === "") return Either.right(undefined)
  return isUuid(value)
    ? Either.right(value.toLowerCase())
    : refuse(400, "BAD_REQUEST", "X-Session-Id must be a UUID.")
}
