/**
 * Amounts of US dollars, as exact decimals.
 *
 * @see contract 0.4
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import type { Problem } from "./makeError.js"

export type Decimal = BigDecimal.BigDecimal

export const noCost: Decimal = BigDecimal.make(0n, 0)

export const addCost: (a: Decimal, b: Decimal) => Decimal = BigDecimal.sum

export const subtractCost: (a: Decimal, b: Decimal) => Decimal = BigDecimal.subtract

export const isMore: (a: Decimal, b: Decimal) => boolean = BigDecimal.greaterThan

/** The limit of digits keeps sums of costs cheap, whatever the server sends. */
const decimal = /^[+-]?(?:\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})(?:[eE][+-]?\d{1,2})?$/

/** The amount of a decimal text of at least 0; `undefined` for any other text. */
export const parseCost = (text: string): Decimal | undefined =>
  decimal.test(text)
    ? Option.getOrUndefined(Option.filter(BigDecimal.fromString(text), ({ value }) => value >= 0n))
    : undefined

/** The sum of the costs of steps. A step without a cost adds nothing. */
export const sumCosts = (steps: ReadonlyArray<{ readonly costUsd?: string | undefined }>): Decimal =>
  steps.reduce((sum, { costUsd }) => costUsd === undefined ? sum : addCost(sum, parseCost(costUsd) ?? noCost), noCost)

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
