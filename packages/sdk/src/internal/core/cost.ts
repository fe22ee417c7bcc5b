/**
 * Amounts of US dollars, as exact decimals.
 *
 * @see docs/wire.md#json
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { AnyFiber } from "./fiber.js"
import type { Problem } from "./makeError.js"

/** An exact amount of US dollars. */
export type Decimal = BigDecimal.BigDecimal

/** The amount 0. */
export const noCost: Decimal = BigDecimal.make(0n, 0)

/** The sum of two amounts. */
export const addCost: (a: Decimal, b: Decimal) => Decimal = BigDecimal.sum

/** The difference of two amounts. */
export const subtractCost: (a: Decimal, b: Decimal) => Decimal = BigDecimal.subtract

export const isMore: (a: Decimal, b: Decimal) => boolean = BigDecimal.greaterThan

/** The limit of digits keeps sums of costs cheap for every answer of a server. */
const decimal = /^[+-]?(?:\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})(?:[eE][+-]?\d{1,2})?$/

/** The amount of a decimal text of at least 0; `undefined` for any other text. */
export const parseCost = (text: string): Decimal | undefined =>
  decimal.test(text)
    ? Option.getOrUndefined(Option.filter(BigDecimal.fromString(text), ({ value }) => value >= 0n))
    : undefined

/** A known count or sum. One of 0 may be missing. */
export const knownCount = (count: number | null | undefined): number | undefined =>
  typeof count === "number" && count > 0 && count < Infinity ? count : undefined

/** The fields of a step that say what it cost. */
export interface CostedStep {
  readonly status?: string | undefined
  readonly costUsd?: string | undefined
  readonly tokens?: object | undefined
}

/** The sum of the known costs of steps. Those of {@link unknownCostsIn} are not in it. */
export const sumCosts = (steps: ReadonlyArray<CostedStep>): Decimal =>
  steps.reduce((sum, { costUsd }) => costUsd === undefined ? sum : addCost(sum, parseCost(costUsd) ?? noCost), noCost)

const usedTokens = (tokens: object | undefined): boolean =>
  tokens !== undefined && Object.values(tokens).some((count) => Number(count) > 0)

/**
 * Whether the cost of a step is unknown. This is the one rule for all sums of costs: the server sent a cost that is not
 * a decimal of at least 0, or it sent no cost of a step that used tokens. Any other step without a cost cost nothing: it
 * used no tokens, or it was skipped. `sent` is the step as the server sent it.
 */
export const isCostUnknown = ({ costUsd, status, tokens }: CostedStep, sent: unknown = { costUsd }): boolean => {
  const told = Predicate.isRecord(sent) ? sent.costUsd : undefined
  if (told !== undefined && told !== null) return typeof told !== "string" || parseCost(told) === undefined
  return status !== "skipped" && usedTokens(tokens)
}

/** The steps of a trace, or the attempts at a step. */
export type CostedSteps<A> =
  | { readonly raw?: unknown; readonly steps: ReadonlyArray<A> }
  | { readonly raw?: unknown; readonly attempts: ReadonlyArray<A> }

/** The steps whose cost is unknown. An unreadable cost is absent from a decoded step, so that the response counts. */
export const unknownCostsIn = <A extends CostedStep>(trace: CostedSteps<A>): ReadonlySet<A> => {
  const [key, steps] = "steps" in trace ? ["steps", trace.steps] as const : ["attempts", trace.attempts] as const
  const sent = Predicate.isRecord(trace.raw) ? trace.raw[key] : undefined
  return new Set(
    steps.filter((step, index) => isCostUnknown(step, Array.isArray(sent) ? sent[index] : undefined))
  )
}

/** A sum of costs: the known ones, and how many are not in it. */
export interface CostSum {
  /** US dollars, as decimal text. Absent if no cost is known. */
  readonly costUsd?: string | undefined
  /** The number of unknown costs. Default: 0. */
  readonly unknownCosts?: number | undefined
  /** The steps of a run. Without any, no cost of the run is known. */
  readonly steps?: ReadonlyArray<unknown> | undefined
}

/** A sum of costs as text: `$0.5`, `at least $0.5` if a cost is unknown, and `unknown` if no cost is known. */
export const costText = ({ costUsd, steps, unknownCosts = 0 }: CostSum): string =>
  unknownCosts === 0
    ? `$${costUsd ?? "0"}`
    : costUsd === undefined || steps?.length === 0
    ? "unknown"
    : `at least $${costUsd}`

/** An amount with all its digits, without an exponent. */
export const formatCost = (amount: Decimal): string => {
  const { scale, value } = BigDecimal.normalize(amount)
  if (scale <= 0) return String(value * 10n ** BigInt(-scale))
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0")
  return `${value < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** The amount of a number or text; `undefined` for any other value, and for one below 0. */
export const amountOf = (value: unknown): Decimal | undefined => {
  const amount = typeof value === "number" || typeof value === "string" ? parseCost(String(value)) : undefined
  return amount === undefined || isMore(noCost, amount) ? undefined : amount
}

const forms = "a number, or decimal text such as \"0.25\""

export const checkAmount = (field: string, value: unknown): Problem | undefined =>
  amountOf(value) === undefined ? { field, reason: `must be an amount of at least 0: ${forms}` } : undefined

export const checkPositiveAmount = (field: string, value: unknown): Problem | undefined => {
  const amount = amountOf(value)
  return value === undefined || (amount !== undefined && isMore(amount, noCost))
    ? undefined
    : { field, reason: `must be an amount above 0: ${forms}` }
}

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

/** The amount that one run reserves in each of the budgets around it. */
export class Hold {
  isSettled = false
  /** The part of the amount for which the budgets had room. */
  granted = noCost

  private constructor(private readonly ledgers: ReadonlyArray<Ledger>, public amount: Decimal) {}

  /** Reserves an amount in all budgets. If it does not fit into one, reserves nothing and returns that budget. */
  static take(ledgers: ReadonlyArray<Ledger>, amount: Decimal): Hold | Ledger {
    const hold = new Hold(ledgers, noCost)
    return hold.grow(amount) ?? hold
  }

  /** Raises the amount to the costs so far, or returns the budget in which they do not fit. */
  grow(costs: Decimal): Ledger | undefined {
    if (!isMore(costs, this.granted)) return undefined
    const more = subtractCost(costs, this.granted)
    const full = this.ledgers.find((ledger) => isMore(more, this.leftIn(ledger)))
    if (full === undefined) {
      this.keep(costs)
      this.granted = costs
    }
    return full
  }

  /** The amount that a budget has left beside the granted amount. */
  leftIn(ledger: Ledger): Decimal {
    return addCost(ledger.left, subtractCost(this.amount, this.granted))
  }

  /** Replaces the amount by the cost of the run, which is known and final. */
  settle(cost: Decimal): void {
    if (this.isSettled) return
    this.isSettled = true
    this.change(noCost)
    for (const ledger of this.ledgers) ledger.spent = addCost(ledger.spent, cost)
  }

  /** Keeps the amount, or the known part of the cost if that is larger: it counts even where it does not fit. */
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

export const budgetsOf = (fiber: AnyFiber): ReadonlyArray<Ledger> => Context.get(fiber.currentContext, CurrentBudgets)

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
