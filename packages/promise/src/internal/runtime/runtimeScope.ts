// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/** The scopes of other runtimes. */
import * as SdkBudget from "@effect-noukai/sdk/Budget"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Budget } from "../../Budget.js"
import type { CallContext, OpenScope, ScopeHandle } from "../../RuntimeModels.js"

/** Runs an effect of a scope. */
type Run<R> = <A>(effect: Effect.Effect<A, unknown, R>, signal?: AbortSignal) => Promise<A>

/** Returns the SDK's scope for a handle, or the scope of the calling code. */
export const scopeOf = (handle: ScopeHandle | undefined): TraceScope.Scope | undefined =>
  // handles are made here
  handle === undefined ? TraceScope.ambient() : handle as TraceScope.Scope

/** Opens a scope, which stays open until it is closed. */
export const openScope = async <R>(
  opening: Effect.Effect<TraceScope.Opened, unknown, R | Scope.Scope>,
  run: Run<Exclude<R, Scope.Scope>>,
  signal?: AbortSignal
): Promise<OpenScope> => {
  const held = Effect.runSync(Scope.make())
  const close = () => Effect.runPromise(Scope.close(held, Exit.void))
  try {
    const { scope, verify } = await run(Scope.extend(opening, held), signal)
    return { scope, verify: () => run(verify), close }
  } catch (error) {
    await close()
    throw error
  }
}

const inside = (
  { scope }: Pick<CallContext, "scope">,
  enter: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): ScopeHandle =>
  // the scope that has been entered
  Effect.runSync(TraceScope.within(scopeOf(scope))(enter(TraceScope.current)))!

/** Returns the scope of a capture, or the scope of the call. */
export const captureScope = (call: Pick<CallContext, "scope">): ScopeHandle => inside(call, TraceScope.capture)

/** Returns the scope of a named session. */
export const sessionScope = (sessionId: string, call: Pick<CallContext, "scope">): ScopeHandle =>
  inside(call, TraceScope.withSession(sessionId))

/** Runs code in a scope and in budgets. */
export const runWithin = <A>({ budgets = [], scope }: Pick<CallContext, "scope" | "budgets">, code: () => A): A =>
  budgets.reduceRight<() => A>(
    (run, budget) => () => SdkBudget.runIn(Budget.ledgerOf(budget), run),
    () => TraceScope.runIn(scopeOf(scope), code)
  )()
