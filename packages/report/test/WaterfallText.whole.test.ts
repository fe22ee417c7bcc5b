/** A stored run as text: true bars, lines that fit, and names that control no terminal. */
import * as Waterfall from "@effect-noukai/report/Waterfall"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { anyTrace, decode, step, traceOf } from "../../sdk/test/support/drawnRuns.js"
import { size } from "../../sdk/test/support/size.js"
import { widthOf } from "../src/internal/words.js"

const run = traceOf(
  1_000,
  step("classify", 0, 412, { costUsd: "0.00031", tokens: { prompt: 3, completion: 1, total: 4 } }),
  step("flaky", 412, 88, { status: "failed" }),
  step("flaky", 500, 100, { attempt: 2, waitingMs: 50 }),
  step("each", 600, 400),
  step("in", 600, 200, { loopIndex: 0 }),
  step("in", 800, 200, { loopIndex: 1, costUsd: "0.1" })
)

describe("Waterfall.toText", () => {
  it("shows names, attempts, iterations, failures, waits, times, tokens and cost", () => {
    assert.strictEqual(
      Waterfall.toText(run),
      `Run run-1
completed · 1 s · 50 ms waiting for tools · 6 steps · 4 tokens · $0.10031

  step             |0 ms            |500 ms               time  tokens      cost
  classify         ██████████████                       412 ms       4  $0.00031
✕ flaky                          ████                    88 ms
  flaky attempt 2                   ██░░                100 ms
  each                                  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒  400 ms
    in [0]                              ███████         200 ms
    in [1]                                     ███████  200 ms              $0.1

✕ failed · ░ waiting for tools · ▒ loop
`
    )
  })

  it("its bars are true to the times of the trace, to one column", () => {
    const spans = fc.array(fc.tuple(fc.nat(2_000), fc.nat(5_000)), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(spans, fc.integer({ min: 60, max: 300 }), (given, width) => {
        const total = Math.max(1, ...given.map(([from, ms]) => from + ms))
        const rows = Waterfall.toText(
          traceOf(total, ...given.map(([from, ms], n) => step(`s${String(n).padStart(2, "0")}`, from, ms))),
          { width }
        ).split("\n").slice(4, 4 + given.length)
        // every row ends with its time in 8 columns at most; the bars begin after the names
        const columns = Math.max(...rows.map((row) => row.lastIndexOf("█"))) - 6
        for (const [n, [from, ms]] of given.entries()) {
          const row = rows[n]!
          assert.closeTo(row.indexOf("█") - 7, from / total * columns, 2)
          assert.closeTo(row.lastIndexOf("█") - 6, (from + ms) / total * columns, 2)
        }
      }),
      { numRuns: size(60, 8) }
    )
  })

  it("a width that is not a number is the default", () => {
    const trace = traceOf(100, step("a", 0, 100))
    for (const width of [Number.NaN, 0]) {
      assert.strictEqual(Waterfall.toText(trace, { width }), Waterfall.toText(trace))
      assert.strictEqual(Waterfall.toSvg(trace, { width }), Waterfall.toSvg(trace))
    }
  })

  it("no line is longer than the width, whatever the names; no name controls a terminal", () => {
    fc.assert(
      fc.property(anyTrace, fc.integer({ min: 40, max: 220 }), fc.nat(10), (trace, width, maxRows) => {
        const text = Waterfall.toText(trace, { width, maxRows, title: "\u001b[2J\u009b1m\r\n" })
        for (const line of text.split("\n")) assert.isAtMost(widthOf(line), width, line)
        // eslint-disable-next-line no-control-regex
        assert.notMatch(text, /NaN|Infinity|undefined|[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
        // eslint-disable-next-line no-control-regex
        const coloured = Waterfall.toText(trace, { width, maxRows, colours: true }).replace(/\u001b\[\d+m/g, "")
        assert.strictEqual(coloured, Waterfall.toText(trace, { width, maxRows }))
      }),
      { numRuns: size(100, 10) }
    )
  })

  it("leaves out cost and tokens where they leave no room for bars", () => {
    const [, , , head = ""] = Waterfall.toText(run, { width: 40 }).split("\n")
    assert.match(head, /^ {2}step.*time$/)
    assert.match(Waterfall.toText(run, { width: 52 }), /step.*time +tokens\n/)
    assert.isTrue(Waterfall.toText(run, { width: 1 }).split("\n").every((line) => widthOf(line) <= 40))
  })

  it("many attempts share the rows of their steps, and those that failed are counted", () => {
    const rounds = Array.from({ length: 250 }, (_, n) => [
      step("read", n * 20, 10, { loopIndex: n, costUsd: "0.001" }),
      step("judge", n * 20 + 10, 10, { loopIndex: n, status: n === 7 ? "failed" : "completed" })
    ]).flat()
    const rows = Waterfall.toText(traceOf(5_000, step("each", 0, 5_000), ...rounds), { width: 120 }).split("\n")
    assert.match(rows[5]!, /^ {4}read ×250 .*2\.5 s +\$0\.25$/)
    assert.match(rows[6]!, /^✕ {3}judge ×250 \(1 failed\) .*2\.5 s$/)
    assert.strictEqual(rows[7], "")
  })

  it("tells a step that goes on, and one that was skipped", () => {
    const text = Waterfall.toText(decode({
      flowRun: { id: "r", status: "running", startedAt: "2026-06-07T09:00:00Z" },
      steps: [step("a", 0, 100), { stepId: "b", status: "running", startedAt: "2026-06-07T09:00:00.100Z" }, {
        stepId: "c",
        status: "skipped"
      }]
    }))
    assert.match(text, /^… b /m)
    assert.match(text, /^- c /m)
    assert.match(text, /… running · - skipped or other\n$/)
  })

  it("a failed step has its error and its input below it, a line each", () => {
    const failed = traceOf(
      1_000,
      step("each", 0, 1_000),
      step("draft", 0, 500, {
        loopIndex: 0,
        status: "failed",
        errorContext: { code: "MODEL_OVERLOADED", message: "try\nagain \u001b[2J" },
        inputContext: { message: `hi ${"x".repeat(3_000)}` }
      }),
      step("draft", 500, 500, { loopIndex: 0, attempt: 2, inputContext: { message: "hi" } })
    )
    const lines = Waterfall.toText(failed, { width: 90 }).split("\n")
    assert.match(lines[5]!, /^✕ {3}draft \[0\]/)
    assert.strictEqual(lines[6], "      MODEL_OVERLOADED: try again \ufffd[2J")
    assert.match(lines[7]!, /^ {6}input: \{"message":"hi x+…$/)
    assert.strictEqual(widthOf(lines[7]!), 90)
    assert.match(lines[8]!, /^ {4}draft \[0\] attempt 2/)
    assert.notInclude(lines[9]!, "hi")
    assert.notInclude(Waterfall.toText(failed, { payloads: false }), "MODEL_OVERLOADED")
    const shared = Waterfall.toText(failed, { width: 90, maxRows: 1 }).split("\n")
    assert.match(shared[5]!, /^✕ {3}draft ×2 \(1 failed\)/)
    assert.strictEqual(shared[6], lines[6])
  })

  for (
    const [error, said] of [
      ["it broke", "it broke"],
      [{ message: "it broke" }, "it broke"],
      [{ code: "X" }, "X"],
      [{ code: "X", detail: "it broke" }, "X: it broke"],
      [{ error: { code: "X", message: "it broke" } }, "X: it broke"],
      [{ error: { error: { code: 529 }, message: "it broke" } }, "529: it broke"],
      [{ detail: { errorCode: "X", msg: "it broke" } }, "X: it broke"],
      [{ code: "X", error: "it broke" }, "X: it broke"],
      ["{\"code\":\"X\",\"message\":\"it broke\"}", "X: it broke"],
      [{ code: "X", message: "nk_test_planted8_0123456789abcdef0123456789abcdef" }, "X: nk_…"],
      [{ status: 502 }, "{\"status\":502}"],
      [["a", 1], "[\"a\",1]"],
      [7, "7"],
      ["", "\"\""]
    ] as const
  ) {
    it(`says of an error ${JSON.stringify(error)}: ${said}`, () => {
      const text = Waterfall.toText(traceOf(1, step("a", 0, 1, { status: "failed", errorContext: error })))
      assert.strictEqual(text.split("\n")[5], `    ${said}`)
    })
  }

  it("masks what looks like a key", () => {
    const key = "nk_test_planted8_0123456789abcdef0123456789abcdef"
    assert.notInclude(Waterfall.toText(traceOf(1, step(key, 0, 1)), { title: key }), "planted8")
  })

  it("a run without steps says so", () => {
    assert.strictEqual(
      Waterfall.toText(decode({ flowRun: { id: "r", status: "completed" } })),
      "Run r\ncompleted · 0 ms · 0 steps\nNo steps are stored of this run.\n"
    )
  })

  it("its bars are painted, and what failed", () => {
    const painted = Waterfall.toText(run, { colours: true })
    assert.include(painted, "\u001b[34m█")
    assert.include(painted, "\u001b[31m✕\u001b[0m \u001b[31mflaky")
    assert.notInclude(Waterfall.toText(run), "\u001b")
  })
})
