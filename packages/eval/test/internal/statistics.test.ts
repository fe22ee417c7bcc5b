import { assert, describe, it } from "@effect/vitest"
import { holm, mcnemar, medianInterval, medianOf, wilson } from "../../src/internal/statistics.js"

const rounded = (interval: readonly [number, number], digits: number) => interval.map((end) => end.toFixed(digits))

describe("statistics", () => {
  it("wilson gives the intervals that Newcombe (1998, table I) publishes", () => {
    assert.deepStrictEqual(rounded(wilson(81, 263), 4), ["0.2553", "0.3662"])
    assert.deepStrictEqual(rounded(wilson(15, 148), 4), ["0.0624", "0.1605"])
    assert.deepStrictEqual(rounded(wilson(0, 20), 4), ["0.0000", "0.1611"])
    assert.deepStrictEqual(rounded(wilson(1, 29), 4), ["0.0061", "0.1718"])
    assert.deepStrictEqual(wilson(20, 20)[1], 1)
  })

  it("holm adjusts as p.adjust of R does", () => {
    // p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert.deepStrictEqual(holm([0.01, 0.04, 0.03, 0.005]).map((p) => p.toFixed(3)), [
      "0.030",
      "0.060",
      "0.060",
      "0.020"
    ])
    assert.deepStrictEqual([holm([]), holm([0.5]), holm([0.9, 0.8])], [[], [0.5], [1, 1]])
  })

  it("mcnemar gives the p values of published examples", () => {
    // R package exact2x2, mcnemar.exact(matrix(c(21, 9, 2, 12), 2, 2))
    assert.strictEqual(mcnemar(9, 2).toFixed(5), "0.06543")
    assert.strictEqual(mcnemar(2, 9), mcnemar(9, 2))
    // the changes of the example in Wikipedia's "McNemar's test", 121 and 59, as an exact fraction
    assert.approximately(mcnemar(121, 59), 4.434449263755176e-6, 1e-15)
    assert.strictEqual(mcnemar(0, 0), 1)
    assert.strictEqual(mcnemar(5, 5), 1)
    assert.strictEqual(mcnemar(0, 5), 0.0625)
  })

  it("mcnemar takes many changes, where the terms are below the smallest number", () => {
    // as an exact fraction
    assert.approximately(mcnemar(950, 1050), 0.026824146240280695, 1e-12)
    const p = mcnemar(49_900, 50_100)
    assert.isTrue(p > 0.5 && p < 0.6)
    assert.strictEqual(mcnemar(0, 100_000), 0)
  })

  it("the interval of a median is the same for the same values, and contains the median", () => {
    const values = Array.from({ length: 101 }, (_, index) => index - 50)
    const first = medianInterval(values)
    assert.deepStrictEqual(medianInterval(values.toReversed()), first)
    assert.strictEqual(first.median, 0)
    // the order statistics 40 and 62 of 101 enclose the median with 95 %
    assert.approximately(first.interval[0], -10, 2)
    assert.approximately(first.interval[1], 10, 2)
    assert.deepStrictEqual(medianInterval([7]), { median: 7, interval: [7, 7] })
    assert.strictEqual(medianInterval([1, 2]).median, 1.5)
  })

  it("the median of a few values", () => {
    assert.strictEqual(medianOf([]), undefined)
    assert.strictEqual(medianOf([3, 1, 2]), 2)
    assert.strictEqual(medianOf([4, 1]), 2.5)
  })
})
