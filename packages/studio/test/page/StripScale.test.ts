import { assert, describe, it } from "@effect/vitest"
import type { Point } from "../../page/src/api.js"
import { nearest, pointPlace, scaleOfPoints, timeOf } from "../../page/src/stripScale.js"

const minute = 60_000

const point = (nth: number, durationMs: number): Point => ({
  id: `run-${nth}`,
  flow: "acme/test/flow",
  status: "completed",
  startedAt: nth * minute,
  durationMs,
  isOutlier: false
})

describe("the scale of the picture of a list", () => {
  it("has magnitudes where durations differ much, and has room for all points", () => {
    const close = scaleOfPoints([point(0, 100), point(10, 400)])
    assert.isFalse(close.isLog)
    assert.strictEqual(close.y.min, 0)
    const points = [point(0, 0), point(3, 250), point(10, 90_000)]
    const wide = scaleOfPoints(points)
    assert.isTrue(wide.isLog)
    for (const one of points) {
      const { x, y } = pointPlace(wide, one)
      assert.isTrue(x >= 0 && x <= 1 && y >= 0 && y <= 1)
    }
    for (const marks of [close.marks, wide.marks]) assert.isAtLeast(marks.length, 2)
  })

  it("stays while runs arrive, for a while", () => {
    const first = Array.from({ length: 60 }, (_, nth) => point(nth, 100))
    const scale = scaleOfPoints(first)
    const later = scaleOfPoints([...first, { ...point(59, 100), startedAt: 59 * minute + 1_000 }])
    assert.deepStrictEqual(later, scale)
  })

  it("is the range, where one is chosen", () => {
    assert.deepStrictEqual(scaleOfPoints([point(3, 5)], 2 * minute, 9 * minute).x, { min: 2 * minute, max: 9 * minute })
    assert.isAbove(scaleOfPoints([]).x.max, scaleOfPoints([]).x.min)
  })

  it("finds the run next to a place, if one is near", () => {
    const points = [point(0, 100), point(10, 400)]
    const scale = scaleOfPoints(points)
    const place = { ...pointPlace(scale, points[1]!), width: 1_000, height: 80 }
    assert.strictEqual(nearest(scale, points, { ...place, x: place.x + 0.01 }, 24), 1)
    assert.strictEqual(nearest(scale, points, { ...place, x: place.x - 0.3 }, 24), undefined)
  })
})

describe("the labels of the picture", () => {
  it("differ also where they are less than a second apart", () => {
    const start = new Date(2026, 5, 7, 12, 6, 13).getTime()
    for (const step of [1, 250, 1_000, 30_000, minute]) {
      const labels = [0, 1, 2, 3].map((nth) => timeOf(start + nth * step, step))
      assert.strictEqual(new Set(labels).size, 4, labels.join(" "))
    }
    assert.strictEqual(timeOf(start + 250, 250), "12:06:13.250")
    assert.strictEqual(timeOf(new Date(2026, 5, 7).getTime(), 250), "7 Jun")
  })
})
