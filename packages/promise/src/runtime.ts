// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * The services below the client, for other runtimes, such as a client for another version of Effect: plain functions
 * with signals, plain errors with `_tag`, and cursors and stored states as JSON. Options and results have the names of
 * `@effect-noukai/sdk`; durations are milliseconds.
 *
 * @since 0.1.0
 */
import { openRuntime } from "./internal/runtime/openRuntime.js"
import { captureScope, runWithin, scopeOf, sessionScope } from "./internal/runtime/runtimeScope.js"
import * as AsyncContext from "./internal/scope/asyncContext.js"
import type { CallContext, Runtime, RuntimeOptions, RuntimeSettings, ScopeHandle } from "./RuntimeModels.js"

export type {
  CallContext,
  CallSignal,
  Delays,
  OfFlow,
  OfKey,
  OfRun,
  OpenScope,
  Runtime,
  RuntimeError,
  RuntimeEvent,
  RuntimeInput,
  RuntimeJob,
  RuntimeJobStatus,
  RuntimeOptions,
  RuntimeRun,
  RuntimeSettings,
  RuntimeSource,
  RuntimeSpan,
  RuntimeToolCall,
  RuntimeToolResult,
  ScopeHandle,
  SpanOutcome,
  SpanParent,
  SpanTracer
} from "./RuntimeModels.js"
export type { FlowCursor, PausedState } from "./StoredRun.js"
export type { RunCost, RunSummary, StepAttempts, StepTrace, Trace } from "./Trace.js"

/**
 * Opens the services of a client. Rejects with a {@link RuntimeError} for a wrong option, a missing key or file, or a
 * session that cannot be replayed.
 *
 * @example
 * ```ts
 * import { open } from "@effect-noukai/promise/runtime"
 *
 * const score = async (text: string, signal: AbortSignal) => {
 *   const runtime = await open()
 *   try {
 *     const done = await runtime.execute("acme/spelling/grade-3", { message: text }, { signal })
 *     return done.status === "completed" ? done.result : done.state
 *   } finally {
 *     await runtime.close()
 *   }
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (options: RuntimeOptions = {}, settings: RuntimeSettings = {}): Promise<Runtime> =>
  openRuntime(options, settings)

/**
 * Returns the scope of a capture without a client, or the scope of the call, which it joins.
 *
 * @since 0.1.0
 * @category constructors
 */
export const capture = (call: Pick<CallContext, "scope"> = {}): ScopeHandle => captureScope(call)

/**
 * Returns the scope of a named session. In a replay, it answers from that session.
 *
 * @since 0.1.0
 * @category constructors
 */
export const namedScope = (sessionId: string, call: Pick<CallContext, "scope"> = {}): ScopeHandle =>
  sessionScope(sessionId, call)

/**
 * Returns the scope of the asynchronous context.
 *
 * @since 0.1.0
 * @category operations
 */
export const currentScope = (): ScopeHandle | undefined => scopeOf(undefined)

/**
 * Runs code in a scope and in budgets, which last across its `await`s. Needs `AsyncLocalStorage` for that: see
 * {@link hasAsyncContext}.
 *
 * @since 0.1.0
 * @category operations
 */
export const runIn = <A>(context: Pick<CallContext, "scope" | "budgets">, code: () => A): A => runWithin(context, code)

/**
 * Whether scopes and budgets last beyond the first `await` on this platform.
 *
 * @since 0.1.0
 * @category operations
 */
export const hasAsyncContext = (): boolean => AsyncContext.hasAsyncContext()
