/** The rows of a run, and its idle time. */
import { assert, describe, it } from "@effect/vitest"
import type { Bar } from "../../page/src/api.js"
import { barKey, idleStretches, rowsOf } from "../../page/src/timeline.js"

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
