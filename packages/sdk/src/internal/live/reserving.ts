/** Reserves the cost of a run in the budgets around its call, before a request of it is sent. */
import * as Effect from "effect/Effect"
import type { BudgetExceededError, InvalidRequestError } from "../../NoukaiError.js"
import type { RequestContext } from "../input/callOptions.js"
import type { Streams } from "../operations/operations.js"
import { deferred, fromSource, toSource } from "../runtime/streamPull.js"

export const reserving =
  <Q extends RequestContext, A, E>(send: (request: Q) => Effect.Effect<A, E>) =>
  (request: Q): Effect.Effect<A, E | BudgetExceededError | InvalidRequestError> =>
    request.reserve === undefined
      ? send(request)
      : Effect.zipRight(request.reserve, Effect.suspend(() => send(request)))

export const reservingStream = (open: Streams["step"]): Streams["step"] => (request) => {
  const { reserve } = request
  return reserve === undefined
    ? open(request)
    : fromSource(() => deferred(Effect.map(reserve, () => toSource(open(request)))))
}
