/** The tables of the ledger, and their migrations. */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlErrors from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import { isNoTable } from "./ledger.js"

const identity = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () => sql.literal("bigint generated always as identity primary key"),
    orElse: () => sql.literal("integer primary key")
  })

/** Adds columns to a table. */
const columns = (table: string, ...all: ReadonlyArray<string>) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => Effect.forEach(all, (column) => sql`alter table ${sql(table)} add column ${sql.literal(column)}`)
  )

const tables = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const id = identity(sql)
  yield* sql`
    create table noukai_batch (
      id ${id}, name text not null unique, flow text not null, version text not null, operation text not null,
      settings text not null, state text not null, stop text, generation bigint not null default 0,
      pass bigint not null default 0, canary text not null default 'unknown', settled bigint not null default 0,
      paused_until bigint not null default 0, reserved bigint not null default 0, spent bigint not null default 0,
      created_at bigint not null, started_at bigint not null default 0, ended_at bigint not null default 0
    )`
  yield* sql`
    create table noukai_batch_row (
      id ${id}, batch bigint not null, no bigint not null, key text not null, place text not null, input text not null,
      pass bigint not null, state text not null, attempt bigint not null default 1, owner text, lane bigint,
      intent_at bigint, execution_id text, adopted bigint not null default 0, result text, error text, cost_usd text,
      reserved bigint not null default 0, spent bigint not null default 0, settled_at bigint, settled_no bigint
    )`
  yield* sql`create unique index noukai_batch_row_key on noukai_batch_row (batch, key)`
  yield* sql`create index noukai_batch_row_state on noukai_batch_row (batch, state, id)`
  yield* sql`
    create unique index noukai_batch_row_settled on noukai_batch_row (batch, settled_no) where settled_no is not null`
  yield* sql`
    create table noukai_batch_refused (
      id ${id}, batch bigint not null, pass bigint not null, place text not null, key text, error text not null
    )`
  yield* sql`create index noukai_batch_refused_batch on noukai_batch_refused (batch, id)`
  yield* sql`create table noukai_batch_rate (name text primary key, next_at bigint not null)`
})

/** Rows have numbers of their own, and are found by them; PostgreSQL finds keys and names of any length by a hash. */
const numbersAndHashes = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  // processes that planned a batch at the same time gave numbers twice
  yield* sql`
    update noukai_batch_row set no = n.no
    from (
      select id, row_number() over (partition by batch order by no, id) as no from noukai_batch_row
      where batch in (select batch from noukai_batch_row group by batch, no having count(*) > 1)
    ) as n
    where noukai_batch_row.id = n.id`
  yield* sql`create unique index noukai_batch_row_no on noukai_batch_row (batch, no)`
  yield* sql`create index noukai_batch_row_adopted on noukai_batch_row (batch) where adopted = 1`
  yield* sql.onDialectOrElse({
    pg: () =>
      Effect.all([
        sql`drop index noukai_batch_row_key`,
        sql`create unique index noukai_batch_row_key on noukai_batch_row (batch, md5(key))`,
        sql`alter table noukai_batch drop constraint noukai_batch_name_key`,
        sql`create unique index noukai_batch_name on noukai_batch (md5(name))`
      ]),
    orElse: () => Effect.void
  })
})

/** Costs as decimal text, in place of billionths of a dollar. */
const exactCosts = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const billion = 1_000_000_000
  const usd = (column: "reserved" | "spent") =>
    sql.literal(
      `cast(${column} / ${billion} as text) || '.' || substr(cast(${billion} + ${column} % ${billion} as text), 2)`
    )
  yield* columns("noukai_batch", "reserved_usd text not null default '0'", "spent_usd text not null default '0'")
  const isOld = (yield* sql`select id from noukai_batch limit 1`).length > 0
  if (isOld) yield* sql`update noukai_batch set reserved_usd = ${usd("reserved")}, spent_usd = ${usd("spent")}`
  yield* sql`alter table noukai_batch_row add column reserved_usd text`
  if (isOld) yield* sql`update noukai_batch_row set reserved_usd = ${usd("reserved")} where reserved > 0`
  yield* sql`create index noukai_batch_row_unknown on noukai_batch_row (batch) where cost_usd = 'unknown'`
})

/** Whether a request of a row may have left, and the definition of a batch. */
const sentRows = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`alter table noukai_batch_row add column sent bigint not null default 0`
  yield* sql`
    update noukai_batch_row set sent = 1
    where attempt > 1 or execution_id is not null or state not in ('pending', 'cancelled', 'invalid')`
  yield* columns("noukai_batch", "definition text", "definition_at bigint")
})

/** Attempts before the newest one of a row, and rows that wait for the next. */
const attempts = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    create table noukai_batch_attempt (
      id ${identity(sql)}, batch bigint not null, row_id bigint not null, attempt bigint not null, state text not null,
      execution_id text, error text, cost_usd text, started_at bigint, settled_at bigint
    )`
  yield* sql`create unique index noukai_batch_attempt_row on noukai_batch_attempt (batch, row_id, attempt)`
  yield* columns("noukai_batch_row", "retries bigint not null default 0", "due_at bigint")
  // billionths of a dollar, which nothing reads
  for (const table of ["noukai_batch", "noukai_batch_row"]) {
    for (const column of ["reserved", "spent"]) yield* sql`alter table ${sql(table)} drop column ${sql(column)}`
  }
})

/**
 * The flow and version of a row that has its own, the calls of its tools and the outputs of its steps as JSON; the note of
 * a batch.
 */
const targets = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* columns("noukai_batch_row", "flow text", "version text", "calls text", "steps text")
  yield* columns("noukai_batch", "note text")
  yield* sql`
    create index noukai_batch_row_target on noukai_batch_row (batch) where flow is not null or version is not null`
})

const migrations = {
  "0001_tables": tables,
  "0002_numbersAndHashes": numbersAndHashes,
  "0003_exactCosts": exactCosts,
  "0004_sentRows": sentRows,
  // when the run of a row that timed out began to run
  "0005_runningRows": columns("noukai_batch_row", "running_at bigint"),
  // the duration of the run of a row, and its tokens as JSON
  "0006_measuredRows": columns("noukai_batch_row", "duration_ms bigint", "tokens text"),
  "0007_attempts": attempts,
  "0008_targets": targets,
  // the reason for which a row was settled by the evidence of the server
  "0009_evidence": columns("noukai_batch_row", "evidence text"),
  // what was booked for an attempt of unknown cost
  "0010_attemptReservations": columns("noukai_batch_attempt", "reserved_usd text")
}

const table = "noukai_batch_migration"

const newest = Object.keys(migrations).length

/** The version of the tables; 0 where there are none. To look takes no lock, which the process that runs a batch may hold. */
const version = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const [last] = yield* sql<{ readonly id: number | null }>`select max(migration_id) as id from ${sql(table)}`
  return Number(last?.id ?? 0)
}).pipe(Effect.catchIf(isNoTable, () => Effect.succeed(0)))

const refusal = (message: string, cause: Error = new Error(message)): SqlErrors.SqlError =>
  new SqlErrors.SqlError({ cause, message })

/**
 * How the tables stand to this version of the package. Fails with an error that names both versions where they are newer,
 * or older and must not be changed.
 */
export const standing = (
  mayWrite: boolean
): Effect.Effect<"absent" | "older" | "current", SqlErrors.SqlError, SqlClient.SqlClient> =>
  Effect.flatMap(version, (found) => {
    if (found === newest) return Effect.succeed("current")
    if (found === 0) return Effect.succeed("absent")
    if (found < newest && mayWrite) return Effect.succeed("older")
    const schemas = `the ledger has the schema version ${found}, and this version of @effect-noukai/batch has ${newest}`
    return Effect.fail(refusal(
      found > newest
        ? `${schemas}: use the newer version of the package that wrote it`
        : `${schemas}: to bring it up to date, use it with noukai batch; where it cannot be written, make it writable, or copy it`
    ))
  })

/** Fails unless there are tables, of this version of the package. */
export const current: Effect.Effect<void, SqlErrors.SqlError, SqlClient.SqlClient> = Effect.flatMap(
  standing(false),
  (found) => found === "absent" ? Effect.fail(refusal("it has no ledger")) : Effect.void
)

/** Makes the tables, or brings them up to date. */
export const migrate: Effect.Effect<void, SqlErrors.SqlError, SqlClient.SqlClient> = Effect.flatMap(
  standing(true),
  (found) =>
    found === "current" ? Effect.void : Migrator.make({})({ loader: Migrator.fromRecord(migrations), table }).pipe(
      Effect.asVoid,
      // a migration that fails dies
      Effect.catchAllDefect((defect) => Effect.fail(defect)),
      Effect.mapError((cause) => new SqlErrors.SqlError({ cause, message: "Failed to bring the ledger up to date" }))
    )
)
