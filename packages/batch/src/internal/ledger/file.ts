/** A ledger in a file: how it is opened, and how one process keeps others away. */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { accessSync, closeSync, constants, existsSync, openSync, readSync, realpathSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { BatchLockedError, BatchStoreError } from "../../BatchError.js"
import { codeOf, kindOf } from "../node/fileKind.js"
import { atExit } from "../node/leftovers.js"
import { failed } from "./ledger.js"
import * as Migrations from "./migrations.js"
import { attempted, client, Database } from "./sqlite.js"

/** The longest wait for another process, in milliseconds. */
const busyTimeout = 10_000

const raise = (message: string): never => {
  throw new Error(message)
}

/** Why a name is not the path of a file: SQLite takes it for a database in memory, or for a URL. */
const nameProblem = (path: unknown): string | undefined =>
  typeof path !== "string" || path === "" || path === ":memory:"
    ? "it is not a file: name a file, such as \"grades.ledger\""
    : /^file:/i.test(path)
    ? "it is a URL: give the path of the file"
    : undefined

/** Whether a file exists and is not empty. Its folder must exist, and it must not have a second name. */
const isThere = (path: string): boolean => {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return existsSync(dirname(path)) ? false : raise(`there is no folder ${dirname(path)}`)
  // a pipe would be waited for, by the whole process
  if (!stats.isFile()) raise(`it is ${kindOf(stats)}, not a plain file`)
  // the lock and the log of a ledger are found by its name
  if (stats.nlink > 1) raise(`${path} has ${stats.nlink} hard links: remove the others, or copy it`)
  return stats.size > 0
}

/** Creates a file for its owner alone; the database would create it with the default mode. */
const made = (path: string): string => {
  isThere(path)
  closeSync(openSync(path, "a", 0o600))
  return realpathSync(path)
}

/** Whether a file and the log beside it can be written. */
const canWrite = (path: string): boolean =>
  Option.isSome(Option.liftThrowable(() => [path, dirname(path)].forEach((one) => accessSync(one, constants.W_OK)))())

const logOf = (path: string): string => `${path}-wal`

/** Whether the file alone has all: its process has ended, but left it in the mode of a log. To open it would make the log. */
const isAtRest = (path: string): boolean => {
  if (existsSync(logOf(path))) return false
  const file = openSync(path, "r")
  const header = Buffer.alloc(20)
  readSync(file, header)
  closeSync(file)
  return header[18] === 2
}

/** An open file, attached as the schema `ledger` to a database in memory. */
interface FileAttachment {
  readonly path: string
  mode: "immutable" | "reading" | "writing"
}

/**
 * The database of one file at a time. libsql closes a database, and unlocks its file, only when its statements are
 * collected as garbage. An attached file is closed when it is detached.
 */
const makeHolder = (isReadOnly: boolean) => {
  const database = new Database(":memory:")
  let attached: FileAttachment | undefined

  const attach = (path: string, mode: "immutable" | "reading"): void => {
    const how = mode === "immutable" ? "immutable=1" : "mode=ro"
    const name = mode === "immutable" || isReadOnly ? `${pathToFileURL(path).href}?${how}` : path
    // to attach reads it, too
    database.all(`pragma busy_timeout = ${busyTimeout}`)
    database.all("attach ? as ledger", [name])
    attached = { path, mode }
  }

  const detach = (): void => {
    if (attached === undefined) return
    const { mode, path } = attached
    attached = undefined
    try {
      // where the process ends in the middle of a transaction
      database.all("rollback")
    } catch {
      // it is in none
    }
    try {
      // one that a process left by a crash, too
      const isLeft = mode === "reading" && !isReadOnly && existsSync(logOf(path)) && canWrite(path)
      if (mode === "writing" || isLeft) {
        database.all("pragma busy_timeout = 0")
        database.all("pragma ledger.wal_checkpoint(truncate)")
        // the file alone has all, and can be read where no other one can be made; not while another process has it open
        database.all("pragma ledger.journal_mode = delete")
      }
    } catch {
      // it is all in the log
    }
    database.all("detach ledger")
  }

  /** Opens a file to read it: as one that nobody writes, where the files beside it that this takes cannot be made. */
  const read = (path: string, mode: "immutable" | "reading" = "reading"): void => {
    try {
      attach(path, mode)
      database.all("select count(*) from ledger.sqlite_master")
    } catch (error) {
      detach()
      if (mode === "immutable" || canWrite(path) || existsSync(logOf(path))) throw error
      read(path, "immutable")
    }
  }

  const write = (path: string): void => {
    if (attached?.mode === "immutable") detach()
    if (attached === undefined) attach(path, "reading")
    database.all("pragma ledger.journal_mode = wal")
    // a power failure loses nothing: an intent is on the disk before its request leaves
    database.all("pragma ledger.synchronous = full")
    attached!.mode = "writing"
  }

  const close = (): void => {
    detach()
    database.close()
  }

  return { database, attached: () => attached, attach, read, write, detach, close }
}

/** Makes the tables of a file, or brings them up to date. */
const migrated = (path: string): Effect.Effect<void, SqlError> =>
  Effect.acquireUseRelease(
    attempted(() => new Database(path)),
    (database) =>
      Effect.zipRight(
        attempted(() => database.all(`pragma busy_timeout = ${busyTimeout}`)),
        Effect.provideServiceEffect(Migrations.migrate, SqlClient.SqlClient, ofOne(database))
      ),
    (database) =>
      Effect.ignore(attempted(() => {
        // otherwise it has its lock for as long as it is in memory
        database.all("pragma journal_mode = delete")
        database.close()
      }))
  )

const ofOne = (database: Database): Effect.Effect<SqlClient.SqlClient> =>
  client({ reading: Effect.succeed(database), writing: Effect.succeed(database) })

/** The database of a file, which is opened when there is one, and made by the first statement that writes, unless it is only read. */
const database = (
  path: string,
  isReadOnly: boolean
): Effect.Effect<SqlClient.SqlClient, BatchStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const holder = makeHolder(isReadOnly)
    const detached = Effect.sync(holder.detach)
    yield* Effect.addFinalizer(() => Effect.sync(holder.close))
    yield* atExit(holder.detach)
    const schemaState = (mayWrite: boolean) =>
      Effect.provideServiceEffect(Migrations.schemaState(mayWrite), SqlClient.SqlClient, ofOne(holder.database))

    const write = Effect.gen(function*() {
      if (isReadOnly) return yield* attempted(() => raise("it was opened to read it"))
      const real = yield* attempted(() => {
        const real = made(path)
        if (holder.attached() === undefined) holder.attach(real, "reading")
        return real
      })
      if ((yield* schemaState(true)) !== "current") {
        holder.detach()
        yield* migrated(real)
      }
      yield* attempted(() => holder.write(real))
      return holder.database
    })

    const read = Effect.gen(function*() {
      const real = yield* attempted(() => {
        holder.detach()
        if (!isThere(path)) return undefined
        const real = realpathSync(path)
        holder.read(real, isReadOnly && isAtRest(real) ? "immutable" : "reading")
        return real
      })
      if (real === undefined) return undefined
      switch (yield* schemaState(!isReadOnly && canWrite(real))) {
        case "current":
          return holder.database
        case "older":
          return yield* write
        case "absent":
          holder.detach()
          return undefined
      }
    })

    const mutex = yield* Effect.makeSemaphore(1)
    let isReady = false
    /** The database, if the file is open in the right way; else it is opened, for one statement at a time. */
    const opened = <A extends Database | undefined>(
      isRight: (mode: FileAttachment) => boolean,
      open: Effect.Effect<A, SqlError>
    ): Effect.Effect<A | Database, SqlError> => {
      const orElse = (other: Effect.Effect<A | Database, SqlError>): Effect.Effect<A | Database, SqlError> =>
        Effect.suspend(() => {
          const attached = holder.attached()
          return isReady && attached !== undefined && isRight(attached) ? Effect.succeed(holder.database) : other
        })
      const anew = Effect.zipRight(Effect.sync(() => isReady = false), open).pipe(
        Effect.tap(() => isReady = true),
        Effect.tapError(() => detached)
      )
      return orElse(mutex.withPermits(1)(orElse(anew)))
    }
    const writing = opened(({ mode }) => mode === "writing", write)
    const reading = opened(({ mode, path }) => mode !== "immutable" || !existsSync(logOf(path)), read)

    yield* Effect.mapError(reading, failed(`opened ${path}`))
    return yield* client({ reading, writing })
  })

const isBusy = (error: unknown): boolean =>
  error instanceof Error &&
  /SQLITE_BUSY|database is locked/.test(`${"code" in error ? error.code : ""} ${error.message}`)

/** Takes the lock of a file: one of the operating system, on a file beside it that names the process. */
const locked = (path: string): Database => {
  // a ledger has one lock, even if links lead to it
  const lock = new Database(made(`${made(path)}.lock`))
  try {
    // one that only looks has it for a moment
    lock.all("pragma busy_timeout = 100")
    lock.all("begin immediate")
    lock.all("create table if not exists holder (pid integer not null)")
    lock.all("delete from holder")
    lock.all(`insert into holder values (${process.pid})`)
    lock.all("commit")
    lock.all("begin immediate")
    return lock
  } catch (error) {
    const pid = isBusy(error) ? Option.getOrUndefined(holderOf(lock)) : undefined
    unlocked(lock)
    throw isBusy(error) ? new BatchLockedError({ file: path, ...(pid !== undefined && { pid }) }) : error
  }
}

/** The process that has a lock, if it says so. */
const holderOf = Option.liftThrowable((lock: Database): number | undefined => {
  const [row] = lock.all("select pid from holder") as ReadonlyArray<{ readonly pid: number }>
  return row && Number(row.pid)
})

/** Gives up a lock. To close the database alone leaves it, for as long as its memory is there. */
const unlocked = (lock: Database): void => {
  try {
    lock.all("rollback")
  } catch {
    // it was not taken
  }
  lock.close()
}

/** Whether a process has a lock. Without write permission, the process named in the lock decides. */
const isTaken = (lock: Database, mayTake: boolean): boolean => {
  try {
    if (!mayTake) return process.kill(Option.getOrUndefined(holderOf(lock)) ?? 0, 0)
    lock.all("begin immediate")
    lock.all("rollback")
    return false
  } catch (error) {
    return isBusy(error) || codeOf(error) === "EPERM"
  }
}

/** A ledger in a file. */
export interface File {
  readonly sql: SqlClient.SqlClient
  /** Keeps the file for this process, until the scope closes or the process ends, however it ends. */
  readonly exclusive: Effect.Effect<void, BatchLockedError | BatchStoreError, Scope.Scope>
  /** Whether a process keeps the file for itself. */
  readonly isHeld: Effect.Effect<boolean, BatchStoreError>
}

const isLocked = Schema.is(BatchLockedError)

/** Opens the ledger of a path. Nothing is made before the first statement that writes. With `isReadOnly`, such a one fails. */
export const open = (path: string, isReadOnly = false): Effect.Effect<File, BatchStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const problem = nameProblem(path)
    if (problem !== undefined) {
      return yield* new BatchStoreError({ operation: `opened ${JSON.stringify(path)}`, detail: problem })
    }
    // also where the name begins like a URL, and if the process goes to another folder
    const absolute = resolve(path)
    const failure = failed(`opened ${path}`)
    // libsql keeps the memory of each database that it ever opened
    let lock: Database | undefined
    yield* Effect.addFinalizer(() => Effect.sync(() => lock?.close()))
    return {
      sql: yield* database(absolute, isReadOnly),
      exclusive: Effect.asVoid(Effect.acquireRelease(
        Effect.try({
          try: () => locked(absolute),
          catch: (error) => isLocked(error) ? error : failure(error)
        }),
        (lock) => Effect.sync(() => unlocked(lock))
      )),
      isHeld: Effect.try({
        try: () => {
          const file = existsSync(absolute) ? `${realpathSync(absolute)}.lock` : ""
          if (!existsSync(file)) return false
          if (lock === undefined) {
            lock = new Database(file)
            lock.all("pragma busy_timeout = 0")
          }
          return isTaken(lock, canWrite(file))
        },
        catch: failure
      })
    }
  })
