/** A ledger in a file: how it is opened, and how one process keeps others away. */
import { type Client, createClient } from "@libsql/client"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { closeSync, openSync } from "node:fs"
import { pathToFileURL } from "node:url"
import type { BatchStoreError } from "../../BatchError.js"
import { BatchLockedError } from "../../BatchError.js"
import { failed } from "./ledger.js"

/** The longest wait for another process that reads, in milliseconds. */
const busyTimeout = 10_000

const open = (path: string): Effect.Effect<Client, BatchStoreError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        // the database would be made with the mode of any file
        closeSync(openSync(path, "a", 0o600))
        return createClient({ url: pathToFileURL(path).href })
      },
      catch: failed(`opened ${path}`)
    }),
    (client) => Effect.sync(() => client.close())
  )

const run = (client: Client, path: string, statement: string) =>
  Effect.tryPromise({ try: () => client.execute(statement), catch: failed(`opened ${path}`) })

/** The database of a ledger in a file. @internal */
export const client = (path: string): Effect.Effect<Client, BatchStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const database = yield* open(path)
    yield* run(database, path, `pragma busy_timeout = ${busyTimeout}`)
    yield* run(database, path, "pragma journal_mode = wal")
    // a power failure loses nothing: an intent is on the disk before its request leaves
    yield* run(database, path, "pragma synchronous = full")
    return database
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
    const lock = `${path}.lock`
    const database = yield* open(lock)
    // closing alone leaves what is begun
    yield* Effect.addFinalizer(() => Effect.ignore(run(database, lock, "rollback")))
    const taken = Effect.gen(function*() {
      yield* run(database, lock, "pragma busy_timeout = 0")
      yield* run(database, lock, "begin immediate")
      yield* run(database, lock, "create table if not exists holder (pid integer not null)")
      yield* run(database, lock, "delete from holder")
      yield* run(database, lock, `insert into holder values (${process.pid})`)
      yield* run(database, lock, "commit")
      yield* run(database, lock, "begin immediate")
    })
    const holder = run(database, lock, "select pid from holder").pipe(
      Effect.map(({ rows }) => rows[0]?.[0]),
      Effect.orElseSucceed(() => undefined)
    )
    yield* Effect.catchIf(
      taken,
      isBusy,
      () =>
        Effect.flatMap(
          holder,
          (pid) => Effect.fail(new BatchLockedError({ file: path, ...(pid != null && { pid: Number(pid) }) }))
        )
    )
  })
