/** The words of a comparison. */
import * as TraceDiff from "@effect-noukai/report/TraceDiff"
import { assert, describe, it } from "@effect/vitest"
import {
  differencesOf,
  exactMillis,
  listedSteps,
  openStep,
  placeOf,
  runNamed,
  signedCost,
  signedMillis,
  stepName,
  verdictText
} from "../../page/src/compareWords.js"
import * as Pairs from "../support/pairs.js"
import { type ScriptedRun, traceOf } from "../support/scripted.js"

const compare = (before: ScriptedRun, after: ScriptedRun): TraceDiff.TraceDiff =>
  TraceDiff.make(traceOf(before), traceOf(after))

const pair = compare(Pairs.before, Pairs.after)

describe("amounts", () => {
  it("times have all of their digits", () => {
    assert.deepStrictEqual(
      [0, 412, 0.5, 567.5, 999, 1_000, 1_153, 3_471.5, 59_999, 60_000, 125_000.25, 1e-7].map(exactMillis),
      [
        "0 ms",
        "412 ms",
        "0.5 ms",
        "567.5 ms",
        "999 ms",
        "1.000 s",
        "1.153 s",
        "3.4715 s",
        "59.999 s",
        "1 m 00.000 s",
        "2 m 05.00025 s",
        "0.000000100 ms"
      ]
    )
    assert.strictEqual(exactMillis(Number.NaN), "unknown")
    assert.deepStrictEqual([0, 12, -1_500].map(signedMillis), ["0 ms", "+12 ms", "−1.500 s"])
  })

  it("costs have all of their digits", () => {
    assert.deepStrictEqual(
      ["0", "0.000", "-0.000012", "12.5", "123456789012345678.000000000001", "<b>"].map(signedCost),
      [
        "$0.00",
        "$0.00",
        "−$0.000012",
        "+$12.50",
        "+$123456789012345678.000000000001",
        "$0.00"
      ]
    )
  })
})

describe("steps", () => {
  const listed = (query: Parameters<typeof listedSteps>[1], open?: number) =>
    listedSteps(pair.steps, query, open).map((index) => stepName(pair.steps[index]!))

  it("differences are listed, unless others are asked for", () => {
    assert.deepStrictEqual(listed({ find: "", show: undefined }), [
      "classify",
      "check",
      "page [2]",
      "lookup",
      "lookup, attempt 2",
      "write",
      "notify"
    ])
    assert.strictEqual(listed({ find: "", show: "all" }).length, 9)
    assert.deepStrictEqual(listed({ find: "", show: "moved" }), ["check"])
    assert.deepStrictEqual(listed({ find: "LOOK", show: "missing" }), ["lookup, attempt 2"])
  })

  it("the open step is always listed", () => {
    const same = pair.steps.findIndex(({ kind, isMoved }) => kind === "same" && !isMoved)
    assert.deepStrictEqual(listed({ find: "nothing", show: "missing" }, same), [stepName(pair.steps[same]!)])
  })

  it("every step has a place of its own, which leads back to it", () => {
    for (const [index, step] of pair.steps.entries()) assert.strictEqual(openStep(pair, placeOf(step), false), index)
    assert.strictEqual(openStep(pair, "none", false), undefined)
    assert.strictEqual(openStep(pair, undefined, false), pair.partsAt)
    assert.strictEqual(openStep(pair, { at: 99 }, false), undefined)
  })

  it("without a differing input, the first difference opens, but not while a run goes on", () => {
    const other = compare(Pairs.before, {
      ...Pairs.before,
      steps: Pairs.before.steps!.map((step, nth) => nth === 3 ? { ...step, output: "other" } : step)
    })
    assert.strictEqual(openStep(other, undefined, false), 3)
    assert.strictEqual(openStep(other, undefined, true), undefined)
  })

  it("what differs is said in words", () => {
    assert.deepStrictEqual(pair.steps.map(differencesOf).filter((words) => words.length > 0), [
      ["output"],
      ["place 4 → 2"],
      ["failed → completed", "output", "error"],
      ["large-2 → small-2", "input", "output"]
    ])
  })
})

it("a verdict is a sentence", () => {
  const failed = { ...Pairs.before, status: "failed" }
  const bare = { ...Pairs.before, steps: [{ id: "read", at: 0, ms: 1 }] }
  assert.strictEqual(verdictText(pair), "The runs differ in 7 of 9 steps.")
  assert.strictEqual(verdictText(compare(Pairs.before, Pairs.before)), "Both runs have the same steps.")
  assert.strictEqual(verdictText(compare(Pairs.before, failed)), "The runs differ in their status.")
  assert.strictEqual(verdictText(compare(failed, Pairs.after)), "The runs differ in their status and in 7 of 9 steps.")
  assert.match(verdictText(compare(bare, bare)), /^No difference was found, but/)
  assert.strictEqual(verdictText(compare({ id: "a" }, { id: "b" })), "Neither run has a step.")
})

it("a run is named by its flow and id, by its page, or by the id of a known flow", () => {
  const run = { flow: "acme/support/answer", id: "run-1" }
  assert.deepStrictEqual(runNamed(" acme/support/answer/run-1 ", undefined), run)
  assert.deepStrictEqual(runNamed("http://127.0.0.1:4000/runs/acme/support/answer/run-1?step=a", undefined), run)
  assert.deepStrictEqual(runNamed("run-1", "acme/support/answer"), run)
  for (
    const wrong of ["", "run-1", "acme/answer/run-1", "acme//answer/run-1", "a b/c/d/e", "http://", "https://x/runs"]
  ) {
    assert.strictEqual(runNamed(wrong, undefined), undefined, wrong)
  }
})
