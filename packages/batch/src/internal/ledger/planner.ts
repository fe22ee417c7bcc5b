/** One process at a time plans a batch: the others wait for it. */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { BatchStoreError } from "../../BatchError.js"
import { doing, type Ledger } from "./ledger.js"

/** Runs statements on the connection that holds the lock: where the lock is lost with it, they fail. */
export type Planner = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** The time between two tries to plan, in milliseconds. */
const interval = 250

/** Locks for a session: until its process ends, or its machine has not answered for half a minute. */
const lock =
  `select pg_try_advisory_lock(hashtextextended('noukai_batch ' || 'noukai_batch'::regclass::oid || ' ' || $1, 0))
    as taken, set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false)`

const unlock =
  `select pg_advisory_unlock(hashtextextended('noukai_batch ' || 'noukai_batch'::regclass::oid || ' ' || $1, 0))`

const reserved = ({ sql }: Ledger, batch: string) =>
  doing("waited to plan a batch")(Effect.gen(function*() {
    const connection: Connection = yield* sql.reserve
    const on: Planner = Effect.provideService(SqlClient.TransactionConnection, [connection, 0] as const)
    const [row] = yield* on(sql.unsafe<{ readonly taken: boolean }>(lock, [batch]))
    if (row?.taken !== true) return Option.none()
    // the connection goes back to others
    yield* Effect.addFinalizer(() => Effect.ignore(on(sql.unsafe(unlock, [batch]))))
    return Option.some(on)
  }))

/**
 * Keeps other processes from planning the batch of a name until the scope closes, and waits for one that does. Only a ledger
 * in PostgreSQL has many processes: a file has a lock of its own.
 */
export const alone = (ledger: Ledger, batch: string): Effect.Effect<Planner, BatchStoreError, Scope.Scope> =>
  ledger.sql.onDialectOrElse({
    orElse: () => Effect.succeed<Planner>(identity),
    pg: Effect.fnUntraced(function*() {
      const outer = yield* Effect.scope
      for (let isFirst = true;; isFirst = false) {
        const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
        const planner = yield* Scope.extend(reserved(ledger, batch), scope)
        if (Option.isSome(planner)) return planner.value
        yield* Scope.close(scope, Exit.void)
        if (isFirst) yield* Effect.logInfo(`Batch ${JSON.stringify(batch)} waits: another process is planning it`)
        yield* Effect.sleep(interval)
      }
    })
  })
