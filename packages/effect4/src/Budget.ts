/**
 * A limit on the cost of several calls together.
 *
 * @since 0.1.0
 */
import * as Promises from "@effect-noukai/promise/Budget"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { attempt } from "./internal/call.js"
import { failures } from "./internal/failures.js"
import { CurrentBudgets, inside, insideStream } from "./internal/surroundings.js"
import type { InvalidRequestError } from "./NoukaiError.js"

/**
 * A limit on the cost of several calls together, as the `Budget` of the SDK.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget extends Promises.Budget {}

/**
 * The amounts of a budget, in US dollars, as decimal text.
 *
 * @since 0.1.0
 * @category models
 */
export interface State extends Readonly<Promises.BudgetState> {}

/**
 * The options of {@link make}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The limit in US dollars: a number or decimal text, at least 0. */
  readonly limitUsd: number | string
  /** The reserve in US dollars of each call without `maxCostUsd`. Default: none; such a call is refused. */
  readonly perRun?: number | string | undefined
}

/**
 * Creates a budget. Fails with an `InvalidRequestError` for a wrong amount.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Budget, InvalidRequestError> =>
  attempt(failures.refusal, () => new Promises.Budget(options))

/**
 * Runs an effect in a budget, which applies to all its calls. Inside another budget, both apply.
 *
 * @since 0.1.0
 * @category combinators
 */
export const within = (budget: Budget) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  inside({ budget }, self)

/**
 * Runs a stream in a budget.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withinStream = (budget: Budget) => <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  insideStream({ budget }, self)

/**
 * Returns the current amounts. Sends nothing.
 *
 * @since 0.1.0
 * @category operations
 */
export const state = (budget: Budget): Effect.Effect<State> => Effect.sync(() => budget.state)

/**
 * The budgets of the fiber.
 *
 * @since 0.1.0
 * @category operations
 */
export const current: Effect.Effect<ReadonlyArray<Budget>> = CurrentBudgets
