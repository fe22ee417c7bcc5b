/** Log events of scopes, for the hook of the client that they are entered with, if there is one. */
import * as Effect from "effect/Effect"
import type * as EffectScope from "effect/Scope"
import type { LogEvent } from "../../LogHook.js"
import { NoukaiHttp } from "../../NoukaiHttp.js"
import type { Scope } from "../scope/currentScope.js"
import { type EventSink, makeEventSink } from "../telemetry/tell.js"

const currentSink: Effect.Effect<EventSink | undefined> = Effect.flatMap(
  Effect.serviceOption(NoukaiHttp),
  (http) =>
    Effect.withFiberRuntime((fiber) =>
      Effect.succeed(makeEventSink(http._tag === "Some" ? http.value.defaults.log : undefined)(fiber))
    )
)

type ScopeName = Pick<Scope, "mode" | "sessionId">

const event = (phase: "scope_open" | "scope_close", { mode, sessionId }: ScopeName): LogEvent => ({
  phase,
  mode,
  sessionId
})

export const logged = <A, E, R>(named: ScopeName, body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(currentSink, (tell) =>
    tell === undefined ? body : Effect.acquireUseRelease(
      tell(event("scope_open", named)),
      () => body,
      () => tell(event("scope_close", named))
    ))

export const loggedScoped = (named: ScopeName): Effect.Effect<void, never, EffectScope.Scope> =>
  Effect.flatMap(currentSink, (tell) =>
    tell === undefined ? Effect.void : Effect.acquireRelease(
      tell(event("scope_open", named)),
      () => tell(event("scope_close", named))
    ))
