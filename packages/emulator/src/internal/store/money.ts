/** Money as decimal strings, added exactly. */
import * as BigDecimal from "effect/BigDecimal"

export const zero: BigDecimal.BigDecimal = BigDecimal.unsafeFromNumber(0)

/** The amount of a text that the flow schema has checked. */
export const parse = (text: string | undefined): BigDecimal.BigDecimal =>
  text === undefined ? zero : BigDecimal.unsafeFromString(text)

/** The decimal text of an amount, never in scientific notation. */
export const print = (amount: BigDecimal.BigDecimal): string => {
  const { scale, value } = BigDecimal.normalize(amount)
  if (scale <= 0) return (value * 10n ** BigInt(-scale)).toString()
  const negative = value < 0n
  const digits = (negative ? -value : value).toString().padStart(scale + 1, "0")
  return `${negative ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
