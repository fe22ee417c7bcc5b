/** The differences of two runs: against a model of edits, and against nonsense. */
import * as StoredRuns from "@effect-noukai/report/StoredRuns"
import * as TraceDiff from "@effect-noukai/report/TraceDiff"
import type * as Trace from "@effect-noukai/sdk/Trace"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, FastCheck as fc, Schema } from "effect"
import { step } from "../../sdk/test/support/traces.js"

const traceOf = (steps: ReadonlyArray<Trace.StepTrace>, status = "completed", id = "r"): Trace.Trace => ({
  flowRun: { id, status },
  steps
})

/** A step of the model: its key, its payloads, and its cost in units of 10⁻¹². */
interface Modelled {
  readonly key: number
  readonly input: number
  readonly output: number
  readonly cost: number
  readonly micros: number
}

const stored = ({ cost, input, key, micros, output }: Modelled): Trace.StepTrace =>
  step({
    stepId: `s${key % 7}`,
    ...(key % 3 > 0 && { loopIndex: key % 3 }),
    attempt: 1 + Math.floor(key / 21),
    inputContext: { input },
    outputContext: { output },
    costUsd: `${Math.floor(cost / 1e12)}.${String(cost % 1e12).padStart(12, "0")}`,
    durationMs: micros / 1000
  })

const value = fc.integer({ min: 0, max: 2 })
const modelled = fc.record({
  key: fc.integer({ min: 0, max: 60 }),
  input: value,
  output: value,
  cost: fc.integer({ min: 0, max: 5e12 }),
  micros: fc.integer({ min: 0, max: 5e6 })
})
const steps = fc.uniqueArray(modelled, { selector: ({ key }) => key, maxLength: 30 })

const edit = fc.oneof(
  fc.record({ kind: fc.constant("drop" as const), at: fc.nat() }),
  fc.record({ kind: fc.constant("add" as const), at: fc.nat(), one: modelled }),
  fc.record({ kind: fc.constant("move" as const), at: fc.nat(), to: fc.nat() }),
  fc.record({ kind: fc.constant("change" as const), at: fc.nat(), one: modelled })
)

const edited = (
  all: ReadonlyArray<Modelled>,
  script: ReadonlyArray<typeof edit extends fc.Arbitrary<infer A> ? A : never>
) => {
  const list = [...all]
  for (const one of script) {
    const at = list.length === 0 ? 0 : one.at % list.length
    if (one.kind === "add") {
      if (!list.some(({ key }) => key === one.one.key)) list.splice(at, 0, one.one)
    } else if (list.length === 0) continue
    else if (one.kind === "drop") list.splice(at, 1)
    else if (one.kind === "move") list.splice(one.to % list.length, 0, ...list.splice(at, 1))
    else list[at] = { ...one.one, key: list[at]!.key }
  }
  return list
}

/** The length of the longest subsequence in order, the plain way. */
const longest = (numbers: ReadonlyArray<number>): number => {
  const best: Array<number> = []
  for (const [at, number] of numbers.entries()) {
    best.push(1 + Math.max(0, ...best.filter((_, before) => numbers[before]! < number)))
    assert.isAtLeast(best[at]!, 1)
  }
  return Math.max(0, ...best)
}

const text = (units: bigint): string => BigDecimal.format(BigDecimal.normalize(BigDecimal.make(units, 12)))

const decimal = (text: string | undefined) => BigDecimal.unsafeFromString(text ?? "0")

describe("TraceDiff.make", () => {
  it.prop("names the edits of any script, with exact costs and times", [steps, fc.array(edit, { maxLength: 20 })], (
    [before, script]
  ) => {
    const after = edited(before, script)
    const diff = TraceDiff.make(traceOf(before.map(stored)), traceOf(after.map(stored)))
    const was = new Map(before.map((one, place) => [one.key, { ...one, place }]))
    const shared = after.filter(({ key }) => was.has(key))
    const isChanged = (one: Modelled) =>
      was.get(one.key)!.input !== one.input || was.get(one.key)!.output !== one.output
    const kept = new Set(after.map(({ key }) => key))
    const changed = shared.filter(isChanged).length
    assert.deepStrictEqual(diff.counts, {
      same: shared.length - changed,
      changed,
      missing: before.filter(({ key }) => !kept.has(key)).length,
      new: after.length - shared.length,
      moved: shared.length - longest(shared.map(({ key }) => was.get(key)!.place))
    })
    // the steps are those of both runs, each once, in their orders
    const idOf = ({ attempt, loopIndex, stepId }: { stepId: string; attempt: number; loopIndex?: number }) =>
      JSON.stringify([stepId, loopIndex, attempt])
    assert.deepStrictEqual(
      diff.steps.filter(({ after }) => after !== undefined).map(idOf),
      after.map(stored).map(idOf)
    )
    assert.deepStrictEqual(
      diff.steps.filter(({ before, isMoved }) => before !== undefined && !isMoved).map(({ before }) => before!.place),
      diff.steps.filter(({ before, isMoved }) => before !== undefined && !isMoved).map(({ before }) => before!.place)
        .sort((a, b) => a - b)
    )
    assert.deepStrictEqual(
      diff.steps.flatMap(({ before }) => before === undefined ? [] : [before.place]).sort((a, b) => a - b),
      before.map((_, at) => at + 1)
    )
    // the runs part at the first shared step with another input
    const parts = shared.find((one) => was.get(one.key)!.input !== one.input)
    assert.strictEqual(
      diff.partsAt === undefined ? undefined : idOf(diff.steps[diff.partsAt]!),
      before.length > 0 && parts !== undefined ? idOf(stored(parts)) : undefined
    )
    // costs add up, to the last digit
    const units = (all: ReadonlyArray<Modelled>) => all.reduce((sum, { cost }) => sum + BigInt(cost), 0n)
    if (before.length > 0 && after.length > 0) {
      assert.isTrue(BigDecimal.equals(decimal(diff.costUsd), decimal(text(units(after) - units(before)))))
      const sum = diff.steps.reduce((sum, { costUsd }) => BigDecimal.sum(sum, decimal(costUsd)), decimal("0"))
      assert.isTrue(BigDecimal.equals(sum, decimal(diff.costUsd)))
      for (const { after, before, durationMs } of diff.steps) {
        const micros = (ms: number | undefined) => Math.round((ms ?? 0) * 1000)
        assert.strictEqual(durationMs, (micros(after?.durationMs) - micros(before?.durationMs)) / 1000)
      }
    }
    assert.deepStrictEqual(Schema.decodeUnknownSync(TraceDiff.TraceDiff)(JSON.parse(JSON.stringify(diff))), diff)
    assert.strictEqual(
      diff.verdict,
      changed + diff.counts.missing + diff.counts.new + diff.counts.moved > 0 ? "different" : "same"
    )
    if (before.length > 0) {
      assert.strictEqual(TraceDiff.make(traceOf(after.map(stored)), traceOf(after.map(stored))).verdict, "same")
    }
  })

  it("does not call runs the same whose payloads are not stored, or were cut", () => {
    const bare = traceOf([step({ costUsd: "0.1" })])
    const whole = traceOf([step({ inputContext: 1 })])
    const cut = traceOf([step({ inputContext: "ab", truncated: true })])
    assert.strictEqual(TraceDiff.make(bare, bare).verdict, "unknown")
    assert.strictEqual(TraceDiff.make(whole, bare).verdict, "unknown")
    assert.strictEqual(TraceDiff.make(cut, cut).verdict, "unknown")
    assert.strictEqual(TraceDiff.make(whole, whole).verdict, "same")
    assert.strictEqual(TraceDiff.make(traceOf([]), traceOf([])).verdict, "same")
    assert.strictEqual(TraceDiff.make(traceOf([]), traceOf([], "failed")).verdict, "different")
    // a cost that one run does not tell makes no difference of costs
    assert.notProperty(TraceDiff.make(whole, bare), "costUsd")
    assert.include(TraceDiff.toText(TraceDiff.make(whole, bare)), "payloads were not compared")
  })

  it("masks secrets, limits the differences, and pairs steps with one key in their order", () => {
    const secret = `sk-ant-${"x".repeat(30)}`
    const diff = TraceDiff.make(
      traceOf([step({ inputContext: { [secret]: 1 } }), step({ inputContext: [1, 2, 3] })]),
      traceOf([step({ inputContext: { a: secret } }), step({ inputContext: [4, 5, 6] }), step({ inputContext: 7 })]),
      { limit: 2 }
    )
    assert.notInclude(JSON.stringify(diff) + TraceDiff.toText(diff), secret)
    assert.deepStrictEqual(diff.counts, { same: 0, changed: 2, missing: 0, new: 1, moved: 0 })
    assert.deepStrictEqual(diff.steps.map(({ hasMore, input }) => [input?.length, hasMore]), [
      [2, false],
      [2, true],
      [undefined, false]
    ])
  })

  it("subtracts numbers to the last digit, whatever their size", () => {
    const of = (durationMs: number, costUsd: string) => traceOf([step({ durationMs, costUsd, inputContext: 1 })])
    const [tenths] = TraceDiff.make(of(0.1, "0.1"), of(0.3, "0.30000000000000000000000000000000000001")).steps
    assert.deepStrictEqual(
      [tenths?.durationMs, tenths?.costUsd],
      [0.2, "0.20000000000000000000000000000000000001"]
    )
    for (const odd of [1e308, 5e-324, Infinity, -1]) {
      const diff = TraceDiff.make(of(odd, "0"), of(1, "1e-60"))
      assert.deepStrictEqual(Schema.decodeUnknownSync(TraceDiff.TraceDiff)(JSON.parse(JSON.stringify(diff))), diff)
      TraceDiff.toText(diff)
    }
  })
})

describe("TraceDiff.toText", () => {
  it("has a line for each step that differs, and marks where the runs part", () => {
    const diff = TraceDiff.make(
      traceOf(
        [
          step({ stepId: "a", inputContext: { x: 1 }, outputContext: { y: 1 }, costUsd: "0.1", durationMs: 5 }),
          step({ stepId: "b", inputContext: { y: 1 }, modelUsed: "m", costUsd: "0.02", durationMs: 10 }),
          step({ stepId: "c", inputContext: 1 }),
          step({ stepId: "d", inputContext: 1 }),
          step({ stepId: "gone", durationMs: 7 })
        ],
        "completed",
        "r1"
      ),
      traceOf(
        [
          step({ stepId: "a", inputContext: { x: 1 }, outputContext: { y: 2 }, costUsd: "0.1", durationMs: 5 }),
          step({ stepId: "b", attempt: 1, inputContext: { y: 2 }, modelUsed: "n", costUsd: "0.03", durationMs: 8.5 }),
          step({ stepId: "d", inputContext: 1 }),
          step({ stepId: "c", inputContext: 1 }),
          step({ stepId: "a\u001b[2J\nb", loopIndex: 2, attempt: 3, status: "failed", costUsd: "1" })
        ],
        "failed",
        "r2"
      )
    )
    assert.deepStrictEqual(TraceDiff.toText(diff).split("\n"), [
      "r1 → r2: completed → failed",
      "  changed  a: output; 5 ms → 5 ms (+0 ms); $0.1 → $0.1 (+$0)",
      "    output.y: was 1, is 2",
      "> the runs part here: the first input that differs",
      "> changed  b: model m → n; input; 10 ms → 8.5 ms (-1.5 ms); $0.02 → $0.03 (+$0.01)",
      "    input.y: was 1, is 2",
      "  moved    d: moved from place 4 to 3",
      "  new      a\ufffd[2J\ufffdb [2] attempt 3: failed; $1",
      "  missing  gone: completed; 7 ms",
      "2 steps the same, 2 changed, 1 missing, 1 new, 1 moved",
      "time 22 ms → 13.5 ms (-8.5 ms)",
      "cost $0.12 → $1.13 (+$1.01)",
      ""
    ])
  })
})

describe("StoredRuns.fromExecution", () => {
  it("compares a run of a session with its trace, without the rendered prompt", () => {
    const trace = traceOf([step({ inputContext: { a: 1 }, outputContext: { b: 2 }, loopIndex: 0, costUsd: "0.5" })])
    const recorded = StoredRuns.fromExecution({
      executionId: "r",
      status: "completed",
      snapshotsAvailable: true,
      steps: [{
        stepId: "s",
        attempt: 1,
        loopIndex: 0,
        status: "completed",
        truncated: false,
        inputSnapshot: { a: 1 },
        outputSnapshot: { b: 2, __rendered_prompt__: "p" },
        errorSnapshot: null
      }]
    })
    const diff = TraceDiff.make(recorded, trace)
    assert.deepStrictEqual([diff.verdict, diff.before.costUsd, diff.costUsd], ["same", undefined, undefined])
  })
})
