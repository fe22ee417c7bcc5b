/**
 * A ledger in PostgreSQL, which many processes share.
 *
 * Needs the optional peer `@effect/sql-pg`.
 *
 * @since 0.1.0
 */
import { isCount, isNegativeTime, misnamed, type Names, type Problem } from "@effect-noukai/sdk/kit/names"
import * as PgClient from "@effect/sql-pg/PgClient"
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { BatchStoreError } from "./BatchError.js"
import { BatchStore } from "./BatchStore.js"

/**
 * The options of a ledger in PostgreSQL.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * The database: `postgres://user:password@host:5432/name`. Missing parts come from `PGHOST` and the other variables
   * of `psql`.
   */
  readonly url: Redacted.Redacted<string>
  /** The most connections of this process. A runner keeps one for its lease. Default 10. */
  readonly maxConnections?: number | undefined
  /** The limit of the first connection. Default 5 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** The name under which the connections appear in `pg_stat_activity`. Default `noukai-batch`. */
  readonly applicationName?: string | undefined
}

/**
 * Limits for a process that is stopped, or a machine that is gone, in the middle of a transaction: its row locks end.
 */
const sessionTimeouts = { idle_in_transaction_session_timeout: "10000", lock_timeout: "30000" }

const withTimeouts = (url: string): string => {
  const missing = Object.entries(sessionTimeouts).filter(([name]) => !url.includes(`${name}=`))
  const query = missing.map(([name, value]) => `${name}=${value}`).join("&")
  return query === "" ? url : `${url}${url.includes("?") ? "&" : "?"}${query}`
}

/**
 * A database in PostgreSQL, with connections as those of {@link layer}. It creates no tables: for programs that only read, with
 * `BatchStore.layerSqlReadOnly`.
 *
 * Fails with `BatchStoreError` if the database does not answer.
 *
 * @since 0.1.0
 * @category layers
 */
export const client = (options: Options): Layer.Layer<PgClient.PgClient | SqlClient, BatchStoreError> =>
  Layer.suspend(() => {
    const found = misnamed("options", options, names) ?? misnumbered(options)
    return found === undefined
      ? connected(options)
      : Layer.fail(new BatchStoreError({ operation: "read its options", detail: `${found.field} ${found.reason}` }))
  })

const misnumbered = ({ connectTimeout = 0, maxConnections = 1 }: Options): Problem | undefined =>
  !isCount(maxConnections, 1)
    ? { field: "maxConnections", reason: "must be a whole number of at least 1" }
    : isNegativeTime(connectTimeout) || Option.isNone(Duration.decodeUnknown(connectTimeout))
    ? { field: "connectTimeout", reason: "must be a duration of at least 0" }
    : undefined

const names: Names<Options> = { url: true, maxConnections: true, connectTimeout: true, applicationName: true }

const connected = (options: Options): Layer.Layer<PgClient.PgClient | SqlClient, BatchStoreError> =>
  PgClient.layer({
    url: Redacted.make(withTimeouts(Redacted.value(options.url))),
    applicationName: options.applicationName ?? "noukai-batch",
    maxConnections: options.maxConnections ?? 10,
    connectTimeout: options.connectTimeout
  }).pipe(
    Layer.catchAll(({ cause, message }) =>
      Layer.fail(
        new BatchStoreError({
          operation: "connected to PostgreSQL",
          // the words of the database, which have no password
          detail: cause instanceof Error ? cause.message : message,
          cause
        })
      )
    )
  )

/**
 * A ledger in PostgreSQL, and its database. Any number of processes can work on it.
 *
 * A stopped process would keep its locks. So connections have an `idle_in_transaction_session_timeout` of 10 seconds
 * and a `lock_timeout` of 30 seconds, unless the URL sets them in milliseconds.
 *
 * Fails with `BatchStoreError` if the database does not answer or the tables cannot be created.
 *
 * @example
 * ```ts
 * import * as Postgres from "@effect-noukai/batch/postgres"
 * import { Redacted } from "effect"
 *
 * const Ledger = Postgres.layer({ url: Redacted.make("postgres://batch:secret@db.internal/batch") })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<BatchStore | PgClient.PgClient | SqlClient, BatchStoreError> =>
  BatchStore.layerSql.pipe(
    // processes that start together on an empty database race for its tables
    Layer.retry(Schedule.recurs(5).pipe(Schedule.addDelay(() => "200 millis"), Schedule.jittered)),
    Layer.provideMerge(client(options))
  )

/**
 * A ledger in PostgreSQL, by options from the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options>
): Layer.Layer<BatchStore | PgClient.PgClient | SqlClient, BatchStoreError | ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layer))
