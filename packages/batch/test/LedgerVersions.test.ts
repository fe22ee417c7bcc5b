/** Ledgers that other versions of this package wrote. */
import { Batch, BatchSource, BatchStore } from "@effect-noukai/batch"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import Libsql from "libsql"
import { copyFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { client, collect, echoing, ledgerFile, onFile, requestsTo, rowsOf, runsOf } from "./support/batches.js"

/** A copy of a ledger that was written when the schema had this version. */
const ofSchema = (version: number) =>
  Effect.tap(
    ledgerFile,
    (path) =>
      Effect.promise(() =>
        copyFile(fileURLToPath(new URL(`./fixtures/schema-${version}.ledger`, import.meta.url)), path)
      )
  )

describe("a ledger of the first schema", () => {
  it.scopedLive("keeps its rows and results, and takes new rows", () =>
    Effect.gen(function*() {
      const path = yield* ofSchema(1)
      const before = yield* Effect.provide(collect(Batch.results("ended")), BatchStore.layerFile(path))
      assert.deepStrictEqual(before.map(({ no, state }) => [no, state]), [
        ...Array.from({ length: 20 }, (_, n) => [n + 1, "done"]),
        [21, "invalid"],
        [22, "done"]
      ])
      assert.deepStrictEqual(before[21]!.key, "字".repeat(1024))
      const source = rowsOf(...before.map(({ key }) => key), "new")
      const summary = yield* Effect.provide(Batch.run(echoing("ended"), source, { grace: 200 }), onFile(path))
      assert.deepStrictEqual([summary.plan.known, summary.plan.added], [{ done: 21, invalid: 1 }, 1])
      assert.strictEqual((yield* runsOf).length, 2)
      const [last] = (yield* Effect.provide(collect(Batch.results("ended")), BatchStore.layerFile(path))).slice(-1)
      assert.deepStrictEqual([last!.key, last!.no, last!.result], ["new", 23, { said: "new" }])
      const attempts = yield* Effect.provide(Batch.attempts("ended", before[0]!.key), BatchStore.layerFile(path))
      assert.deepStrictEqual(attempts.map(({ attempt, state }) => [attempt, state]), [[1, "done"]])
    }).pipe(Effect.provide(client())))

  it.scopedLive("numbers rows once that two processes had given the same numbers", () =>
    Effect.gen(function*() {
      const path = yield* ofSchema(1)
      const rows = yield* Effect.provide(collect(Batch.results("left")), BatchStore.layerFile(path))
      assert.deepStrictEqual(rows.map(({ no }) => no), Array.from({ length: 10 }, (_, n) => n + 1))
      assert.deepStrictEqual(
        new Set(rows.map(({ key }) => key)),
        new Set(Array.from({ length: 10 }, (_, n) => `row ${n + 1}`))
      )
    }))

  it.scopedLive("gives rows that were never sent the input of today's source, and no others", () =>
    Effect.gen(function*() {
      const path = yield* ofSchema(1)
      yield* Effect.gen(function*() {
        const edited = Batch.make({
          id: "left",
          flow: "acme/test/echo",
          key: (key: string) => key,
          input: (key) => ({ message: `edited ${key}` })
        })
        const keys = Array.from({ length: 10 }, (_, n) => `row ${n + 1}`)
        const plan = yield* Batch.plan(edited, BatchSource.fromIterable(keys))
        // two were intents
        assert.deepStrictEqual([plan.updated, plan.refused.map(({ key }) => key)], [8, ["row 1", "row 2"]])
      }).pipe(Effect.provide(BatchStore.layerFile(path)))
    }))

  it.scopedLive("sends rows that store the option snapshots as trace, and knows them in today's source", () =>
    Effect.gen(function*() {
      const path = yield* ofSchema(1)
      const database = new Libsql(path)
      database.exec(`update noukai_batch_row set input = json_set(input, '$.trace', json('true'))
        where state = 'pending'`)
      database.close()
      const keys = Array.from({ length: 10 }, (_, n) => `row ${n + 1}`)
      const batch = Batch.make({
        id: "left",
        flow: "acme/test/echo",
        key: (key: string) => key,
        input: (key) => ({ message: key, snapshots: true })
      })
      const { plan } = yield* Effect.provide(
        Batch.run(batch, BatchSource.fromIterable(keys), { grace: 200 }),
        onFile(path)
      )
      // two were intents, without the option
      assert.deepStrictEqual([plan.updated, plan.refused.map(({ key }) => key)], [0, ["row 1", "row 2"]])
      const submissions = (yield* requestsTo("jobs")).filter(({ method }) => method === "POST")
      assert.deepStrictEqual(
        submissions.map(({ body }) => JSON.parse(body!)).map(({ message, trace }) => [message, trace]).sort(),
        keys.slice(2).map((key) => [key, true]).sort()
      )
    }).pipe(Effect.provide(client())))

  it.scopedLive("keeps what its batches cost and have reserved", () =>
    Effect.gen(function*() {
      const path = yield* ofSchema(1)
      const database = new Libsql(path)
      database.exec(`update noukai_batch set spent = 1030000001, reserved = 20000000,
        settings = '{"concurrency":1,"lanes":1,"cost":true,"grace":200,"adopt":true,"budget":99,"maxCostPerRow":9}'`)
      database.exec("update noukai_batch_row set state = 'uncertain', reserved = 20000000 where key = 'row 1'")
      database.close()
      yield* Effect.gen(function*() {
        assert.deepInclude(yield* Batch.status("ended"), { costUsd: "1.030000001", unknownCosts: 0 })
        const { sql } = yield* BatchStore
        const rows = yield* sql`
          select distinct b.reserved_usd as all_rows, r.reserved_usd as one_row
          from noukai_batch b join noukai_batch_row r on r.batch = b.id and r.key = 'row 1'`
        assert.deepStrictEqual(rows, [{ all_rows: "0.020000000", one_row: "0.020000000" }])
      }).pipe(Effect.provide(BatchStore.layerFile(path)))
    }))
})
