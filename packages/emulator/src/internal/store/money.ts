/** Money as decimal strings, added exactly. */
import * as BigDecimal from "effect/BigDecimal"

export { formatCost as print } from "@effect-noukai/sdk/Trace"

export const zero: BigDecimal.BigDecimal = BigDecimal.unsafeFromNumber(0)

/** The amount of a text that the flow schema has checked. */
export const parse = (text: string | undefined): BigDecimal.BigDecimal =>
  text === undefined ? zero : BigDecimal.unsafeFromString(text)
