import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"

/**
 * A hook that is no Effect; what it throws breaks nothing.
 *
 * @internal
 */
export const promiseHook = (
  hook: ((error: ReplayError) => void) | undefined
): ((error: ReplayError) => Effect.Effect<void>) | undefined =>
  hook === undefined ? undefined : (error) =>
    Effect.catchAllDefect(
      Effect.sync(() => hook(error)),
      () => Effect.logWarning("replay: onReplayError threw and was ignored")
    )
