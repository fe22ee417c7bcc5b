/** The rows of a run, and its idle time. */
import { assert, describe, it } from "@effect/vitest"
import type { Bar, RunDetail } from "../../page/src/api.js"
import {
  barKey,
  criticalBars,
  idleStretches,
  isWithin,
  rowsOf,
  scaleOf,
  timeAt,
  zoomedScale,
  zoomOf
} from "../../page/src/timeline.js"

const bar = (stepId: string, more: Partial<Bar> = {}): Bar => ({
  stepId,
  attempt: 1,
  label: stepId,
  kind: "completed",
  isLoop: false,
  depth: 0,
  startMs: 0,
  durationMs: 1,
  waitingMs: 0,
  failure: [],
  ...more
})

const pages = bar("pages", { isLoop: true })

const inLoop = (stepId: string, loopIndex: number, more: Partial<Bar> = {}): Bar =>
  bar(stepId, { loopIndex, depth: 1, ...more })

describe("rowsOf", () => {
  const bars = [
    pages,
    inLoop("read", 0),
    inLoop("grade", 0),
    inLoop("read", 1, { kind: "failed" }),
    inLoop("read", 1, { kind: "failed", attempt: 2 }),
    inLoop("grade", 1),
    bar("end"),
    bar("more", { isLoop: true }),
    inLoop("page", 0)
  ]

  it("counts the iterations of a loop, not the steps and attempts in them", () => {
    for (const opened of [new Set<string>(), new Set([barKey(pages)])]) {
      const loops = rowsOf(bars, opened, "").filter(({ bar }) => bar.isLoop)
      assert.deepStrictEqual(loops.map(({ failed, iterations }) => [iterations, failed]), [[2, 1], [1, 0]])
    }
  })
})

describe("idleStretches", () => {
  it("are those between steps, where there are any", () => {
    assert.deepStrictEqual(idleStretches([bar("a"), bar("b", { startMs: 9 })], 10, 10), [{ from: 1, to: 9 }])
    assert.deepStrictEqual(idleStretches([], 10, 10), [])
  })
})

describe("a part of a run", () => {
  it("has whole milliseconds within the run, and is none if it is all of it", () => {
    assert.deepStrictEqual(zoomOf(100.4, 200.6, 1_000), { from: 100, to: 200 })
    assert.deepStrictEqual(zoomOf(-50, 50, 1_000), { from: 0, to: 100 })
    assert.deepStrictEqual(zoomOf(950, 1_050, 1_000), { from: 900, to: 1_000 })
    assert.deepStrictEqual(zoomOf(5.1, 5.2, 1_000), { from: 5, to: 6 })
    assert.strictEqual(zoomOf(-1, 1_001, 1_000), undefined)
  })

  it("has its own scale, and places lead back to their times", () => {
    const whole = scaleOf(1_000, [{ from: 200, to: 800 }])
    const part = zoomedScale(whole, { from: 100, to: 200 })
    assert.closeTo(part.at(100), 0, 1e-9)
    assert.closeTo(part.at(200), 1, 1e-9)
    for (const ms of [0, 150, 500, 900]) assert.closeTo(timeAt(whole, 1_000, whole.at(ms)), ms, 0.01)
  })

  it("has the bars that have a part in it, and those that go on", () => {
    const zoom = { from: 100, to: 200 }
    const within = [
      bar("a", { startMs: 0, durationMs: 99 }),
      bar("b", { startMs: 0, durationMs: 150 }),
      bar("c", { startMs: 0, durationMs: 0, kind: "running" }),
      bar("d", { startMs: 201 })
    ].filter((one) => isWithin(one, zoom))
    assert.deepStrictEqual(within.map(({ stepId }) => stepId), ["b", "c"])
  })
})

it("the loop of an iteration on the critical path is on it", () => {
  const bars = [bar("loop", { isLoop: true }), bar("loop", { depth: 1, loopIndex: 0 }), bar("other")]
  assert.deepStrictEqual([...criticalBars({ bars, criticalPath: [1] } as unknown as RunDetail)], [bars[1], bars[0]])
})

it("what was found in payloads is listed with what was found in names", () => {
  const bars = [bar("read"), bar("grade"), bar("write")]
  const found = new Set([barKey(bars[2]!)])
  assert.deepStrictEqual(rowsOf(bars, new Set(), "read", found).map(({ bar }) => bar.stepId), ["read", "write"])
})
