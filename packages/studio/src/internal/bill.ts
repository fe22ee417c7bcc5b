/** The costs of the runs of a list by month, flow and model. */
import { costOf, type ModelTotals } from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Bill, FlowBill } from "../NumbersApi.js"
import type { Run } from "../RunsApi.js"
import type { StudioSource } from "../StudioSource.js"
import { type Cost, CostSum, inMap } from "./costSum.js"
import { knownCostOf } from "./detail.js"
import { dayOf } from "./numbers.js"
import { hasEnded } from "./times.js"

/** The number of runs that are read at once, and the most whose models are kept. */
const concurrency = 4
const mostKept = 100_000

/** The cost of a run by model. */
interface Read extends Cost {
  readonly models: ReadonlyArray<Cost & Pick<ModelTotals, "model">>
}

/** The models of runs that have ended, as far as they were read. */
export interface Models {
  readonly get: (run: Run) => Read | undefined
  /** Reads the models of so many runs of a list, the newest first. Runs that cannot be read stay unread. */
  readonly read: (runs: ReadonlyArray<Run>, most: number) => Effect.Effect<void>
}

export const makeModels = (source: StudioSource.Service): Models => {
  const kept = new Map<string, Read>()
  // after a reset, another run may have the id
  const keyOf = ({ flow, id, startedAt, status }: Run): string => JSON.stringify([flow, id, startedAt ?? null, status])
  const get = (run: Run) => kept.get(keyOf(run))
  return {
    get,
    read: (runs, most) =>
      Effect.forEach(
        runs.filter((run) => hasEnded(run.status) && get(run) === undefined).slice(0, most),
        (run) =>
          Effect.map(
            Effect.option(source.run(run.flow, run.id)),
            Option.map(({ trace }) => {
              const cost = costOf(trace, run.id)
              if (kept.size >= mostKept) kept.clear()
              const own = { costUsd: run.costUsd, unknownCosts: run.unknownCosts }
              // a trace without steps tells neither costs nor models
              kept.set(
                keyOf(run),
                cost.steps.length === 0 ? { ...own, models: [own] } : {
                  ...knownCostOf(cost),
                  models: cost.models.map(({ costUsd, model, unknownCosts }) => ({
                    costUsd,
                    unknownCosts,
                    ...model !== undefined && { model }
                  }))
                }
              )
            })
          ),
        { concurrency, discard: true }
      )
  }
}

class FlowSum extends CostSum {
  readonly models = new Map<string | undefined, CostSum>()
  readonly unread = new CostSum()

  bill(flow: string): FlowBill {
    return {
      flow,
      ...this.costs,
      models: [...this.models].sort(([one], [other]) => (one ?? "\uffff") < (other ?? "\uffff") ? -1 : 1)
        .map(([model, sum]) => ({ ...model !== undefined && { model }, ...sum.costs })),
      ...this.unread.runs > 0 && { unread: this.unread.costs }
    }
  }
}

class MonthSum extends CostSum {
  readonly flows = new Map<string, FlowSum>()
}

/** Adds up the costs of runs. The cost of a run whose models were read is the sum of its steps. */
export const billOf = (runs: ReadonlyArray<Run>, models: Models): Bill => {
  const all = new CostSum()
  const months = new Map<string | undefined, MonthSum>()
  let unread = 0
  for (const run of runs) {
    const read = models.get(run)
    const month = inMap(months, dayOf(run.startedAt)?.slice(0, -3), () => new MonthSum())
    const flow = inMap(month.flows, run.flow, () => new FlowSum())
    for (const sum of [all, month, flow]) sum.add(read ?? run)
    if (read === undefined) {
      flow.unread.add(run)
      if (hasEnded(run.status)) unread++
    }
    for (const { model, ...cost } of read?.models ?? []) inMap(flow.models, model, () => new CostSum()).add(cost)
  }
  return {
    all: all.costs,
    months: [...months].sort(([one], [other]) => (one ?? "") < (other ?? "") ? 1 : -1).map(([month, sum]) => ({
      ...month !== undefined && { month },
      ...sum.costs,
      flows: [...sum.flows].sort(([one], [other]) => one < other ? -1 : 1).map(([flow, of]) => of.bill(flow))
    })),
    unread
  }
}
