/** US dollars, exact: `BigDecimal` in memory, decimal text in the ledger. */
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"

export const none: BigDecimal.BigDecimal = BigDecimal.make(0n, 0)

/** Digits with a point and an exponent at most: no longer text is an amount. */
const decimal = /^(?=.{1,64}$)\d*\.?\d+(e[+-]?\d{1,2})?$/i

/** The amount of an option: a number, or decimal text, of at least 0. */
export const taken = (given: unknown): Option.Option<BigDecimal.BigDecimal> => {
  const text = typeof given === "number" ? String(given) : given
  return typeof text === "string" && decimal.test(text) ? BigDecimal.fromString(text) : Option.none()
}

/** The amount of a text that {@link print} wrote, or the SDK. */
export const parse: (text: string) => BigDecimal.BigDecimal = BigDecimal.unsafeFromString

/** All digits of an amount, without an exponent. */
export const print = (amount: BigDecimal.BigDecimal): string => {
  const { scale, value } = BigDecimal.normalize(amount)
  if (scale <= 0) return (value * 10n ** BigInt(-scale)).toString()
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0")
  return `${value < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** How often an amount goes into another one, at most `most` times. */
export const times = (each: BigDecimal.BigDecimal, all: BigDecimal.BigDecimal, most: number): number => {
  if (all.value < 0n) return 0
  if (each.value === 0n) return most
  const scale = Math.max(each.scale, all.scale)
  const whole = BigDecimal.scale(all, scale).value / BigDecimal.scale(each, scale).value
  return whole < BigInt(most) ? Number(whole) : most
}

/** So many times an amount. */
export const multiplied = (amount: BigDecimal.BigDecimal, by: number): BigDecimal.BigDecimal =>
  BigDecimal.multiply(amount, BigDecimal.make(BigInt(by), 0))
