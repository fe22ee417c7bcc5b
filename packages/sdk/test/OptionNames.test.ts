/** A misspelt option, or a flow with a field that no address has, is refused before anything is sent. */
import { Flow, FlowService, JobService, Noukai } from "@effect-noukai/sdk"
import * as HtmlReport from "@effect-noukai/sdk/HtmlReport"
import { isCount, isNumber, misnamed, type Names, unknownName } from "@effect-noukai/sdk/Kit"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Reconcile from "@effect-noukai/sdk/Reconcile"
import { ScriptedHttp } from "@effect-noukai/sdk/testing"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as TraceDiff from "@effect-noukai/sdk/TraceDiff"
import * as TraceLayout from "@effect-noukai/sdk/TraceLayout"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import * as Waterfall from "@effect-noukai/sdk/Waterfall"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"

const any = (value: unknown) => value as never

const address = { org: "a", project: "b", slug: "c" }

describe("a flow", () => {
  const flows: ReadonlyArray<readonly [flow: never, field: string, reason: RegExp]> = [
    [any({ ...address, version: 1 }), "flow.version", /pass the version with the call/],
    [any({ ...address, slugg: "d" }), "flow.slugg", /did you mean slug\?/],
    [any(Flow.make(any({ ...address, version: 1 }))), "flow.version", /pass the version with the call/],
    [any(Flow.make("a/b/c", any({ reslt: Schema.String }))), "reslt", /did you mean result\?/],
    [any(Flow.make("a/b/c", any({ version: 1 }))), "version", /is not an option/]
  ]
  for (const [flow, field, reason] of flows) {
    it.effect(`with another field is refused: ${field}`, () =>
      Effect.gen(function*() {
        const runs = yield* FlowService
        const jobs = yield* JobService
        const calls = [
          runs.execute(flow, any({ message: "hi" })),
          Stream.runDrain(runs.events(flow, any({ message: "hi" }))),
          jobs.submit(flow, any({ message: "hi" }))
        ]
        for (const call of calls) {
          const error = yield* Effect.flip(call)
          assert.instanceOf(error, InvalidRequestError)
          assert.strictEqual(error.field, field)
          assert.match(error.reason, reason)
        }
        const http = yield* ScriptedHttp
        for (const endpoint of ["execute", "submitJob"] as const) {
          assert.deepStrictEqual(yield* http.requests(endpoint), [])
        }
      }).pipe(Effect.provide(Noukai.layerScripted())))
  }
})

const pure: ReadonlyArray<readonly [name: string, call: () => unknown, message: RegExp]> = [
  ["Waterfall.toText", () => Waterfall.toText(any({ flowRun: {} }), any({ colors: true })), /colors: .*mean colours\?/],
  ["Waterfall.toSvg", () => Waterfall.toSvg(any({ flowRun: {} }), any({ maxRow: 1 })), /maxRow: .*mean maxRows\?/],
  ["Waterfall.toHtml", () => Waterfall.toHtml(any({ flowRun: {} }), any({ payload: true })), /payload: .*payloads\?/],
  ["Waterfall rows", () => Waterfall.toText(any({ flowRun: {} }), { maxRows: NaN }), /maxRows: must be an integer/],
  ["TraceLayout.make", () => TraceLayout.make(any({}), any({ maxrow: 1 })), /maxrow: .*maxRows\?/],
  ["TraceLayout rows", () => TraceLayout.make(any({}), { maxRows: 0.5 }), /maxRows: must be an integer/],
  ["TraceDiff.make", () => TraceDiff.make(any({}), any({}), any({ limits: 1 })), /limits: .*limit\?/],
  ["TraceDiff limit", () => TraceDiff.make(any({}), any({}), { limit: -1 }), /limit: must be an integer/],
  ["ValueDiff.changes", () => ValueDiff.changes(1, 2, any({ limt: 1 })), /limt: .*limit\?/],
  ["ValueDiff limit", () => ValueDiff.changes(1, 2, { limit: NaN }), /limit: must be an integer/],
  ["ValueDiff.toText", () => ValueDiff.toText({ path: "$" }, any({ expcted: "a" })), /expcted: .*expected\?/],
  ["Trace.toSpans", () => Trace.toSpans(any({}), any({ paylods: true })), /paylods: .*payloads\?/],
  ["HtmlReport.table", () => HtmlReport.table([], Stream.empty, any({ sortby: 1 })), /sortby: .*sortBy\?/]
]

describe("a misspelt option", () => {
  for (const [name, call, message] of pure) {
    it(`of ${name} throws`, () => assert.throws(call, TypeError, message))
  }

  it.effect("of Reconcile.findings is refused, and so is a number that is not a count", () =>
    Effect.gen(function*() {
      for (const options of [{ concurency: 1 }, { concurrency: NaN }, { concurrency: 0 }, { concurrency: 0.5 }]) {
        const error = yield* Effect.flip(Stream.runDrain(Reconcile.findings(Stream.empty, any(options))))
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual(error.field, Object.keys(options)[0])
      }
    }).pipe(Effect.provide(Noukai.layerScripted())))
})

describe("the rules of names and numbers", () => {
  it("find the name that was meant, also in another case, and within nested options", () => {
    const names: Names<{ readonly budgetUsd?: number; readonly select?: object }> = {
      budgetUsd: true,
      select: { key: true }
    }
    assert.deepStrictEqual(misnamed("options", { budgetUSD: 1 }, names), {
      field: "budgetUSD",
      reason: "is not an option: did you mean budgetUsd?"
    })
    assert.strictEqual(misnamed("options", { select: { keys: 1 } }, names)?.field, "select.keys")
    assert.strictEqual(misnamed("options", { budgetUsd: 1, other: undefined }, names), undefined)
    assert.strictEqual(misnamed("options", [], names)?.reason, "must be an object")
    assert.match(unknownName("xyzzy", ["budgetUsd"]), /the options are budgetUsd$/)
    const throwing = Object.defineProperty({}, "budgetUsd", {
      enumerable: true,
      get: () => {
        throw new Error("no")
      }
    })
    assert.strictEqual(misnamed("options", throwing, names)?.field, "budgetUsd")
  })

  it("take whole numbers and finite numbers in a range", () => {
    for (const wrong of [NaN, Infinity, -1, 0.5, "1", null]) assert.isFalse(isCount(wrong, 0))
    for (const wrong of [NaN, Infinity, -1, "1", null]) assert.isFalse(isNumber(wrong, 0))
    assert.isTrue(isCount(3, 1, 3) && isNumber(0.5, 0, 1))
  })
})
