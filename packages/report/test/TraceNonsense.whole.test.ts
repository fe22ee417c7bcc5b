/** The pure functions on traces take any trace that a client reads, with odd times and amounts too. */
import * as TraceSpans from "@effect-noukai/report/TraceSpans"
import * as Waterfall from "@effect-noukai/report/Waterfall"
import { Trace } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { at, decode, step } from "../../sdk/test/support/drawnRuns.js"
import { size } from "../../sdk/test/support/size.js"

const functions: { readonly [name: string]: (trace: Trace.Trace, payloads: boolean) => unknown } = {
  totals: Trace.totals,
  sumTotals: (trace) => Trace.sumTotals([Trace.totals(trace), Trace.totals(trace)]),
  toSpans: (trace, payloads) => TraceSpans.toSpans(trace, { payloads }),
  text: (trace, payloads) => Waterfall.toText(trace, { payloads }),
  svg: (trace, payloads) => Waterfall.toSvg(trace, { payloads })
}

const oddities = fc.constantFrom<unknown>(null, 0, -1, "", "x", "2026-13-45T99:99:99Z", true, [], {}, [null, 1, {}])

const mostly = <A>(value: fc.Arbitrary<A>) =>
  fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: oddities })

const moment = mostly(fc.integer({ min: -1e6, max: 1e6 }).map(at))
const amount = mostly(fc.double({ noNaN: true, noDefaultInfinity: true }))

/** The bodies of traces, with values that the schema leaves out or lets pass. */
const oddTrace = fc.record({
  flowRun: fc.record({
    id: fc.string(),
    status: fc.string(),
    flowId: oddities,
    startedAt: moment,
    completedAt: moment,
    durationMs: amount
  }, { requiredKeys: ["id", "status"] }),
  steps: fc.array(
    fc.record({
      // an id may read like a number that is none
      stepId: fc.oneof({ weight: 9, arbitrary: fc.string() }, { weight: 1, arbitrary: fc.constant("NaN") }),
      attempt: amount,
      loopIndex: amount,
      status: fc.oneof(fc.constantFrom("completed", "failed", "running"), fc.string()),
      startedAt: moment,
      completedAt: moment,
      durationMs: amount,
      waitingMs: amount,
      modelUsed: mostly(fc.string()),
      tokens: mostly(fc.record({ prompt: amount, completion: amount, total: amount }, { requiredKeys: [] })),
      costUsd: mostly(fc.constantFrom("0.1", "1e-9", "many", "NaN")),
      inputContext: oddities,
      outputContext: oddities,
      errorContext: oddities
    }, { requiredKeys: ["stepId", "status"] }),
    { maxLength: 6 }
  )
}).map((body) => decode(body))

describe("functions on traces, given any trace that a client reads,", () => {
  for (const [name, run] of Object.entries(functions)) {
    it(`${name} throws nothing, and says no number that is none`, () => {
      fc.assert(
        fc.property(oddTrace, fc.boolean(), (trace, payloads) => {
          const told = run(trace, payloads)
          if (name === "totals") {
            JSON.stringify(told, (_, value) => {
              assert.isNotNaN(value)
              return typeof value === "bigint" ? "" : value
            })
          }
          if (name === "svg") {
            assert.notMatch(
              String(told).replace(/ data-step="[^"]*"|<(title|desc|text)[^]*?<\/\1>/g, ""),
              /NaN|undefined/
            )
          }
        }),
        { numRuns: size(500, 50) }
      )
    })
  }

  it("totals of stored totals are those of their texts of costs", () => {
    const stored = JSON.parse(JSON.stringify(
      Trace.totals(
        decode({ flowRun: { id: "r", status: "completed" }, steps: [step("a", 0, 50, { costUsd: "0.5" })] })
      ),
      (_, value) => typeof value === "bigint" ? undefined : value
    ))
    assert.strictEqual(Trace.sumTotals([stored, stored]).costUsd, "1")
  })
})

describe("a run of very many steps", () => {
  // more than a call has room for as arguments, in the whole size
  const count = size(130_000, 5_000)

  const many: Trace.Trace = {
    flowRun: { id: "run-1", status: "completed", startedAt: at(0), completedAt: at(1_000) },
    steps: Array.from({ length: count }, (_, n) => ({
      ...step(`s${n}`, n % 1_000, 1),
      costUsd: "0.001",
      truncated: false
    }))
  }

  it("is text, with a row for each", () => {
    const lines = Waterfall.toText(many).split("\n")
    assert.include(lines[1], `${count} steps · $${count / 1_000}`)
    assert.isAbove(lines.length, count)
  })

  it("is a picture, with a bar for each", () => {
    assert.strictEqual(Waterfall.toSvg(many).match(/class="bar"/g)?.length, count)
  })
})
