/**
 * Session ids: UUIDs, in any case (contract 10.9).
 *
 * @internal
 */
import * as Either from "effect/Either"
import { refuse } from "../apiError.js"
import type { ApiError } from "../apiError.js"

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** @internal */
export const isUuid = (text: string): boolean => uuid.test(text)

/** An empty header is none; one that is no UUID is refused (contract 10.9). @internal */
export const sessionIdOf = (
  headers: { readonly [name: string]: string }
): Either.Either<string | undefined, ApiError> => {
  const value = headers["x-session-id"]?.trim() ?? ""
  if (value === "") return Either.right(undefined)
  return isUuid(value)
    ? Either.right(value.toLowerCase())
    : refuse(400, "BAD_REQUEST", "X-Session-Id must be a UUID.")
}
