// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as Effect from "effect/Effect"

/** Reads for each scope whether replays are enabled, because the environment may have changed. */
export const withGate = <A, E, R>(
  gate: Effect.Effect<boolean, unknown> | undefined,
  self: Effect.Effect<A, E, R | NoukaiHttp>
): Effect.Effect<A, unknown, R | NoukaiHttp> =>
  gate === undefined ? self : Effect.flatMap(
    gate,
    (replayEnabled) =>
      Effect.updateService(self, NoukaiHttp, (http) => ({ ...http, defaults: { ...http.defaults, replayEnabled } }))
  )
