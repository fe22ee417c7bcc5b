import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../errors/invalid.js"
import { checkSessionId } from "../input/checks.js"
import type { HttpService } from "../operations/operations.js"
import { scopeOf } from "./currentScope.js"

const sessionIdOf = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  http: HttpService,
  explicit: string | undefined
): string | undefined => {
  if (explicit !== undefined) return explicit
  const scope = scopeOf(fiber)
  return scope === undefined || (scope.mode === "capture" && http.defaults.replayedSessionId !== undefined)
    ? http.defaults.sessionId
    : scope.sessionId
}

/**
 * The session that a run is tagged with: the call's own, else the scope's, else the client's. Where a session is being
 * replayed, what a capturing scope would call its session is the one that was recorded. Scopes are entered with ids that
 * came with a request from outside, so that they too are looked at here.
 *
 * @internal
 */
export const resolveSession = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  http: HttpService,
  explicit: string | undefined,
  call: { readonly method: string; readonly flow: string }
): Either.Either<string | undefined, InvalidRequestError> => {
  const sessionId = sessionIdOf(fiber, http, explicit)
  const found = checkSessionId("sessionId", sessionId)
  return found === undefined
    ? Either.right(sessionId)
    : Either.left(invalid(call.method, found.field, found.reason, { flow: call.flow }))
}
