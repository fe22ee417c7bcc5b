/**
 * What keeps a client from making an outage worse: retries under the default policy take tokens from one bucket per
 * client, and successes put tokens back.
 *
 * @internal
 */
import type { NoukaiError } from "../../NoukaiError.js"

/** How many tokens a bucket holds, and begins with. */
const capacity = 500

/** What a retry takes after the server asked for fewer requests, and after any other failure. */
const throttlingCost = 5
const transientCost = 14

/** What a success gives back when it took no retry. */
const plainReturn = 1

/** @internal */
export interface RetryBudget {
  /** Takes what a retry after this error costs: the cost, or `undefined` when too little is left. */
  readonly take: (error: NoukaiError) => number | undefined
  /** A call succeeded: gives back what its last retry took, `undefined` when it took none. */
  readonly succeeded: (taken?: number) => void
}

/**
 * `onLevel` sees every level that differs from the one before, and the first.
 *
 * @internal
 */
export const make = (onLevel: (tokens: number) => void): RetryBudget => {
  let tokens = capacity
  onLevel(tokens)
  return {
    take: (error) => {
      const cost = error._tag === "RateLimitError" ? throttlingCost : transientCost
      if (cost > tokens) return undefined
      tokens -= cost
      onLevel(tokens)
      return cost
    },
    succeeded: (taken = plainReturn) => {
      if (tokens === capacity) return
      tokens = Math.min(capacity, tokens + taken)
      onLevel(tokens)
    }
  }
}
