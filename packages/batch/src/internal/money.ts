/** US dollars, exact: `BigDecimal` in memory, decimal text in the ledger. */
import * as BigDecimal from "effect/BigDecimal"

export { formatCost as print, parseCost as taken } from "@effect-noukai/sdk/Trace"

/** The cost of a run that could not be read, or was not, in the ledger. */
export const unknown = "unknown"

export const none: BigDecimal.BigDecimal = BigDecimal.make(0n, 0)

/** The amount of a text that was written here, or by the SDK. */
export const parse: (text: string) => BigDecimal.BigDecimal = BigDecimal.unsafeFromString

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
