/**
 * Costs as exact decimals.
 *
 * @see contract 0.4
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"

/** @internal */
export const noCost: BigDecimal.BigDecimal = BigDecimal.make(0n, 0)

/** The amount of a decimal text; nothing for any other text. @internal */
export const parseCost = (text: string | undefined): BigDecimal.BigDecimal =>
  text === undefined ? noCost : Option.getOrElse(BigDecimal.fromString(text), () => noCost)

/** An amount with all its digits, without an exponent. @internal */
export const formatCost = (amount: BigDecimal.BigDecimal): string => {
  const { scale, value } = BigDecimal.normalize(amount)
  if (scale <= 0) return String(value * 10n ** BigInt(-scale))
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0")
  return `${value < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
