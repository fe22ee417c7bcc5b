/** Batches of ledgers against the runs of a server: the findings of `noukai reconcile`, as events. */
import { Batch, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator, type Flow } from "@effect-noukai/emulator"
import * as Reconcile from "@effect-noukai/report/Reconcile"
import * as EmulatorSource from "@effect-noukai/studio/EmulatorSource"
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import type { ReconcilePlan, ReconcileProgress } from "@effect-noukai/studio/ReconcileApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Stream } from "effect"
import Libsql from "libsql"
import * as Fs from "node:fs"
import { join } from "node:path"
import { client, collect } from "../../batch/test/support/batches.js"
import { folder } from "../../sdk/test/support/folder.js"
import { size } from "../../sdk/test/support/size.js"
import { type Event, open, type Page } from "./support/client.js"
import { start } from "./support/ledgerStudio.js"
import * as Real from "./support/realLedgers.js"

const query = (of: { readonly [name: string]: string | number }) =>
  String(new URLSearchParams(Object.entries(of).map(([name, value]) => [name, String(value)])))

/** A studio over an emulator, whose runs it reads in this process or by requests. */
const studio = (path: string, reads: "in this process" | "by requests") =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    const source = reads === "in this process"
      ? EmulatorSource.layer(emulator)
      : HostedSource.layer({ address: emulator.baseUrl, kind: "emulator", seen: Effect.succeed([]) })
    const sources = yield* Layer.build(Layer.merge(source, LedgerSource.layer({ folder: path })))
    const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), sources)
    return yield* open(url)
  })

const events = (page: Page, of: { readonly [name: string]: string | number }) =>
  Effect.map(collect(page.events(`/api/reconcile?${query(of)}`)), (all) => {
    const progress = all.flatMap(({ data, event }): ReadonlyArray<ReconcileProgress> =>
      event === "findings" ? [data] : []
    )
    return {
      names: [...new Set(all.map(({ event }) => event))],
      last: progress.at(-1)!,
      findings: progress.flatMap(({ findings }) => findings),
      problem: all.find((one: Event) => one.event === "problem")?.data
    }
  })

/** The findings as the SDK makes them of the same ledger. */
const expected = (path: string, batch: string) =>
  Reconcile.findings(Batch.expected(batch)).pipe(
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray),
    Effect.provide(BatchStore.layerFile(path))
  )

const kinds = (findings: ReadonlyArray<Reconcile.Finding>) => findings.map(({ expected, kind }) => [expected.key, kind])

const five = ["a", "b", "c", "d", "e"].map((slug) => `acme/five/${slug}`)

const flows: ReadonlyArray<Flow> = [
  ...Real.flows,
  ...five.map((ref, nth): Flow => ({
    ref,
    steps: [
      { kind: "template", id: "one", output: "{{message}}", costUsd: "0.1" },
      { kind: "template", id: "two", output: "{{message}}", costUsd: `0.000${nth + 1}` }
    ]
  }))
]

const emulator = client({ flows, jobs: { workers: 64 } })

const count = size(200, 60)

/** Rows of five flows, of which some requests failed in their ways. */
const manyFlows = (path: string) =>
  Effect.provide(
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults(
        { match: { endpoint: "submitJob", flow: five[1]! }, script: ["503", "reset", "500"] },
        { match: { endpoint: "submitJob", flow: five[2]! }, script: ["reset:late"] },
        { match: { endpoint: "session" }, script: ["410"] }
      )
      const batch = Batch.make({
        id: "five flows",
        flow: five[0]!,
        key: (row: Real.Essay) => row.id,
        input: ({ text }) => ({ message: text }),
        target: ({ text }: Real.Essay) => ({ flow: five[text.length % 5]! })
      })
      const rows = Array.from({ length: count }, (_, nth) => ({ id: `row-${nth + 1}`, text: "x".repeat(nth % 7 + 1) }))
      yield* Batch.run(batch, BatchSource.fromIterable(rows), {
        grace: 100,
        cost: true,
        concurrency: 16,
        maxFailures: count
      })
      yield* emulator.clearFaults
    }),
    Real.onFile(path)
  )

describe("a batch against the runs of the server", () => {
  for (const reads of ["in this process", "by requests"] as const) {
    it.scopedLive(
      `has the findings and sums of the SDK, of ${count} runs of five flows with faults, ${reads}`,
      () =>
        Effect.gen(function*() {
          const path = yield* folder
          const file = join(path, "five.ledger")
          yield* manyFlows(file)
          const findings = yield* expected(file, "five flows")
          const summary = findings.reduce(Reconcile.add, Reconcile.noFindings)
          assert.isAtLeast(findings.length, count)
          assert.isTrue(findings.some(({ kind }) => kind !== "agrees"))
          const page = yield* studio(path, reads)
          const bytes = Fs.readFileSync(file, "base64")
          const { totals } = yield* Emulator
          const { requestsReceived, runsStarted } = yield* totals
          const of = { ledger: "five.ledger", batch: "five flows" }
          const plan = yield* page.json<ReconcilePlan>(`/api/reconcile/plan?${query(of)}`)
          assert.strictEqual((yield* totals).requestsReceived, requestsReceived)
          const shown = yield* events(page, { ...of, rate: 100 })
          assert.deepStrictEqual(shown.names, ["hello", "findings", "end"])
          assert.deepStrictEqual(shown.findings, JSON.parse(JSON.stringify(findings)))
          assert.deepStrictEqual(shown.last.summary, summary)
          assert.deepStrictEqual([shown.last.done, shown.last.rows], [findings.length, count])
          const difference = (Number(summary.seenUsd) * 10_000 - Number(summary.believedUsd) * 10_000) / 10_000
          assert.closeTo(Number(shown.last.differenceUsd), difference, 1e-9)
          const sent = (yield* totals).requestsReceived - requestsReceived
          assert.deepStrictEqual([plan.rows, plan.rate, plan.whyNot], [count, 10, undefined])
          if (reads === "in this process") assert.deepStrictEqual([sent, plan.requests], [0, 0])
          else assert.isTrue(sent > count && Math.abs(sent - plan.requests) < 60, `${sent} of ${plan.requests}`)
          assert.strictEqual((yield* totals).runsStarted, runsStarted)
          assert.strictEqual(Fs.readFileSync(file, "base64"), bytes)
          assert.match(plan.command!, /^noukai reconcile \S*five\.ledger --id 'five flows' --env dev --port \d+$/)
          assert.match(plan.settle!, / --settle --env dev/)
        }).pipe(Effect.provide(emulator))
    )
  }

  it.scopedLive("has rows in doubt and expired sessions, which are unknown and never missing", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const file = join(path, "doubt.ledger")
      yield* Real.doubts(file)
      yield* Real.completed(join(path, "done.ledger"), 6)
      const withoutCosts = Batch.make({
        id: "without costs",
        flow: five[0]!,
        key: (row: Real.Essay) => row.id,
        input: ({ text }) => ({ message: text })
      })
      yield* Batch.run(withoutCosts, BatchSource.fromIterable([{ id: "a", text: "a" }, { id: "b", text: "b" }])).pipe(
        Effect.provide(Real.onFile(join(path, "free.ledger")))
      )
      const emulator = yield* Emulator
      const page = yield* studio(path, "by requests")
      const doubt = yield* events(page, { ledger: "doubt.ledger", batch: "grades-doubt", rate: 100 })
      assert.deepStrictEqual(kinds(doubt.findings), kinds(yield* expected(file, "grades-doubt")))
      assert.isAtLeast(doubt.findings.filter(({ kind }) => kind !== "agrees").length, 1)
      yield* emulator.addFaults({
        match: { endpoint: "session" },
        script: ["410", "404:html", "200:html", "500"],
        repeat: true
      })
      const lost = yield* events(page, { ledger: "done.ledger", batch: "grades-2026-11", rate: 100 })
      assert.deepStrictEqual(new Set(lost.findings.map(({ kind }) => kind)), new Set(["unknown"]))
      assert.strictEqual(lost.names.at(-1), "end")
      assert.deepStrictEqual([lost.last.summary.unknownBelieved, lost.last.summary.unknownSeen], [0, 0])
      // a cost that nobody can tell makes no sum exact
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["500", "404:html"], repeat: true })
      const { findings, last } = yield* events(page, { ledger: "done.ledger", batch: "grades-2026-11", rate: 100 })
      assert.deepStrictEqual(findings.flatMap(({ seen }) => seen), [])
      assert.deepStrictEqual([last.summary.unknownBelieved, last.summary.unknownSeen], [0, 6])
      assert.notProperty(last, "differenceUsd")
      yield* emulator.clearFaults
      const free = (yield* events(page, { ledger: "free.ledger", batch: "without costs", rate: 100 })).last
      assert.deepStrictEqual([free.summary.believedUsd, free.summary.seenUsd], ["0", "0.2002"])
      assert.deepStrictEqual([free.summary.unknownBelieved, free.summary.unknownSeen], [2, 0])
      assert.notProperty(free, "differenceUsd")
      // a difference is of costs that both know
      const database = new Libsql(join(path, "done.ledger"))
      database.exec("update noukai_batch_row set cost_usd = null where no = 1")
      database.close()
      const some = (yield* events(page, { ledger: "done.ledger", batch: "grades-2026-11", rate: 100 })).last
      assert.deepStrictEqual([some.summary.unknownBelieved, some.summary.unknownSeen, some.differenceUsd], [1, 0, "0"])
      assert.notStrictEqual(some.summary.believedUsd, some.summary.seenUsd)
    }).pipe(Effect.provide(emulator)))

  it.scopedLive("sends at most so many requests a second, and none after the page has gone", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.completed(join(path, "done.ledger"), 30)
      const { ledger, totals } = yield* Emulator
      const page = yield* studio(path, "by requests")
      const before = (yield* totals).requestsReceived
      const first = yield* page.events(
        `/api/reconcile?${query({ ledger: "done.ledger", batch: "grades-2026-11", rate: 20 })}`
      )
        .pipe(
          Stream.filter(({ data, event }) => event === "findings" && data.done >= 4),
          Stream.runHead
        )
      assert.isTrue(first._tag === "Some")
      // the connection is closed: one read may be on its way
      const { requests } = yield* ledger
      const received = requests.slice(before).map(({ receivedAt }) => receivedAt)
      const gaps = received.slice(1).map((at, nth) => at - received[nth]!)
      assert.isAtLeast(gaps.length, 6)
      assert.isAtLeast((received.at(-1)! - received[0]!) / gaps.length, 40)
      // a whole comparison takes longer than one more request of the first
      const whole = yield* events(page, { ledger: "done.ledger", batch: "grades-2026-11", rate: 100 })
      assert.deepStrictEqual([whole.last.done, whole.names.at(-1)], [30, "end"])
      assert.isAtMost((yield* totals).requestsReceived - before, received.length + 1 + 60)
    }).pipe(Effect.provide(emulator)))

  it.scopedLive("ends with the problem, and what it has found so far", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.completed(join(path, "done.ledger"), 12)
      const emulator = yield* Emulator
      const page = yield* studio(path, "by requests")
      yield* emulator.addFaults({ match: { endpoint: "session", nth: 8 }, script: ["401"] })
      const of = { ledger: "done.ledger", batch: "grades-2026-11" }
      const cut = yield* events(page, { ...of, rate: 100 })
      assert.deepStrictEqual(cut.names, ["hello", "findings", "problem"])
      assert.isTrue(cut.last.done > 0 && cut.last.done < 12)
      assert.include(cut.problem.advice, "`noukai doctor`")
      assert.deepStrictEqual((yield* events(page, { ...of, rate: 100 })).names, ["hello", "findings", "end"])
    }).pipe(Effect.provide(emulator)))

  it.scopedLive("is refused where the batch, the ledger or the rate does not exist", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.completed(join(path, "done.ledger"), 3)
      const page = yield* studio(path, "in this process")
      const status = (target: string) => Effect.map(page.get(target), ({ status }) => status)
      const done = { ledger: "done.ledger", batch: "grades-2026-11" }
      for (const name of ["reconcile", "reconcile/plan"]) {
        assert.strictEqual(yield* status(`/api/${name}?${query({ ...done, batch: "other" })}`), 404)
        assert.strictEqual(yield* status(`/api/${name}?${query({ ...done, ledger: "../done.ledger" })}`), 404)
      }
      for (const rate of [0, 101, -1, 1.5]) {
        assert.strictEqual(yield* status(`/api/reconcile?${query({ ...done, rate })}`), 400)
      }
      const scripted = yield* start({ folder: path })
      const plan = yield* scripted.page.json<ReconcilePlan>(`/api/reconcile/plan?${query(done)}`)
      assert.include(plan.whyNot, "cannot read the sessions")
      assert.strictEqual((yield* scripted.page.get(`/api/reconcile?${query(done)}`)).status, 502)
    }).pipe(Effect.provide(emulator)))
})
