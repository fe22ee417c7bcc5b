/** A database of this process in a file, as `@effect/sql` sees it. */
import type * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import * as SqlErrors from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import Libsql from "libsql"

/** The statements that are kept for another time, of the newest texts. */
const most = 200

interface Prepared {
  readonly statement: Libsql.Statement
  /** Whether it gives rows. */
  readonly reads: boolean
}

/**
 * A database whose statements are prepared once: libsql keeps the memory of each that it ever prepared, parameters
 * included.
 */
class Database {
  private readonly database: Libsql.Database
  private readonly prepared = new Map<string, Prepared>()

  constructor(path: string) {
    this.database = new Libsql(path)
  }

  private prepare(text: string): Prepared {
    const known = this.prepared.get(text)
    if (known !== undefined) return known
    const statement = this.database.prepare(text)
    const made = { statement, reads: statement.columns().length > 0 }
    if (this.prepared.size >= most) this.prepared.clear()
    this.prepared.set(text, made)
    return made
  }

  all(text: string, values: ReadonlyArray<unknown>): ReadonlyArray<object> {
    const { reads, statement } = this.prepare(text)
    if (reads) return statement.all(...values) as ReadonlyArray<object>
    statement.run(...values)
    return []
  }

  close(): void {
    this.prepared.clear()
    this.database.close()
  }
}

const attempted = <A>(run: () => A): Effect.Effect<A, SqlErrors.SqlError> =>
  Effect.try({ try: run, catch: (cause) => new SqlErrors.SqlError({ cause, message: "Failed to execute statement" }) })

// no time that a program knows of
// eslint-disable-next-line no-restricted-properties
const clock = () => performance.now()

/** The longest time without a turn of the event loop, in milliseconds. */
const longestTurn = 10

/**
 * Lets timers, sockets and signals in from time to time: this database never waits, and so neither does a program that only
 * asks it, over and over.
 */
const turning = () => {
  let turnedAt = clock()
  let isAwaited = false
  const turned = () => {
    isAwaited = false
    turnedAt = clock()
  }
  return Effect.async<void>((resume) => {
    if (!isAwaited) {
      isAwaited = true
      // eslint-disable-next-line no-restricted-globals
      setImmediate(turned)
    }
    if (clock() - turnedAt < longestTurn) return resume(Effect.void)
    // eslint-disable-next-line no-restricted-globals
    const immediate = setImmediate(() => resume(Effect.void))
    return Effect.sync(() => clearImmediate(immediate))
  })
}

const connection = (database: Database): Connection => {
  const turn = turning()
  const attempt = <A>(run: () => A): Effect.Effect<A, SqlErrors.SqlError> => Effect.zipRight(turn, attempted(run))
  const execute: Connection["execute"] = (text, values, transform) =>
    attempt(() => {
      const rows = database.all(text, values)
      return transform === undefined ? rows : transform(rows)
    })
  return {
    execute,
    executeRaw: (text, values) => execute(text, values, undefined),
    executeUnprepared: execute,
    executeValues: (text, values) => attempt(() => database.all(text, values).map((row) => Object.values(row))),
    executeStream: (text, values, transform) => Stream.fromIterableEffect(execute(text, values, transform))
  }
}

/** Opens a database, which is closed with the scope. @internal */
export const open = (
  path: string
): Effect.Effect<SqlClient.SqlClient, SqlErrors.SqlError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function*() {
    const database = yield* Effect.acquireRelease(
      attempted(() => new Database(path)),
      (opened) => Effect.sync(() => opened.close())
    )
    const semaphore = yield* Effect.makeSemaphore(1)
    const held = connection(database)
    return yield* SqlClient.make({
      acquirer: semaphore.withPermits(1)(Effect.succeed(held)),
      transactionAcquirer: Effect.as(
        Effect.acquireRelease(semaphore.take(1), () => semaphore.release(1)),
        held
      ),
      compiler: Statement.makeCompilerSqlite(),
      // one that reads before it writes would fail beside another writer, without waiting, and keep what it saw for good
      beginTransaction: "begin immediate",
      spanAttributes: [["db.system.name", "sqlite"]]
    })
  })
