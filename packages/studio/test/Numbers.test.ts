/** The numbers of a list by version and day, its bill by month, flow and model, and their tables. */
import type { Bill, Numbers } from "@effect-noukai/studio/NumbersApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { open } from "./support/client.js"
import { start } from "./support/emulated.js"
import * as Scripted from "./support/scripted.js"

const serving = Effect.gen(function*() {
  let reads = 0
  const scripted = yield* Scripted.make()
  const source = {
    ...scripted.source,
    run: (flow: string, id: string) =>
      Effect.suspend(() => {
        reads++
        return scripted.source.run(flow, id)
      })
  }
  const { url } = yield* Effect.provideService(Studio.serve({ assets: "/nowhere" }), StudioSource, source)
  return { put: scripted.put, page: yield* open(url), reads: () => reads }
})

const flow = "acme/test/grade"

/** The last second of November in UTC, which is December in most of Europe. */
const november = Date.UTC(2026, 10, 30, 23, 59, 59)
const december = november + 1_000

const run = (id: string, more: Partial<Scripted.ScriptedRun>): Scripted.ScriptedRun => ({
  id,
  flow,
  version: "7",
  startedAt: december,
  durationMs: 10,
  ...more
})

const listed: ReadonlyArray<Scripted.ScriptedRun> = [
  run("a", { startedAt: november, durationMs: 100, costUsd: "0.1" }),
  run("b", { durationMs: 200, costUsd: "0.2" }),
  run("c", { durationMs: 300, costUsd: "0.0000000000000000000000001", status: "failed" }),
  run("d", { durationMs: 9_000, status: "cancelled", costUsd: "1" }),
  run("e", { status: "running", costUsd: "0.3" }),
  run("f", { version: "8", durationMs: 50 }),
  run("g", { flow: "acme/test/other", costUsd: "5" })
]

describe("the numbers of a list", () => {
  it.scopedLive("count and add up its runs by version and day in UTC, exactly", () =>
    Effect.gen(function*() {
      const { page, put, reads } = yield* serving
      yield* put(...listed)
      const { all, total, versions } = yield* page.json<Numbers>(`/api/numbers?flow=${flow}`)
      assert.deepStrictEqual(all, {
        runs: 6,
        // 0.1 + 0.2 + 1e-25 + 1 + 0.3
        costUsd: "1.6000000000000000000000001",
        unknownCosts: 1,
        ended: 4,
        failed: 1,
        timed: 4,
        // of 50, 100, 200, 300
        p50Ms: 100,
        p95Ms: 300
      })
      assert.strictEqual(total, 2)
      assert.deepStrictEqual(versions.map(({ days, flow, version }) => [flow, version, days.map(({ day }) => day)]), [
        [flow, "8", ["2026-12-01"]],
        [flow, "7", ["2026-12-01", "2026-11-30"]]
      ])
      assert.deepStrictEqual(versions[1]!.days, [
        {
          day: "2026-12-01",
          runs: 4,
          costUsd: "1.5000000000000000000000001",
          ended: 2,
          failed: 1,
          timed: 2,
          p50Ms: 200,
          p95Ms: 300
        },
        { day: "2026-11-30", runs: 1, costUsd: "0.1", ended: 1, failed: 0, timed: 1, p50Ms: 100, p95Ms: 100 }
      ])
      // a cost that nobody knows is not 0
      assert.deepStrictEqual(versions[0]!.days, [
        { day: "2026-12-01", runs: 1, unknownCosts: 1, ended: 1, failed: 0, timed: 1, p50Ms: 50, p95Ms: 50 }
      ])
      assert.strictEqual(reads(), 0)
    }))

  it.scopedLive("are those of the filter of the list", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving
      yield* put(...listed)
      const runs = (query: string) => Effect.map(page.json<Numbers>(`/api/numbers?${query}`), ({ all }) => all.runs)
      assert.strictEqual(yield* runs(""), 7)
      assert.strictEqual(yield* runs("status=failed"), 1)
      assert.strictEqual(yield* runs(`to=${november}`), 1)
      const sums = yield* page.json<Numbers>("/api/numbers?only=sums")
      assert.deepStrictEqual([sums.all.costUsd, sums.versions, sums.total], ["6.6000000000000000000000001", [], 3])
      const none = yield* page.json<Numbers>("/api/numbers?text=nothing")
      assert.deepStrictEqual(none, { all: { runs: 0, ended: 0, failed: 0, timed: 0 }, versions: [], total: 0 })
    }))

  it.scopedLive("take the 19th of 20 durations, and the 10th, by nearest rank", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving
      yield* put(...Array.from({ length: 20 }, (_, nth) => run(`${nth}`, { durationMs: 20 - nth })))
      const { all } = yield* page.json<Numbers>("/api/numbers")
      assert.deepStrictEqual([all.p50Ms, all.p95Ms], [10, 19])
    }))
})

const steps = (...costs: ReadonlyArray<readonly [model: string | undefined, cost: string | undefined]>) =>
  costs.map(([model, cost], nth) => ({
    id: `s${nth}`,
    at: nth,
    ms: 1,
    tokens: 5,
    ...model !== undefined && { model },
    ...cost !== undefined && { cost }
  }))

describe("the bill of a list", () => {
  it.scopedLive("has the costs by month, flow and model, which add up, and says what is not known", () =>
    Effect.gen(function*() {
      const { page, put, reads } = yield* serving
      yield* put(
        run("a", { startedAt: november, costUsd: "0.3", steps: steps(["small", "0.1"], ["large", "0.2"]) }),
        run("b", { costUsd: "0.7", steps: steps(["small", "0.1"], ["small", "0.2"], [undefined, "0.4"]) }),
        run("c", { steps: steps(["large", undefined]) }),
        run("d", { status: "running", costUsd: "0.05", steps: steps(["small", "0.05"]) })
      )
      const unread = yield* page.json<Bill>("/api/bill")
      assert.deepStrictEqual(unread.months, [
        {
          month: "2026-12",
          runs: 3,
          costUsd: "0.75",
          unknownCosts: 1,
          flows: [{
            flow,
            runs: 3,
            costUsd: "0.75",
            unknownCosts: 1,
            models: [],
            unread: { runs: 3, costUsd: "0.75", unknownCosts: 1 }
          }]
        },
        {
          month: "2026-11",
          runs: 1,
          costUsd: "0.3",
          flows: [{ flow, runs: 1, costUsd: "0.3", models: [], unread: { runs: 1, costUsd: "0.3" } }]
        }
      ])
      assert.deepStrictEqual([unread.unread, reads()], [3, 0])
      const part = yield* page.json<Bill>("/api/bill?read=1")
      assert.deepStrictEqual([part.unread, reads()], [2, 1])
      const { all, months, unread: left } = yield* page.json<Bill>("/api/bill?read=500")
      assert.deepStrictEqual(all, { runs: 4, costUsd: "1.05", unknownCosts: 1 })
      assert.deepStrictEqual(months.map(({ flows: [of], month }) => [month, of?.models, of?.unread]), [
        ["2026-12", [
          { model: "large", runs: 1, costUsd: "0", unknownCosts: 1 },
          { model: "small", runs: 1, costUsd: "0.3" },
          // a step that does not tell its model
          { runs: 1, costUsd: "0.4" }
        ], { runs: 1, costUsd: "0.05" }],
        [
          "2026-11",
          [{ model: "large", runs: 1, costUsd: "0.2" }, { model: "small", runs: 1, costUsd: "0.1" }],
          undefined
        ]
      ])
      // a run that goes on is read when it has ended
      assert.deepStrictEqual([left, reads()], [0, 3])
      yield* page.json<Bill>("/api/bill?read=500")
      assert.strictEqual(reads(), 3)
    }))

  it.scopedLive("reads the models of at most 500 runs at once", () =>
    Effect.gen(function*() {
      const { page, put, reads } = yield* serving
      yield* put(
        ...Array.from({ length: 501 }, (_, nth) => run(`${nth}`, { costUsd: "0.01", steps: steps(["m", "0.01"]) }))
      )
      const { all, unread } = yield* page.json<Bill>("/api/bill?read=9999")
      assert.deepStrictEqual([all.costUsd, unread, reads()], ["5.01", 1, 500])
      assert.strictEqual((yield* page.get("/api/bill?read=-1")).status, 400)
    }))

  it.scopedLive("of an emulator is what its ledger billed", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start()
      for (const _ of [1, 2, 3]) yield* execute("acme/test/paid")
      yield* Effect.ignore(execute("acme/test/fails"))
      const { requestsReceived } = yield* emulator.totals
      const { all, unread } = yield* page.json<Bill>("/api/bill?read=500")
      assert.deepStrictEqual([all, unread], [{ runs: 4, costUsd: "0.75" }, 0])
      assert.strictEqual((yield* emulator.totals).requestsReceived, requestsReceived)
    }))
})

describe("the tables of a list", () => {
  it.scopedLive("are CSV files, in which no text is a formula and no key is shown", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving
      yield* put(
        run("=1+1", { costUsd: "0.1", sessionId: "@x", steps: steps(["-m,\"1\"", "0.1"]) }),
        run("nk_live_abcdefgh_0123456789abcdef0123456789abcdef", { startedAt: november, status: "failed" })
      )
      const { headers, text } = yield* page.get("/api/table?of=runs")
      assert.strictEqual(headers["content-type"], "text/csv; charset=utf-8")
      assert.strictEqual(headers["content-disposition"], "attachment; filename=\"runs.csv\"")
      assert.deepStrictEqual(text.split("\r\n"), [
        "id,flow,version,status,trigger,sessionId,startedAt,durationMs,costUsd,unknownCosts",
        `'=1+1,${flow},7,completed,execute,'@x,2026-12-01T00:00:00.000Z,10,0.1,`,
        `nk_live_…,${flow},7,failed,execute,,2026-11-30T23:59:59.000Z,10,,`,
        ""
      ])
      assert.deepStrictEqual((yield* page.get("/api/table?of=versions")).text.split("\r\n"), [
        "flow,version,day,runs,ended,failed,failureRate,timed,p50Ms,p95Ms,costUsd,unknownCosts",
        `${flow},7,2026-12-01,1,1,0,0,1,10,10,0.1,`,
        `${flow},7,2026-11-30,1,1,1,1,1,10,10,,1`,
        ""
      ])
      yield* page.json("/api/bill?read=1")
      assert.deepStrictEqual((yield* page.get("/api/table?of=bill")).text.split("\r\n"), [
        "month,flow,model,isModelRead,runs,costUsd,unknownCosts",
        `2026-12,${flow},"'-m,""1""",yes,1,0.1,`,
        `2026-11,${flow},,no,1,,1`,
        ""
      ])
      assert.strictEqual((yield* page.get("/api/table?of=none")).status, 400)
    }))
})
