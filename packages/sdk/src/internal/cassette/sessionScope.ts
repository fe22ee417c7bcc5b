/**
 * Makes scopes: of a new session, of a named one, of a replay, and of those that join the enclosing one.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as EffectScope from "effect/Scope"
import type { LogEvent } from "../../LogHook.js"
import {
  ReplayDisabledError,
  type ReplayLeftoverError,
  type ReplayOpenError,
  type ReplayScopeError
} from "../../NoukaiError.js"
import { NoukaiHttp } from "../../NoukaiHttp.js"
import { unchecked } from "../core/makeError.js"
import type { HttpService, Requests } from "../operations/operations.js"
import { currentScope, isSameSession, leavingReplay, newSessionId, type Scope, within } from "../operations/scope.js"
import { type EventSink, makeEventSink } from "../telemetry/tell.js"
import { type OpenReplay, openSession } from "./replay.js"

export const method = "TraceScope.replay"

/** A scope that was entered by hand. */
export interface ScopeHandle {
  readonly scope: Scope
  /** Fails if recordings are left that no call took; without a replay, never. */
  readonly verify: Effect.Effect<void, ReplayLeftoverError>
}

/** The scope of a capture; in a replay it has the id of the replayed session. */
export const newCapture: Effect.Effect<Scope> = Effect.gen(function*() {
  const http = Option.getOrUndefined(yield* Effect.serviceOption(NoukaiHttp))
  const sessionId = http?.defaults.replayedSessionId ?? (yield* newSessionId)
  return { mode: "capture", sessionId, http: undefined }
})

/** The scope of a named session; in a replay, still one that only replays. */
export const sessionScope = (sessionId: string): Effect.Effect<Scope> =>
  Effect.map(currentScope, (enclosing) => ({ mode: "session", sessionId, http: enclosing?.http }))

/** Whether calls are already answered from this session. */
const isReplayed = (id: string, http: HttpService, enclosing: Scope | undefined): boolean =>
  enclosing?.http === undefined
    ? http.defaults.replayedSessionId !== undefined && isSameSession(http.defaults.replayedSessionId, id)
    : enclosing.mode === "replay" && isSameSession(enclosing.sessionId, id)

interface ReplayHandle extends OpenReplay {
  readonly scope: Scope
}

export type ScopeEntry =
  | { readonly _tag: "joined"; readonly scope: Scope | undefined }
  | { readonly _tag: "new"; readonly open: Effect.Effect<ReplayHandle, ReplayOpenError> }

export const enter = (id: string): Effect.Effect<ScopeEntry, ReplayDisabledError, NoukaiHttp> =>
  Effect.gen(function*() {
    const http = yield* NoukaiHttp
    const enclosing = yield* currentScope
    if (isReplayed(id, http, enclosing)) return { _tag: "joined", scope: enclosing }
    if (http.defaults.replayEnabled !== true) {
      return yield* new ReplayDisabledError({ method, isRetryable: false }, unchecked)
    }
    // the fetch leaves this replay and goes through the one around it
    const fetch: Requests["session"] = (request) => leavingReplay(enclosing, http.request("session", request))
    const open = fetch({ method, options: {}, progress: { sent: "no" }, sessionId: id }).pipe(
      Effect.flatMap((session) => openSession(method, session, { fetch, defaults: http.defaults })),
      Effect.map((replay): ReplayHandle => ({ ...replay, scope: { mode: "replay", sessionId: id, http: replay.http } }))
    )
    return { _tag: "new", open }
  })

export const replayed = <A, E, R>(
  sessionId: string,
  entry: ScopeEntry,
  body: Effect.Effect<A, E, R>
): Effect.Effect<A, E | ReplayScopeError, R> =>
  entry._tag === "joined" ? body : logged(
    { mode: "replay", sessionId },
    Effect.flatMap(entry.open, ({ scope, verify }) => Effect.zipLeft(within(scope, body), verify(method)))
  )

export const openCapture: Effect.Effect<ScopeHandle, never, EffectScope.Scope> = Effect.gen(function*() {
  const enclosing = yield* currentScope
  if (enclosing !== undefined) return { scope: enclosing, verify: Effect.void }
  const scope = yield* newCapture
  yield* loggedScoped(scope)
  return { scope, verify: Effect.void }
})

export const openReplay = (
  sessionId: string
): Effect.Effect<ScopeHandle, ReplayOpenError | ReplayDisabledError, NoukaiHttp | EffectScope.Scope> =>
  Effect.flatMap(enter(sessionId), (entry) =>
    entry._tag === "joined" ? openCapture : Effect.zipRight(
      loggedScoped({ mode: "replay", sessionId }),
      Effect.map(entry.open, ({ scope, verify }) => ({ scope, verify: verify(method) }))
    ))

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
