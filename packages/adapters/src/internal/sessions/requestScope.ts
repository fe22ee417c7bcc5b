/** The scope of one request. */
import { isReplayError, type ReplayError, type ReplayScopeError } from "@effect-noukai/sdk/NoukaiError"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ReplayAnswer from "../../ReplayAnswer.js"
import { sessionHeader, type SessionsOptions } from "../../SessionsOptions.js"
import { hasAsyncContext } from "../asyncContext.js"
import { invalid } from "../relay/answer.js"
import { called, promised } from "../untrusted.js"

/** The header that lists what a page of another origin may read, and its value with the header of the session. */
export const exposing = (
  read: (name: string) => string | number | ReadonlyArray<string> | null | undefined
): readonly [name: string, value: string] => {
  const name = "access-control-expose-headers"
  const already = read(name) ?? undefined
  return [name, already === undefined ? sessionHeader : `${already}, ${sessionHeader}`]
}

export interface RequestScope {
  readonly scope: TraceScope.Scope
  readonly isReplay: boolean
  /** The response that must replace the handler's, by the calls so far. Read before the response begins. */
  readonly answerInstead: (status: number) => Effect.Effect<ReplayAnswer.ReplayAnswer | undefined>
  /** The error of the replay. Read after a response with that status has ended. */
  readonly problem: (status: number) => Effect.Effect<ReplayError | undefined>
}

/** A scope that is closed by hand. */
export interface OpenRequestScope extends RequestScope {
  readonly close: Effect.Effect<void>
}

type Http = NoukaiHttp.Service

/** Watches the calls of a replay for errors, because a handler may swallow them. */
const watched = (http: Http, see: (error: ReplayError) => void): Http => {
  const look = (error: unknown) => Effect.sync(() => isReplayError(error) ? see(error) : undefined)
  return {
    defaults: http.defaults,
    request: (operation, input) => Effect.tapError(http.request(operation, input), look),
    stream: (operation, input) => Stream.tapError(http.stream(operation, input), look)
  }
}

const nothing: Effect.Effect<undefined> = Effect.sync(() => undefined)

const requestScope = ({ scope, verify }: TraceScope.Opened): RequestScope => {
  const { http } = scope
  if (http === undefined) {
    return { scope, isReplay: false, answerInstead: () => nothing, problem: () => nothing }
  }
  let failure: ReplayError | undefined
  const leftover = Effect.match(verify, { onFailure: (error) => error, onSuccess: () => undefined })
  // leftover recordings are not an error if the body failed
  const problem = (status: number): Effect.Effect<ReplayError | undefined> =>
    Effect.suspend(() => status >= 500 ? Effect.succeed(failure) : leftover)
  return {
    scope: { ...scope, http: watched(http, (error) => failure = error) },
    isReplay: true,
    answerInstead: (status) =>
      Effect.map(problem(status), (error) => error === undefined ? undefined : ReplayAnswer.fromError(error)),
    problem
  }
}

const passedOver = "a replay was asked for while NOUKAI_REPLAY_ENABLED is off; the runs are live, and captured"

/**
 * Opens the scope of a request.
 *
 * @see docs/wire.md#scopes
 */
export const open = (
  sessionId: string | undefined,
  options: SessionsOptions
): Effect.Effect<RequestScope, ReplayScopeError, NoukaiHttp | Scope.Scope> =>
  TraceScope.open(sessionId).pipe(
    Effect.catchTag("ReplayDisabledError", (error) =>
      options.whenDisabled === "fail"
        ? Effect.fail(error)
        : Effect.zipRight(Effect.logWarning(passedOver), TraceScope.open())),
    Effect.map(requestScope)
  )

const withoutContext = "replay: refused, because this runtime has no AsyncLocalStorage and runs would be live after " +
  "the first await (on Workers, the flag nodejs_compat provides it)"

/**
 * Opens a scope for code that is not an Effect. Refuses a replay on a platform that loses the scope after the first
 * `await`.
 */
const openForPromises = (
  sessionId: string | undefined,
  options: SessionsOptions
): Effect.Effect<RequestScope, ReplayScopeError, NoukaiHttp | Scope.Scope> =>
  sessionId === undefined || hasAsyncContext()
    ? open(sessionId, options)
    : Effect.flatMap(NoukaiHttp, ({ defaults }) =>
      defaults.replayEnabled === true
        ? Effect.zipRight(
          Effect.logWarning(withoutContext),
          Effect.fail(invalid("runtime", "has no AsyncLocalStorage", "TraceScope.replay"))
        )
        : open(sessionId, options))

/** Opens a scope that is closed by hand, for code that is not an Effect. */
export const openByHand = (
  sessionId: string | undefined,
  options: SessionsOptions
): Effect.Effect<OpenRequestScope, ReplayScopeError, NoukaiHttp> =>
  Effect.flatMap(Scope.make(), (scope) =>
    openForPromises(sessionId, options).pipe(
      Scope.extend(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
      Effect.map((request) => ({ ...request, close: Scope.close(scope, Exit.void) }))
    ))

/** A hook for the error of a replay. */
export type ReplayErrorHook = (error: ReplayError) => Effect.Effect<void>

const ignored: Effect.Effect<void> = Effect.logWarning("replay: onReplayError failed and was ignored")

/** A hook that is not an Effect. A promise that it returns is not awaited. */
export const promiseHook = (hook: ((error: ReplayError) => unknown) | undefined): ReplayErrorHook | undefined =>
  hook === undefined ? undefined : (error) => {
    const given = hook(error)
    if (!Predicate.isPromiseLike(given)) return Effect.void
    return Effect.asVoid(Effect.forkDaemon(Effect.catchAllCause(promised(() => given), () => ignored)))
  }

/**
 * Logs the error of a replay whose response was already sent, and calls the hook. A failure of the hook is logged and
 * ignored.
 */
export const report = (
  { problem }: RequestScope,
  status: number,
  hook: ReplayErrorHook | undefined
): Effect.Effect<void> =>
  Effect.flatMap(problem(status), (error) =>
    error === undefined ? Effect.void : Effect.zipRight(
      Effect.logWarning(`replay: the response was sent all the same: ${error.message}`),
      hook === undefined ? Effect.void : Effect.catchAllCause(called(() => hook(error)), () => ignored)
    ))
