/**
 * A limit of what several calls may cost together.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import {
  amountOf,
  type Budget,
  budgetsOf,
  checkAmount,
  CurrentBudgets,
  entered,
  formatCost,
  Ledger,
  ledgerOf,
  noCost
} from "./internal/core/cost.js"
import { runStored, stored } from "./internal/operations/scope.js"
import * as CallOptions from "./internal/options/callOptions.js"
import type { InvalidRequestError } from "./NoukaiError.js"

export { type Budget, TypeId } from "./internal/core/cost.js"

/**
 * The options of a budget.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The limit in US dollars: a number or decimal text, at least 0. */
  readonly limitUsd: number | string
  /**
   * The reserve in US dollars of each call without `maxCostUsd`: a number or decimal text above 0. Default: none, and
   * such a call is an `InvalidRequestError`.
   */
  readonly perRun?: number | string | undefined
}

/**
 * The amounts of a budget, in US dollars, as decimal text.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly limitUsd: string
  /** The known costs of calls that have ended. */
  readonly spentUsd: string
  /** The reserves of calls in flight, of unfinished jobs, and of calls with an unknown cost: at least the costs told by events. */
  readonly reservedUsd: string
  /** `limitUsd` without the two others. Below 0 after a step that cost more than was left. */
  readonly leftUsd: string
}

const budgetOptions = CallOptions.decoder<Options>(
  "options",
  () => ({ limitUsd: CallOptions.anything, perRun: CallOptions.costLimit }),
  ({ limitUsd }) => checkAmount("limitUsd", limitUsd)
)

/**
 * Creates a budget. Fails with `InvalidRequestError` for an option that is not an amount.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (given: Options): Effect.Effect<Budget, InvalidRequestError> =>
  Effect.suspend(() =>
    Either.map(
      budgetOptions("Budget.make", given),
      ({ limitUsd, perRun }) => new Ledger(amountOf(limitUsd) ?? noCost, amountOf(perRun))
    )
  )

/**
 * Runs an effect within a budget: the runs of all its calls together, in all its fibers, may cost at most the limit and
 * the last step of each run in flight. Inside another budget both apply.
 *
 * Each call reserves its `maxCostUsd`, or else `perRun`, before it sends its first request. A reserve that does not fit
 * is a `BudgetExceededError`, and nothing is sent. `execute` requests one step at a time, as it does with `maxCostUsd`.
 * Between the steps of a run without `maxCostUsd` the reserve grows to what the run has cost; a run for which the budget has no
 * room is stopped there with a `BudgetExceededError`.
 *
 * The reserve rises to the costs that the events of a run tell, whether they fit or not. When a call ends, its reserve
 * is replaced by the cost in the trace of its run. A cost that is not known keeps the reserve: of a call that was
 * interrupted or that may have started a run, of a run that no answer names, and where the trace cannot be read or has
 * no steps. A job holds its reserve until it is polled and has ended. Replays and fakes cost nothing.
 *
 * Runs of `messages`, of the draft, of `executeOnce`, of jobs, over a relay, and with `runRemaining` are one request. They
 * are not stopped, and may cost more than their reserve.
 *
 * These requests leave beside those of the run: one read of the trace before each further step and each tool round, one
 * when the call or the job has ended, and one before the first request of a call that continues a run.
 *
 * @example
 * ```ts
 * import { Budget, FlowService } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const gradeAll = (texts: ReadonlyArray<string>) =>
 *   Effect.gen(function*() {
 *     const flows = yield* FlowService
 *     const budget = yield* Budget.make({ limitUsd: "0.50", perRun: "0.02" })
 *     return yield* Effect.forEach(
 *       texts,
 *       (message) => flows.execute("acme/spelling/grade-3", { message }),
 *       { concurrency: 8 }
 *     ).pipe(Budget.within(budget))
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const within: {
  (budget: Budget): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, budget: Budget): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, budget: Budget): Effect.Effect<A, E, R> =>
    Effect.flatMap(CurrentBudgets, (budgets) => Effect.provideService(self, CurrentBudgets, entered(budgets, budget)))
)

/**
 * `within` of a stream: wherever it is pulled, its runs are in the budget.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withinStream: {
  (budget: Budget): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
  <A, E, R>(self: Stream.Stream<A, E, R>, budget: Budget): Stream.Stream<A, E, R>
} = dual(2, <A, E, R>(self: Stream.Stream<A, E, R>, budget: Budget): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.map(CurrentBudgets, (budgets) => Stream.provideService(self, CurrentBudgets, entered(budgets, budget)))
  ))

/**
 * Returns the amounts of a budget now. Nothing is sent.
 *
 * @since 0.1.0
 * @category getters
 */
export const state = (budget: Budget): Effect.Effect<State> =>
  Effect.sync(() => {
    const { left, limitUsd, reserved, spent } = ledgerOf(budget)
    return { limitUsd, spentUsd: formatCost(spent), reservedUsd: formatCost(reserved), leftUsd: formatCost(left) }
  })

/**
 * The budgets of the fiber, the innermost last.
 *
 * @since 0.1.0
 * @category getters
 */
export const current: Effect.Effect<ReadonlyArray<Budget>> = CurrentBudgets

/**
 * The budgets of code that is not an Effect: those of the fiber that is running this very call, and of the
 * `TraceScope.promise` or `runIn` around it. Read them at once and not after an `await`.
 *
 * @since 0.1.0
 * @category getters
 */
export const ambient = (): ReadonlyArray<Budget> => {
  const fiber = Fiber.getCurrentFiber()
  const own = Option.isSome(fiber) ? budgetsOf(fiber.value) : []
  const { budgets } = stored()
  // code of the fiber may have entered more of them; what is stored may also be of another fiber
  return own.every((budget) => budgets.includes(budget)) ? budgets : own
}

/**
 * Runs code that is not an Effect within a budget: its calls find it with `ambient`, as those of the Promise client do.
 * Where the runtime has no `AsyncLocalStorage` the budget ends at the first `await`.
 *
 * @since 0.1.0
 * @category combinators
 */
export function runIn<A>(budget: Budget, f: () => A): A {
  return runStored({ budgets: [...ambient(), budget] }, f)
}
