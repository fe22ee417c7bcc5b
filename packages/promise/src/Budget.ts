/**
 * A limit on the cost of several calls together.
 *
 * @since 0.1.0
 */
import * as SdkBudget from "@effect-noukai/sdk/Budget"
import * as Effect from "effect/Effect"
import { valueOrThrow } from "./internal/errors/promiseError.js"
import { refusal } from "./internal/options/reading.js"
import { hasAsyncContext } from "./internal/scope/asyncContext.js"
import { guardLiveRuns } from "./internal/scope/guardLiveRuns.js"

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
   * The reserve in US dollars of each call without `maxCostUsd`: a number or decimal text above 0. Default: none; such
   * a call rejects with an `InvalidRequestError`.
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
  /** The reserves of calls in flight, of unfinished jobs, and of calls with an unknown cost. */
  reservedUsd: string
  /** `limitUsd` minus the other two. Below 0 after a step that cost more than was left. */
  leftUsd: string
}

/**
 * A limit on the cost of several calls together.
 *
 * Runs of `messages`, of the draft, of `executeOnce`, of jobs and with `runRemaining` are one request. They are not
 * stopped and may cost more than their reserve. All other runs together may exceed the limit only by the last step of
 * each run in flight.
 *
 * Each call reserves its `maxCostUsd`, or else `perRun`, before its first request. If the reserve does not fit, the
 * call rejects with a `BudgetExceededError`, and nothing is sent. `execute` requests one step at a time, and stops
 * between steps with a `BudgetExceededError` when the budget is used up.
 *
 * The reserve rises to the costs that the events of a run tell. When a call ends, the cost in its trace replaces the
 * reserve. A cost that is not known keeps the reserve, for example if the key may not read traces. A job keeps its
 * reserve until a poll shows its end. Replays cost nothing.
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

  /** Throws an `InvalidRequestError` for a wrong amount. */
  constructor(options: BudgetOptions) {
    this.budget = valueOrThrow(Effect.runSyncExit(SdkBudget.make(options)))
  }

  /**
   * Returns the budget of the SDK.
   *
   * @internal
   */
  static ledgerOf(budget: Budget): SdkBudget.Budget {
    return budget.budget
  }

  /** The current amounts. Sends nothing. */
  get state(): BudgetState {
    return Effect.runSync(SdkBudget.state(this.budget))
  }

  /**
   * Runs `fn` within the budget. The budget applies to all its calls, of any client and after any `await`. Inside
   * another budget, both apply. Rejects with the error that `fn` throws. Rejects with an `InvalidRequestError` before
   * `fn` begins if the runtime has no `AsyncLocalStorage`.
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
    guardLiveRuns()
    return await SdkBudget.runIn(this.budget, async () => await fn())
  }
}
