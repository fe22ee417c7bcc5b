/**
 * A ledger in PostgreSQL, which many processes share.
 *
 * Needs the optional peer `@effect/sql-pg`.
 *
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import type { SqlClient } from "@effect/sql/SqlClient"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { BatchStoreError } from "./BatchError.js"

/**
 * The options of a ledger in PostgreSQL.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * The database: `postgres://user:password@host:5432/name`. What is missing comes from `PGHOST` and the like, as with
   * `psql`.
   */
  readonly url: Redacted.Redacted<string>
  /** The most connections of this process. A runner keeps one for its lease. Default 10. */
  readonly maxConnections?: number | undefined
  /** The limit of the first connection. Default 5 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** The name under which the connections appear in `pg_stat_activity`. Default `noukai-batch`. */
  readonly applicationName?: string | undefined
}

/** A process that is stopped, or a machine that is gone, in the middle of a transaction: its row locks end with it. */
const sessionTimeouts = { idle_in_transaction_session_timeout: "10000", lock_timeout: "30000" }

const withTimeouts = (url: string): string => {
  const missing = Object.entries(sessionTimeouts).filter(([name]) => !url.includes(`${name}=`))
  const query = missing.map(([name, value]) => `${name}=${value}`).join("&")
  return query === "" ? url : `${url}${url.includes("?") ? "&" : "?"}${query}`
}

/**
 * The database of a ledger that many processes share, with limits on locks that a stopped process would hold. The URL
 * may set `idle_in_transaction_session_timeout` and `lock_timeout`, in milliseconds, otherwise (10 and 30 seconds).
 *
 * Fails with `BatchStoreError` when the database does not answer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerClient = (
  options: Options
): Layer.Layer<PgClient.PgClient | SqlClient, BatchStoreError> =>
  PgClient.layer({
    url: Redacted.make(withTimeouts(Redacted.value(options.url))),
    applicationName: options.applicationName ?? "noukai-batch",
    maxConnections: options.maxConnections ?? 10,
    connectTimeout: options.connectTimeout
  }).pipe(
    Layer.catchAll((error) =>
      Layer.fail(
        new BatchStoreError({
          operation: "connected to PostgreSQL",
          // the words of the driver, which name the host and the user; never the URL
          detail: error.cause instanceof Error ? error.cause.message : error.message,
          cause: error
        })
      )
    )
  )
