/** The tables of the ledger, and the changes of later versions. */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlErrors from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import { isNoTable } from "./ledger.js"

/** The tables of the first version. PostgreSQL finds keys and names of any length by a hash. */
const tables = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { id, name, rowKey } = sql.onDialectOrElse({
    pg: () => ({
      id: sql.literal("bigint generated always as identity primary key"),
      name: sql.literal("text not null"),
      rowKey: sql.literal("md5(key)")
    }),
    orElse: () => ({
      id: sql.literal("integer primary key"),
      name: sql.literal("text not null unique"),
      rowKey: sql.literal("key")
    })
  })
  yield* sql`
    create table noukai_batch (
      id ${id}, name ${name}, flow text not null, version text not null, operation text not null,
      settings text not null, state text not null, stop text, generation bigint not null default 0,
      pass bigint not null default 0, canary text not null default 'unknown', settled bigint not null default 0,
      paused_until bigint not null default 0, created_at bigint not null, started_at bigint not null default 0,
      ended_at bigint not null default 0, reserved_usd text not null default '0', spent_usd text not null default '0',
      definition text, definition_at bigint, note text
    )`
  yield* sql.onDialectOrElse({
    pg: () => sql`create unique index noukai_batch_name on noukai_batch (md5(name))`,
    orElse: () => Effect.void
  })
  // `running_at`: when the run of a row that timed out began to run. `evidence`: why the server's answer settled a row.
  // `tokens`, `calls` (of tools) and `steps` (their outputs) are JSON
  yield* sql`
    create table noukai_batch_row (
      id ${id}, batch bigint not null, no bigint not null, key text not null, place text not null, input text not null,
      pass bigint not null, state text not null, attempt bigint not null default 1, owner text, lane bigint,
      intent_at bigint, execution_id text, adopted bigint not null default 0, result text, error text, cost_usd text,
      settled_at bigint, settled_no bigint, reserved_usd text, sent bigint not null default 0, running_at bigint,
      duration_ms bigint, tokens text, retries bigint not null default 0, due_at bigint, flow text, version text,
      calls text, steps text, evidence text
    )`
  yield* sql`create unique index noukai_batch_row_key on noukai_batch_row (batch, ${rowKey})`
  yield* sql`create unique index noukai_batch_row_no on noukai_batch_row (batch, no)`
  yield* sql`create index noukai_batch_row_state on noukai_batch_row (batch, state, id)`
  yield* sql`
    create unique index noukai_batch_row_settled on noukai_batch_row (batch, settled_no) where settled_no is not null`
  yield* sql`create index noukai_batch_row_adopted on noukai_batch_row (batch) where adopted = 1`
  yield* sql`create index noukai_batch_row_unknown on noukai_batch_row (batch) where cost_usd = 'unknown'`
  yield* sql`
    create index noukai_batch_row_target on noukai_batch_row (batch) where flow is not null or version is not null`
  // attempts before the newest one. `reserved_usd`: the amount that was booked for one of unknown cost
  yield* sql`
    create table noukai_batch_attempt (
      id ${id}, batch bigint not null, row_id bigint not null, attempt bigint not null, state text not null,
      execution_id text, error text, cost_usd text, started_at bigint, settled_at bigint, reserved_usd text
    )`
  yield* sql`create unique index noukai_batch_attempt_row on noukai_batch_attempt (batch, row_id, attempt)`
  yield* sql`
    create table noukai_batch_refused (
      id ${id}, batch bigint not null, pass bigint not null, place text not null, key text, error text not null
    )`
  yield* sql`create index noukai_batch_refused_batch on noukai_batch_refused (batch, id)`
  yield* sql`create table noukai_batch_rate (name text primary key, next_at bigint not null)`
})

/** The changes of each version, by number and name. A later version adds one. */
type Versions = Parameters<typeof Migrator.fromRecord>[0]

export const versions: Versions = { "0001_tables": tables }

const table = "noukai_batch_migration"

/** The version of the tables; 0 where there are none. To look takes no lock, which the process that runs a batch may hold. */
const version = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const [last] = yield* sql<{ readonly id: number | null }>`select max(migration_id) as id from ${sql(table)}`
  return Number(last?.id ?? 0)
}).pipe(Effect.catchIf(isNoTable, () => Effect.succeed(0)))

const refusal = (message: string, cause: Error = new Error(message)): SqlErrors.SqlError =>
  new SqlErrors.SqlError({ cause, message })

/**
 * Compares the tables with this version of the package. Fails with an error that names both versions if they are newer,
 * or older and must not be changed.
 */
export const schemaState = (
  mayWrite: boolean,
  newest: number = Object.keys(versions).length
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
  schemaState(false),
  (found) => found === "absent" ? Effect.fail(refusal("it has no ledger")) : Effect.void
)

const failed = (cause: unknown) => new SqlErrors.SqlError({ cause, message: "Failed to bring the ledger up to date" })

/** Creates the tables, or brings them up to date with `known`. */
export const migrateTo = (known: Versions): Effect.Effect<void, SqlErrors.SqlError, SqlClient.SqlClient> =>
  Effect.flatMap(
    schemaState(true, Object.keys(known).length),
    (found) =>
      found === "current" ? Effect.void : Migrator.make({})({ loader: Migrator.fromRecord(known), table }).pipe(
        Effect.asVoid,
        Effect.mapError(failed),
        // a migration that fails dies
        Effect.catchAllDefect((defect) => Effect.fail(failed(defect)))
      )
  )

/** Creates the tables, or brings them up to date. */
export const migrate: Effect.Effect<void, SqlErrors.SqlError, SqlClient.SqlClient> = migrateTo(versions)
