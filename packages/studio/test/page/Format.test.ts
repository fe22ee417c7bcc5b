/** Amounts as people read them. */
import { assert, it } from "@effect/vitest"
import { cost, costText, exactCost, fineTick, percent, rate, signed, tick } from "../../page/src/format.js"

it("an amount above 0 never looks like 0, and one run shows all its digits", () => {
  assert.deepStrictEqual(["0", "0.00000001", "0.00015", "0.21"].map(cost), [
    "$0.00",
    "$0.00000001",
    "$0.00015",
    "$0.21"
  ])
  assert.deepStrictEqual(["0", "0.00000001", "0.000151234", "1e-9", "1e-15", "1.1"].map(exactCost), [
    "$0.00",
    "$0.00000001",
    "$0.000151234",
    "$0.000000001",
    "< $0.000000000001",
    "$1.10"
  ])
})

it("a sum of which a cost is not known is at least what is known", () => {
  const sums = [{ costUsd: "12.440310001", unknownCosts: 1 }, { costUsd: "12.44" }, { unknownCosts: 2 }]
  assert.deepStrictEqual(sums.map((sum) => costText(sum, exactCost)), ["at least $12.440310001", "$12.44", undefined])
  assert.strictEqual(costText(sums[0]!), "at least $12.44")
})

it("a share never looks like nothing or the whole, unless it is", () => {
  assert.deepStrictEqual([0, 0.0001, 0.5, 0.994, 0.99999, 1].map(percent), [
    "0 %",
    "< 1 %",
    "50 %",
    "99 %",
    "> 99 %",
    "100 %"
  ])
})

it("bounds, differences and rates have the digits that count", () => {
  assert.deepStrictEqual([0.005, 0.0000021, 0.25, 1, 100, 1_234.5].map(cost), [
    "$0.005",
    "$0.0000021",
    "$0.25",
    "$1.00",
    "$100.00",
    "$1234.50"
  ])
  assert.deepStrictEqual([-0.002, 0, 0.25].map((usd) => signed((amount) => cost(String(amount)), usd)), [
    "−$0.002",
    "$0.00",
    "+$0.25"
  ])
  assert.deepStrictEqual([0.05, 1, 24.64, 1_234].map(rate), ["3.0 per min", "1.0 per s", "24.6 per s", "1234 per s"])
})

it("marks of an axis have the digits that count", () => {
  assert.deepStrictEqual([0, 250, 1_000, 1_500, 60_000, 130_000, 600_000, 3_600_000].map(tick), [
    "0",
    "250 ms",
    "1 s",
    "1.5 s",
    "1 m",
    "2 m 10 s",
    "10 m",
    "1 h"
  ])
  assert.deepStrictEqual(
    [[1_234, 1], [10_050, 50], [65_125, 5], [90_000, 1_000], [400, 1]].map(([ms, step]) => fineTick(ms!, step!)),
    ["1.234 s", "10.05 s", "1 m 05.125 s", "1 m 30 s", "400 ms"]
  )
})
