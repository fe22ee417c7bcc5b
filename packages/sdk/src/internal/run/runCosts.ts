/**
 * The costs of one call of a run: its own limit, and its reserve in the budgets around it. Costs are read from the
 * trace of the run, and only where there is a limit or a budget.
 */
import * as Effect from "effect/Effect"
import * as Errors from "../../NoukaiError.js"
import type { Trace } from "../../Trace.js"
import * as Cost from "../core/cost.js"
import type { AnyFiber } from "../core/fiber.js"
import { invalid, newError } from "../core/makeError.js"
import { isEndedStatus } from "../core/runProblem.js"
import { timeLimit } from "../core/time.js"
import type { FlowTarget, HttpService } from "../operations/operations.js"
import type { CallOptions } from "../options/callOptions.js"

/** The call whose run costs something. */
export interface CostedCall extends FlowTarget {
  readonly http: HttpService
  readonly method: string
  readonly options: CallOptions
  /** The total timeout, in milliseconds. */
  readonly total: number | undefined
  readonly maxCostUsd: number | string | undefined
}

/** The end of a call, as far as its costs are concerned. */
export interface CallEnd {
  readonly executionId: string | undefined
  readonly sent: Errors.Sent
  /** Absent of a call that did not fail. */
  readonly error?: unknown
}

/** The costs of a run as far as they are known at one time. */
interface Reading {
  readonly all: Cost.Decimal
  /** The costs of the steps that had ended: no event of this call tells them again. */
  readonly ended: Cost.Decimal
}

const nothing: Reading = { all: Cost.noCost, ended: Cost.noCost }

const larger = (a: Cost.Decimal, b: Cost.Decimal): Cost.Decimal => Cost.isMore(a, b) ? a : b

/** The limit, in milliseconds, of the read that settles a call, whose result waits for it. */
const patience = 10_000

const unreadable = "the cost of a step is missing, or is not a decimal of at least 0"

/** Whether a failure leaves open how far its request ran. */
const isOpen = (error: unknown): boolean => {
  if (!Errors.isNoukaiError(error)) return false
  switch (error._tag) {
    case "APIConnectionError":
    case "APITimeoutError":
    case "UnexpectedResponseError":
      return true
    default:
      return error.statusCode !== undefined && (error.statusCode >= 500 || error.statusCode === 408)
  }
}

/** The codes of refusals that end a run which has cost something. */
const runFailures: ReadonlySet<unknown> = new Set<Errors.ErrorCode>(["CREDITS_EXHAUSTED", "TOOL_ITERATION_LIMIT"])

/** Whether a failure says that its request began no run. */
const isRefusal = (error: unknown): boolean =>
  Errors.isNoukaiError(error) && !isOpen(error) && (error.statusCode ?? 0) >= 400 && !runFailures.has(error.code)

const executionIdOf = (error: unknown): string | undefined =>
  Errors.isNoukaiError(error) ? error.executionId : undefined

export class RunCosts {
  private readonly limit: Cost.Decimal | undefined
  /** The costs that the events of the run have told. */
  private told: Cost.Decimal | undefined
  /** The costs that the last trace knew and no event had told: those of a run that began in another call. */
  private untold = Cost.noCost
  /** The costs at the last trace. */
  private seen: Reading | undefined
  /** The costs of the run before this call. */
  private before = nothing
  private hasBegun = false
  /** Whether another call began the run. */
  private isContinued = false
  private hold: Cost.Hold | undefined

  private constructor(private readonly call: CostedCall, private readonly ledgers: ReadonlyArray<Cost.Ledger>) {
    this.limit = Cost.amountOf(call.maxCostUsd)
  }

  /** The costs of a call of a fiber; `undefined` without a limit and outside budgets. */
  static of(fiber: AnyFiber, call: CostedCall): RunCosts | undefined {
    const ledgers = Cost.budgetsOf(fiber)
    return call.maxCostUsd === undefined && ledgers.length === 0 ? undefined : new RunCosts(call, ledgers)
  }

  /** Adds the cost of a step that has completed. It counts at once: nobody may ever be able to read the trace of the run. */
  add(costUsd: string | undefined): void {
    const cost = costUsd === undefined ? undefined : Cost.parseCost(costUsd)
    if (cost !== undefined) this.tell(Cost.addCost(this.told ?? Cost.noCost, cost))
  }

  /** Takes the costs of a run before this call, as its events told them: no event of this call tells them again. */
  began(costs: ReadonlyArray<string | undefined> = []): void {
    const told = costs.flatMap((cost) => (cost === undefined ? undefined : Cost.parseCost(cost)) ?? [])
    if (told.length === 0) return
    this.untold = told.reduce(Cost.addCost, Cost.noCost)
    this.seen = { all: this.untold, ended: this.untold }
    this.told = Cost.noCost
  }

  /**
   * Takes the total that the end of a run told: the events of a loop tell no costs. The costs of a run that other calls
   * began count there, unless a trace has told them apart.
   */
  total(costUsd: unknown): void {
    const cost = typeof costUsd === "string" ? Cost.parseCost(costUsd) : undefined
    if (cost === undefined || (this.isContinued && this.seen === undefined)) return
    this.tell(larger(this.told ?? Cost.noCost, Cost.subtractCost(cost, this.before.ended)))
  }

  private tell(told: Cost.Decimal): void {
    this.told = told
    this.hold?.keep(Cost.subtractCost(this.known, this.before.all))
  }

  /** The costs of the run that were known before this call, with those that its events have told. */
  private get known(): Cost.Decimal {
    const { before, told = Cost.noCost } = this
    return larger(before.all, Cost.addCost(before.ended, told))
  }

  private facts(executionId: string | undefined) {
    return { method: this.call.method, flow: this.call.addressText, executionId }
  }

  private trace(executionId: string, isUnrecorded: boolean): Effect.Effect<Trace, Errors.CallError> {
    const { address: flow, http, method, options } = this.call
    // a key that is there is a part of the request that recordings are matched with
    const mark = isUnrecorded ? { isUnrecorded } : undefined
    return Effect.filterOrFail(
      http.request("trace", { method, flow, executionId, options, progress: { sent: "no" }, ...mark }),
      (trace) => Cost.unknownCostsIn(trace).size === 0,
      () => newError(Errors.UnexpectedResponseError, { ...this.facts(executionId), reason: unreadable })
    )
  }

  /** Takes the larger of the costs of a trace, which may be behind, and those that were known before and told since. */
  private read({ steps }: Trace): Cost.Decimal {
    const all = larger(Cost.sumCosts(steps), this.known)
    this.seen = { all, ended: Cost.sumCosts(steps.filter(({ status }) => status !== "running")) }
    this.untold = Cost.subtractCost(all, this.told ?? Cost.noCost)
    return all
  }

  /**
   * Reserves the cost of this call in its budgets, once: before its first request is sent. The costs of a run that has
   * begun before are read first. Absent outside budgets.
   */
  reserve(
    executionId: string | undefined
  ): Effect.Effect<void, Errors.BudgetExceededError | Errors.InvalidRequestError> | undefined {
    const { ledgers, limit } = this
    // a limit has read the trace of a run that goes on
    if (!this.hasBegun && executionId !== undefined) {
      this.before = this.seen ?? nothing
      this.isContinued = true
    }
    this.hasBegun = true
    if (ledgers.length === 0) return undefined
    return Effect.gen(this, function*() {
      if (this.hold !== undefined) return
      const amount = limit ?? ledgers.findLast(({ reserve }) => reserve !== undefined)?.reserve
      if (amount === undefined) {
        const reason = "is missing, and the budget around the call has no perRun to reserve in its place"
        return yield* invalid(this.call.method, "maxCostUsd", reason, this.facts(executionId))
      }
      if (executionId !== undefined) {
        // all costs of the run count where its trace cannot be read
        const read = Effect.map(this.trace(executionId, true), (trace) => this.read(trace))
        if (this.seen === undefined) yield* Effect.ignore(read)
        this.before = this.seen ?? nothing
      }
      const hold = Cost.Hold.take(ledgers, amount)
      if (hold instanceof Cost.Ledger) return yield* this.exceeded(hold, executionId, { needed: amount })
      this.hold = hold
    })
  }

  private exceeded(
    ledger: Cost.Ledger,
    executionId: string | undefined,
    { cause, left = ledger.left, needed }: {
      readonly left?: Cost.Decimal
      readonly needed?: Cost.Decimal
      readonly cause?: Errors.CallError
    }
  ): Errors.BudgetExceededError {
    return newError(Errors.BudgetExceededError, {
      ...this.facts(executionId),
      limitUsd: Cost.formatCost(ledger.limit),
      leftUsd: Cost.formatCost(left),
      neededUsd: needed && Cost.formatCost(needed),
      cause
    })
  }

  private overLimit(
    limit: Cost.Decimal,
    executionId: string,
    fields: { readonly spentUsd?: string; readonly cause?: Errors.CallError }
  ): Errors.CostLimitError {
    const maxCostUsd = Cost.formatCost(limit)
    return newError(Errors.CostLimitError, { ...this.facts(executionId), maxCostUsd, ...fields })
  }

  /** The error of costs above the limit of the run, or above what its budgets have room for. */
  private compare(
    executionId: string,
    spent: Cost.Decimal
  ): Errors.CostLimitError | Errors.BudgetExceededError | undefined {
    const { hold, limit } = this
    if (limit !== undefined && Cost.isMore(spent, limit)) {
      return this.overLimit(limit, executionId, { spentUsd: Cost.formatCost(spent) })
    }
    const costs = Cost.subtractCost(spent, this.before.all)
    const full = hold?.grow(costs)
    if (hold === undefined || full === undefined) return undefined
    hold.keep(costs)
    return this.exceeded(full, executionId, {
      left: hold.leftIn(full),
      needed: Cost.subtractCost(costs, hold.granted)
    })
  }

  /**
   * The error of a run that may not go on, if there is one. A trace that cannot be read leaves the costs that events have
   * told, with those that an earlier trace knew. Where there are none, or the trace has an unknown cost, the cost
   * is unknown, and the run is stopped. In a replay nothing costs anything: no budget is asked, and no limit where there is
   * no trace.
   */
  check(
    executionId: string | undefined
  ): Effect.Effect<Errors.CostLimitError | Errors.BudgetExceededError | undefined> {
    const { hold, limit } = this
    if (executionId === undefined || (limit === undefined && hold === undefined)) return Effect.sync(() => undefined)
    // a replay reads the trace again for a limit, since it has to stop where the run stopped
    return Effect.match(this.trace(executionId, limit === undefined), {
      onSuccess: (trace) => this.compare(executionId, this.read(trace)),
      onFailure: (cause) => {
        const isUnknown = cause._tag === "UnexpectedResponseError" && cause.reason === unreadable
        if (this.told !== undefined && !isUnknown) {
          return this.compare(executionId, Cost.addCost(this.told, this.untold))
        }
        if (cause._tag === "ReplayMissError") return undefined
        return limit === undefined
          ? this.exceeded(this.ledgers.at(-1)!, executionId, { cause })
          : this.overLimit(limit, executionId, { cause })
      }
    })
  }

  /**
   * Settles the reserve of the call: by the trace of its run where the cost is known and final. Otherwise the
   * reserve is kept, or the known part of the cost if that is larger.
   */
  settle({ error, executionId, sent }: CallEnd): Effect.Effect<void> {
    const { hold } = this
    if (hold === undefined || hold.isSettled) return Effect.void
    const isUnnamed = executionId === undefined
    if (sent === "no" || (isUnnamed && isRefusal(error))) return Effect.sync(() => hold.settle(Cost.noCost))
    // the trace of a run that no answer named cannot be read
    if (isUnnamed) return Effect.void
    const { total = patience } = this.call
    return Effect.match(timeLimit(this.trace(executionId, true), Math.min(total, patience), Effect.fail("late")), {
      onFailure: () => {
        const { before, told = Cost.noCost, untold } = this
        hold.keep(Cost.subtractCost(Cost.addCost(told, untold), before.all))
      },
      onSuccess: (trace) => {
        const costs = Cost.subtractCost(this.read(trace), this.before.all)
        const isKnown = trace.steps.length > 0 && (!isOpen(error) || isEndedStatus(trace.flowRun.status))
        if (isKnown) hold.settle(costs)
        else hold.keep(costs)
      }
    })
  }

  /**
   * Settles the reserve when an effect ends. One that is interrupted after it has sent something keeps its reserve, as
   * does one that is not the whole of a call and succeeds.
   */
  settling<A, E, R>(
    self: Effect.Effect<A, E, R>,
    facts: () => Omit<CallEnd, "error">,
    isWhole = true
  ): Effect.Effect<A, E, R> {
    if (this.ledgers.length === 0) return self
    const settled = (error?: unknown) =>
      Effect.suspend(() => {
        const { executionId = executionIdOf(error), sent } = facts()
        return this.settle({ executionId, sent, error })
      })
    const released = Effect.onInterrupt(
      self,
      () => Effect.suspend(() => facts().sent === "no" ? settled() : Effect.void)
    )
    return Effect.tapBoth(released, { onFailure: settled, onSuccess: () => isWhole ? settled() : Effect.void })
  }
}
