/**
 * Stored runs: a run of a session as a trace, the input of a run, and the costs of several.
 *
 * @since 0.1.0
 */
import {
  formatCost,
  inputOf as inputIn,
  type InputOfRun,
  known,
  noCost,
  parseCost,
  withoutPrompt
} from "@effect-noukai/sdk/kit/runs/report"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import type { RunCost, Trace } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

export type { InputOfRun }

/** A payload as traces have it: an object. */
const contextOf = (name: string, snapshot: unknown): unknown =>
  snapshot === null || snapshot === undefined
    ? undefined
    : Predicate.isRecord(snapshot)
    ? snapshot
    : { [name]: snapshot }

/**
 * Returns a run of a session as a trace, to show it or to compare it with another run. Sessions have no costs, tokens and models.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromExecution = (execution: SessionExecution): Trace => {
  const { completedAt, executionId, flowId, startedAt, status, steps, triggerType } = execution
  return {
    flowRun: { id: executionId, status, ...known({ flowId, triggerType, startedAt, completedAt }) },
    steps: steps.map(({ errorSnapshot, inputSnapshot, loopIndex, outputSnapshot, ...step }) => ({
      ...step,
      ...known({
        loopIndex,
        inputContext: contextOf("input", inputSnapshot),
        outputContext: contextOf("output", withoutPrompt(outputSnapshot)),
        errorContext: contextOf("error", errorSnapshot)
      })
    }))
  }
}

/**
 * Returns the input of a run, from the stored input of its first step: the message, and the parameters beside it. None if
 * the input is not stored, or the server cut it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const inputOf = ({ steps: [first] }: Pick<Trace, "steps">): Option.Option<InputOfRun> =>
  first?.truncated === true ? Option.none() : Option.fromNullable(inputIn(first?.inputContext))

/**
 * The costs of some runs in US dollars, as decimal text.
 *
 * @since 0.1.0
 * @category models
 */
export interface CostRange {
  /** The number of runs whose cost is known. */
  readonly runs: number
  readonly least: string
  /** Of an even number of runs, the mean of the two in the middle, exact. */
  readonly median: string
  readonly most: string
}

/**
 * Returns the least, the median and the most that runs cost. Costs that are not known are left out. None without a known
 * cost.
 *
 * @since 0.1.0
 * @category combinators
 */
export const costRange = (costs: Iterable<Pick<RunCost, "costUsd" | "isKnown">>): Option.Option<CostRange> => {
  const known = Array.from(costs).flatMap(({ costUsd, isKnown }) => isKnown ? [parseCost(costUsd) ?? noCost] : [])
    .sort(BigDecimal.Order)
  const [least, most] = [known[0], known.at(-1)]
  if (least === undefined || most === undefined) return Option.none()
  const middle = BigDecimal.sum(known[(known.length - 1) >> 1]!, known[known.length >> 1]!)
  return Option.some({
    runs: known.length,
    least: formatCost(least),
    median: formatCost(BigDecimal.multiply(middle, BigDecimal.make(5n, 1))),
    most: formatCost(most)
  })
}
