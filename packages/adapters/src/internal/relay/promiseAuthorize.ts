import * as Effect from "effect/Effect"
import type { JsonObject } from "./parseBody.js"
import { Thrown } from "./thrown.js"

/**
 * A request and the asynchronous context that it came in.
 *
 * @internal
 */
export interface InContext<out Request> {
  readonly request: Request
  readonly within: <A>(f: () => A) => A
}

/**
 * An `authorize` that is no Effect.
 *
 * @internal
 */
export const promiseAuthorize =
  <Request>(authorize: (request: Request, body: JsonObject) => unknown) =>
  ({ request, within }: InContext<Request>, body: JsonObject): Effect.Effect<unknown, Thrown> =>
    Effect.tryPromise({
      try: async () => within(() => authorize(request, body)),
      catch: (reason) => new Thrown({ reason })
    })
