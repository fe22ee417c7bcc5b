/** Exact sums of the costs of runs. */
import { formatCost, parseCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"

/** A cost as rows and traces tell it. */
export interface Cost {
  readonly costUsd?: string | undefined
  readonly unknownCosts?: number | undefined
}

/** The sum of the costs of some runs. */
export class CostSum {
  runs = 0
  private cost = BigDecimal.unsafeFromNumber(0)
  private known = 0
  private unknown = 0

  add({ costUsd, unknownCosts = 0 }: Cost): void {
    const cost = parseCost(costUsd)
    this.runs++
    if (Option.isSome(cost)) {
      this.known++
      this.cost = BigDecimal.sum(this.cost, cost.value)
    }
    if (Option.isNone(cost) || unknownCosts > 0) this.unknown++
  }

  /** Adds the runs of another sum. */
  merge({ cost, known, runs, unknown }: CostSum): void {
    this.runs += runs
    this.known += known
    this.unknown += unknown
    this.cost = BigDecimal.sum(this.cost, cost)
  }

  get costs() {
    return {
      runs: this.runs,
      ...this.known > 0 && { costUsd: formatCost(this.cost) },
      ...this.unknown > 0 && { unknownCosts: this.unknown }
    }
  }
}

/** Returns the value of a key, which is made if it is missing. */
export const inMap = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
