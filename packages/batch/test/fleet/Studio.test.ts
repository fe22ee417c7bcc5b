/** A ledger in PostgreSQL, as a studio reads it. */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Chunk, type Context, Effect, Layer, Option, Redacted, Stream } from "effect"
import * as command from "../../../cli/src/commands/studio/ledgers.js"
import { client, type Row, rowsOf } from "../support/batches.js"
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
  }), 60_000)

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
  }), 120_000)
