import type * as Effect from "effect/Effect"
import type { ReplayLeftoverError } from "../../NoukaiError.js"
import type { HttpService } from "../seam/httpService.js"

/**
 * A replay that was opened.
 *
 * @internal
 */
export interface OpenReplay {
  readonly http: HttpService
  readonly verify: (method: string) => Effect.Effect<void, ReplayLeftoverError>
}
