// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/** Runs Promise code in a scope of the SDK. */
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import { valueOrThrow } from "../errors/promiseError.js"
import { Thrown } from "../errors/thrown.js"
import { hasAsyncContext } from "../scope/asyncContext.js"
import { withGate } from "../scope/replayGate.js"
import { Client } from "./client.js"

/** The checked options of a scope. */
export interface ScopeEntry {
  /** The session to replay. An empty id counts as absent. */
  readonly replaySessionId: string | undefined
  readonly capture: boolean
  readonly client: unknown
}

const bodyOf = <A>(fn: () => PromiseLike<A> | A): Effect.Effect<A, Thrown> =>
  TraceScope.promise({ try: async () => fn(), catch: (reason) => new Thrown({ reason }) })

/** Leaves a captured session. A replay stays. */
const outside = TraceScope.within(undefined)

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

/** Replays a session. Refuses if the replay would end at the first `await`. */
const replay = <A>(sessionId: string, body: Effect.Effect<A, Thrown>): Effect.Effect<A, unknown, NoukaiHttp> => {
  const replayed = TraceScope.replayOrCapture(sessionId)(body)
  return hasAsyncContext()
    ? replayed
    : Effect.flatMap(NoukaiHttp, (http) => http.defaults.replayEnabled === true ? needsContext : replayed)
}

/** Returns the effect of a scope without a client. A replay requires a client, so it fails. */
const withoutClient = <A>(
  live: Effect.Effect<A, Thrown>,
  replaySessionId: string | undefined
): Effect.Effect<A, unknown> =>
  replaySessionId === undefined
    ? live
    : Effect.flatMap(NoukaiConfig.replayEnabled, (on): Effect.Effect<A, unknown> => on ? needsClient : live)

export const enterScope = async <A>(fn: () => PromiseLike<A> | A, entry: ScopeEntry): Promise<A> => {
  const { capture, client } = entry
  const replaySessionId = entry.replaySessionId === "" ? undefined : entry.replaySessionId
  const live = capture ? TraceScope.capture : outside
  const body = bodyOf(fn)
  if (!Client.is(client)) {
    const effect = TraceScope.within(TraceScope.ambient())(withoutClient(live(body), replaySessionId))
    return valueOrThrow(await Effect.runPromiseExit(effect))
  }
  const inScope = client.inScopeOfNow()
  // without a session to fetch, there is nothing to abort
  const signals = replaySessionId === undefined ? [] : client.signals(undefined)
  return await client.lifetime.runBody((began) => {
    const begun = Effect.zipRight(began, body)
    const scoped = replaySessionId === undefined ? live(begun) : replay(replaySessionId, begun)
    return inScope(withGate(client.defaults.replayEnabled, scoped))
  }, signals)
}
