/**
 * A budget of retries that keeps a client from making an outage worse: retries under the default policy take tokens
 * from one bucket per client, and successes put tokens back.
 */
import type { NoukaiError } from "../../NoukaiError.js"

/** The capacity of a bucket, which is full at first. */
const capacity = 500

/** The cost of a retry after the server asked for fewer requests, and after any other failure. */
const throttlingCost = 5
const transientCost = 14

/** The return of a success that took no retry. */
const plainReturn = 1

export interface RetryBudget {
  /** Takes the cost of a retry after this error: the cost, or `undefined` when too little is left. */
  readonly take: (error: NoukaiError) => number | undefined
  /** Returns the cost of the last retry of a call that succeeded; `undefined`: it took none. */
  readonly succeeded: (taken?: number) => void
}

/** Makes a full budget. `onLevel` sees the first level and every change. */
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
