/** Histograms and quantiles from three digits of each number. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { Sketch } from "../src/internal/histogram.js"

const histogramOf = (values: ReadonlyArray<number>, unknown = 0) => {
  const sketch = new Sketch()
  for (const value of values) sketch.add(value)
  return sketch.histogram(unknown)
}

const ranges = (values: ReadonlyArray<number>) =>
  histogramOf(values).buckets.map(({ count, from, to }) => [from, to, count])

describe("a histogram", () => {
  it("has bounds that grow where the numbers do", () => {
    assert.deepStrictEqual(ranges([0, 3, 7, 20, 999]), [
      [0, 2, 1],
      [2, 5, 1],
      [5, 10, 1],
      [10, 20, 0],
      [20, 50, 1],
      [50, 100, 0],
      [100, 200, 0],
      [200, 500, 0],
      [500, 1000, 1]
    ])
  })

  it("has buckets of one width where the numbers are near each other", () => {
    assert.deepStrictEqual(ranges([101, 118, 140]), [
      ...[[100, 105, 1], [105, 110, 0], [110, 115, 0], [115, 120, 1]],
      ...[[120, 125, 0], [125, 130, 0], [130, 135, 0], [135, 140, 0], [140, 145, 1]]
    ])
    assert.deepStrictEqual(ranges([0.0021, 0.0022]).map(([from, to]) => [from, to]), [
      [0.0021, 0.00211],
      [0.00211, 0.00212],
      ...Array.from(
        { length: 9 },
        (_, n) => [Number((0.00212 + n / 100_000).toPrecision(3)), Number((0.00213 + n / 100_000).toPrecision(3))]
      )
    ])
  })

  it("has one bucket for zeros, and none for nothing", () => {
    assert.deepStrictEqual(ranges([0, 0]), [[0, 1, 2]])
    assert.deepStrictEqual(histogramOf([], 4), { buckets: [], known: 0, unknown: 4 })
  })

  it("has exact quantiles where each number has entries of its own", () => {
    const { max, median, p95 } = histogramOf([1_234, 5, 7, 1_234_567, 99])
    assert.deepStrictEqual([median, p95, max], [99, 1_234_567, 1_234_567])
  })

  const numbers = FastCheck.array(
    FastCheck.oneof(
      FastCheck.nat(),
      FastCheck.nat(300),
      FastCheck.nat(1_000_000).map((n) => Number(`${n}e-6`)),
      FastCheck.double({ min: 0, max: 1e9, noNaN: true, noDefaultInfinity: true }).filter((n) => n === 0 || n > 1e-9)
    ),
    { minLength: 1, maxLength: 200 }
  )

  it.prop("counts each number once, in the bucket that has it", [numbers], ([given]) => {
    const values = given.map((value) => Number(value.toPrecision(12)))
    const { buckets, known, max, median, p95, unknown } = histogramOf(values, 3)
    assert.deepStrictEqual([known, unknown, max], [values.length, 3, Math.max(...values)])
    assert.isAtMost(buckets.length, 120)
    for (const [index, { count, from, to }] of buckets.entries()) {
      assert.isBelow(from, to)
      if (index > 0) assert.strictEqual(from, buckets[index - 1]!.to)
      const inside = values.filter((value) => value >= from && value < to)
      assert.strictEqual(count, inside.length)
    }
    assert.strictEqual(buckets.reduce((sum, { count }) => sum + count, 0), values.length)
    const sorted = values.toSorted((one, other) => one - other)
    for (const [share, quantile] of [[0.5, median], [0.95, p95]] as const) {
      const exact = sorted[Math.ceil(share * sorted.length) - 1]!
      assert.isAtMost(Math.abs(quantile! - exact), exact / 100)
    }
  }, { fastCheck: { numRuns: 500 } })
})
