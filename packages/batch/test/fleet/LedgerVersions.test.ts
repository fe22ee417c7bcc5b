/** The tables of a ledger in PostgreSQL. */
import { PgClient } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Migrations from "../../src/internal/ledger/migrations.js"
import { startPostgres } from "./support/postgres.js"

it.scopedLive("are those of the first version, and keep their rows in a later one", () =>
  Effect.gen(function*() {
    const { url } = yield* startPostgres
    yield* Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      assert.strictEqual(yield* Migrations.schemaState(true), "absent")
      yield* Migrations.migrate
      yield* Migrations.migrate
      const columns = yield* sql<{ readonly name: string; readonly columns: string }>`
        select table_name as name, string_agg(column_name, ' ' order by ordinal_position) as columns
        from information_schema.columns where table_schema = 'public' and table_name <> 'noukai_batch_migration'
        group by table_name order by table_name`
      assert.deepStrictEqual(Object.fromEntries(columns.map(({ columns, name }) => [name, columns])), {
        noukai_batch:
          "id name flow version operation settings state stop generation pass canary settled paused_until " +
          "created_at started_at ended_at reserved_usd spent_usd definition definition_at note",
        noukai_batch_attempt:
          "id batch row_id attempt state execution_id error cost_usd started_at settled_at reserved_usd",
        noukai_batch_rate: "name next_at",
        noukai_batch_refused: "id batch pass place key error",
        noukai_batch_row: "id batch no key place input pass state attempt owner lane intent_at execution_id adopted " +
          "result error cost_usd settled_at settled_no reserved_usd sent running_at duration_ms tokens retries due_at " +
          "flow version calls steps evidence"
      })
      const indexes = yield* sql<{ readonly def: string }>`
        select indexdef as def from pg_indexes
        where schemaname = 'public' and indexname not like '%_pkey' order by indexname`
      assert.deepStrictEqual(
        indexes.map(({ def }) => def.replace(/^CREATE |public\.|USING btree /g, "").replace("INDEX noukai_batch_", "")),
        [
          "UNIQUE attempt_row ON noukai_batch_attempt (batch, row_id, attempt)",
          "UNIQUE name ON noukai_batch (md5(name))",
          "refused_batch ON noukai_batch_refused (batch, id)",
          "row_adopted ON noukai_batch_row (batch) WHERE (adopted = 1)",
          "UNIQUE row_key ON noukai_batch_row (batch, md5(key))",
          "UNIQUE row_no ON noukai_batch_row (batch, no)",
          "UNIQUE row_settled ON noukai_batch_row (batch, settled_no) WHERE (settled_no IS NOT NULL)",
          "row_state ON noukai_batch_row (batch, state, id)",
          "row_target ON noukai_batch_row (batch) WHERE ((flow IS NOT NULL) OR (version IS NOT NULL))",
          "row_unknown ON noukai_batch_row (batch) WHERE (cost_usd = 'unknown'::text)"
        ]
      )

      // a later version keeps the rows
      const later = {
        ...Migrations.versions,
        "0002_colours": sql`alter table noukai_batch_rate add column colour text not null default 'red'`
      }
      yield* sql`insert into noukai_batch_rate (name, next_at) values ('kept', 1)`
      yield* Migrations.migrateTo(later)
      assert.strictEqual(yield* Migrations.schemaState(false, 2), "current")
      assert.deepStrictEqual(yield* sql`select name, colour from noukai_batch_rate`, [{ name: "kept", colour: "red" }])
      const newer = yield* Effect.flip(Migrations.schemaState(true))
      assert.match(newer.message, /schema version 2, and this version of .* has 1: use the newer version/)
    }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 2 })))
  }))
