/** The number and cost of the kept runs of each flow, which are added up as they change. */
import { formatCost, parseCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import type { Run } from "../RunsApi.js"

export interface FlowTotals {
  /** Replaces a run. Absent before: it is new. Absent after: it is gone. */
  readonly replace: (before: Run | undefined, after: Run | undefined) => void
  readonly clear: () => void
  readonly of: (flow: string) => { readonly runs: number; readonly costUsd: string; readonly unknownCosts?: number }
  readonly flows: () => ReadonlyArray<string>
}

const zero = BigDecimal.unsafeFromNumber(0)

const costOf = ({ costUsd }: Run): BigDecimal.BigDecimal => Option.getOrElse(parseCost(costUsd), () => zero)

/** 1 of a run whose cost is not wholly known. */
const unknownOf = ({ costUsd, unknownCosts = 0 }: Run): number => costUsd === undefined || unknownCosts > 0 ? 1 : 0

export const make = (): FlowTotals => {
  const totals = new Map<
    string,
    { readonly runs: number; readonly cost: BigDecimal.BigDecimal; readonly unknown: number }
  >()
  const none = { runs: 0, cost: zero, unknown: 0 }
  return {
    replace: (before, after) => {
      if (before !== undefined) {
        const { cost, runs, unknown } = totals.get(before.flow) ?? none
        totals.set(before.flow, {
          runs: runs - 1,
          cost: BigDecimal.subtract(cost, costOf(before)),
          unknown: unknown - unknownOf(before)
        })
      }
      if (after !== undefined) {
        const { cost, runs, unknown } = totals.get(after.flow) ?? none
        totals.set(after.flow, {
          runs: runs + 1,
          cost: BigDecimal.sum(cost, costOf(after)),
          unknown: unknown + unknownOf(after)
        })
      }
    },
    clear: () => totals.clear(),
    of: (flow) => {
      const { cost, runs, unknown } = totals.get(flow) ?? none
      return { runs, costUsd: formatCost(cost), ...unknown > 0 && { unknownCosts: unknown } }
    },
    flows: () => [...totals].flatMap(([flow, { runs }]) => runs > 0 ? [flow] : [])
  }
}
