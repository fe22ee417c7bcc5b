/** The accounts of budgets, and the part of them that one run holds. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { addCost, type Decimal, formatCost, isMore, noCost, subtractCost } from "../core/cost.js"

/** Marks a budget. */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/sdk/Budget")

/** The type of the mark of a budget. */
export type TypeId = typeof TypeId

/** A limit of the costs of all calls within it. Fibers share it. */
export interface Budget {
  readonly [TypeId]: TypeId
  /** US dollars, as decimal text. */
  readonly limitUsd: string
  /** The reserve of a call without `maxCostUsd`, in US dollars, as decimal text. Absent: such a call is refused. */
  readonly perRun: string | undefined
}

/** One budget. Its amounts change within one turn of the event loop, so that fibers share it without a lock. */
export class Ledger implements Budget {
  readonly [TypeId]: TypeId = TypeId
  /** The known costs. */
  spent: Decimal = noCost
  /** The amounts that runs hold whose costs are not known yet. */
  reserved: Decimal = noCost

  constructor(readonly limit: Decimal, readonly reserve: Decimal | undefined) {}

  get limitUsd(): string {
    return formatCost(this.limit)
  }

  get perRun(): string | undefined {
    return this.reserve && formatCost(this.reserve)
  }

  get left(): Decimal {
    return subtractCost(subtractCost(this.limit, this.spent), this.reserved)
  }
}

/** The amount that one run holds in each of the budgets around it. */
export class Hold {
  isSettled = false

  private constructor(private readonly ledgers: ReadonlyArray<Ledger>, public amount: Decimal) {}

  /** Reserves an amount in all budgets. If it does not fit into one, reserves nothing and returns that budget. */
  static take(ledgers: ReadonlyArray<Ledger>, amount: Decimal): Hold | Ledger {
    const hold = new Hold(ledgers, noCost)
    return hold.grow(amount) ?? hold
  }

  /** Raises the amount to the costs so far, or returns the budget in which they do not fit. */
  grow(costs: Decimal): Ledger | undefined {
    if (!isMore(costs, this.amount)) return undefined
    const more = subtractCost(costs, this.amount)
    const full = this.ledgers.find(({ left }) => isMore(more, left))
    if (full === undefined) this.change(costs)
    return full
  }

  /** Replaces the amount by the cost of the run, which is known and final. */
  settle(cost: Decimal): void {
    if (this.isSettled) return
    this.isSettled = true
    this.change(noCost)
    for (const ledger of this.ledgers) ledger.spent = addCost(ledger.spent, cost)
  }

  /** Keeps the amount, or the known part of the cost if that is larger. */
  keep(known: Decimal): void {
    if (!this.isSettled && isMore(known, this.amount)) this.change(known)
  }

  private change(amount: Decimal): void {
    const more = subtractCost(amount, this.amount)
    this.amount = amount
    for (const ledger of this.ledgers) ledger.reserved = addCost(ledger.reserved, more)
  }
}

/** The budgets of the calling fiber, the innermost last. */
export class CurrentBudgets extends Context.Reference<CurrentBudgets>()("@effect-noukai/sdk/Budget", {
  defaultValue: (): ReadonlyArray<Ledger> => []
}) {}

export const budgetsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): ReadonlyArray<Ledger> =>
  Context.get(fiber.currentContext, CurrentBudgets)

/** The account of a budget. */
export const ledgerOf = (budget: Budget): Ledger => {
  // without its budget a call would have no limit
  if (!(budget instanceof Ledger)) throw new TypeError("not a Budget of this package: make it with Budget.make")
  return budget
}

/** The budgets with one more. A run counts once in each. */
export const entered = (budgets: ReadonlyArray<Ledger>, budget: Budget): ReadonlyArray<Ledger> => {
  const ledger = ledgerOf(budget)
  return budgets.includes(ledger) ? budgets : [...budgets, ledger]
}
