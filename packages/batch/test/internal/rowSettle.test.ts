/** The way on for a row after a failed request, by the verdict and by whether a run of the row may exist. */
import { assert, describe, it } from "@effect/vitest"
import { type WayOn, wayOn } from "../../src/internal/drive/rowSettle.js"
import type { Verdict } from "../../src/internal/drive/verdict.js"

const error = { kind: "InvalidRequestError", message: "no" }
const uncertain = { _tag: "uncertain", message: "", seconds: undefined, isUnanswered: false } as const

const again: WayOn = { _tag: "again" }
const keep: WayOn = { _tag: "keep" }
const doubt: WayOn = { _tag: "doubt", later: 0 }

const table: ReadonlyArray<readonly [verdict: Verdict, whereNoneMayRun: WayOn, whereOneMayRun: WayOn]> = [
  [{ _tag: "stop", stop: { reason: "refused", message: "" } }, again, keep],
  [{ _tag: "wait", seconds: 1 }, again, doubt],
  [{ _tag: "unsent", message: "" }, again, doubt],
  [uncertain, doubt, doubt],
  // a server that is overloaded may begin the run later
  [{ ...uncertain, isUnanswered: true }, { _tag: "doubt", later: 29_000 }, { _tag: "doubt", later: 29_000 }],
  [{ _tag: "running", executionId: undefined }, doubt, doubt],
  [{ _tag: "running", executionId: "ex-1" }, doubt, doubt],
  [{ _tag: "refused", error }, { _tag: "failed", error }, { _tag: "failed", error }]
]

describe("a failed request", () => {
  for (const [verdict, whereNoneMayRun, whereOneMayRun] of table) {
    it(`with the verdict ${JSON.stringify(verdict)}`, () => {
      assert.deepStrictEqual(wayOn(verdict, false, 1000), whereNoneMayRun)
      assert.deepStrictEqual(wayOn(verdict, true, 1000), whereOneMayRun)
    })
  }

  it("without an answer is looked for at once where the grace is longer than a server may take", () => {
    assert.deepStrictEqual(wayOn({ ...uncertain, isUnanswered: true }, true, 60_000), doubt)
  })
})
