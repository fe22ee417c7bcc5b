/**
 * Scopes: they put the runs of a piece of asynchronous code into one session, captured or replayed.
 *
 * A scope follows the code through `AsyncLocalStorage`, where the runtime has it. Elsewhere it lasts until the first
 * `await`, and a replay is refused.
 *
 * @since 0.1.0
 */
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import { enterScope, type ScopeEntry } from "./internal/client/enterScope.js"
import { fieldsOf, reading, refusal } from "./internal/options/reading.js"
import type { Noukai } from "./Noukai.js"
import type { NoukaiTransport } from "./NoukaiTransport.js"

/**
 * The options of a scope: captured or replayed, and through which client.
 *
 * @since 0.1.0
 * @category options
 */
export interface TraceScopeOptions {
  /**
   * The recorded session that answers the runs, if `NOUKAI_REPLAY_ENABLED` is on. While it is off, the runs are live,
   * billed and captured, and a warning is logged. Needs a client. An empty id counts as none.
   */
  replaySessionId?: string | undefined
  /** `false` puts the runs into no session, unless they are being replayed. Default: true. */
  capture?: boolean | undefined
  /** The client that fetches the session and whose `onLog` is told of the scope: `noukai._transport`. */
  transport?: NoukaiTransport | undefined
  /** The client itself, in place of `transport`; it takes precedence. */
  client?: Noukai | undefined
}

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

const entry = (fn: unknown, given: TraceScopeOptions | undefined): ScopeEntry => {
  if (typeof fn !== "function") throw refusal(operation, "fn", "must be a function")
  const { capture, client, replaySessionId, transport } = fieldsOf(operation, given)
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
 * Runs `fn` in a scope: its runs are tagged with a new session id, or answered from a recorded session. Inside another
 * scope, `fn` joins that one.
 *
 * Rejects with the error that `fn` throws. A replay rejects before `fn` begins if the session cannot be fetched or
 * replayed, and with a `ReplayLeftoverError` after `fn` if no call asked for some of its recordings.
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
 * The newer name of `traceScope`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const replayScope: typeof traceScope = traceScope

/**
 * Wraps a function so that each of its calls runs in a scope of its own.
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
 * The scope of the calling code; `null` outside any.
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
 * The session id of the calling code; `null` outside any scope.
 *
 * @since 0.1.0
 * @category combinators
 */
export const currentSessionId = (): string | null => TraceScope.ambient()?.sessionId ?? null
