/** The pure functions on traces take any value: what is not as it should be counts as absent. */
import { Trace } from "@effect-noukai/sdk"
import * as Waterfall from "@effect-noukai/sdk/Waterfall"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { at, step, traceOf } from "./support/drawnRuns.js"
import { size } from "./support/size.js"

/** The functions as JavaScript sees them. */
const functions: { readonly [name: string]: (trace: never, options?: never) => unknown } = {
  totals: Trace.totals,
  sumTotals: Trace.sumTotals,
  toSpans: Trace.toSpans,
  text: Waterfall.toText,
  svg: Waterfall.toSvg
}

const circular: { self?: unknown } = {}
circular.self = circular

const deep = Array.from({ length: 20_000 }).reduce<unknown>((inner) => [inner], 1)

const oddities: ReadonlyArray<unknown> = [
  undefined,
  null,
  0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  2n,
  "",
  "x",
  "2026-13-45T99:99:99Z",
  true,
  [],
  {},
  [undefined, null, 1, "x", {}],
  Symbol("x"),
  () => 1,
  new Date(Number.NaN),
  circular,
  deep
]

const anything = fc.constantFrom(...oddities.filter((value) => value !== deep))

const mostly = <A>(value: fc.Arbitrary<A>) =>
  fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: anything })

const moment = mostly(fc.integer({ min: -1e6, max: 1e6 }).map(at))
const amount = mostly(fc.double())

const oddStep = mostly(fc.record({
  stepId: mostly(fc.string()),
  attempt: amount,
  loopIndex: amount,
  status: mostly(fc.constantFrom("completed", "failed", "running")),
  startedAt: moment,
  completedAt: moment,
  durationMs: amount,
  waitingMs: amount,
  modelUsed: mostly(fc.string()),
  tokens: mostly(fc.record({ prompt: amount, completion: amount, total: amount }, { requiredKeys: [] })),
  costUsd: mostly(fc.constantFrom("0.1", "1e-9", "many", "NaN")),
  inputContext: anything,
  outputContext: anything,
  errorContext: anything
}, { requiredKeys: [] }))

const oddTrace = mostly(fc.record({
  flowRun: mostly(fc.record({
    id: mostly(fc.string()),
    status: mostly(fc.string()),
    flowId: anything,
    startedAt: moment,
    completedAt: moment,
    durationMs: amount
  }, { requiredKeys: [] })),
  steps: mostly(fc.array(oddStep, { maxLength: 6 }))
}, { requiredKeys: [] }))

const oddOptions = mostly(fc.record({
  title: anything,
  width: anything,
  maxRows: anything,
  colours: anything,
  payloads: mostly(fc.boolean()),
  serviceName: anything,
  resource: mostly(fc.dictionary(fc.string(), anything)),
  flow: mostly(fc.record({ org: anything, project: anything, slug: anything })),
  parent: mostly(fc.record({ traceId: anything, spanId: anything }))
}, { requiredKeys: [] }))

describe("functions on traces, given any values,", () => {
  for (const [name, run] of Object.entries(functions)) {
    it(`${name} throws nothing, and says no number that is none`, () => {
      fc.assert(
        fc.property(oddTrace, oddOptions, (trace, options) => {
          const told = run(trace as never, options as never)
          if (name === "totals") {
            assert.notMatch(
              JSON.stringify(
                told,
                (_, value) =>
                  typeof value === "number" && Number.isNaN(value) ? "NaN" : typeof value === "bigint" ? "" : value
              ),
              /"NaN"/
            )
          }
          if (name === "svg") {
            assert.notMatch(String(told).replace(/<(title|desc|text)[^]*?<\/\1>/g, ""), /NaN|undefined/)
          }
        }),
        { numRuns: size(500, 50) }
      )
    })

    it.each(oddities.map((value) => [typeof value, value]))(`${name} takes a %s`, (_, value) => {
      run(value as never)
      run({ flowRun: value, steps: value } as never)
      run({ flowRun: { id: value, status: value, startedAt: value }, steps: [value] } as never)
      run(traceOf(1, step("a", 0, 1)) as never, value as never)
    })
  }

  it("a value that is not a trace has no steps", () => {
    const { costUsd, models, steps, tokens, wallMs } = Trace.totals(undefined as never)
    assert.deepStrictEqual({ costUsd, models, steps, tokens, wallMs }, {
      costUsd: "0",
      models: [],
      steps: [],
      tokens: { prompt: 0, completion: 0, total: 0 },
      wallMs: 0
    })
    assert.deepStrictEqual(Trace.sumTotals(undefined as never), Trace.sumTotals([]))
    assert.deepStrictEqual(Trace.toSpans(null as never), { resourceSpans: [] })
    assert.include(
      Waterfall.toText({} as never),
      "Run unknown\nunknown · 0 ms · 0 steps\nNo steps are stored of this run."
    )
    assert.include(Waterfall.toSvg(7 as never), "No steps are stored of this run.")
  })

  it("a step with a wrong field keeps the others, and its cost counts", () => {
    const odd = {
      ...step("a", 0, 100),
      costUsd: "0.25",
      durationMs: Number.NaN,
      tokens: null,
      startedAt: 5,
      loopIndex: "x"
    }
    const trace = { flowRun: null, steps: [odd, step("b", 0, 50, { costUsd: "0.5" }), null] }
    const { costUsd, durationMs, steps } = Trace.totals(trace as never)
    assert.deepStrictEqual([costUsd, durationMs, steps.map(({ stepId }) => stepId)], ["0.75", 50, ["a", "b"]])
    assert.match(Waterfall.toText(trace as never), /^ {2}a .*\$0\.25$/m)
    assert.strictEqual(
      Trace.sumTotals([Trace.totals(trace as never), undefined, { costUsd: "1" }] as never).costUsd,
      "1.75"
    )
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
