/**
 * The limit of what one run may cost. Costs are read from the trace of the run, between its requests, and only where
 * there is a limit.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { type CallError, CostLimitError } from "../../NoukaiError.js"
import { addCost, type Decimal, formatCost, isMore, noCost, parseCost, sumCosts } from "../cost/decimal.js"
import { type Problem, problem, unchecked } from "../errors/makeError.js"
import type { CallOptions } from "../input/callOptions.js"
import type { FlowCall } from "./flowCall.js"

const limitOf = (value: unknown): Decimal | undefined => {
  const limit = typeof value === "number" || typeof value === "string" ? parseCost(String(value)) : undefined
  return limit === undefined || isMore(noCost, limit) ? undefined : limit
}

/** @internal */
export const checkCostLimit = (value: unknown): Problem | undefined =>
  value === undefined || limitOf(value) !== undefined
    ? undefined
    : problem("maxCostUsd", "must be an amount of at least 0: a number, or decimal text such as \"0.25\"")

const noError: Effect.Effect<undefined> = Effect.sync(() => undefined)

/** The costs of steps that the events of a run have told. @internal */
export class ToldCosts {
  sum: Decimal | undefined
  /** The costs that the last trace knew and no event had told: those of a run that began in another stream. */
  untold = noCost

  /** Compares the costs of a trace, and gives the larger of them and those that were told. */
  read(spent: Decimal): Decimal {
    const { sum = noCost } = this
    const isBehind = isMore(sum, spent)
    this.untold = isBehind ? noCost : addCost(spent, { value: -sum.value, scale: sum.scale })
    return isBehind ? sum : spent
  }

  add(costUsd: string | undefined): void {
    const cost = costUsd === undefined ? undefined : parseCost(costUsd)
    if (cost !== undefined) this.sum = addCost(this.sum ?? noCost, cost)
  }
}

interface LimitedRun extends Pick<FlowCall<unknown, unknown>, "http" | "method" | "address" | "addressText"> {
  readonly options: CallOptions
  readonly maxCostUsd: number | string | undefined
}

/**
 * The error of a run that has cost more than its limit, if it has. A trace that cannot be read leaves the costs that
 * events have told, with those that an earlier trace knew; where there are none the cost is unknown, and the run is
 * stopped. In a replay without traces nothing costs anything.
 *
 * @internal
 */
export const overLimit = (
  run: LimitedRun,
  executionId: string | undefined,
  told?: ToldCosts
): Effect.Effect<CostLimitError | undefined> => {
  const { address, addressText, http, maxCostUsd, method, options } = run
  const limit = limitOf(maxCostUsd)
  if (limit === undefined || executionId === undefined) return noError
  const error = (fields: { readonly spentUsd?: string; readonly cause?: CallError }) =>
    new CostLimitError({
      method,
      flow: addressText,
      executionId,
      maxCostUsd: formatCost(limit),
      isRetryable: false,
      ...fields
    }, unchecked)
  const compared = (spent: Decimal) => isMore(spent, limit) ? error({ spentUsd: formatCost(spent) }) : undefined
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
      onSuccess: ({ steps }) => {
        const spent = sumCosts(steps)
        return compared(told === undefined ? spent : told.read(spent))
      },
      onFailure: (cause) => {
        if (told?.sum !== undefined) return compared(addCost(told.sum, told.untold))
        return cause._tag === "ReplayMissError" ? undefined : error({ cause })
      }
    }
  )
}
