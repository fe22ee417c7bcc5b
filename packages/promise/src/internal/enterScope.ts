// what a promise rejects with has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * Entering a scope: the sdk's scopes around asynchronous code that is no Effect.
 *
 * @internal
 */
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import { hasAsyncContext } from "./asyncContext.js"
import { Client } from "./client.js"
import { Running, settled } from "./lifetime.js"
import { Thrown } from "./thrown.js"

interface Entering {
  readonly replaySessionId: string | undefined
  readonly capture: boolean
  readonly client: unknown
}

const bodyOf = <A>(fn: () => PromiseLike<A> | A): Effect.Effect<A, Thrown> =>
  TraceScope.promise({ try: async () => fn(), catch: (reason) => new Thrown({ reason }) })

/** No session, but what is being replayed stays so. */
const outside = <A, E, R>(body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    TraceScope,
    (scope) => scope?.http === undefined ? Effect.provideService(body, TraceScope, undefined) : body
  )

/**
 * Whether replays are possible is asked at each scope, as the environment may have changed.
 *
 * @internal
 */
export const withGate = <A, E, R>(
  gate: Effect.Effect<boolean, unknown> | undefined,
  self: Effect.Effect<A, E, R | NoukaiHttp>
): Effect.Effect<A, unknown, R | NoukaiHttp> =>
  gate === undefined ? self : Effect.flatMap(
    gate,
    (replayEnabled) =>
      Effect.updateService(self, NoukaiHttp, (http) => ({ ...http, defaults: { ...http.defaults, replayEnabled } }))
  )

const refused = (field: string, reason: string) =>
  Effect.suspend(() =>
    Effect.fail(
      new InvalidRequestError(
        { method: "TraceScope.replay", field, reason, isRetryable: false },
        { disableValidation: true }
      )
    )
  )

const needsClient = refused("client", "a replay needs the client that fetches the session: give client, or transport")

const needsContext = refused(
  "runtime",
  "it has no AsyncLocalStorage, without which a replay would go live after the first await"
)

/** A replay, if it is one that holds. */
const replay = <A>(sessionId: string, body: Effect.Effect<A, Thrown>): Effect.Effect<A, unknown, NoukaiHttp> => {
  const replayed = TraceScope.replayOrCapture(sessionId)(body)
  return hasAsyncContext()
    ? replayed
    : Effect.flatMap(NoukaiHttp, (http) => http.defaults.replayEnabled === true ? needsContext : replayed)
}

/** A scope that no client is told of. */
const withoutClient = <A>(
  body: Effect.Effect<A, Thrown>,
  { capture, replaySessionId }: Entering
): Effect.Effect<A, unknown> => {
  const live = capture ? TraceScope.capture(body) : outside(body)
  return replaySessionId === undefined || replaySessionId === ""
    ? live
    : Effect.flatMap(NoukaiConfig.replayEnabled, (on): Effect.Effect<A, unknown> => on ? needsClient : live)
}

/** @internal */
export const enterScope = async <A>(fn: () => PromiseLike<A> | A, entering: Entering): Promise<A> => {
  const body = bodyOf(fn)
  const { capture, client, replaySessionId } = entering
  if (!(client instanceof Client)) {
    const scope = TraceScope.ambient()
    const effect = Effect.provideService(withoutClient(body, entering), TraceScope, scope)
    return await settled(new Running({ runFork: Effect.runFork }, effect))
  }
  const inScope = client.inScopeOfNow()
  const isReplay = replaySessionId !== undefined && replaySessionId !== ""
  return await client.lifetime.runBody((began) => {
    const begun = Effect.zipRight(began, body)
    const scoped = isReplay
      ? replay(replaySessionId, begun)
      : capture
      ? TraceScope.capture(begun)
      : outside(begun)
    return inScope(withGate(client.defaults.replayEnabled, scoped))
    // without a session to fetch, there is nothing for a signal to end
  }, isReplay ? client.signals(undefined) : [])
}
