/** The times and sums of traces: said, computed, and as the emulator's ledger has them (docs/wire.md#traces). */
import { Emulator, type Flow } from "@effect-noukai/emulator"
import { layer as emulatorLayer } from "@effect-noukai/emulator/Emulator"
import * as StoredRuns from "@effect-noukai/report/StoredRuns"
import * as TraceDiff from "@effect-noukai/report/TraceDiff"
import * as Waterfall from "@effect-noukai/report/Waterfall"
import { FlowService, Noukai, RunService, Tools, Trace } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, FastCheck as fc, Layer, Option, TestClock } from "effect"
import { loopsOf, parseInstant, resolutionOf, timesOf } from "../src/internal/trace/timeline.js"
import { passTime, step } from "./support/traces.js"

const at = (ms: number) => new Date(Date.UTC(2026, 5, 7, 9) + ms).toISOString()

const run = (ms: number, rest: Partial<Trace.FlowRun> = {}): Trace.FlowRun => ({
  id: "r",
  status: "completed",
  startedAt: at(0),
  completedAt: at(ms),
  ...rest
})

const times = ({ busyMs, waitingMs, wallMs }: Trace.Amounts) => ({ wallMs, busyMs, waitingMs })

describe("the times of a trace", () => {
  it("a step that says 0 and lasted 400 ms waited for its tool", () => {
    const totals = Trace.totals({
      flowRun: run(779),
      steps: [
        step({ stepId: "classify", startedAt: at(10), completedAt: at(160), durationMs: 150 }),
        step({ stepId: "look-up", startedAt: at(165), completedAt: at(565), durationMs: 0 }),
        step({ stepId: "answer", startedAt: at(570), completedAt: at(770), durationMs: 200 })
      ]
    })
    assert.deepStrictEqual(times(totals), { wallMs: 779, busyMs: 350, waitingMs: 400 })
    assert.deepStrictEqual(totals.steps.map(times), [
      { wallMs: 150, busyMs: 150, waitingMs: 0 },
      { wallMs: 400, busyMs: 0, waitingMs: 400 },
      { wallMs: 200, busyMs: 200, waitingMs: 0 }
    ])
  })

  it("a wait that is said is taken, whether durationMs holds it or not", () => {
    for (const durationMs of [460, 60]) {
      const totals = Trace.totals({
        steps: [step({ startedAt: at(0), completedAt: at(460), durationMs, waitingMs: 400 })]
      })
      assert.deepStrictEqual(times(totals), { wallMs: 460, busyMs: 60, waitingMs: 400 })
    }
  })

  it("timestamps of whole seconds tell of no waits within their rounding", () => {
    const second = (n: number) => `2026-06-07T09:00:0${n}Z`
    const totals = Trace.totals({
      flowRun: { id: "r", status: "completed", startedAt: second(0), completedAt: second(2), durationMs: 1145 },
      steps: [
        step({ stepId: "classify", startedAt: second(0), completedAt: second(1), durationMs: 412 }),
        step({ stepId: "ask", startedAt: second(1), completedAt: second(6), durationMs: 733 })
      ]
    })
    assert.strictEqual(totals.wallMs, 1145)
    assert.deepStrictEqual(totals.steps.map(times), [
      { wallMs: 412, busyMs: 412, waitingMs: 0 },
      { wallMs: 5000, busyMs: 733, waitingMs: 4267 }
    ])
  })

  it("either a duration or timestamps will do; with neither a step took no time that is known", () => {
    assert.deepStrictEqual(times(Trace.totals({ steps: [step({ durationMs: 7 })] })), {
      wallMs: 7,
      busyMs: 7,
      waitingMs: 0
    })
    assert.deepStrictEqual(times(Trace.totals({ steps: [step({ startedAt: at(0), completedAt: at(9) })] })), {
      wallMs: 9,
      busyMs: 9,
      waitingMs: 0
    })
    assert.deepStrictEqual(times(Trace.totals({ steps: [step({ startedAt: at(0), status: "running" })] })), {
      wallMs: 0,
      busyMs: 0,
      waitingMs: 0
    })
  })

  it("a run that goes on lasts to the last moment that is known", () => {
    const totals = Trace.totals({
      flowRun: { id: "r", status: "running", startedAt: at(0) },
      steps: [
        step({ startedAt: at(5), completedAt: at(20), durationMs: 15 }),
        step({ startedAt: at(30), status: "running" })
      ]
    })
    assert.deepStrictEqual(times(totals), { wallMs: 30, busyMs: 15, waitingMs: 0 })
  })

  it("a loop is busy only while none of its iterations is; a step before it is not the loop", () => {
    const inner = (loopIndex: number, from: number) =>
      step({ stepId: "in", loopIndex, startedAt: at(from), completedAt: at(from + 10), durationMs: 10 })
    const totals = Trace.totals({
      steps: [
        step({ stepId: "first", startedAt: at(0), completedAt: at(5), durationMs: 5 }),
        step({ stepId: "each", startedAt: at(5), completedAt: at(38), durationMs: 33 }),
        inner(0, 6),
        inner(1, 16),
        inner(2, 27)
      ]
    })
    assert.deepStrictEqual(totals.steps.map(({ busyMs, stepId }) => [stepId, busyMs]), [
      ["first", 5],
      ["each", 3],
      ["in", 30]
    ])
    assert.strictEqual(totals.busyMs, 38)
    // clocks may put the end of the last one a little outside
    const outside = [step({ startedAt: at(5), completedAt: at(36) }), inner(0, 6), inner(1, 16), inner(2, 27)]
    assert.deepStrictEqual(loopsOf(outside, outside.map((record) => timesOf(record, 1n))), [undefined, 0, 0, 0])
    const alone = [step({ startedAt: at(0), completedAt: at(5) }), inner(0, 6)]
    assert.deepStrictEqual(loopsOf(alone, alone.map((record) => timesOf(record, 1n))), [undefined, undefined])
  })

  it("tokens and cost are told by model, and all of them add up", () => {
    const tokens = (prompt: number, completion: number) => ({ prompt, completion, total: prompt + completion })
    const { costUsd, models, steps } = Trace.totals({
      steps: [
        step({ modelUsed: "a", tokens: tokens(1, 2), costUsd: "0.1" }),
        step({ stepId: "t", modelUsed: "b", tokens: tokens(10, 20), costUsd: "0.2" }),
        step({ attempt: 2, modelUsed: "a", tokens: tokens(3, 4), costUsd: "1E-20" }),
        step({ stepId: "t", costUsd: "3" }),
        step({ stepId: "free" })
      ]
    })
    assert.deepStrictEqual(models.map(({ costUsd, model, tokens }) => [model, tokens.total, costUsd]), [
      ["a", 10, "0.10000000000000000001"],
      ["b", 30, "0.2"],
      [undefined, 0, "3"]
    ])
    assert.deepStrictEqual(steps.map(({ attempts, costUsd, stepId }) => [stepId, attempts, costUsd]), [
      ["s", 2, "0.10000000000000000001"],
      ["t", 2, "3.2"],
      ["free", 1, "0"]
    ])
    assert.strictEqual(costUsd, "3.30000000000000000001")
  })

  it("a step that used tokens and has no cost leaves a sum that is not exact; one without tokens cost nothing", () => {
    const used = { prompt: 3, completion: 1, total: 4 }
    const steps = [
      step({ tokens: used, costUsd: "12.44", modelUsed: "a" }),
      step({ stepId: "untold", tokens: used, modelUsed: "b" }),
      step({ stepId: "free", tokens: { prompt: 0, completion: 0, total: 0 } }),
      step({ stepId: "zero", tokens: used, costUsd: "0" }),
      step({ stepId: "skipped", tokens: used, status: "skipped" }),
      step({ stepId: "none", status: "failed" })
    ]
    const cost = Trace.costOf({ flowRun: run(10), steps }, "r")
    assert.deepInclude(cost, { costUsd: "12.44", unknownCosts: 1, isKnown: false })
    assert.deepStrictEqual(cost.steps.map(({ stepId, unknownCosts }) => [stepId, unknownCosts]).filter(([, n]) => n), [
      ["untold", 1]
    ])
    assert.deepStrictEqual(cost.models.map(({ model, unknownCosts }) => [model, unknownCosts]), [
      ["a", 0],
      ["b", 1],
      [undefined, 0]
    ])
    // sums of runs keep it, and a run without steps counts as one unknown cost
    const empty = Trace.costOf({ flowRun: run(10), steps: [] }, "empty")
    assert.deepInclude(empty, { unknownCosts: 1, isKnown: false })
    assert.deepInclude(Trace.sumTotals([cost, empty, cost]), { costUsd: "24.88", unknownCosts: 3 })
    assert.deepStrictEqual(
      [cost, empty, Trace.costOf({ flowRun: run(1), steps: steps.slice(2) }, "r")].map(Trace.costText),
      [
        "at least $12.44",
        "unknown",
        "$0"
      ]
    )
    // a cost that cannot be read is absent from the step, and in the response alone
    const raw = { steps: [{ costUsd: -1 }, { costUsd: null }] }
    assert.strictEqual(Trace.totals({ steps: [step({}), step({ stepId: "t" })], raw }).unknownCosts, 1)
    const text = Waterfall.toText({ flowRun: run(10), steps: steps.slice(0, 2) })
    assert.match(text, /at least \$12\.44$/m)
    assert.match(text, /unknown$/m)
    const exact = { flowRun: run(10), steps: steps.slice(2) }
    const diff = TraceDiff.make(exact, { flowRun: run(10), steps })
    assert.deepStrictEqual([diff.costUsd, diff.after.unknownCosts, diff.before.unknownCosts], [undefined, 1, 0])
    assert.match(TraceDiff.toText(diff), /^cost \$0 → at least \$12\.44$/m)
  })

  it("timestamps are read with fractions and zones of any length, and nothing else is", () => {
    const whole = BigInt(Date.UTC(2026, 5, 7, 9)) * 1_000_000n
    assert.strictEqual(parseInstant("2026-06-07T09:00:00.123456789Z"), whole + 123_456_789n)
    assert.strictEqual(parseInstant("2026-06-07T11:00:00.5+02:00"), whole + 500_000_000n)
    assert.strictEqual(parseInstant("2026-06-07T11:00:00+0200"), whole)
    assert.strictEqual(parseInstant("2026-06-07 09:00:00.000001"), whole + 1_000n)
    assert.strictEqual(parseInstant("2026-06-07T09:00"), whole)
    for (const text of ["", "soon", "2026-13-07T09:00:00Z", "2026-06-07", "1970", "2026-06-07T09:00:00Z and more"]) {
      assert.isUndefined(parseInstant(text), text)
    }
    assert.isUndefined(parseInstant(undefined))
  })

  it("the zero of a clock is no time: a step that never began or ended has none", () => {
    assert.isUndefined(parseInstant("0001-01-01T00:00:00Z"))
    assert.strictEqual(parseInstant("1970-01-01T00:00:00Z"), 0n)
  })

  it("busy and waiting never exceed the time of a step, and no time is negative, whatever is said", () => {
    const time = fc.option(fc.integer({ min: -10, max: 5000 }).map(at), { nil: undefined })
    const ms = fc.option(fc.oneof(fc.integer({ min: -5, max: 5000 }), fc.double()), { nil: undefined })
    fc.assert(fc.property(time, time, ms, ms, (startedAt, completedAt, durationMs, waitingMs) => {
      const record = { startedAt, completedAt, durationMs, waitingMs }
      const { waiting, wall } = timesOf(record, resolutionOf([record]))
      assert.isTrue(waiting >= 0n && wall >= 0n && waiting <= wall)
    }))
  })
})

const durations: Readonly<Record<string, number>> = { classify: 150, ask: 20, in: 7, answer: 200 }

const flow: Flow = {
  ref: "acme/test/whole",
  steps: [
    {
      kind: "template",
      id: "classify",
      output: 1,
      duration: 150,
      model: "small",
      tokens: { prompt: 3, completion: 1 },
      costUsd: "0.00000000000000000003"
    },
    {
      kind: "tool",
      id: "ask",
      rounds: [[{ name: "find" }], [{ name: "find" }]],
      output: "done",
      duration: 20,
      model: "large",
      tokens: { prompt: 30, completion: 10 },
      costUsd: "0.1"
    },
    {
      kind: "loop",
      id: "each",
      times: 3,
      steps: [{ kind: "template", id: "in", output: "x", duration: 7, costUsd: "0.2", failsFirst: { times: 1 } }]
    },
    { kind: "template", id: "answer", output: "ok", duration: 200, costUsd: "1" }
  ]
}

const tools = Tools.handle(
  [{ type: "function", function: { name: "find" } }],
  (calls) => Effect.as(TestClock.adjust(200), calls.map(({ id }) => ({ toolCallId: id, content: "found" })))
)

describe("the totals of a run of the emulator", () => {
  it.scoped("are those of its ledger, to the last digit", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const flows = yield* FlowService
      const { executionId = "" } = yield* flows.execute("acme/test/whole", { message: "hi", tools })
      const trace = yield* (yield* RunService).trace("acme/test/whole", executionId)
      const totals = Trace.totals(trace)
      const ledger = yield* (yield* Emulator).ledger
      const busy = ledger.steps.reduce((sum, { endedAt, startedAt }) => sum + endedAt! - startedAt, 0)
      assert.strictEqual(busy, 150 + 3 * 20 + 6 * 7 + 200)
      assert.deepStrictEqual(times(totals), { wallMs: busy + 400, busyMs: busy, waitingMs: 400 })
      assert.strictEqual(totals.costUsd, ledger.billedUsd)
      assert.strictEqual(totals.costUsd, "1.70000000000000000003")
      assert.isTrue(BigDecimal.equals(totals.cost, BigDecimal.unsafeFromString(ledger.runs[0]!.billedUsd)))
      assert.deepStrictEqual(totals.steps.map((step) => [step.stepId, step.attempts, times(step)]), [
        ["classify", 1, { wallMs: 150, busyMs: 150, waitingMs: 0 }],
        ["ask", 1, { wallMs: 460, busyMs: 60, waitingMs: 400 }],
        ["each", 1, { wallMs: 42, busyMs: 0, waitingMs: 0 }],
        ["in", 6, { wallMs: 42, busyMs: 42, waitingMs: 0 }],
        ["answer", 1, { wallMs: 200, busyMs: 200, waitingMs: 0 }]
      ])
      assert.deepStrictEqual(totals.models.map(({ costUsd, model, tokens }) => [model, tokens.total, costUsd]), [
        ["small", 4, "0.00000000000000000003"],
        ["large", 40, "0.1"],
        [undefined, 0, "1.6"]
      ])
    }).pipe(Effect.provide(Layer.provideMerge(Noukai.layerServices, emulatorLayer({ flows: [flow] })))))
})

describe("the totals of several runs", () => {
  const one = (stepId: string, ms: number, costUsd: string, modelUsed: string): Trace.Totals =>
    Trace.totals({
      flowRun: run(ms),
      steps: [step({ stepId, durationMs: ms, costUsd, modelUsed, tokens: { prompt: 2, completion: 1, total: 3 } })]
    })

  it("are the sums, by step and model too, to the last digit", () => {
    const sum = Trace.sumTotals([
      one("a", 10, "0.1", "small"),
      one("b", 20, "0.2", "large"),
      one("a", 5, "0.00000000000000000003", "small")
    ])
    assert.strictEqual(sum.costUsd, "0.30000000000000000003")
    assert.isTrue(BigDecimal.equals(sum.cost, BigDecimal.unsafeFromString("0.30000000000000000003")))
    assert.deepStrictEqual(sum.tokens, { prompt: 6, completion: 3, total: 9 })
    assert.deepStrictEqual([sum.wallMs, sum.busyMs, sum.waitingMs, sum.durationMs], [35, 35, 0, 35])
    assert.deepStrictEqual(sum.steps.map(({ attempts, costUsd, stepId }) => [stepId, attempts, costUsd]), [
      ["a", 2, "0.10000000000000000003"],
      ["b", 1, "0.2"]
    ])
    assert.deepStrictEqual(sum.models.map(({ costUsd, model, tokens }) => [model, tokens.total, costUsd]), [
      ["small", 6, "0.10000000000000000003"],
      ["large", 3, "0.2"]
    ])
  })

  it("of one are its own, of none 0", () => {
    const only = one("a", 10, "0.1", "small")
    assert.deepStrictEqual(Trace.sumTotals([only]), only)
    assert.deepStrictEqual(Trace.sumTotals([]).costUsd, "0")
  })
})

describe("StoredRuns.costRange and StoredRuns.inputOf", () => {
  it("gives the least, the median and the most of known costs, exactly", () => {
    const of = (...costs: ReadonlyArray<string>) =>
      Option.getOrUndefined(StoredRuns.costRange(costs.map((costUsd) => ({ costUsd, isKnown: costUsd !== "?" }))))
    assert.deepStrictEqual(of("0.1", "?", "0.00000000000000000002", "3"), {
      runs: 3,
      least: "0.00000000000000000002",
      median: "0.1",
      most: "3"
    })
    assert.strictEqual(of("0.1", "0.2")?.median, "0.15")
    assert.strictEqual(of("?"), undefined)
  })

  it("reads the input of the first step, if it is stored whole", () => {
    const of = (rest: object) =>
      Option.getOrUndefined(
        StoredRuns.inputOf({ steps: [{ stepId: "a", attempt: 1, status: "x", truncated: false, ...rest }] })
      )
    assert.deepStrictEqual(of({ inputContext: { message: "hi", level: 3 } }), {
      message: "hi",
      parameters: { level: 3 }
    })
    assert.deepStrictEqual(of({ inputContext: { message: 5 } }), { parameters: { message: 5 } })
    assert.strictEqual(of({}), undefined)
    assert.strictEqual(of({ inputContext: { message: "hi" }, truncated: true }), undefined)
  })
})
