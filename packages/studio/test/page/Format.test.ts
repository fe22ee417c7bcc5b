/** Amounts as people read them. */
import { assert, it } from "@effect/vitest"
import { cost, exactCost } from "../../page/src/format.js"

it("an amount above 0 never looks like 0, and one run shows all its digits", () => {
  assert.deepStrictEqual(["0", "0.00000001", "0.00015", "0.21"].map(cost), [
    "$0.0000",
    "< $0.0001",
    "$0.0001",
    "$0.2100"
  ])
  assert.deepStrictEqual(["0", "0.00000001", "0.00015", "1e-9"].map(exactCost), [
    "$0",
    "$0.00000001",
    "$0.00015",
    "< $0.0001"
  ])
})
