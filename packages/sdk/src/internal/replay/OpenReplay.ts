import * as Effect from "effect/Effect"
import type { ReplayLeftoverError } from "../../NoukaiError.js"
import type { HttpService } from "../operations/operations.js"

/**
 * A replay that was opened.
 *
 * @internal
 */
export interface OpenReplay {
  readonly http: HttpService
  readonly verify: (method: string) => Effect.Effect<void, ReplayLeftoverError>
}

/**
 * Fails with what is left over when it is run, if anything is.
 *
 * @internal
 */
export const verifying = (
  leftover: (method: string) => ReplayLeftoverError | undefined
): OpenReplay["verify"] =>
(method) =>
  Effect.suspend(() => {
    const error = leftover(method)
    return error === undefined ? Effect.void : Effect.fail(error)
  })
