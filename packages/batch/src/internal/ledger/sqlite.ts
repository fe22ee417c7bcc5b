/** A database of this process in a file, as `@effect/sql` sees it. */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import * as SqlErrors from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import Libsql from "libsql"

/** The number of prepared statements that are cached. */
const most = 200

interface CachedStatement {
  readonly statement: Libsql.Statement
  /** Whether it gives rows. */
  readonly reads: boolean
}

/**
 * A database whose statements are prepared once: libsql keeps the memory of each that it ever prepared, parameters
 * included.
 */
export class Database {
  private readonly database: Libsql.Database
  private readonly prepared = new Map<string, CachedStatement>()

  constructor(path: string) {
    this.database = new Libsql(path)
  }

  private prepare(text: string): CachedStatement {
    const known = this.prepared.get(text)
    if (known !== undefined) return known
    const statement = this.database.prepare(text)
    const made = { statement, reads: statement.columns().length > 0 }
    if (this.prepared.size >= most) this.prepared.clear()
    this.prepared.set(text, made)
    return made
  }

  all(text: string, values: ReadonlyArray<unknown> = []): ReadonlyArray<object> {
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

/** A database that is opened when it is first asked, and otherwise for a statement that only reads. */
export interface Source {
  /** `undefined` if there is no database, and so no rows. */
  readonly reading: Effect.Effect<Database | undefined, SqlErrors.SqlError>
  readonly writing: Effect.Effect<Database, SqlErrors.SqlError>
}

export const attempted: <A>(run: () => A) => Effect.Effect<A, SqlErrors.SqlError> = (run) =>
  Effect.try({ try: run, catch: (cause) => new SqlErrors.SqlError({ cause, message: "Failed to execute statement" }) })

// independent of the clock of the program
// eslint-disable-next-line no-restricted-properties
const clock = () => performance.now()

/** The longest time without a turn of the event loop, in milliseconds. */
const longestTurn = 10

/**
 * Yields to timers, sockets and signals from time to time: this database never waits, so a program that only queries it
 * would block them.
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

const isReading = (text: string): boolean => /^\s*(select|explain)\b/i.test(text)

/** A connection whose statements wait until they may be sent. */
const connection = (
  { reading, writing }: Source,
  turn: Effect.Effect<void>,
  isBusy: () => boolean,
  free: Effect.Effect<void>
): Connection => {
  const send = (database: Database | undefined, text: string, values: ReadonlyArray<unknown>) => {
    const sent: Effect.Effect<ReadonlyArray<object>, SqlErrors.SqlError> = Effect.suspend(() => {
      if (isBusy()) return Effect.zipRight(free, sent)
      try {
        return Effect.succeed(database?.all(text, values) ?? [])
      } catch (cause) {
        return new SqlErrors.SqlError({ cause, message: "Failed to execute statement" })
      }
    })
    return sent
  }
  const all = (text: string, values: ReadonlyArray<unknown>) =>
    Effect.flatMap(
      Effect.zipRight(turn, isReading(text) ? reading : writing),
      (database) => send(database, text, values)
    )
  const execute: Connection["execute"] = (text, values, transform) =>
    transform === undefined ? all(text, values) : Effect.map(all(text, values), transform)
  return {
    execute,
    executeRaw: all,
    executeUnprepared: execute,
    executeValues: (text, values) => Effect.map(all(text, values), (rows) => rows.map((row) => Object.values(row))),
    executeStream: (text, values, transform) => Stream.fromIterableEffect(execute(text, values, transform))
  }
}

/** A client of a database, which has one connection. */
export const client = (source: Source): Effect.Effect<SqlClient.SqlClient> =>
  Effect.gen(function*() {
    const semaphore = yield* Effect.makeSemaphore(1)
    let isTransacting = false
    const turn = turning()
    // a statement of others would be part of the transaction, and be rolled back with it
    const alone = connection(source, turn, () => isTransacting, semaphore.withPermits(1)(Effect.void))
    const transacting = connection(source, turn, () => false, Effect.void)
    return yield* SqlClient.make({
      acquirer: Effect.succeed(alone),
      transactionAcquirer: Effect.acquireRelease(
        Effect.map(semaphore.take(1), () => {
          isTransacting = true
          return transacting
        }),
        () =>
          Effect.suspend(() => {
            isTransacting = false
            return semaphore.release(1)
          })
      ),
      compiler: Statement.makeCompilerSqlite(),
      // a deferred transaction that reads first would fail beside another writer, without waiting
      beginTransaction: "begin immediate",
      spanAttributes: [["db.system.name", "sqlite"]]
    })
  }).pipe(Effect.provide(Reactivity.layer))
