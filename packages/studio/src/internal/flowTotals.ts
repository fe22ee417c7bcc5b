/** The number and cost of the kept runs of each flow, which are added up as they change. */
import { formatCost, parseCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import type { Run } from "../RunsApi.js"

export interface FlowTotals {
  /** Replaces a run. Absent before: it is new. Absent after: it is gone. */
  readonly replace: (before: Run | undefined, after: Run | undefined) => void
  readonly clear: () => void
  readonly of: (flow: string) => { readonly runs: number; readonly costUsd: string }
  readonly flows: () => ReadonlyArray<string>
}

const zero = BigDecimal.unsafeFromNumber(0)

const costOf = ({ costUsd }: Run): BigDecimal.BigDecimal => Option.getOrElse(parseCost(costUsd), () => zero)

export const make = (): FlowTotals => {
  const totals = new Map<string, { readonly runs: number; readonly cost: BigDecimal.BigDecimal }>()
  const none = { runs: 0, cost: zero }
  return {
    replace: (before, after) => {
      if (before !== undefined) {
        const { cost, runs } = totals.get(before.flow) ?? none
        totals.set(before.flow, { runs: runs - 1, cost: BigDecimal.subtract(cost, costOf(before)) })
      }
      if (after !== undefined) {
        const { cost, runs } = totals.get(after.flow) ?? none
        totals.set(after.flow, { runs: runs + 1, cost: BigDecimal.sum(cost, costOf(after)) })
      }
    },
    clear: () => totals.clear(),
    of: (flow) => {
      const { cost, runs } = totals.get(flow) ?? none
      return { runs, costUsd: formatCost(cost) }
    },
    flows: () => [...totals].flatMap(([flow, { runs }]) => runs > 0 ? [flow] : [])
  }
}
