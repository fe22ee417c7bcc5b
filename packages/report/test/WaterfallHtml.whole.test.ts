/** A stored run as one page: every attempt with its bar, payloads as text, open where something failed. */
import * as Waterfall from "@effect-noukai/report/Waterfall"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Stream } from "effect"
import { anyTrace, step, traceOf } from "../../sdk/test/support/drawnRuns.js"
import { size } from "../../sdk/test/support/size.js"

const pageOf = (...args: Parameters<typeof Waterfall.toHtml>): string =>
  Chunk.join(Effect.runSync(Stream.runCollect(Waterfall.toHtml(...args))), "")

const markup = "<img src=x onerror=alert(1)>"

describe("Waterfall.toHtml", () => {
  const trace = traceOf(
    3_000,
    step("plan", 0, 2_000, { inputContext: { message: markup }, outputContext: "a plan" }),
    step("draft", 2_000, 500, {
      status: "failed",
      errorContext: { code: "MODEL_BUSY", message: "nk_live_1234567890abcdef" },
      truncated: true
    }),
    step(markup, 2_500, 500, { waitingMs: 250, costUsd: "0.002" })
  )

  it("has a row for each attempt, its bar in percent, and opens the failure alone", () => {
    const page = pageOf(trace)
    assert.lengthOf(page.match(/<details/g)!, 3)
    assert.match(page, /<details open><summary class=""><span>✕ draft<\/span>/)
    assert.lengthOf(page.match(/<details open/g)!, 1)
    assert.include(page, "<rect class=\"completed\" x=\"0%\" width=\"66.67%\" height=\"100%\"/>")
    assert.include(page, "<rect class=\"failed\" x=\"66.67%\" width=\"16.67%\" height=\"100%\"/>")
    assert.include(page, "<rect class=\"wait\" x=\"91.67%\" width=\"8.33%\" height=\"100%\"/>")
    assert.include(page, "The server has cut its payloads.")
    assert.include(page, "$0.002")
  })

  it("texts of the run are text, and a key is masked", () => {
    const page = pageOf(trace, { title: markup })
    assert.notInclude(page, "<img")
    assert.notInclude(page, "nk_live_1234567890abcdef")
    assert.include(page, "<h1>&lt;img src=x onerror=alert(1)&gt;</h1>")
  })

  it("leaves payloads out on request, and says how to capture those that are not there", () => {
    const without = pageOf(trace, { payloads: false })
    for (const text of ["a plan", "MODEL_BUSY", "cut its payloads", "were captured"]) assert.notInclude(without, text)
    assert.include(pageOf(traceOf(100, step("a", 0, 100))), "Run the flow with <code>snapshots</code> to keep them.")
    assert.notInclude(pageOf(trace), "were captured")
  })

  it("no trace breaks the page", () => {
    fc.assert(
      fc.property(anyTrace, (trace) => {
        const page = pageOf(trace)
        assert.lengthOf(page.match(/<details/g) ?? [], trace.steps.length)
        assert.strictEqual(page.match(/<section>/g)?.length ?? 0, page.match(/<\/section>/g)?.length ?? 0)
        const places = [...page.matchAll(/<rect [^>]*>/g)].map(([rect]) => rect)
        assert.isAtLeast(places.length, trace.steps.length)
        for (const rect of places) assert.match(rect, / x="\d+(\.\d+)?%" width="\d+(\.\d+)?%" height="100%"\/>$/)
      }),
      { numRuns: size(500, 50) }
    )
  })
})
