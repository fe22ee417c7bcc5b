/**
 * What every endpoint is given.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { coded } from "../apiError.js"
import type { ApiError } from "../apiError.js"
import type { Plan } from "../faults/plan.js"
import type { Reply } from "../server/reply.js"
import type { Route } from "../server/router.js"
import type { Caller } from "../store/accounts.js"

/** @internal */
export interface ApiRequest<R extends Route = Route> {
  readonly route: R
  readonly caller: Caller
  readonly query: URLSearchParams
  readonly headers: { readonly [name: string]: string }
  /** of a POST: a JSON object */
  readonly body: { readonly [key: string]: unknown }
  /** bytes of the body */
  readonly size: number
  /** faults that the endpoint itself must know of */
  readonly plan: Plan
}

/** @internal */
export type Endpoint<R extends Route = Route> = (request: ApiRequest<R>) => Effect.Effect<Reply, ApiError>

/** The routes of an endpoint. @internal */
export type RouteOf<N extends Route["endpoint"], R extends Route = Route> = R extends Route
  ? N extends R["endpoint"] ? R : never
  : never

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
    : Either.left(coded(400, "BAD_REQUEST", "X-Session-Id must be a UUID."))
}
