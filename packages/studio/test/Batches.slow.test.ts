/** Batches of real ledgers, read by a studio. */
import { Batch, BatchSource, BatchStore } from "@effect-noukai/batch"
import { SessionService } from "@effect-noukai/sdk"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Layer, Stream } from "effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { collect, layer as batchLayer } from "../../batch/test/support/batches.js"
import { folder } from "../../sdk/test/support/folder.js"
import { size } from "../../sdk/test/support/size.js"
import { until } from "./support/client.js"
import * as Large from "./support/largeLedger.js"
import { start } from "./support/ledgerStudio.js"
import * as Real from "./support/realLedgers.js"

/** The files below a folder with their bytes. */
const contents = (path: string) =>
  Fs.readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => [file, Fs.readFileSync(file, "base64"), Fs.statSync(file).mtimeMs])

const grades = { ledger: "grades.ledger", batch: "grades-2026-11" }

describe("the batches of a folder", () => {
  it.scopedLive("are those of all ledgers in it, newest first, and nothing of it changes", () =>
    Effect.gen(function*() {
      const path = yield* folder
      Fs.mkdirSync(join(path, "2026/november"), { recursive: true })
      yield* Real.completed(join(path, "grades.ledger"))
      yield* Real.completed(join(path, "2026/november/other.ledger"), 5, "Noten 🦊 <b>fett</b>")
      yield* Real.newer(join(path, "grades.ledger"), join(path, "newer.ledger"))
      yield* Real.broken(join(path, "notes.ledger"))
      Fs.writeFileSync(join(path, "empty.ledger"), "")
      Fs.mkdirSync(join(path, "folder.ledger"))
      const before = contents(path)
      const studio = yield* start({ folder: path })
      const { batches, problems, searched } = yield* studio.batches()
      assert.deepStrictEqual(searched, [Fs.realpathSync(path)])
      assert.deepStrictEqual(batches.map(({ batch, ledger }) => [ledger, batch]), [
        ["2026/november/other.ledger", "Noten 🦊 <b>fett</b>"],
        ["grades.ledger", "grades-2026-11"]
      ])
      assert.deepStrictEqual(problems.map(({ ledger }) => ledger), ["newer.ledger", "notes.ledger"])
      assert.match(problems[0]!.message, /^The ledger cannot be read: .*schema version 999.*use the newer version/)
      assert.match(problems[1]!.message, /^The ledger cannot be read: file is not a database/)
      const [, one] = batches
      const status = yield* Effect.provide(
        Batch.status(grades.batch),
        BatchStore.layerFile(join(path, "grades.ledger"))
      )
      assert.deepInclude(one, {
        flow: "acme/essays/grade",
        version: "production",
        status: "completed",
        isClean: false,
        rows: 60,
        settled: 60,
        failed: status.states.failed,
        doubtful: 0,
        costUsd: status.costUsd
      })
      yield* studio.batch(grades)
      yield* studio.rows({ ...grades, key: "*1*" })
      yield* studio.row({ ...grades, key: "pupil-1" })
      yield* studio.evals()
      assert.deepStrictEqual(contents(path), before)
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("are none in an empty folder, and in a folder that is gone", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const { batches } = yield* start({ folder: path })
      assert.deepStrictEqual(yield* batches(), { searched: [Fs.realpathSync(path)], batches: [], problems: [] })
      const gone = yield* start({ folder: join(path, "gone") })
      assert.match((yield* gone.batches()).problems[0]!.message, /gone cannot be read: ENOENT/)
    }))

  it.scopedLive("are not those of links, and no address leads out of the folder", () =>
    Effect.gen(function*() {
      const [outside, path] = [yield* folder, yield* folder]
      yield* Real.completed(join(outside, "grades.ledger"), 3)
      Fs.symlinkSync(outside, join(path, "linked"))
      Fs.symlinkSync(join(outside, "grades.ledger"), join(path, "grades.ledger"))
      const studio = yield* start({ folder: path })
      assert.deepStrictEqual((yield* studio.batches()).batches, [])
      const names = [
        "grades.ledger",
        "linked/grades.ledger",
        join(outside, "grades.ledger"),
        `../${outside.split("/").at(-1)}/grades.ledger`,
        "./grades.ledger",
        "grades.ledger\0",
        "file:grades.ledger?mode=rwc",
        ":memory:",
        "",
        "postgres"
      ]
      for (const ledger of names) {
        for (const endpoint of ["batch", "batch/watch", "batch/rows", "batch/row"]) {
          const [status] = yield* studio.refused(endpoint, { ledger, batch: "grades-2026-11", key: "pupil-1" })
          assert.strictEqual(status, 404, `${endpoint} ${ledger}`)
        }
      }
      assert.deepStrictEqual(Fs.readdirSync(path).sort(), ["grades.ledger", "linked"])
    }).pipe(Effect.provide(Real.emulator)))
})

describe("a batch", () => {
  it.scopedLive("has its status, histograms of its rows, and its failures by their errors", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.completed(join(path, "grades.ledger"), 100)
      const studio = yield* start({ folder: path })
      const detail = yield* studio.batch(grades)
      const rows = yield* Effect.provide(
        collect(Batch.results(grades.batch)),
        BatchStore.layerFile(join(path, "grades.ledger"))
      )
      assert.deepStrictEqual([detail.counted, detail.settled], [100, 100])
      for (
        const [histogram, values] of [
          [detail.durations, rows.flatMap(({ durationMs = -1 }) => durationMs < 0 ? [] : [durationMs])],
          [detail.costs, rows.flatMap(({ attemptsCostUsd: cost }) => cost === undefined ? [] : [Number(cost)])]
        ] as const
      ) {
        assert.deepStrictEqual([histogram.known, histogram.unknown], [values.length, 100 - values.length])
        for (const { count, from, to } of histogram.buckets) {
          assert.strictEqual(count, values.filter((value) => value >= from && value < to).length)
        }
        assert.strictEqual(histogram.max, Math.max(...values))
      }
      const failed = rows.filter(({ state }) => state === "failed")
      assert.deepStrictEqual(
        detail.errors.map(({ error, rows }) => [error, rows]).sort(),
        ["BAD_ESSAY", "PROVIDER_ERROR", "RATE_LIMITED"].map((code) => [
          `FlowExecutionError ${code}`,
          failed.filter(({ error }) => error?.code === code).length
        ])
      )
      for (const { code, key } of detail.errors) {
        assert.strictEqual(failed.find((row) => row.key === key)!.error!.code, code)
      }
      assert.isTrue(detail.commands.every(({ command }) => /^noukai batch \w+ grades-2026-11 .*--ledger/.test(command)))
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("has rows that are counted anew after a retry", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const ledger = join(path, "grades.ledger")
      yield* Real.completed(ledger, 30)
      const studio = yield* start({ folder: path })
      const before = yield* studio.batch(grades)
      assert.strictEqual(before.counted, 30)
      yield* Effect.provide(Batch.retry(grades.batch, { only: "failed" }), BatchStore.layerFile(ledger))
      const after = yield* studio.batch(grades)
      assert.deepStrictEqual([after.counted, after.settled, after.errors], [30 - before.failed, 30 - before.failed, []])
      yield* Real.completed(ledger, 30)
      assert.deepStrictEqual((yield* studio.batch(grades)).errors, before.errors)
      // another batch under its name
      yield* Effect.provide(Batch.forget(grades.batch), BatchStore.layerFile(ledger))
      yield* Real.completed(ledger, 4)
      assert.deepInclude(yield* studio.batch(grades), { counted: 4, rows: 4, errors: [] })
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("of no rows, and one that is paused, say so", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.empty(join(path, "none.ledger"))
      yield* Real.paused(join(path, "paused.ledger"))
      const studio = yield* start({ folder: path })
      const none = { ledger: "none.ledger", batch: "grades-none" }
      assert.deepInclude(yield* studio.batch(none), { rows: 0, durations: { buckets: [], known: 0, unknown: 0 } })
      assert.deepStrictEqual(yield* studio.rows(none), { rows: [], hasBefore: false, hasAfter: false })
      const paused = yield* studio.batch({ ledger: "paused.ledger", batch: "grades-paused" })
      assert.deepStrictEqual([paused.status, paused.stop?.reason], ["paused", "paused"])
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("of an unknown id is not found", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.completed(join(path, "grades.ledger"), 3)
      const studio = yield* start({ folder: path })
      for (const batch of ["grades", "grades-2026-111", ""]) {
        for (const endpoint of ["batch", "batch/watch", "batch/rows", "batch/row"]) {
          const [status] = yield* studio.refused(endpoint, { ...grades, batch, key: "pupil-1" })
          assert.strictEqual(status, 404, `${endpoint} ${batch}`)
        }
      }
      assert.deepStrictEqual(yield* studio.refused("batch/row", { ...grades, key: "nobody" }), [
        404,
        "The batch has no row with the key \"nobody\"."
      ])
      assert.strictEqual((yield* studio.refused("batch/rows", { ...grades, state: "broken" }))[0], 404)
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("is followed while it runs, with a rate and the time left, to its end", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const studio = yield* start({ folder: path })
      const run = yield* Effect.fork(Real.running(join(path, "all.ledger"), 1_000))
      const all = { ledger: "all.ledger", batch: "grades-all" }
      yield* until(studio.batches(), ({ batches }) => batches.some(({ settled }) => settled >= 3))
      const detail = yield* until(studio.batch(all), ({ rowsPerSecond }) => rowsPerSecond !== undefined)
      assert.strictEqual(detail.status, "running")
      assert.strictEqual(detail.etaMs, Math.round((1_000 - detail.settled) / detail.rowsPerSecond! * 1_000))
      const watched = yield* Effect.fork(
        collect(studio.page.events(`/api/batch/watch?ledger=all.ledger&batch=grades-all`))
      )
      yield* until(studio.batch(all), ({ settled }) => settled > detail.settled + 3)
      yield* Fiber.interrupt(run)
      const events = yield* Fiber.join(watched)
      assert.deepStrictEqual(
        [...new Set(events.map(({ event }) => event))],
        ["hello", "batch", "end"]
      )
      const seen = events.filter(({ event }) => event === "batch")
      assert.isAbove(seen.length, 1)
      assert.isTrue(
        seen.every(({ at }, index) => index === 0 || at - seen[index - 1]!.at >= 90 || index === seen.length - 1)
      )
      const { data: last } = seen.at(-1)!
      assert.deepStrictEqual([last.status, last.rowsPerSecond, last.counted], ["incomplete", undefined, last.settled])
    }).pipe(Effect.provide(Real.emulator)))
})

describe("rows", () => {
  it.scopedLive("are read page by page, forwards and backwards, by state, error and key", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.completed(join(path, "grades.ledger"), 90)
      const all = yield* Effect.provide(
        collect(Batch.results(grades.batch)),
        BatchStore.layerFile(join(path, "grades.ledger"))
      )
      const studio = yield* start({ folder: path })
      const filters: ReadonlyArray<readonly [object, (row: (typeof all)[number]) => boolean]> = [
        [{}, () => true],
        [{ state: "failed" }, ({ state }) => state === "failed"],
        [{ state: "doubtful" }, () => false],
        [{ error: "FlowExecutionError BAD_ESSAY" }, ({ error }) => error?.code === "BAD_ESSAY"],
        [{ error: "FlowExecutionError BAD_ESSAY", state: "done" }, () => false],
        [{ error: "None" }, () => false],
        [{ key: "pupil-x*" }, ({ key }) => key.startsWith("pupil-x")],
        [{ key: "pupil-x*", state: "failed" }, ({ key, state }) => key.startsWith("pupil-x") && state === "failed"],
        [{ key: "*8", error: "FlowExecutionError RATE_LIMITED" }, ({ error, key }) =>
          key.endsWith("8") && error?.code === "RATE_LIMITED"],
        [{ key: "pupil-x2" }, ({ key }) =>
          key === "pupil-x2"],
        [{ key: "pupil-x2", state: "pending" }, () => false]
      ]
      for (const [filter, isMeant] of filters) {
        const expected = all.filter(isMeant).map(({ no }) => no)
        const forwards: Array<number> = []
        for (let after = 0;;) {
          const page = yield* studio.rows({ ...grades, ...filter, after, limit: 7 })
          assert.strictEqual(page.hasBefore, forwards.length > 0, JSON.stringify(filter))
          forwards.push(...page.rows.map(({ no }) => no))
          assert.strictEqual(page.hasAfter, forwards.length < expected.length, JSON.stringify(filter))
          if (!page.hasAfter) break
          after = page.rows.at(-1)!.no
        }
        assert.deepStrictEqual(forwards, expected, JSON.stringify(filter))
        const backwards: Array<number> = []
        for (let before = 999_999_999;;) {
          const page = yield* studio.rows({ ...grades, ...filter, before, limit: 7 })
          assert.strictEqual(page.hasAfter, backwards.length > 0, JSON.stringify(filter))
          backwards.unshift(...page.rows.map(({ no }) => no))
          if (!page.hasBefore) break
          before = page.rows[0]!.no
        }
        assert.deepStrictEqual(backwards, expected, JSON.stringify(filter))
      }
      const { rows: [first] } = yield* studio.rows({ ...grades, limit: 1 })
      const { at, attempt, attemptsCostUsd, durationMs, executionId, flow, key, no, settledAt, state, version } =
        all[0]!
      assert.deepStrictEqual(
        first,
        {
          at,
          attempt,
          costUsd: attemptsCostUsd!,
          durationMs: durationMs!,
          executionId: executionId!,
          flow,
          key,
          no,
          settledAt: settledAt!,
          state,
          version
        }
      )
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("lead to their run by its session, with input, result and attempts", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.completed(join(path, "grades.ledger"), 10)
      const studio = yield* start({ folder: path })
      const detail = yield* studio.row({ ...grades, key: "pupil-1" })
      assert.deepStrictEqual(JSON.parse(detail.input.json!), { message: "Essay 1" })
      assert.deepStrictEqual(JSON.parse(detail.result.json!), { grade: "B", words: 1, notes: ["grammar"] })
      assert.deepStrictEqual(detail.attempts.map(({ attempt, state }) => [attempt, state]), [[1, "done"]])
      assert.deepStrictEqual(detail.doubt, [])
      const { executions } = yield* Effect.flatMap(SessionService, (sessions) => sessions.get(detail.sessionId!))
      assert.deepStrictEqual(executions.map(({ executionId }) => executionId), [detail.row.executionId])
      const { attempts: [attempt], result } = yield* studio.row({ ...grades, key: "pupil-xx9" })
      assert.deepStrictEqual([attempt!.error, result.isCaptured], [
        "FlowExecutionError RATE_LIMITED: The model was busy.",
        false
      ])
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("in doubt say what is known of them and what to do", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.doubts(join(path, "doubt.ledger"))
      const studio = yield* start({ folder: path })
      const of = (batch: string) => ({ ledger: "doubt.ledger", batch })
      for (const batch of ["grades-doubt", "grades-slow"]) {
        const { doubtful } = yield* studio.batch(of(batch))
        const { rows } = yield* studio.rows({ ...of(batch), state: "doubtful" })
        assert.isAbove(doubtful, 0)
        assert.strictEqual(rows.length, doubtful)
        for (const { key } of rows) {
          const { doubt } = yield* studio.row({ ...of(batch), key })
          assert.isAtLeast(doubt.length, 2)
          for (const sentence of doubt) assert.match(sentence, /^[A-Z].*[.`]$/s)
        }
      }
      const { rows: [reported] } = yield* studio.rows({ ...of("grades-doubt"), state: "reported" })
      const { doubt } = yield* studio.row({ ...of("grades-doubt"), key: reported!.key })
      assert.match(doubt.join(" "), /It ran, and the server did not keep its result.*--accept-double-runs/)
      const { rows: [late] } = yield* studio.rows({ ...of("grades-slow"), state: "doubtful" })
      assert.include((yield* studio.row({ ...of("grades-slow"), key: late!.key })).doubt[0], late!.executionId!)
      // a process that was killed while it sent a row
      const store = BatchStore.layerFile(join(path, "doubt.ledger"))
      yield* Effect.provide(
        Effect.flatMap(BatchStore, ({ sql }) =>
          sql`
        update noukai_batch_row set state = case no when 1 then 'intent' else 'uncertain' end, execution_id = null, error = null
        where batch = 2 and no < 3`),
        store
      )
      for (const key of ["pupil-1", "pupil-x2"]) {
        const { doubt } = yield* studio.row({ ...of("grades-slow"), key })
        assert.match(doubt[0]!, /Its request left at 20.*Z at the latest/)
        assert.match(doubt[1]!, /Run the batch again: it looks for the run/)
      }
      assert.strictEqual((yield* studio.rows({ ...of("grades-slow"), state: "doubtful" })).rows.length, 3)
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("with a key of Noukai in them never show it", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const secret = "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"
      const batch = Batch.make({
        id: `id ${secret}`,
        flow: "acme/essays/grade",
        key: ({ id }: Real.Essay) => id,
        input: ({ text }) => ({ message: text })
      })
      const rows = [{ id: `row ${secret}`, text: `Essay 1 ${secret}` }, { id: "2", text: `fail 1 ${secret} 2` }]
      yield* Effect.provide(
        Batch.run(batch, BatchSource.fromIterable(rows), { grace: 100 }),
        Real.onFile(join(path, "secret.ledger"))
      )
      const studio = yield* start({ folder: path })
      const of = { ledger: "secret.ledger", batch: batch.id }
      const query = new URLSearchParams({ ...of, key: `row ${secret}` })
      const answers = yield* Effect.forEach(
        ["batches", `batch?${query}`, `batch/rows?${query}`, `batch/row?${query}`],
        (endpoint) => studio.page.get(`/api/${endpoint}`)
      )
      for (const { status, text } of answers) {
        assert.strictEqual(status, 200)
        assert.notInclude(text, "0123456789abcdef")
      }
      const events = yield* collect(studio.page.events(`/api/batch/watch?${query}`))
      assert.notInclude(JSON.stringify(events), "0123456789abcdef")
    }).pipe(Effect.provide(Real.emulator)))
})

describe("ledgers whose layer is closed", () => {
  it.scopedLive("are named with the reason, in place of a response without a text", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Effect.provide(Large.fill(10), BatchStore.layerFile(join(path, "large.ledger")))
      const ledgers = yield* Effect.provide(StudioLedgers, LedgerSource.layer({ folder: path }))
      const { batches, problems } = yield* ledgers.batches
      assert.deepStrictEqual([batches, problems.map(({ ledger }) => ledger)], [[], ["large.ledger"]])
      assert.include(problems[0]!.message, "the layer of LedgerSource is closed: build it in the scope of the studio")
    }).pipe(Effect.provide(batchLayer())))
})

describe("a large batch", () => {
  it.scopedLive(
    "is counted to its end, and is not read again",
    () =>
      Effect.gen(function*() {
        const path = yield* folder
        const count = size(100_000, 5_000)
        const store = BatchStore.layerFile(join(path, "large.ledger"))
        yield* Effect.provide(Large.fill(count), store)
        const context = yield* Layer.build(LedgerSource.layer({ folder: path }))
        const ledgers = yield* Effect.provide(StudioLedgers, context)
        const address = { ledger: "large.ledger", batch: Large.largeBatch }
        const details = Chunk.toReadonlyArray(yield* Stream.runCollect(ledgers.watch(address)))
        const settled = Math.floor(count * 0.99)
        const last = details.at(-1)!
        assert.deepStrictEqual([last.counted, last.settled, last.durations.known], [settled, settled, settled])
        const all = Array.from({ length: settled }, (_, index) => Large.endOf(index + 1, count))
        for (const { count, from, to } of last.durations.buckets) {
          assert.strictEqual(count, all.filter(({ durationMs }) => durationMs >= from && durationMs < to).length)
        }
        for (const { code, kind, rows } of last.errors) {
          assert.strictEqual(rows, all.filter(({ error }) => error?.kind === kind && error.code === code).length)
        }
        const page = yield* ledgers.rows(address, {
          error: "FlowExecutionError RATE_LIMITED",
          after: count / 2,
          limit: 3
        })
        assert.deepStrictEqual(
          page.rows.map(({ no }) => no),
          [1, 2, 3].map((n) => Math.floor(count / 80) * 40 + n * 40)
        )
        const found = yield* ledgers.rows(address, { key: `pupil-${count}` })
        assert.deepStrictEqual(found.rows.map(({ no }) => no), [count])
      }).pipe(Effect.provide(batchLayer())),
    120_000
  )
})
