/** A stored run as rows of bars: every attempt once, in its place, with the row to look at first. */
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { anyTrace, step, traceOf } from "../../sdk/test/support/drawnRuns.js"
import { size } from "../../sdk/test/support/size.js"

describe("TraceLayout.make", () => {
  it("has every attempt in one row, within the width, whatever the trace says", () => {
    fc.assert(
      fc.property(anyTrace, fc.option(fc.nat(20), { nil: undefined }), (trace, maxRows) => {
        const { bars, focus, rows } = TraceLayout.make(trace, { maxRows })
        assert.lengthOf(bars, trace.steps.length)
        const drawn = new Set(rows.flatMap((row) => row.bars))
        assert.isTrue(bars.every((bar) => drawn.has(bar)))
        assert.strictEqual(rows.reduce((sum, row) => sum + row.bars.length, 0), bars.length)
        for (const { from, waiting, width } of bars) {
          for (const fraction of [from, waiting, width]) assert.isTrue(fraction >= 0 && fraction <= 1)
          assert.isAtMost(from + width, 1 + 1e-9)
        }
        assert.strictEqual(focus === undefined, rows.length === 0)
        const kinds = bars.map(({ kind }) => kind)
        if (kinds.includes("failed") && !kinds.includes("completed")) assert.isAbove(rows[focus!]!.failed, 0)
      }),
      { numRuns: size(1_000, 100) }
    )
  })

  it("bars are at their times, and totals are sums", () => {
    const layout = TraceLayout.make(traceOf(
      10_000,
      step("plan", 0, 1_000, { costUsd: "0.001", tokens: { prompt: 3, completion: 4, total: 7 } }),
      step("draft", 1_000, 8_000, { waitingMs: 2_000, costUsd: "0.0002" })
    ))
    const [plan, draft] = layout.bars
    assert.deepStrictEqual([plan!.from, plan!.width, plan!.waiting], [0, 0.1, 0])
    assert.deepStrictEqual([draft!.from, draft!.width, draft!.waiting], [0.1, 0.8, 0.25])
    assert.deepStrictEqual([draft!.startMs, draft!.durationMs, draft!.waitingMs], [1_000, 8_000, 2_000])
    assert.deepStrictEqual(
      [layout.totalMs, layout.durationMs, layout.waitingMs, layout.tokens, layout.costUsd],
      [10_000, 10_000, 2_000, 7, "0.0012"]
    )
    // the last
    assert.strictEqual(layout.focus, 1)
  })

  it("shows the last step where every failure was mended, and has the error and the input of a mended attempt", () => {
    const { focus, rows } = TraceLayout.make(traceOf(
      3_000,
      step("plan", 0, 2_000),
      step("draft", 2_000, 500, {
        status: "failed",
        errorContext: { code: "MODEL_BUSY", message: "try\nlater" },
        inputContext: { message: "hi" }
      }),
      step("draft", 2_500, 500, { attempt: 2 })
    ))
    assert.strictEqual(focus, 2)
    assert.deepStrictEqual(rows.map(({ label }) => label), ["plan", "draft", "draft attempt 2"])
    assert.deepStrictEqual(rows[1]!.failure?.failure, ["MODEL_BUSY: try later", "input: {\"message\":\"hi\"}"])
    assert.isUndefined(rows[2]!.failure)
  })

  it("shows the last attempt at a failure that lasted, and none that a later attempt mended", () => {
    const { focus } = TraceLayout.make(traceOf(
      3_000,
      step("plan", 0, 100, { status: "failed" }),
      step("plan", 100, 100, { attempt: 2 }),
      step("each", 200, 200, { status: "failed" }),
      step("each", 200, 100, { loopIndex: 0, status: "failed" }),
      step("each", 250, 50, { loopIndex: 0, attempt: 2, status: "failed" }),
      step("each", 300, 100, { loopIndex: 1, attempt: 2 }),
      step("draft", 400, 100, { status: "failed" })
    ))
    // of the iteration, which comes after its loop
    assert.strictEqual(focus, 4)
  })

  it("bars of one step share a row above the limit, failed ones on top", () => {
    const trace = traceOf(
      400,
      step("a", 0, 100, { status: "failed" }),
      step("a", 100, 100, { attempt: 2 }),
      step("b", 200, 100),
      step("b", 300, 100, { attempt: 2, costUsd: "0.5" })
    )
    const { rows } = TraceLayout.make(trace, { maxRows: 3 })
    assert.deepStrictEqual(
      rows.map(({ bars, costUsd, durationMs, failed, label }) => [
        label,
        bars.map(({ kind }) => kind),
        failed,
        durationMs,
        costUsd
      ]),
      [["a ×2", ["completed", "failed"], 1, 200, undefined], ["b ×2", ["completed", "completed"], 0, 200, "0.5"]]
    )
  })
})

describe("TraceLayout.criticalPath", () => {
  const pathOf = (...args: Parameters<typeof traceOf>) => {
    const layout = TraceLayout.make(traceOf(...args))
    return TraceLayout.criticalPath(layout).map((index) => layout.bars[index]!.label)
  }

  it("is a chain of work from the last end back, whatever the trace says", () => {
    fc.assert(
      fc.property(anyTrace, (trace) => {
        const layout = TraceLayout.make(trace)
        const work = layout.bars.filter(({ isLoop, kind }) => !isLoop && kind !== "skipped")
        const path = TraceLayout.criticalPath(layout).map((index) => layout.bars[index]!)
        assert.isTrue(path.every((bar) => work.includes(bar)))
        assert.strictEqual(new Set(path).size, path.length)
        assert.strictEqual(path.length === 0, work.length === 0)
        const endOf = ({ durationMs, startMs }: TraceLayout.Bar) => startMs + durationMs
        const last = path.at(-1)
        if (last !== undefined) assert.strictEqual(endOf(last), Math.max(...work.map(endOf)))
        for (const [index, bar] of path.entries()) {
          const before = path[index - 1]
          if (before === undefined) {
            // nothing ended before the first one began
            assert.isTrue(work.every((one) => one === bar || path.includes(one) || endOf(one) >= bar.startMs))
          } else {
            assert.isAtMost(endOf(before), bar.startMs + 1)
            // of those that had ended, the last
            for (const one of work) {
              if (endOf(one) <= bar.startMs && !path.includes(one)) assert.isAtMost(endOf(one), endOf(before))
            }
          }
        }
      }),
      { numRuns: size(1_000, 200) }
    )
  })

  it("takes the step that ended last of those side by side, iterations for their loop, and waits as time", () => {
    assert.deepStrictEqual(
      pathOf(
        1_000,
        step("plan", 0, 100),
        step("short", 100, 50),
        step("long", 100, 200, { waitingMs: 190 }),
        step("skipped", 300, 100, { status: "skipped" }),
        step("each", 300, 400),
        step("each", 300, 100, { loopIndex: 0 }),
        step("each", 400, 300, { loopIndex: 1 }),
        step("write", 700, 300),
        step("note", 650, 100)
      ),
      ["plan", "long", "each [0]", "each [1]", "write"]
    )
    assert.deepStrictEqual(pathOf(0), [])
  })

  it("goes on over a rounded end", () => {
    assert.deepStrictEqual(pathOf(1_000, step("a", 0, 100.6), step("b", 100, 100)), ["a", "b"])
  })
})
