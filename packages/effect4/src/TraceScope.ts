/**
 * The scope of calls: a capture, a replay of a session, or a named session.
 *
 * The scope travels with the fiber and with the asynchronous context, so it lasts across `provide`, forks, races and
 * `runPromise`. The body of a scope runs in a fiber of its own: children that it forks end with it.
 *
 * @since 0.1.0
 */
import * as Runtime from "@effect-noukai/promise/runtime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { call } from "./internal/call.js"
import { failures } from "./internal/failures.js"
import { CurrentScope, inside, insideStream, scopeOf } from "./internal/surroundings.js"
import { InvalidRequestError, type ReplayScopeError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"

/**
 * A scope.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceScope {
  readonly mode: "capture" | "replay" | "session"
  readonly sessionId: string
}

/**
 * The scope of the fiber, or else of the asynchronous context.
 *
 * @since 0.1.0
 * @category operations
 */
export const current: Effect.Effect<TraceScope | undefined> = Effect.contextWith((context) =>
  Effect.sync(() => scopeOf(context))
)

/**
 * The session id of the scope.
 *
 * @since 0.1.0
 * @category operations
 */
export const currentSessionId: Effect.Effect<string | undefined> = Effect.map(current, (scope) => scope?.sessionId)

const captured: Effect.Effect<Runtime.OpenScope> = Effect.gen(function*() {
  const http = yield* Effect.serviceOption(NoukaiHttp)
  if (Option.isSome(http)) return yield* call(failures.none, (context) => http.value.runtime.openCapture(context))
  const scope = Runtime.capture({ scope: yield* CurrentScope })
  return { scope, verify: async () => {}, close: async () => {} }
})

const closed = ({ close }: Runtime.OpenScope): Effect.Effect<void> => Effect.promise(close)

/**
 * Runs an effect in a capture: its runs have one session id. Joins the scope that it is in.
 *
 * @since 0.1.0
 * @category combinators
 */
export const capture = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(captured, (open) => inside(open, self), closed)

/**
 * Runs an effect in a named session.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSession = (sessionId: string) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(CurrentScope, (scope) => inside({ scope: Runtime.namedScope(sessionId, { scope }) }, self))

const refused = (): InvalidRequestError => {
  const reason = "has no AsyncLocalStorage, without which a replay could go live"
  const message = `TraceScope.replay: invalid runtime: ${reason}`
  return new InvalidRequestError({ method: "TraceScope.replay", isRetryable: false, field: "runtime", reason, message })
}

const opened = (sessionId: string): Effect.Effect<Runtime.OpenScope, ReplayScopeError, NoukaiHttp> =>
  Effect.flatMap(NoukaiHttp, ({ runtime }) =>
    Runtime.hasAsyncContext()
      ? call(failures.replay, (context) => runtime.openReplay(sessionId, context))
      : Effect.fail(refused()))

const verified = ({ verify }: Runtime.OpenScope): Effect.Effect<void, ReplayScopeError> =>
  call(failures.replay, () => verify())

/**
 * Runs an effect in a replay of a session. Nothing in it goes live. Fails with a `ReplayMissError` for a call without a
 * recording, with a `ReplayLeftoverError` for a recording without a call, and with a `ReplayDisabledError` unless
 * `NOUKAI_REPLAY_ENABLED` or `replayEnabled` is on.
 *
 * @since 0.1.0
 * @category combinators
 */
export const replay =
  (sessionId: string) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | ReplayScopeError, R | NoukaiHttp> =>
    Effect.acquireUseRelease(
      opened(sessionId),
      (open) => Effect.flatMap(inside(open, self), (value) => Effect.as(verified(open), value)),
      closed
    )

/**
 * Runs a stream in a capture.
 *
 * @since 0.1.0
 * @category combinators
 */
export const captureStream = <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.unwrap(Effect.map(Effect.acquireRelease(captured, closed), (open) => insideStream(open, self)))

/**
 * Runs a stream in a named session.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSessionStream =
  (sessionId: string) => <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
    Stream.unwrap(Effect.map(
      CurrentScope,
      (scope) => insideStream({ scope: Runtime.namedScope(sessionId, { scope }) }, self)
    ))

/**
 * Runs a stream in a replay of a session, as {@link replay} does.
 *
 * @since 0.1.0
 * @category combinators
 */
export const replayStream =
  (sessionId: string) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E | ReplayScopeError, R | NoukaiHttp> =>
    Stream.unwrap(Effect.map(
      Effect.acquireRelease(opened(sessionId), closed),
      (open) => Stream.concat(insideStream(open, self), Stream.drain(Stream.fromEffect(verified(open))))
    ))
