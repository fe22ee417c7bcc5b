/** Amounts of US dollars as callers give them: numbers and decimal text. */
import { type Problem, problem } from "./makeError.js"

/** The amount of a number or text; `undefined` for any other value, and for one below 0. */
export const amountOf = (value: unknown): Decimal | undefined => {
  const amount = typeof value === "number" || typeof value === "string" ? parseCost(String(value)) : undefined
  return amount === undefined || isMore(noCost, amount) ? undefined : amount
}

const forms = "a number, or decimal text such as \"0.25\""

export const checkAmount = (field: string, value: unknown): Problem | undefined =>
  amountOf(value) === undefined ? problem(field, `must be an amount of at least 0: ${forms}`) : undefined

export const checkPositiveAmount = (field: string, value: unknown): Problem | undefined => {
  const amount = amountOf(value)
  return value === undefined || (amount !== undefined && isMore(amount, noCost))
    ? undefined
    : problem(field, `must be an amount above 0: ${forms}`)
}

/**
 * Costs as exact decimals.
 *
 * @see contract 0.4
 */

/** `value` × 10^-`scale`. */
export interface Decimal {
  readonly value: bigint
  readonly scale: number
}

export const noCost: Decimal = { value: 0n, scale: 0 }

/** The limit of digits keeps adding costs cheap whatever the server sends. */
const decimal = /^([+-]?)(?:(\d{1,64})(?:\.(\d{0,64}))?|\.(\d{1,64}))(?:[eE]([+-]?\d{1,2}))?$/

/** The amount of a decimal text of at least 0; `undefined` for any other text. */
export const parseCost = (text: string): Decimal | undefined => {
  const found = decimal.exec(text)
  if (found === null) return undefined
  const [, sign, whole = "", fraction = found[4] ?? "", , exponent = "0"] = found
  const value = BigInt(whole + fraction)
  if (sign === "-" && value !== 0n) return undefined
  const scale = fraction.length - Number(exponent)
  return scale < 0 ? { value: value * 10n ** BigInt(-scale), scale: 0 } : { value, scale }
}

const valueAt = ({ scale, value }: Decimal, at: number): bigint => value * 10n ** BigInt(at - scale)

export const addCost = (a: Decimal, b: Decimal): Decimal => {
  const scale = Math.max(a.scale, b.scale)
  return { value: valueAt(a, scale) + valueAt(b, scale), scale }
}

export const subtractCost = (a: Decimal, { scale, value }: Decimal): Decimal => addCost(a, { value: -value, scale })

export const isMore = (a: Decimal, b: Decimal): boolean => {
  const scale = Math.max(a.scale, b.scale)
  return valueAt(a, scale) > valueAt(b, scale)
}

/** The sum of the costs of steps; what has none adds nothing. */
export const sumCosts = (steps: ReadonlyArray<{ readonly costUsd?: string | undefined }>): Decimal =>
  steps.reduce((sum, { costUsd }) => costUsd === undefined ? sum : addCost(sum, parseCost(costUsd) ?? noCost), noCost)

/** An amount with all its digits, without an exponent. */
export const formatCost = ({ scale, value }: Decimal): string => {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0")
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "")
  const whole = digits.slice(0, digits.length - scale)
  return `${value < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`
}
