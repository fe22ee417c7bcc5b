/**
 * Scopes. A scope puts all runs of a function into one session, captured or replayed.
 *
 * A scope follows asynchronous code through `AsyncLocalStorage`. On runtimes without it, the scope ends at the first
 * `await`, and a replay is refused.
 *
 * @since 0.1.0
 */
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import { enterScope, type ScopeEntry } from "./internal/client/enterScope.js"
import { fieldsOf, reading, refusal } from "./internal/options/reading.js"
import { type Names, refuseUnknown } from "./internal/options/unknown.js"
import type { Noukai } from "./Noukai.js"
import type { NoukaiTransport } from "./NoukaiTransport.js"

/**
 * The options of a scope.
 *
 * @since 0.1.0
 * @category options
 */
export interface TraceScopeOptions {
  /**
   * The recorded session that answers the runs, if `NOUKAI_REPLAY_ENABLED` is on. While it is off, the runs are live
   * and billed, and only a warning is logged. Requires a client. An empty id counts as absent.
   */
  replaySessionId?: string | undefined
  /** `false` runs live code without a session. Default: true. */
  capture?: boolean | undefined
  /** The client that fetches the session and logs the scope: `noukai._transport`. */
  transport?: NoukaiTransport | undefined
  /** The client itself. It overrides `transport`. */
  client?: Noukai | undefined
}

/**
 * The name of `TraceScopeOptions` in `@noukai/sdk`.
 *
 * @since 0.1.0
 * @category options
 */
export type ReplayScopeOptions = TraceScopeOptions

/**
 * The scope of the calling code.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScopeState {
  mode: "capture" | "replay"
  sessionId: string
}

const operation = "traceScope"

const names: Names<TraceScopeOptions> = { replaySessionId: true, capture: true, transport: true, client: true }

const entry = (fn: unknown, given: TraceScopeOptions | undefined): ScopeEntry => {
  if (typeof fn !== "function") throw refusal(operation, "fn", "must be a function")
  const options = fieldsOf(operation, given)
  refuseUnknown(operation, options, names)
  const { capture, client, replaySessionId, transport } = options
  if (replaySessionId !== undefined && replaySessionId !== null && typeof replaySessionId !== "string") {
    throw refusal(operation, "replaySessionId", "must be a string")
  }
  if (capture !== undefined && capture !== null && typeof capture !== "boolean") {
    throw refusal(operation, "capture", "must be true or false")
  }
  return {
    replaySessionId: replaySessionId ?? undefined,
    capture: capture ?? true,
    client: client?._transport ?? transport
  }
}

/**
 * Runs `fn` in a scope. Its runs get a new session id, or are answered from a recorded session. Inside another scope,
 * `fn` joins that scope.
 *
 * Rejects with the error that `fn` throws. A replay rejects before `fn` begins if the session cannot be fetched or
 * replayed. It rejects with a `ReplayLeftoverError` after `fn` if some recordings were not used.
 *
 * @example
 * ```ts
 * import { Noukai, traceScope } from "@effect-noukai/promise"
 *
 * const again = (noukai: Noukai, sessionId: string) =>
 *   traceScope(() => noukai.flow("acme/spelling/grade-3").execute({ message: "The cat sat." }), {
 *     client: noukai,
 *     replaySessionId: sessionId
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const traceScope = async <T>(fn: () => Promise<T> | T, options?: TraceScopeOptions): Promise<T> =>
  await enterScope(fn, reading(operation, "options", () => entry(fn, options)))

/**
 * Another name of `traceScope`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const replayScope: typeof traceScope = traceScope

/**
 * Wraps a function. Each call runs in its own scope.
 *
 * @since 0.1.0
 * @category combinators
 */
export const trace = <Args extends ReadonlyArray<unknown>, T>(
  fn: (...args: Args) => Promise<T> | T,
  options?: TraceScopeOptions
): (...args: Args) => Promise<T> =>
(...args) => traceScope(typeof fn === "function" ? () => fn(...args) : fn, options)

/**
 * Returns the scope of the calling code, or `null` outside a scope.
 *
 * @since 0.1.0
 * @category combinators
 */
export const currentScope = (): ScopeState | null => {
  const scope = TraceScope.ambient()
  return scope === undefined
    ? null
    : { mode: scope.http === undefined ? "capture" : "replay", sessionId: scope.sessionId }
}

/**
 * Returns the session id of the calling code, or `null` outside a scope.
 *
 * @since 0.1.0
 * @category combinators
 */
export const currentSessionId = (): string | null => TraceScope.ambient()?.sessionId ?? null
