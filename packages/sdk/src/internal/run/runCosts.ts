/**
 * The costs of one run and their limit. Costs are read from the trace of the run, between its requests, and only where
 * there is a limit.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { type CallError, CostLimitError } from "../../NoukaiError.js"
import { addCost, type Decimal, formatCost, isMore, noCost, parseCost, sumCosts } from "../cost/decimal.js"
import { type Problem, problem, unchecked } from "../errors/makeError.js"
import type { FlowAddress } from "../flow/flow.js"
import type { CallOptions } from "../input/callOptions.js"
import type { HttpService } from "../operations/operations.js"

const limitOf = (value: unknown): Decimal | undefined => {
  const limit = typeof value === "number" || typeof value === "string" ? parseCost(String(value)) : undefined
  return limit === undefined || !isMore(limit, noCost) ? undefined : limit
}

/** @internal */
export const checkCostLimit = (value: unknown): Problem | undefined =>
  value === undefined || limitOf(value) !== undefined
    ? undefined
    : problem("maxCostUsd", "must be an amount above 0: a number, or decimal text such as \"0.25\"")

/** The run whose trace is read. */
interface CostedRun {
  readonly http: HttpService
  readonly method: string
  readonly address: FlowAddress
  readonly addressText: string
  readonly options: CallOptions
}

/** @internal */
export class RunCosts {
  /** The costs that the events of the run have told. */
  private told: Decimal | undefined
  /** The costs that the last trace knew and no event had told: those of a run that began in another stream. */
  private untold = noCost

  private constructor(private readonly limit: Decimal) {}

  /** The costs of a run with a limit; `undefined` without one. */
  static of(maxCostUsd: number | string | undefined): RunCosts | undefined {
    const limit = limitOf(maxCostUsd)
    return limit === undefined ? undefined : new RunCosts(limit)
  }

  /** Adds the cost of a step that has completed. */
  add(costUsd: string | undefined): void {
    const cost = costUsd === undefined ? undefined : parseCost(costUsd)
    if (cost !== undefined) this.told = addCost(this.told ?? noCost, cost)
  }

  /** Compares the costs of a trace, and gives the larger of them and those that were told. */
  private read(spent: Decimal): Decimal {
    const { told = noCost } = this
    const isBehind = isMore(told, spent)
    this.untold = isBehind ? noCost : addCost(spent, { value: -told.value, scale: told.scale })
    return isBehind ? told : spent
  }

  /**
   * The error of a run that has cost more than its limit, if it has. A trace that cannot be read leaves the costs that
   * events have told, with those that an earlier trace knew; where there are none the cost is unknown, and the run is
   * stopped. In a replay without traces nothing costs anything.
   */
  overLimit(run: CostedRun, executionId: string | undefined): Effect.Effect<CostLimitError | undefined> {
    if (executionId === undefined) return Effect.succeed(undefined)
    const { address, addressText, http, method, options } = run
    const error = (fields: { readonly spentUsd?: string; readonly cause?: CallError }) =>
      new CostLimitError({
        method,
        flow: addressText,
        executionId,
        maxCostUsd: formatCost(this.limit),
        isRetryable: false,
        ...fields
      }, unchecked)
    const compared = (spent: Decimal) => isMore(spent, this.limit) ? error({ spentUsd: formatCost(spent) }) : undefined
    const { attemptTimeout, connectTimeout, headers, retry } = options
    return Effect.match(
      http.request("trace", {
        method,
        flow: address,
        executionId,
        options: { attemptTimeout, connectTimeout, headers, retry },
        progress: { sent: "no" }
      }),
      {
        onSuccess: ({ steps }) => compared(this.read(sumCosts(steps))),
        onFailure: (cause) => {
          if (this.told !== undefined) return compared(addCost(this.told, this.untold))
          return cause._tag === "ReplayMissError" ? undefined : error({ cause })
        }
      }
    )
  }
}
