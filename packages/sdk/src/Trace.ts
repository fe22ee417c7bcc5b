/**
 * The record of a run: its summary, its steps with every attempt, and their totals.
 *
 * @since 0.1.0
 */
import type * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import * as Costs from "./internal/core/cost.js"
import { known } from "./internal/core/makeError.js"
import type { StepAttempts, Tokens, Trace } from "./internal/operations/requests.js"
import * as Timeline from "./internal/trace/timeline.js"

export { serverProblem as problemOf } from "./internal/core/runProblem.js"
export type { ServerProblem } from "./internal/core/runProblem.js"
export { Cost, FlowRun, StepAttempts, StepTrace, Tokens, Trace } from "./internal/operations/requests.js"

/**
 * Returns an amount of US dollars as decimal text, with all its digits and without an exponent.
 *
 * @since 0.1.0
 * @category costs
 */
export const formatCost: (amount: BigDecimal.BigDecimal) => string = Costs.formatCost

/**
 * Returns the exact amount of a number or decimal text: digits with a point and an exponent at most, 64 characters. None
 * for any other value.
 *
 * @since 0.1.0
 * @category costs
 */
export const parseCost = (value: unknown): Option.Option<BigDecimal.BigDecimal> =>
  Option.filter(Option.fromNullable(Costs.amountOf(value)), () => amount.test(String(value)))

/**
 * A sum of costs in US dollars: the known ones, and the number of those that are unknown and not in it. It is exact if
 * that number is 0.
 *
 * @since 0.1.0
 * @category costs
 */
export interface CostSum extends Costs.CostSum {}

/**
 * Whether the cost of a step is unknown: it is not a decimal of at least 0, or the step used tokens and has none. Any
 * other step without a cost cost nothing: it used no tokens, or was skipped.
 *
 * @since 0.1.0
 * @category costs
 */
export const isCostUnknown = (
  step: {
    readonly costUsd?: string | undefined
    readonly status?: string | undefined
    readonly tokens?: object | undefined
  }
): boolean => Costs.isCostUnknown(step)

/**
 * Returns a sum of costs as text: `$0.5`; `at least $0.5` if a cost is unknown; `unknown` if no cost is known.
 *
 * @since 0.1.0
 * @category costs
 */
export const costText: (sum: CostSum) => string = Costs.costText

const amount = /^(?=.{1,64}$)\d*\.?\d+(?:e[+-]?\d{1,2})?$/i

/**
 * Times in milliseconds, tokens and cost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Amounts {
  /** From start to end, waits included. */
  readonly wallMs: number
  /** The part in which a step was at work, and did not wait for tool results. */
  readonly busyMs: number
  /** The part in which a step waited for tool results. */
  readonly waitingMs: number
  readonly tokens: Tokens
  /** US dollars: the exact sum of the known costs. */
  readonly cost: BigDecimal.BigDecimal
  /** The cost as decimal text with all its digits, never in scientific notation. */
  readonly costUsd: string
  /**
   * The number of costs that are unknown, and not in `cost`. The cost of an attempt at a step is unknown if it is negative
   * or not a decimal, or if the step used tokens and has no cost. A step without tokens and cost cost nothing, and so did
   * a skipped one. A run without steps has one unknown cost. The cost is exact if the number is 0.
   */
  readonly unknownCosts: number
}

/**
 * The amounts of one step, all its attempts and iterations together.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepTotals extends Amounts {
  readonly stepId: string
  /** The number of attempts, those of every iteration counted. */
  readonly attempts: number
}

/**
 * The tokens and cost of one model.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelTotals extends Pick<Amounts, "tokens" | "cost" | "costUsd" | "unknownCosts"> {
  /** The name of the model; absent for steps whose model is not told. */
  readonly model?: string
}

/**
 * The totals of a run, or of the attempts at one step.
 *
 * @since 0.1.0
 * @category models
 */
export interface Totals extends Amounts {
  /**
   * The `durationMs` of all attempts together, as the server said them; loops and their iterations both count. The
   * times of a run are `wallMs`, `busyMs` and `waitingMs`.
   */
  readonly durationMs: number
  /** By step, in the order of their first attempts. */
  readonly steps: ReadonlyArray<StepTotals>
  /** By model, in the order of their first use. Steps without tokens and cost are not among them. */
  readonly models: ReadonlyArray<ModelTotals>
}

/**
 * The totals of one run, and how far they can be relied on.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunCost extends Totals {
  readonly executionId: string
  /** The status of the run: the totals of one that is `running` grow. */
  readonly status: string
  /**
   * Whether the whole cost is known: `unknownCosts` is 0. A trace without steps has an unknown cost, since the run has
   * none yet or stores none (capture mode `off`).
   */
  readonly isKnown: boolean
}

/** The part of a run that is added up. */
interface Part extends Omit<Amounts, "costUsd"> {
  readonly attempts: number
}

const noTokens: Tokens = { prompt: 0, completion: 0, total: 0 }

const nothing: Part = {
  wallMs: 0,
  busyMs: 0,
  waitingMs: 0,
  tokens: noTokens,
  cost: Costs.noCost,
  unknownCosts: 0,
  attempts: 0
}

/** The sum of milliseconds, exact to the nanosecond. */
const plus = (a: number, b: number): number => Math.round((a + b) * 1_000_000) / 1_000_000

const sumOf = (a: Part = nothing, b: Part): Part => ({
  wallMs: plus(a.wallMs, b.wallMs),
  busyMs: plus(a.busyMs, b.busyMs),
  waitingMs: plus(a.waitingMs, b.waitingMs),
  tokens: {
    prompt: a.tokens.prompt + b.tokens.prompt,
    completion: a.tokens.completion + b.tokens.completion,
    total: a.tokens.total + b.tokens.total
  },
  cost: Costs.addCost(a.cost, b.cost),
  unknownCosts: a.unknownCosts + b.unknownCosts,
  attempts: a.attempts + b.attempts
})

const usedOf = ({ cost, tokens, unknownCosts }: Part) => ({
  tokens,
  cost,
  costUsd: Costs.formatCost(cost),
  unknownCosts
})

const amountsOf = (part: Part): Amounts => {
  const { busyMs, waitingMs, wallMs } = part
  return { wallMs, busyMs, waitingMs, ...usedOf(part) }
}

/** The sums of a run, and those by step and by model. */
class Sums {
  all = nothing
  durationMs = 0
  private readonly steps = new Map<string, Part>()
  private readonly models = new Map<string | undefined, Part>()

  addStep(stepId: string, part: Part): void {
    this.steps.set(stepId, sumOf(this.steps.get(stepId), part))
  }

  addModel(model: string | undefined, part: Part): void {
    this.models.set(model, sumOf(this.models.get(model), part))
  }

  get totals(): Totals {
    return {
      ...amountsOf(this.all),
      durationMs: this.durationMs,
      steps: [...this.steps].map(([stepId, part]) => ({ stepId, attempts: part.attempts, ...amountsOf(part) })),
      models: [...this.models].map(([model, part]) => ({ ...known({ model }), ...usedOf(part) }))
    }
  }
}

const amountOf = (costUsd = "0"): BigDecimal.BigDecimal => Costs.parseCost(costUsd) ?? Costs.noCost

/**
 * Adds up a trace, or the attempts at one step: every attempt and every iteration of a loop counts, failed ones too,
 * since all of them are billed. A number that a step lacks counts as 0, and an unknown cost in `unknownCosts`. Costs are
 * added as decimals, never as floats.
 *
 * `wallMs` of a run is the time from its start to its end; while it goes on, to the last moment that the trace knows.
 * The other times are sums: steps side by side all count, so that `busyMs` may exceed `wallMs`, and a loop is busy only
 * while none of its iterations is. What is neither busy nor waiting was spent between steps.
 *
 * A step waited as long as its `waitingMs` says. Where the server does not say it, the wait is the time between
 * `startedAt` and `completedAt` that `durationMs` leaves out, as far as it is more than the rounding of the timestamps:
 * a server that counts waits into `durationMs` and says no `waitingMs` has steps that seem busy while they wait.
 *
 * @example
 * ```ts
 * import { RunService, Trace } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const cost = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const trace = yield* runs.trace("acme/spelling/grade-3", executionId)
 *     return Trace.totals(trace).costUsd
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const totals = (
  trace: Pick<Trace, "steps"> & Partial<Pick<Trace, "flowRun" | "raw">> | StepAttempts
): Totals => {
  const unknown = Costs.unknownCostsIn<Trace["steps"][number]>(trace)
  const { steps, wall } = Timeline.timelineOf("attempts" in trace ? { steps: trace.attempts } : trace)
  const iterations = steps.map(() => 0n)
  for (const { loop, wall } of steps) if (loop !== undefined) iterations[loop]! += wall
  const sums = new Sums()
  for (const [index, { step, waiting, wall }] of steps.entries()) {
    const { costUsd, durationMs = 0, modelUsed, stepId, tokens } = step
    const busy = wall - waiting - iterations[index]!
    const part = {
      wallMs: Timeline.millisOf(wall),
      busyMs: busy > 0n ? Timeline.millisOf(busy) : 0,
      waitingMs: Timeline.millisOf(waiting),
      tokens: tokens ?? noTokens,
      cost: amountOf(costUsd),
      unknownCosts: unknown.has(step) ? 1 : 0,
      attempts: 1
    }
    sums.durationMs += durationMs
    sums.all = sumOf(sums.all, part)
    sums.addStep(stepId, part)
    if (tokens !== undefined || costUsd !== undefined || part.unknownCosts > 0) sums.addModel(modelUsed, part)
  }
  sums.all = { ...sums.all, wallMs: Timeline.millisOf(wall) }
  return sums.totals
}

/**
 * Returns the cost of a run from its trace, as `RunService.cost` does, for programs that read the trace anyway.
 *
 * @since 0.1.0
 * @category combinators
 */
export const costOf = (trace: Trace, executionId: string): RunCost => {
  const all = totals(trace)
  const unknownCosts = trace.steps.length === 0 ? 1 : all.unknownCosts
  return { executionId, status: trace.flowRun.status, isKnown: unknownCosts === 0, ...all, unknownCosts }
}

/**
 * Adds up the totals of several runs: times, tokens, costs and unknown costs, in all, by step and by model, in the order in which steps
 * and models are first met. Costs are added as decimals. All times are sums, `wallMs` too, which runs side by side
 * exceed. Nothing to add up is 0.
 *
 * @example
 * ```ts
 * import { RunService, Trace } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const costOf = (executionIds: ReadonlyArray<string>) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const each = yield* Effect.forEach(executionIds, (id) => runs.cost("acme/spelling/grade-3", id))
 *     return Trace.sumTotals(each).costUsd
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const sumTotals = (all: Iterable<Totals>): Totals => {
  const sums = new Sums()
  // costs by their text, which is all of them that JSON keeps
  for (const totals of all) {
    sums.all = sumOf(sums.all, { ...nothing, ...totals, cost: amountOf(totals.costUsd) })
    sums.durationMs += totals.durationMs
    for (const step of totals.steps) sums.addStep(step.stepId, { ...step, cost: amountOf(step.costUsd) })
    for (const { model, ...used } of totals.models) {
      sums.addModel(model, { ...nothing, ...used, cost: amountOf(used.costUsd) })
    }
  }
  return sums.totals
}
