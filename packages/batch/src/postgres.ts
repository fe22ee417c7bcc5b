/**
 * A ledger in PostgreSQL, which many processes share.
 *
 * Needs the optional peer `@effect/sql-pg`.
 *
 * @since 0.1.0
 */
import { isCount, isNegativeTime, misnamed, type Names, type Problem } from "@effect-noukai/sdk/kit/names"
import { type Nudges, nudges as inProcess } from "@effect-noukai/sdk/Webhook"
import * as PgClient from "@effect/sql-pg/PgClient"
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
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

const channel = "noukai_batch_webhooks"

/** The text that every process sends to the channel now and then, so that each of them knows that it still hears. */
const beat = "-"

/**
 * Carries webhooks between all processes that use a database, by `NOTIFY`: the one that receives them, and those that wait
 * for their jobs. Use it as `nudges` of a batch's `callback` in each process that runs rows, and its `onEvent` where
 * webhooks arrive, with {@link client} or {@link layer}. It needs no table.
 *
 * It listens with a connection of its own until its scope ends, and again after that connection was lost. Webhooks of the
 * meantime are lost: their jobs are polled. `onEvent` rejects while the database does not answer, so that the delivery is
 * repeated.
 *
 * @example
 * ```ts
 * import { Batch } from "@effect-noukai/batch"
 * import * as Postgres from "@effect-noukai/batch/postgres"
 * import { Effect } from "effect"
 *
 * const grading = Effect.map(Postgres.nudges, (nudges) =>
 *   Batch.make({
 *     id: "grades-2026-11",
 *     flow: "acme/spelling/grade-3",
 *     callback: { url: "https://me.example/hooks/noukai", nudges },
 *     key: (row: { readonly id: string; readonly text: string }) => row.id,
 *     input: (row) => ({ message: row.text })
 *   }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const nudges: Effect.Effect<Nudges, never, PgClient.PgClient | Scope.Scope> = Effect.gen(function*() {
  const sql = yield* PgClient.PgClient
  const run = Runtime.runPromise(yield* Effect.runtime())
  const inbox = inProcess()
  const send = (text: string) => sql`SELECT pg_notify(${channel}, ${text})`
  const heard = yield* Queue.sliding<void>(1)
  const listening = Stream.runForEach(sql.listen(channel), (job) =>
    Effect.zipRight(
      Queue.offer(heard, undefined),
      Effect.promise(async () => job === beat ? undefined : inbox.onEvent({ job }))
    ))
  const lost = Effect.forever(Effect.timeoutFail(Queue.take(heard), {
    duration: "15 seconds",
    onTimeout: () => new BatchStoreError({ operation: "listened for webhooks", detail: "nothing was heard" })
  }))
  yield* Effect.forkScoped(Effect.forever(
    Effect.zipRight(
      // the end of a lost connection may take as long as its network wants
      Effect.catchAllCause(
        Effect.raceFirst(Effect.disconnect(listening), lost),
        (cause) => Effect.logDebug("Listens for webhooks again", cause)
      ),
      Effect.sleep("1 second")
    )
  ))
  yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.ignore(send(beat)), Effect.sleep("5 seconds"))))
  return {
    onEvent: ({ job }) => job === undefined ? undefined : run(Effect.asVoid(send(job))),
    wait: inbox.wait
  }
})
