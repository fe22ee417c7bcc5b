import type * as Fiber from "effect/Fiber"
import type { HttpService } from "../seam/httpService.js"
import { scopeOf } from "./currentScope.js"

/**
 * The session that a run is tagged with: the call's own, else the scope's, else the client's. Where a session is being
 * replayed, what a capturing scope would call its session is the one that was recorded.
 *
 * @internal
 */
export const sessionIdOf = (
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
