/**
 * A limit of what several calls may cost together.
 *
 * @since 0.1.0
 */
import * as SdkBudget from "@effect-noukai/sdk/Budget"
import * as Effect from "effect/Effect"
import { valueOrThrow } from "./internal/errors/promiseError.js"
import { refusal } from "./internal/options/reading.js"
import { hasAsyncContext } from "./internal/scope/asyncContext.js"

/**
 * The options of a budget.
 *
 * @since 0.1.0
 * @category options
 */
export interface BudgetOptions {
  /** The limit in US dollars: a number or decimal text, at least 0. */
  limitUsd: number | string
  /**
   * The reserve in US dollars of each call without `maxCostUsd`: a number or decimal text above 0. Default: none, and
   * such a call rejects with an `InvalidRequestError`.
   */
  perRun?: number | string | undefined
}

/**
 * The amounts of a budget, in US dollars, as decimal text.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetState {
  limitUsd: string
  /** The known costs of calls that have ended. */
  spentUsd: string
  /** The reserves of calls in flight, of jobs that have not ended, and of calls whose cost is not known. */
  reservedUsd: string
  /** `limitUsd` without the two others. Below 0 after a step that cost more than was left. */
  leftUsd: string
}

/**
 * A limit of what several calls may cost together.
 *
 * The runs of all calls in `run` may cost at most the limit and the last step of each run in flight. Each call reserves
 * its `maxCostUsd`, or else `perRun`, before it sends its first request. A reserve that does not fit rejects with a
 * `BudgetExceededError`, and nothing is sent. `execute` requests one step at a time, as it does with `maxCostUsd`, and
 * a run for which the budget has no room is stopped between its steps with a `BudgetExceededError`.
 *
 * When a call ends, its reserve is replaced by the cost in the trace of its run. A cost that is not known keeps the
 * reserve. A job holds its reserve until it is polled and has ended. Replays cost nothing. Runs of `messages`, of the
 * draft, of `executeOnce`, of jobs and with `runRemaining` are one request: they are not stopped, and may cost more than
 * their reserve.
 *
 * @example
 * ```ts
 * import { Budget, type Noukai } from "@effect-noukai/promise"
 *
 * const gradeAll = async (noukai: Noukai, texts: ReadonlyArray<string>) => {
 *   const budget = new Budget({ limitUsd: "0.50", perRun: "0.02" })
 *   const flow = noukai.flow("acme/spelling/grade-3")
 *   return await budget.run(() => Promise.all(texts.map((message) => flow.execute({ message }))))
 * }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export class Budget {
  private readonly budget: SdkBudget.Budget

  /** Throws an `InvalidRequestError` for an option that is not an amount. */
  constructor(options: BudgetOptions) {
    this.budget = valueOrThrow(Effect.runSyncExit(SdkBudget.make(options)))
  }

  /** The amounts now. Nothing is sent. */
  get state(): BudgetState {
    return Effect.runSync(SdkBudget.state(this.budget))
  }

  /**
   * Runs `fn` within the budget, with all calls that it makes, through any client and after any `await`. Inside another
   * budget both apply. Rejects with the error that `fn` throws, and with an `InvalidRequestError` before `fn` begins where
   * the runtime has no `AsyncLocalStorage`.
   */
  async run<T>(fn: () => Promise<T> | T): Promise<T> {
    if (typeof fn !== "function") throw refusal("budget.run", "fn", "must be a function")
    if (!hasAsyncContext()) {
      throw refusal(
        "budget.run",
        "runtime",
        "has no AsyncLocalStorage, so calls after the first await would have no limit"
      )
    }
    return await SdkBudget.runIn(this.budget, async () => await fn())
  }
}
