/** A ledger in PostgreSQL, as a studio reads it. */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import * as Reconcile from "@effect-noukai/report/Reconcile"
import * as EmulatorSource from "@effect-noukai/studio/EmulatorSource"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import type { ReconcilePlan, ReconcileProgress } from "@effect-noukai/studio/ReconcileApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Chunk, type Context, Effect, Layer, Option, Redacted, Stream } from "effect"
import * as command from "../../../cli/src/commands/studio/ledgers.js"
import { open } from "../../../studio/test/support/client.js"
import { client, collect, type Row, rowsOf } from "../support/batches.js"
import { scansOf, statementsOf } from "../support/statements.js"
import { freePort } from "./support/freePort.js"
import { startPostgres } from "./support/postgres.js"

const mixed = Batch.make({
  id: "mixed",
  flow: "acme/test/echo",
  key: (row: Row) => row.id,
  target: ({ id }) => Number(id) % 3 === 0 ? { flow: "acme/test/fails" } : {},
  input: ({ id }) => ({ message: id })
})

const ids = Array.from({ length: 300 }, (_, n) => String(n + 1))

it.scopedLive("the commands say why a database cannot be read, without its password", () =>
  Effect.gen(function*() {
    const place = `postgres://noukai:secret-word@127.0.0.1:${yield* freePort}/postgres`
    const error = yield* Effect.flip(Layer.build(command.ledgers({ ledgers: Option.some(place), eval: [] })))
    assert.include(error.message, "--ledgers: ")
    assert.include(error.message, "ECONNREFUSED")
    assert.notInclude(error.message, "secret-word")
  }))

it.scopedLive("the studio reads a ledger in PostgreSQL, and creates nothing there", () =>
  Effect.gen(function*() {
    const { url } = yield* startPostgres
    const connected = yield* Layer.build(PgClient.layer({ url: Redacted.make(url) }))
    const sql = yield* Effect.provide(PgClient.PgClient, connected)
    const ledgers = yield* Effect.provide(
      StudioLedgers,
      yield* Layer.build(LedgerSource.layer({ postgres: sql }))
    )
    const tables = sql`select 1 from pg_tables where tablename like 'noukai%'`
    const { batches, problems } = yield* ledgers.batches
    assert.deepStrictEqual([batches, problems], [[], [{
      ledger: "postgres",
      message: "The ledger cannot be read: it has no ledger"
    }]])
    assert.deepStrictEqual(yield* tables, [])

    const store = yield* Effect.provide(Layer.build(BatchStore.layerSql), connected)
    yield* Batch.run(mixed, rowsOf(...ids), { grace: 100 }).pipe(
      Effect.provide(Layer.mergeAll(client(), BatchEngine.layerLocal, Layer.succeedContext(store)))
    )
    const address = { ledger: "postgres", batch: "mixed" }
    const [one] = (yield* ledgers.batches).batches
    assert.deepInclude(one, { ...address, status: "completed", rows: 300, settled: 300, failed: 100 })
    const details = Chunk.toReadonlyArray(yield* Stream.runCollect(ledgers.watch(address)))
    const last = details.at(-1)!
    assert.deepStrictEqual([last.counted, last.durations.known], [300, 300])
    assert.deepStrictEqual(last.errors.map(({ code, key, rows }) => [code, Number(key) % 3, rows]), [[
      "NO_LUCK",
      0,
      100
    ]])
    const numbersOf = (filter: object) =>
      Effect.map(ledgers.rows(address, { limit: 4, ...filter }), ({ rows }) => rows.map(({ key }) => Number(key)))
    assert.deepStrictEqual(yield* numbersOf({}), [1, 2, 3, 4])
    assert.deepStrictEqual(yield* numbersOf({ after: 298 }), [299, 300])
    assert.deepStrictEqual(yield* numbersOf({ before: 5, limit: 2 }), [3, 4])
    assert.deepStrictEqual(yield* numbersOf({ state: "failed", after: 5 }), [6, 9, 12, 15])
    assert.deepStrictEqual(yield* numbersOf({ state: "failed", before: 999_999_999 }), [291, 294, 297, 300])
    assert.deepStrictEqual(yield* numbersOf({ error: last.errors[0]!.error, after: 291 }), [294, 297, 300])
    assert.deepStrictEqual(yield* numbersOf({ key: "?", state: "failed" }), [3, 6, 9])
    assert.deepStrictEqual(yield* numbersOf({ state: "doubtful" }), [])
    const { attempts, input, result, row, sessionId } = yield* ledgers.row(address, "2")
    assert.deepStrictEqual([input.json, result.json], ["{\"message\":\"2\"}", "{\"said\":\"2\"}"])
    assert.deepStrictEqual([attempts.length, row.state, sessionId?.length], [1, "done", 36])
    assert.deepStrictEqual((yield* ledgers.evals).runs, [])
    const ofCommand = yield* Layer.build(command.ledgers({ ledgers: Option.some(url), eval: [] }))
    const shown = yield* Effect.provide(StudioLedgers, ofCommand as Context.Context<StudioLedgers>)
    assert.deepStrictEqual(yield* shown.batch(address), last)
    yield* sql`analyze noukai_batch_row`
    // no statement looks at all rows of a batch for a page
    const sent = yield* Effect.provide(
      statementsOf(Effect.all([
        Batch.page("mixed", { after: 3, limit: 2 }),
        Batch.page("mixed", { before: 9, limit: 2, state: ["pending", "done", "timedOut"] }),
        Batch.page("mixed", { numbers: [1, 2] }),
        Batch.settled("mixed", 3)
      ])),
      store
    )
    for (const statement of sent.values()) {
      const scans = yield* Effect.provide(scansOf(statement), store)
      assert.deepStrictEqual(scans.filter((scan) => !/Sort/.test(scan)), [], statement.text)
    }
  }))

it.scopedLive(
  "the studio compares a ledger in PostgreSQL with the runs of the server, and writes nothing",
  () =>
    Effect.gen(function*() {
      const { url } = yield* startPostgres
      const connect = Layer.build(PgClient.layer({ url: Redacted.make(url) }))
      const connected = yield* connect
      const admin = yield* Effect.provide(PgClient.PgClient, connected)
      const store = yield* Effect.provide(Layer.build(BatchStore.layerSql), connected)
      const priced = Batch.make({
        id: "priced",
        flow: "acme/test/priced",
        key: (row: Row) => row.id,
        input: ({ id }) => ({ message: id })
      })
      yield* Batch.run(priced, rowsOf(...ids.slice(0, 40)), { grace: 100, cost: true }).pipe(
        Effect.provide(Layer.merge(BatchEngine.layerLocal, Layer.succeedContext(store)))
      )
      yield* admin`update noukai_batch_row set cost_usd = '0.5' where key = '7'`
      yield* admin`update noukai_batch_row set cost_usd = 'unknown' where key = '8'`
      yield* admin`update noukai_batch_row set execution_id = ${crypto.randomUUID()} where key = '9'`
      const findings = yield* Reconcile.findings(Batch.expected(priced.id)).pipe(
        collect,
        Effect.provide(Layer.succeedContext(store))
      )
      // each connection that opens from now on refuses to write
      yield* admin`alter database postgres set default_transaction_read_only = on`
      const sql = yield* Effect.provide(PgClient.PgClient, yield* connect)
      assert.include((yield* Effect.flip(sql`create table more (no int)`)).message, "Failed to execute")
      const emulator = yield* Emulator
      const sources = yield* Layer.build(
        Layer.merge(EmulatorSource.layer(emulator), LedgerSource.layer({ postgres: sql }))
      )
      const page = yield* open((yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), sources)).url)
      const { runsStarted } = yield* emulator.totals
      const plan = yield* page.json<ReconcilePlan>("/api/reconcile/plan?ledger=postgres&batch=priced")
      // its command would have the password of the database
      assert.deepStrictEqual(plan, { rows: 40, requests: 0, rate: 10 })
      const events = yield* collect(page.events("/api/reconcile?ledger=postgres&batch=priced"))
      const progress = events.flatMap(({ data, event }): ReadonlyArray<ReconcileProgress> =>
        event === "findings" ? [data] : []
      )
      assert.strictEqual(events.at(-1)?.event, "end")
      assert.deepStrictEqual(
        progress.flatMap(({ findings }) => findings),
        findings
      )
      const last = progress.at(-1)!
      assert.deepStrictEqual([last.done, last.rows, last.summary.unknownBelieved, last.summary.unknownSeen], [
        40,
        40,
        1,
        0
      ])
      assert.deepInclude(last.summary.counts, { agrees: 38, differs: 1, "paid-twice": 0, "missing-there": 1 })
      // 0.1003 of 40 runs, of which one is 0.5 and one unknown in the ledger: the difference is without the unknown one
      assert.deepStrictEqual(
        [last.summary.believedUsd, last.summary.seenUsd, last.differenceUsd],
        ["4.3114", "4.012", "-0.3997"]
      )
      assert.strictEqual((yield* emulator.totals).runsStarted, runsStarted)
    }).pipe(Effect.provide(client({
      flows: [{
        ref: "acme/test/priced",
        steps: [
          { kind: "template", id: "a", output: "{{message}}", costUsd: "0.1" },
          { kind: "template", id: "b", output: "{{message}}", costUsd: "0.0003" }
        ]
      }]
    })))
)
