/**
 * The ledger of batches: each row, with its state and result.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { BatchLockedError, BatchStoreError } from "./BatchError.js"
import * as File from "./internal/ledger/file.js"
import { failed } from "./internal/ledger/ledger.js"
import * as Migrations from "./internal/ledger/migrations.js"

/**
 * The types of {@link BatchStore}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace BatchStore {
  /**
   * A ledger.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** The database that keeps it. */
    readonly sql: SqlClient.SqlClient
    /** Locks the ledger for this process, if only one process may work on it. */
    readonly exclusive: Effect.Effect<void, BatchLockedError | BatchStoreError, Scope.Scope>
    /** Whether a process works on it. Always true in a database that processes share. */
    readonly isHeld: Effect.Effect<boolean, BatchStoreError>
  }
}

/** A ledger in a database that processes share, after a look at its tables. */
const shared = (operation: string, look: Effect.Effect<void, SqlError, SqlClient.SqlClient>) =>
  Effect.zipRight(
    Effect.mapError(look, failed(operation)),
    Effect.map(SqlClient.SqlClient, (sql) => ({ sql, exclusive: Effect.void, isHeld: Effect.succeed(true) }))
  )

/**
 * The ledger of batches, in SQL. One ledger keeps any number of batches.
 *
 * @since 0.1.0
 * @category tags
 */
export class BatchStore extends Context.Tag("@effect-noukai/batch/BatchStore")<BatchStore, BatchStore.Service>() {
  /**
   * A ledger in a file of its own. The first write creates the file with the mode 0600. One process works on it at a
   * time, and a second one fails with `BatchLockedError`. Other processes can read it meanwhile, even without write
   * permission. The ledger survives a crash of the process and of the machine.
   *
   * Fails with `BatchStoreError` if the path is not one of a file (`:memory:` and `file:` URLs are refused), the file
   * is not a ledger or has a second hard link, or a newer version of this package wrote it.
   *
   * @example
   * ```ts
   * import { BatchStore } from "@effect-noukai/batch"
   *
   * const store = BatchStore.layerFile("grades.ledger")
   * ```
   *
   * @since 0.1.0
   */
  static readonly layerFile = (path: string): Layer.Layer<BatchStore, BatchStoreError> =>
    Layer.scoped(BatchStore, Effect.suspend(() => File.open(path)))

  /**
   * A ledger in a file, only to read it. Nothing is changed or created, also not beside it, and operations that write fail.
   * A path without a file is a ledger without batches.
   *
   * Fails with `BatchStoreError` as {@link layerFile}, and if an older version of this package wrote the file.
   *
   * @since 0.1.0
   */
  static readonly layerFileReadOnly = (path: string): Layer.Layer<BatchStore, BatchStoreError> =>
    Layer.scoped(BatchStore, Effect.suspend(() => File.open(path, true)))

  /**
   * A ledger in a database of the program, SQLite or PostgreSQL. It is not locked for one process. With
   * `BatchEngine.layerLocal`, run a batch in one process at a time; the engine of a cluster lets many processes share
   * it.
   *
   * @since 0.1.0
   */
  static readonly layerSql: Layer.Layer<BatchStore, BatchStoreError, SqlClient.SqlClient> = Layer.effect(
    BatchStore,
    shared("brought the ledger up to date", Migrations.migrate)
  )

  /**
   * A ledger in a database of the program, only to read it: no tables are created or changed. Operations that write are
   * not prevented.
   *
   * Fails with `BatchStoreError` if the database has no ledger, or one of another version of this package.
   *
   * @since 0.1.0
   */
  static readonly layerSqlReadOnly: Layer.Layer<BatchStore, BatchStoreError, SqlClient.SqlClient> = Layer.effect(
    BatchStore,
    shared("opened the database", Migrations.current)
  )
}
