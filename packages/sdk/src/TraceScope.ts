/**
 * The scope of a fiber: the session of its calls, and whether they are answered from a recording.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as EffectScope from "effect/Scope"
import * as Stream from "effect/Stream"
import { openSession } from "./internal/cassette/replay.js"
import { budgetsOf } from "./internal/core/cost.js"
import { readFiber, withFiber } from "./internal/core/fiber.js"
import { newError } from "./internal/core/makeError.js"
import { makeEventSink } from "./internal/http/call.js"
import { type Names, orThrow } from "./internal/kit/names.js"
import type { HttpService, Requests } from "./internal/operations/operations.js"
import * as Scope from "./internal/operations/scope.js"
import {
  ReplayDisabledError,
  type ReplayLeftoverError,
  type ReplayOpenError,
  type ReplayScopeError
} from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"

interface PromiseOptions<A, E> {
  readonly try: (signal: AbortSignal) => PromiseLike<A>
  readonly catch: (error: unknown) => E
}

const promiseNames: Names<PromiseOptions<unknown, unknown>> = { try: true, catch: true }

/** Runs asynchronous code that is not an Effect with the fiber's scope and budgets. */
const promiseInScope = <A, E>(options: PromiseOptions<A, E>): Effect.Effect<A, E> =>
  withFiber((fiber) => {
    const ambient = { scope: Scope.scopeOf(fiber), budgets: budgetsOf(fiber) }
    return Effect.tryPromise({
      ...options,
      try: (signal) => Scope.runStored(ambient, () => options.try(signal))
    })
  })

/**
 * The types of {@link TraceScope}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace TraceScope {
  /**
   * The session of a call, and whether it is answered from a recording.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Scope extends Scope.Scope {}

  /**
   * A scope that was entered by hand.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Opened extends OpenScope<ReplayLeftoverError> {}
}

interface OpenScope<E> {
  readonly scope: Scope.Scope
  /** Fails if recordings are left that no call took; without a replay, never. */
  readonly verify: Effect.Effect<void, E>
}

const method = "TraceScope.replay"

/** Logs that a scope opens, and at the end that it closes. */
const logged = Effect.fnUntraced(function*({ mode, sessionId }: Pick<Scope.Scope, "mode" | "sessionId">) {
  const http = Option.getOrUndefined(yield* Effect.serviceOption(NoukaiHttp))
  const sinkOf = makeEventSink(http?.defaults.log)
  const tell = yield* readFiber(sinkOf)
  if (tell === undefined) return
  yield* Effect.acquireRelease(
    tell({ phase: "scope_open", mode, sessionId }),
    () => tell({ phase: "scope_close", mode, sessionId })
  )
})

/** Opens a capture, or joins the enclosing scope. In a replay, a capture has the id of the replayed session. */
const openCapture: Effect.Effect<OpenScope<never>, never, EffectScope.Scope> = Effect.gen(function*() {
  const enclosing = yield* Scope.currentScope
  if (enclosing !== undefined) return { scope: enclosing, verify: Effect.void }
  const http = Option.getOrUndefined(yield* Effect.serviceOption(NoukaiHttp))
  const sessionId = http?.defaults.replayedSessionId ?? (yield* Scope.newSessionId)
  const scope = { mode: "capture", sessionId, http: undefined } as const
  yield* logged(scope)
  return { scope, verify: Effect.void }
})

/** Opens the scope of a named session; in a replay, still one that only replays. */
const openNamed = (sessionId: string): Effect.Effect<OpenScope<never>, never, EffectScope.Scope> =>
  Effect.gen(function*() {
    const enclosing = yield* Scope.currentScope
    const scope = { mode: "session", sessionId, http: enclosing?.http } as const
    yield* logged(scope)
    return { scope, verify: Effect.void }
  })

/** Whether calls are already answered from this session. */
const isReplayed = (id: string, http: HttpService, enclosing: Scope.Scope | undefined): boolean =>
  enclosing?.http === undefined
    ? Scope.isSameSession(http.defaults.replayedSessionId, id)
    : enclosing.mode === "replay" && Scope.isSameSession(enclosing.sessionId, id)

const openReplay = (
  sessionId: string
): Effect.Effect<TraceScope.Opened, ReplayOpenError | ReplayDisabledError, NoukaiHttp | EffectScope.Scope> =>
  Effect.gen(function*() {
    const http = yield* NoukaiHttp
    const enclosing = yield* Scope.currentScope
    if (isReplayed(sessionId, http, enclosing)) return yield* openCapture
    if (http.defaults.replayEnabled !== true) {
      return yield* newError(ReplayDisabledError, { method })
    }
    yield* logged({ mode: "replay", sessionId })
    // the fetch leaves this replay and goes through the one around it
    const fetch: Requests["session"] = (request) => Scope.leavingReplay(enclosing, http.request("session", request))
    const session = yield* fetch({ method, options: {}, progress: { sent: "no" }, sessionId })
    const replay = yield* openSession(method, session, { fetch, defaults: http.defaults })
    return { scope: { mode: "replay", sessionId, http: replay.http }, verify: replay.verify(method) }
  })

/** Runs an effect in a scope that closes when the effect ends, and verifies the scope if the effect succeeded. */
const inside = <A, E, R, E2, E3, R2>(
  opening: Effect.Effect<OpenScope<E2>, E3, R2>,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | E2 | E3, R | Exclude<R2, EffectScope.Scope>> =>
  Effect.using(opening, ({ scope, verify }) => Effect.zipLeft(Scope.within(scope, self), verify))

const insideStream = <A, E, R, E2, E3, R2>(
  opening: Effect.Effect<OpenScope<E2>, E3, R2>,
  self: Stream.Stream<A, E, R>
): Stream.Stream<A, E | E2 | E3, R | Exclude<R2, EffectScope.Scope>> =>
  Stream.unwrapScoped(
    Effect.map(opening, ({ scope, verify }) =>
      Stream.concat(Scope.streamWithin(scope, self), Stream.drain(Stream.fromEffect(verify))))
  )

const passedOver = "a replay was asked for while NOUKAI_REPLAY_ENABLED is off; the runs are live, and captured"

/**
 * The scope of the calling fiber; by default there is none.
 *
 * It travels with the fiber: into the fibers that it forks, and into services that were built before. A stream has the
 * scope in which it is *pulled*; one that leaves its scope needs the stream forms. `Fiber.join` hands the context of
 * the fiber to the joining one, so wait with `Fiber.await` from outside the scope.
 *
 * @since 0.1.0
 * @category references
 */
export class TraceScope extends Scope.CurrentScope {
  /**
   * Tags the runs of an effect with a new session id, so that they can be replayed together. Inside another scope it
   * joins that one: nothing in a replay goes live, and one request of yours has one id.
   *
   * Runs can be replayed only if they are captured with the mode `full` or `redacted`, which is set in Noukai.
   *
   * @example
   * ```ts
   * import { FlowService, TraceScope } from "@effect-noukai/sdk"
   * import { Effect } from "effect"
   *
   * const handler = Effect.gen(function*() {
   *   const flows = yield* FlowService
   *   const { result } = yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
   *   return { result, sessionId: yield* TraceScope.currentSessionId }
   * })
   *
   * const captured = TraceScope.capture(handler)
   * ```
   *
   * @since 0.1.0
   */
  static capture<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return inside(openCapture, self)
  }

  /**
   * Answers the runs of an effect from a recorded session: nothing inside goes live. In a replay of the same session it
   * joins that one.
   *
   * Before the body runs, it fails with `ReplayDisabledError` unless `replayEnabled` (`NOUKAI_REPLAY_ENABLED`) is on,
   * with `ReplayNoSnapshotsError` if an execution was captured without payloads, and as fetching the session does. If
   * the body succeeds and recordings are left that no call took, it fails with `ReplayLeftoverError`.
   *
   * @example
   * ```ts
   * import { FlowService, TraceScope } from "@effect-noukai/sdk"
   * import { Effect } from "effect"
   *
   * const handler = Effect.gen(function*() {
   *   const flows = yield* FlowService
   *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
   * })
   *
   * const again = handler.pipe(TraceScope.replay("5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"))
   * ```
   *
   * @since 0.1.0
   */
  static replay(
    sessionId: string
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ReplayScopeError, R | NoukaiHttp> {
    return (self) => inside(openReplay(sessionId), self)
  }

  /**
   * Replays the session that a request from outside names, if replay is on, and captures otherwise. An id that comes
   * while replay is off is ignored with a warning, because it may be a stranger's; an empty one counts as none. Fails
   * as `replay` does, but never with `ReplayDisabledError`.
   *
   * @since 0.1.0
   */
  static replayOrCapture(
    sessionId: string | undefined
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ReplayScopeError, R | NoukaiHttp> {
    if (sessionId === undefined || sessionId === "") return TraceScope.capture
    const opening = Effect.catchTag(
      openReplay(sessionId),
      "ReplayDisabledError",
      () => Effect.zipRight(Effect.logWarning(passedOver), openCapture)
    )
    return (self) => inside(opening, self)
  }

  /**
   * Tags the runs of an effect with a session id of yours, a UUID. In a replay they are answered from that session.
   *
   * @since 0.1.0
   */
  static withSession(sessionId: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> {
    return (self) => inside(openNamed(sessionId), self)
  }

  /**
   * The scope of the fiber; `undefined` outside any. In a replay it is the replay's, also where the context says
   * otherwise.
   *
   * @since 0.1.0
   */
  static readonly current: Effect.Effect<TraceScope.Scope | undefined> = Scope.currentScope

  /**
   * The id of the scope; `undefined` outside any.
   *
   * @since 0.1.0
   */
  static readonly currentSessionId: Effect.Effect<string | undefined> = Effect.map(
    Scope.currentScope,
    (scope) => scope?.sessionId
  )

  /**
   * `capture` of a stream: wherever it is pulled, its runs belong to one session. Each run of the stream is a session
   * of its own.
   *
   * @since 0.1.0
   */
  static captureStream<A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> {
    return insideStream(openCapture, self)
  }

  /**
   * `replay` of a stream. Leftover recordings are an error only when the stream has ended by itself: a stream that is
   * cut short, by `Stream.take` say, skips the check. Fails as `replay` does.
   *
   * @since 0.1.0
   */
  static replayStream(
    sessionId: string
  ): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | ReplayScopeError, R | NoukaiHttp> {
    return (self) => insideStream(openReplay(sessionId), self)
  }

  /**
   * `withSession` of a stream.
   *
   * @since 0.1.0
   */
  static withSessionStream(sessionId: string): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R> {
    return (self) => insideStream(openNamed(sessionId), self)
  }

  /**
   * Runs asynchronous code that is not an Effect with the fiber's scope, which it reads with `ambient`, and within the
   * fiber's budgets, as the Promise client does. Interrupting aborts the signal.
   *
   * Fails with the reason of a rejected promise, as `Effect.tryPromise` does. Throws a `TypeError` for an unknown option.
   *
   * @since 0.1.0
   */
  static readonly promise: {
    <A, E>(options: PromiseOptions<A, E>): Effect.Effect<A, E>
    <A>(f: (signal: AbortSignal) => PromiseLike<A>): Effect.Effect<A, Cause.UnknownException>
  } = <A, E>(arg: PromiseOptions<A, E> | PromiseOptions<A, E>["try"]): Effect.Effect<A, E | Cause.UnknownException> =>
    typeof arg === "function"
      ? promiseInScope({ try: arg, catch: (error) => new Cause.UnknownException(error) })
      : promiseInScope(orThrow<PromiseOptions<A, E>>("TraceScope.promise", arg, promiseNames))

  /**
   * The scope of code that is not an Effect: of the fiber that is running this very call, else of the `TraceScope.promise`
   * around it. Read it at once and not after an `await`; restore it with `TraceScope.within(scope)`.
   *
   * @since 0.1.0
   */
  static ambient(): TraceScope.Scope | undefined {
    const fiber = Fiber.getCurrentFiber()
    const own = Option.isSome(fiber) ? Scope.scopeOf(fiber.value) : undefined
    return own ?? Scope.stored().scope
  }

  /**
   * Runs code that is not an Effect in a scope: its calls, now and later, find the scope with `ambient`. In a replay it
   * enters only the scopes that `within` enters.
   *
   * @since 0.1.0
   */
  static runIn<A>(scope: TraceScope.Scope | undefined, f: () => A): A {
    return Scope.runStored({ scope: Scope.entered(TraceScope.ambient(), scope) }, f)
  }

  /**
   * Runs an effect in a scope that was entered by hand. Nothing inside leaves a replay, in any context that it is given
   * and any scope that it enters: there a capture joins the replay, a named session is answered from that session, and
   * `undefined` changes nothing. Only another replay is entered.
   *
   * @since 0.1.0
   */
  static within(
    scope: TraceScope.Scope | undefined
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> {
    return (self) => Scope.within(scope, self)
  }

  /**
   * `within` of a stream.
   *
   * @since 0.1.0
   */
  static withinStream(
    scope: TraceScope.Scope | undefined
  ): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R> {
    return (self) => Scope.streamWithin(scope, self)
  }

  /**
   * Opens a scope whose body is not an effect, such as a request whose response outlives its handler: a replay of the
   * session, else a capture; it joins the scopes that `replay` and `capture` join. Put it around its body with
   * `TraceScope.within`, `TraceScope.withinStream` or `TraceScope.runIn`, and run `verify` at the end, if all went
   * well.
   *
   * Fails as `replay` does before its body runs. An empty id counts as none.
   *
   * @since 0.1.0
   */
  static open(
    sessionId?: string
  ): Effect.Effect<TraceScope.Opened, ReplayOpenError | ReplayDisabledError, NoukaiHttp | EffectScope.Scope> {
    return sessionId === undefined || sessionId === "" ? openCapture : openReplay(sessionId)
  }

  /**
   * `capture` for a whole program, as a layer: one session from start to end.
   *
   * @since 0.1.0
   */
  static readonly layerCapture: Layer.Layer<TraceScope> = Layer.scoped(
    Scope.CurrentScope,
    Effect.map(openCapture, ({ scope }) => scope)
  )

  /**
   * `withSession` for a whole program, as a layer.
   *
   * @since 0.1.0
   */
  static layerSession(sessionId: string): Layer.Layer<TraceScope> {
    return Layer.scoped(Scope.CurrentScope, Effect.map(openNamed(sessionId), ({ scope }) => scope))
  }
}
