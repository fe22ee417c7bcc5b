/** Amounts of US dollars as callers give them: numbers and decimal text. */
import { type Problem, problem } from "../errors/makeError.js"
import { type Decimal, isMore, noCost, parseCost } from "./decimal.js"

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
