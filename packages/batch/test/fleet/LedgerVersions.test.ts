/** A ledger in PostgreSQL that the first version of the tables was made for. */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import { PgClient } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { client, collect, echoing, numbered, runsOf } from "../support/batches.js"
import { startPostgres } from "./support/postgres.js"

/** The statements that the first version sent. They must never change. */
const firstTables = [
  `create table noukai_batch_migration (
    migration_id integer primary key, created_at timestamp with time zone not null default now(), name varchar(255) not null)`,
  "insert into noukai_batch_migration (migration_id, name) values (1, 'tables')",
  `create table noukai_batch (
    id bigint generated always as identity primary key, name text not null unique, flow text not null, version text not null,
    operation text not null, settings text not null, state text not null, stop text, generation bigint not null default 0,
    pass bigint not null default 0, canary text not null default 'unknown', settled bigint not null default 0,
    paused_until bigint not null default 0, reserved bigint not null default 0, spent bigint not null default 0,
    created_at bigint not null, started_at bigint not null default 0, ended_at bigint not null default 0)`,
  `create table noukai_batch_row (
    id bigint generated always as identity primary key, batch bigint not null, no bigint not null, key text not null,
    place text not null, input text not null, pass bigint not null, state text not null, attempt bigint not null default 1,
    owner text, lane bigint, intent_at bigint, execution_id text, adopted bigint not null default 0, result text, error text,
    cost_usd text, reserved bigint not null default 0, spent bigint not null default 0, settled_at bigint, settled_no bigint)`,
  "create unique index noukai_batch_row_key on noukai_batch_row (batch, key)",
  "create index noukai_batch_row_state on noukai_batch_row (batch, state, id)",
  `create unique index noukai_batch_row_settled on noukai_batch_row (batch, settled_no) where settled_no is not null`,
  `create table noukai_batch_refused (
    id bigint generated always as identity primary key, batch bigint not null, pass bigint not null, place text not null,
    key text, error text not null)`,
  "create index noukai_batch_refused_batch on noukai_batch_refused (batch, id)",
  "create table noukai_batch_rate (name text primary key, next_at bigint not null)",
  `insert into noukai_batch (name, flow, version, operation, settings, state, generation, pass, canary, settled, reserved,
      spent, created_at, started_at)
    values ('old', 'acme/test/echo', 'production', 'jobs',
      '{"concurrency":4,"lanes":1,"cost":true,"grace":200,"adopt":true,"budget":9,"maxCostPerRow":1}', 'stopped', 1, 1,
      'holds', 2, 20000000, 1030000001, 1, 1)`,
  `insert into noukai_batch_row (batch, no, key, place, input, pass, state, attempt, execution_id, result, error, cost_usd,
      reserved, spent, intent_at, settled_at, settled_no)
    values
      (1, 1, 'row 1', 'row 1', '{"message":"row 1"}', 1, 'done', 1, 'x-1', '{"said":"row 1"}', null, '1.03', 0, 1030000000, 1,
        2, 1),
      (1, 2, 'row 2', 'row 2', '{"message":"row 2"}', 1, 'failed', 1, 'x-2', null,
        '{"kind":"FlowExecutionError","message":"no luck"}', null, 0, 1, 1, 3, 2),
      (1, 3, 'row 3', 'row 3', '{"message":"row 3"}', 1, 'uncertain', 1, null, null, null, null, 20000000, 0, 1, null, null),
      (1, 3, 'row 4', 'row 4', '{"message":"row 4"}', 1, 'pending', 1, null, null, null, null, 0, 0, null, null, null)`,
  "update noukai_batch_row set owner = 'gone', lane = 0 where state = 'uncertain'"
]

it.scopedLive(
  "a ledger of the first version keeps its rows, costs and attempts, and goes on",
  () =>
    Effect.gen(function*() {
      const { url } = yield* startPostgres
      const database = PgClient.layer({ url: Redacted.make(url), maxConnections: 2 })
      yield* Effect.provide(
        Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.forEach(firstTables, (text) => sql.unsafe(text))),
        Layer.fresh(database)
      )
      yield* Effect.gen(function*() {
        const rows = yield* collect(Batch.results("old"))
        assert.deepStrictEqual(rows.map(({ key, no, state }) => [no, key, state]), [
          [1, "row 1", "done"],
          [2, "row 2", "failed"],
          [3, "row 3", "uncertain"],
          [4, "row 4", "pending"]
        ])
        const before = yield* Batch.status("old")
        assert.deepStrictEqual([before.status, before.costUsd, before.retries], ["incomplete", "1.030000001", 0])
        const { sql } = yield* BatchStore
        const [reserved] = yield* sql`
        select b.reserved_usd as batch, r.reserved_usd as row from noukai_batch b, noukai_batch_row r where r.key = 'row 3'`
        assert.deepStrictEqual(reserved, { batch: "0.020000000", row: "0.020000000" })
        assert.strictEqual(yield* Batch.retry("old", { only: "failed" }), 1)
        const summary = yield* Batch.run(echoing("old"), numbered(5), { grace: 200, attempts: 2 })
        assert.deepStrictEqual([summary.status, summary.isClean, summary.states.done], ["completed", true, 5])
        assert.strictEqual((yield* runsOf).length, 4)
        const attempts = yield* Batch.attempts("old", "row 2")
        assert.deepStrictEqual(attempts.map(({ attempt, state }) => [attempt, state]), [[1, "failed"], [2, "done"]])
        assert.deepStrictEqual([attempts[0]!.executionId, attempts[0]!.settledAt], ["x-2", 3])
      }).pipe(
        Effect.provide(Layer.mergeAll(Layer.provide(BatchStore.layerSql, database), BatchEngine.layerLocal, client()))
      )
    }),
  120_000
)
