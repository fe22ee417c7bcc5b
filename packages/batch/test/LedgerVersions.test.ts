/** The tables of a ledger, a stored ledger, and the way to later versions. */
import { Batch, BatchStore } from "@effect-noukai/batch"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import Libsql from "libsql"
import { copyFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import * as Migrations from "../src/internal/ledger/migrations.js"
import { client, collect, echoing, ledgerFile, numbered, onFile, runsOf } from "./support/batches.js"

/** A copy of a ledger of three rows, which the first version of the tables stores. */
const stored = Effect.tap(
  ledgerFile,
  (path) => Effect.promise(() => copyFile(fileURLToPath(new URL("./fixtures/schema-1.ledger", import.meta.url)), path))
)

/** The columns and indexes of a ledger that was just created. Where they change, add a version to the migrations. */
const definition = {
  noukai_batch:
    "id name flow version operation settings state stop generation pass canary settled paused_until created_at " +
    "started_at ended_at reserved_usd spent_usd definition definition_at note",
  noukai_batch_attempt: "id batch row_id attempt state execution_id error cost_usd started_at settled_at reserved_usd",
  noukai_batch_rate: "name next_at",
  noukai_batch_refused: "id batch pass place key error",
  noukai_batch_row:
    "id batch no key place input pass state attempt owner lane intent_at execution_id adopted result error " +
    "cost_usd settled_at settled_no reserved_usd sent running_at duration_ms tokens retries due_at flow version calls steps evidence",
  indexes: [
    "noukai_batch_attempt_row on noukai_batch_attempt (batch, row_id, attempt)",
    "noukai_batch_refused_batch on noukai_batch_refused (batch, id)",
    "noukai_batch_row_adopted on noukai_batch_row (batch) where adopted = 1",
    "noukai_batch_row_key on noukai_batch_row (batch, key)",
    "noukai_batch_row_no on noukai_batch_row (batch, no)",
    "noukai_batch_row_settled on noukai_batch_row (batch, settled_no) where settled_no is not null",
    "noukai_batch_row_state on noukai_batch_row (batch, state, id)",
    "noukai_batch_row_target on noukai_batch_row (batch) where flow is not null or version is not null",
    "noukai_batch_row_unknown on noukai_batch_row (batch) where cost_usd = 'unknown'"
  ]
}

describe("the tables of a ledger", () => {
  it.scopedLive("are those of the first version, in a new file and in a stored one", () =>
    Effect.gen(function*() {
      const made = yield* ledgerFile
      yield* Effect.provide(Batch.list(), BatchStore.layerFile(made))
      yield* Effect.provide(Batch.run(echoing("new"), numbered(1), { grace: 200 }), onFile(made))
      for (const path of [made, yield* stored]) {
        const database = new Libsql(path)
        const named = (type: string) =>
          database.prepare("select name, sql from sqlite_master where type = ? and sql is not null order by name")
            .all(type) as ReadonlyArray<{ readonly name: string; readonly sql: string }>
        const columns = named("table").filter(({ name }) => name !== "noukai_batch_migration").map(({ name }) => [
          name,
          (database.prepare(`select name from pragma_table_info('${name}')`).all() as ReadonlyArray<{ name: string }>)
            .map((column) => column.name).join(" ")
        ])
        const indexes = named("index").map(({ sql }) =>
          sql.replace(/^create (unique )?index /i, "").replace(/\s+/g, " ")
        )
        database.close()
        assert.deepStrictEqual({ ...Object.fromEntries(columns), indexes }, definition)
      }
    }).pipe(Effect.provide(client())))
})

describe("a stored ledger", () => {
  it.scopedLive("keeps its rows, costs and attempts, and takes new rows", () =>
    Effect.gen(function*() {
      const path = yield* stored
      yield* Effect.gen(function*() {
        const rows = yield* collect(Batch.results("ended"))
        assert.deepStrictEqual(rows.map(({ key, no, state }) => [no, key, state]), [
          [1, "row 1", "done"],
          [2, "row 2", "done"],
          [3, "row 3", "done"]
        ])
        assert.deepStrictEqual(rows.map(({ result }) => result), rows.map(({ key }) => ({ said: key })))
        assert.deepInclude(yield* Batch.status("ended"), { status: "completed", unknownCosts: 0 })
        const attempts = yield* Batch.attempts("ended", "row 1")
        assert.deepStrictEqual(attempts.map(({ attempt, state }) => [attempt, state]), [[1, "done"]])
      }).pipe(Effect.provide(BatchStore.layerFile(path)))
      const summary = yield* Effect.provide(Batch.run(echoing("ended"), numbered(4), { grace: 200 }), onFile(path))
      assert.deepStrictEqual([summary.plan.known, summary.plan.added], [{ done: 3 }, 1])
      assert.strictEqual((yield* runsOf).length, 1)
    }).pipe(Effect.provide(client())))
})

describe("a ledger of an earlier version", () => {
  it.scopedLive("is refused to a process that only reads, and may be changed by one that writes", () =>
    Effect.gen(function*() {
      const path = yield* stored
      yield* Effect.gen(function*() {
        const { sql } = yield* BatchStore
        yield* Effect.gen(function*() {
          const refused = yield* Effect.flip(Migrations.schemaState(false, 2))
          assert.match(refused.message, /schema version 1, and this version of .* has 2: .*use it with noukai batch/)
          assert.strictEqual(yield* Migrations.schemaState(true, 2), "older")
        }).pipe(Effect.provideService(SqlClient.SqlClient, sql))
      }).pipe(Effect.provide(BatchStore.layerFile(path)))
    }))
})
