/** A ledger in a file: how it is opened, and how one process keeps others away. */
import * as Reactivity from "@effect/experimental/Reactivity"
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { closeSync, openSync, realpathSync, statSync } from "node:fs"
import { BatchLockedError, type BatchStoreError } from "../../BatchError.js"
import { kindOf } from "../node/fileKind.js"
import { failed } from "./ledger.js"
import * as Sqlite from "./sqlite.js"

/** The longest wait for another process that reads, in milliseconds. */
const busyTimeout = 10_000

const open = (path: string): Effect.Effect<SqlClient, BatchStoreError, Scope.Scope> =>
  Effect.try({
    try: () => {
      const stats = statSync(path, { throwIfNoEntry: false })
      // a pipe would be waited for, by the whole process
      if (stats !== undefined && !stats.isFile()) throw new Error(`it is ${kindOf(stats)}, and no plain file`)
      // the database would be made with the mode of any file
      closeSync(openSync(path, "a", 0o600))
    },
    catch: failed(`opened ${path}`)
  }).pipe(
    Effect.zipRight(Effect.mapError(Sqlite.open(path), failed(`opened ${path}`))),
    Effect.provide(Reactivity.layer)
  )

const run = (sql: SqlClient, path: string, statement: string) =>
  Effect.mapError(sql.unsafe<{ readonly pid?: number }>(statement), failed(`opened ${path}`))

/** The database of a ledger in a file. @internal */
export const client = (path: string): Effect.Effect<SqlClient, BatchStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const sql = yield* open(path)
    yield* run(sql, path, `pragma busy_timeout = ${busyTimeout}`)
    yield* run(sql, path, "pragma journal_mode = wal")
    // a power failure loses nothing: an intent is on the disk before its request leaves
    yield* run(sql, path, "pragma synchronous = full")
    // the database alone holds all, and may be copied or moved; what another process holds, that one puts there
    yield* Effect.addFinalizer(() =>
      Effect.ignore(
        Effect.zipRight(run(sql, path, "pragma busy_timeout = 0"), run(sql, path, "pragma wal_checkpoint(truncate)"))
      )
    )
    return sql
  })

const isBusy = (error: BatchStoreError): boolean => /SQLITE_BUSY|database is locked/.test(error.detail)

/**
 * Keeps a file for this process, until the scope closes or the process ends, however it ends: the lock is one of the
 * operating system, on a file beside the ledger that names the process.
 *
 * @internal
 */
export const exclusive = (path: string): Effect.Effect<void, BatchLockedError | BatchStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    // a ledger has one lock, whatever links lead to it
    const real = yield* Effect.try({ try: () => realpathSync(path), catch: failed(`opened ${path}`) })
    const lock = `${real}.lock`
    const sql = yield* open(lock)
    // closing alone leaves what is begun
    yield* Effect.addFinalizer(() => Effect.ignore(run(sql, lock, "rollback")))
    const taken = Effect.gen(function*() {
      yield* run(sql, lock, "pragma busy_timeout = 0")
      yield* run(sql, lock, "begin immediate")
      yield* run(sql, lock, "create table if not exists holder (pid integer not null)")
      yield* run(sql, lock, "delete from holder")
      yield* run(sql, lock, `insert into holder values (${process.pid})`)
      yield* run(sql, lock, "commit")
      yield* run(sql, lock, "begin immediate")
    })
    const holder = run(sql, lock, "select pid from holder").pipe(
      Effect.map(([row]) => row?.pid),
      Effect.orElseSucceed(() => undefined)
    )
    yield* Effect.catchIf(
      taken,
      isBusy,
      () =>
        Effect.flatMap(
          holder,
          (pid) => Effect.fail(new BatchLockedError({ file: path, ...(pid !== undefined && { pid: Number(pid) }) }))
        )
    )
  })
