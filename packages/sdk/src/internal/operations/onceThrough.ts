import * as Effect from "effect/Effect"
import type { OnceRequest, OnceResponse } from "./onceRequests.js"
import type { Requests } from "./operations.js"

interface Tagged {
  readonly sessionId: string | undefined
}

const through = <Q extends Tagged, A, E>(run: (request: Q) => Effect.Effect<A, E>) =>
(
  { key: _key, rerunFailed: _rerunFailed, settle: _settle, ...request }: OnceRequest & Q
): Effect.Effect<OnceResponse<A>, E> =>
  Effect.map(
    // the rest of `OnceRequest & Q` is a `Q`
    run(request as unknown as Q),
    (response) => ({ response, reused: false, sessionId: request.sessionId })
  )

/**
 * Running once per key by running, for services that hold what ran and look nothing up: a replay, a fake.
 *
 * @internal
 */
export const onceThrough = (
  execute: Requests["execute"],
  submitJob: Requests["submitJob"]
): Pick<Requests, "executeOnce" | "submitOnce"> => ({
  executeOnce: through(execute),
  submitOnce: through(submitJob)
})
