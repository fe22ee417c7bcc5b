import * as Effect from "effect/Effect"
import type { OnceRequest, OnceResponse } from "./onceRequests.js"
import type { Requests } from "./operations.js"

interface Tagged {
  readonly sessionId: string | undefined
}

const through = <Q extends Tagged, A, E>(run: (request: Q) => Effect.Effect<A, E>) =>
(
  { key: _key, rerunFailed: _rerunFailed, settle: _settle, takeOver: _takeOver, ...request }: OnceRequest & Q
): Effect.Effect<OnceResponse<A>, E> =>
  Effect.map(
    // the rest of `OnceRequest & Q` is a `Q`
    run(request as unknown as Q),
    (response) => ({ response, reused: false, sessionId: request.sessionId })
  )

/**
 * Runs `through` on the response of a run that runs once per key, such as one that records it, or gives a recorded one
 * in its place. What was not asked for was not found.
 */
export const onResponse = <A, E, E2>(
  { sessionId }: Tagged,
  asked: Effect.Effect<OnceResponse<A>, E>,
  through: (response: Effect.Effect<A, E>) => Effect.Effect<A, E2>
): Effect.Effect<OnceResponse<A>, E2> =>
  Effect.suspend(() => {
    let outcome: Omit<OnceResponse<A>, "response"> = { reused: false, sessionId }
    const response = Effect.map(asked, (given) => {
      outcome = given
      return given.response
    })
    return Effect.map(through(response), (response) => ({ ...outcome, response }))
  })

/** Running once per key by running, for services that hold what ran and look nothing up: a replay, a fake. */
export const onceThrough = (
  execute: Requests["execute"],
  submitJob: Requests["submitJob"]
): Pick<Requests, "executeOnce" | "submitOnce"> => ({
  executeOnce: through(execute),
  submitOnce: through(submitJob)
})
