/** A relay whose `authorize` is not an Effect. */
import type { Noukai } from "@effect-noukai/promise"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Relay from "../../Relay.js"
import type { ContextRunner } from "../asyncContext.js"
import { Thrown } from "../untrusted.js"
import { refusal } from "./answer.js"

/** A request and the asynchronous context in which it arrived. */
export interface RequestInContext<out Request> {
  readonly request: Request
  readonly within: ContextRunner
}

interface Options<Request> extends Relay.Limits {
  readonly client: Noukai
  readonly authorize: (request: Request, body: Relay.Body) => Relay.Verdict | PromiseLike<Relay.Verdict>
}

/** The rules of a relay. Throws an `InvalidRequestError` when the flow, the version or a limit is wrong. */
export const promiseRelay = <Request>(
  { authorize, client, ...limits }: Options<Request>
): Relay.Relay<RequestInContext<Request>, NoukaiHttp> =>
  Either.getOrThrowWith(
    Relay.make({
      ...limits,
      authorize: ({ request, within }: RequestInContext<Request>, body) =>
        Effect.tryPromise({
          try: async () => within(() => authorize(request, body)),
          catch: (reason) => new Thrown({ reason })
        })
    }, { org: client.defaultOrg, project: client.defaultProject }),
    identity
  )

/** The response of a closed client. Nothing of the request has been read. */
export const unavailable: Relay.Answer = refusal(502, "UPSTREAM_UNAVAILABLE", false)
