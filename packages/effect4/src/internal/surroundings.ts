/** The scope and the budgets of a fiber, which its asynchronous context has too. */
import type { Budget } from "@effect-noukai/promise/Budget"
import * as Runtime from "@effect-noukai/promise/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"

export const CurrentScope: Context.Reference<Runtime.ScopeHandle | undefined> = Context.Reference(
  "@effect-noukai/effect4/CurrentScope",
  { defaultValue: (): Runtime.ScopeHandle | undefined => undefined }
)

export const CurrentBudgets: Context.Reference<ReadonlyArray<Budget>> = Context.Reference(
  "@effect-noukai/effect4/CurrentBudgets",
  { defaultValue: (): ReadonlyArray<Budget> => [] }
)

/** The scope of a fiber, or else of the asynchronous context. Only another replay leaves a replay. */
export const scopeOf = (context: Context.Context<never>): Runtime.ScopeHandle | undefined => {
  const own = Context.get(context, CurrentScope)
  const ambient = Runtime.currentScope()
  return own === undefined || (ambient?.mode === "replay" && own.mode !== "replay") ? ambient : own
}

interface Entered {
  readonly scope?: Runtime.ScopeHandle | undefined
  readonly budget?: Budget | undefined
}

const enter = (context: Context.Context<never>, { budget, scope }: Entered): Context.Context<never> => {
  const budgets = Context.get(context, CurrentBudgets)
  const scoped = scope === undefined ? context : Context.add(context, CurrentScope, scope)
  return budget === undefined || budgets.includes(budget)
    ? scoped
    : Context.add(scoped, CurrentBudgets, [...budgets, budget])
}

/**
 * Runs an effect in a scope and a budget. It runs in a fiber of its own, whose asynchronous context has them, because an
 * effect could leave those of the fiber with another context.
 */
export const inside = <A, E, R>(entered: Entered, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.callback<A, E>((resume) => {
      const { budget, scope } = entered
      const surroundings = { scope: scope ?? Runtime.currentScope(), budgets: budget === undefined ? [] : [budget] }
      const services = enter(context, entered) as Context.Context<R>
      const fiber = Runtime.runIn(surroundings, () => Effect.runForkWith(services)(self))
      fiber.addObserver(resume)
      return Effect.asVoid(Fiber.interrupt(fiber))
    })
  )

/** Runs a stream in a scope and a budget. */
export const insideStream = <A, E, R>(entered: Entered, self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.map(inside(entered, Stream.toPull(self)), (pull) => Stream.fromPull(Effect.succeed(inside(entered, pull))))
  )
