/** A misspelt option, or a flow with a field that no address has, is refused before anything is sent. */
import * as HtmlReport from "@effect-noukai/report/HtmlReport"
import { keepSession, type KeptSession } from "@effect-noukai/report/KeptSession"
import * as Reconcile from "@effect-noukai/report/Reconcile"
import * as Testing from "@effect-noukai/report/testing"
import * as TraceDiff from "@effect-noukai/report/TraceDiff"
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import * as TraceSpans from "@effect-noukai/report/TraceSpans"
import * as Waterfall from "@effect-noukai/report/Waterfall"
import {
  Budget,
  Cassette,
  Flow,
  FlowService,
  JobService,
  Noukai,
  NoukaiRecord,
  NoukaiReplay,
  Tools,
  TraceScope
} from "@effect-noukai/sdk"
import { isCount, isNumber, misnamed, type Names, unknownName } from "@effect-noukai/sdk/kit/names"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import { ScriptedHttp } from "@effect-noukai/sdk/testing"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Schema, type Scope, Stream } from "effect"

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

const image = { url: "https://noukai.test/a.png", mime_type: "image/png" }

const declaration = (more: object) => any({ type: "function", function: { name: "a", ...more } })

const tool = { name: "a", parameters: Schema.Struct({}), handler: () => Effect.void }

describe("a misspelt name within the input of a run", () => {
  const rows: ReadonlyArray<readonly [name: string, input: object, field: string, meant: string]> = [
    ["an attachment", { attachments: [{ ...image, filname: "a" }] }, "attachments[0].filname", "filename"],
    ["an attachment", { attachments: [{ url: image.url, mimeType: "a" }] }, "attachments[0].mimeType", "mime_type"],
    ["a declaration", { tools: [declaration({ descripton: "a" })] }, "tools[0].function.descripton", "description"],
    [
      "a declaration of Tools.handle",
      { tools: Tools.handle([declaration({ paramters: {} })], () => Effect.succeed([])) },
      "tools[0].function.paramters",
      "parameters"
    ],
    [
      "Tools.tool",
      { tools: Tools.make(Tools.tool(any({ ...tool, succes: Schema.Void }))) },
      "tools.succes",
      "success"
    ],
    [
      "a choice of a tool",
      { tools: [declaration({})], toolChoice: { type: "function", functions: 1, function: { name: "a" } } },
      "toolChoice.functions",
      "function"
    ]
  ]
  for (const [name, input, field, meant] of rows) {
    it.effect(`of ${name} is refused: ${field}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Effect.flatMap(FlowService, (flows) => flows.execute("a/b/c", any(input))))
        assert.instanceOf(error, InvalidRequestError)
        assert.deepStrictEqual([error.field, error.reason], [field, `is not an option: did you mean ${meant}?`])
        assert.deepStrictEqual(yield* (yield* ScriptedHttp).calls, [])
      }).pipe(Effect.provide(Noukai.layerScripted())))
  }
})

const kept = (use: (session: KeptSession) => unknown) => use(Either.getOrThrow(keepSession(Testing.session())))

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
  ["TraceSpans.toSpans", () => TraceSpans.toSpans(any({}), any({ paylods: true })), /paylods: .*payloads\?/],
  ["TraceScope.promise", () => TraceScope.promise(any({ try: () => 1, ctach: () => 2 })), /ctach: .*catch\?/],
  ["layerScripted", () => Noukai.layerScripted(any({ exeucte: [] })), /exeucte: .*execute\?/],
  ["layerScripted", () => Noukai.layerScripted(any({ defaults: { ogr: "a" } })), /defaults.ogr: .*org\?/],
  ["testing.completed", () => Testing.completed(1, any({ executonId: "a" })), /executonId: .*executionId\?/],
  ["testing.failed", () => Testing.failed(1, any({ flowid: "a" })), /flowid: .*flowId\?/],
  ["testing.paused", () => Testing.paused([], any({ pausedAtStp: "a" })), /pausedAtStp: .*pausedAtStep\?/],
  ["a call of a tool", () => Testing.paused([any({ name: "a", argument: {} })]), /argument: .*arguments\?/],
  ["testing.events", () => Testing.events.runStarted(any({ stepcount: 1 })), /stepcount: .*stepCount\?/],
  ["testing.events", () => Testing.events.stepCompleted("a", 1, any({ costUSD: "1" })), /costUSD: .*costUsd\?/],
  ["testing.events", () => Testing.events.run({}, any({ flowid: "a" })), /flowid: .*flowId\?/],
  ["testing.session", () => Testing.session(any({ slug: "a", reslt: 1 })), /reslt: .*result\?/],
  ...[undefined, null].flatMap((none) => [
    ["testing.session", () => Testing.session(any(none)), /^session: invalid options: must be an object$/] as const,
    [
      "testing.recording",
      () => Testing.recording(any(none)),
      /^recording: invalid options: must be an object$/
    ] as const
  ]),
  ["testing.recording", () => Testing.recording(any({ flow: "a/b/c", mesage: "a" })), /mesage: .*message\?/],
  ["addCases", () => kept((session) => session.addCases("", any({ isCSV: true }))), /isCSV: .*isCsv\?/],
  ["the test of a session", () => kept((session) => session.test("a.json", any({ path: [] }))), /path: .*paths\?/],
  ["HtmlReport.table", () => HtmlReport.table([], Stream.empty, any({ sortby: 1 })), /sortby: .*sortBy\?/]
]

describe("a misspelt option", () => {
  for (const [name, call, message] of pure) {
    it(`of ${name} throws`, () => assert.throws(call, TypeError, message))
  }

  it.effect("of a budget, a recording, a replay and their redaction is refused", () =>
    Effect.gen(function*() {
      const rows: ReadonlyArray<readonly [call: Effect.Effect<unknown, unknown, Scope.Scope>, field: string]> = [
        [Budget.make(any({ limitUsd: 1, perrun: 1 })), "perrun"],
        [Layer.build(NoukaiRecord.toFile("none.json", any({ mde: "once", live: Noukai.layerScripted() }))), "mde"],
        [
          Layer.build(NoukaiRecord.toFile("none.json", any({ redact: { path: [] }, live: Noukai.layerScripted() }))),
          "redact.path"
        ],
        [Layer.build(NoukaiReplay.fromFile("none.json", any({ mach: "input" }))), "mach"],
        [Layer.build(NoukaiReplay.fromFile("none.json", any({ redact: { pattern: [] } }))), "redact.pattern"],
        [
          Layer.build(NoukaiReplay.fromCassette(Testing.recording(), any({ redact: { pattern: [] } }))),
          "redact.pattern"
        ],
        [Effect.suspend(() => Cassette.redact(Testing.session(), any({ path: [] }))), "redact.path"]
      ]
      for (const [call, field] of rows) {
        const error = yield* Effect.flip(Effect.scoped(call))
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual(error.field, field)
      }
    }))

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
