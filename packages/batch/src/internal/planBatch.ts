/** Passes over sources: a dry run, and one that stores its rows in the ledger. */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { type BatchConflictError, type BatchError, BatchSourceError, type BatchStoreError } from "../BatchError.js"
import type { RefusedRow, RowError } from "../BatchRow.js"
import type { BatchSource, SourceRow } from "../BatchSource.js"
import type { BatchPlan, PlanOptions } from "../BatchStatus.js"
import { BatchStore } from "../BatchStore.js"
import { type Defined, defined, type Definition, hashing, isSource, taking } from "./definition.js"
import * as Batches from "./ledger/batches.js"
import * as File from "./ledger/file.js"
import { doing, failed, type Ledger, mostBytes } from "./ledger/ledger.js"
import * as Planning from "./ledger/planning.js"
import * as Reading from "./ledger/reading.js"
import * as Settling from "./ledger/settling.js"
import { named, planNames } from "./names.js"
import { temporaryFolder } from "./node/leftovers.js"
import { type IsSelected, selecting } from "./selection.js"

/** Runs statements on the connection that holds the lock: where the lock is lost with it, they fail. */
type Planner = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** The time between two tries to plan, in milliseconds. */
const planEvery = 250

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
const alone = (ledger: Ledger, batch: string): Effect.Effect<Planner, BatchStoreError, Scope.Scope> =>
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
        yield* Effect.sleep(planEvery)
      }
    })
  })

/** The most rows that one statement takes. */
const mostRows = 1000

/** Takes the rows of a source in parts, each made when the one before it is stored. */
const eachPart = <E, R, E1>(
  definition: Definition,
  given: Defined,
  source: BatchSource<unknown, E, R>,
  take: (
    rows: ReadonlyArray<Planning.PlannedRow>,
    refused: ReadonlyArray<RefusedRow>,
    places: Planning.Places
  ) => Effect.Effect<void, E1>
): Effect.Effect<void, BatchSourceError | E | E1, R> =>
  Effect.suspend(() => {
    const of = taking(definition, given)
    let rows: Array<Planning.PlannedRow> = []
    let refused: Array<RefusedRow> = []
    let places = new Map<string, number>()
    let bytes = 0
    const taken = Effect.suspend(() => {
      const part = take(rows, refused, places)
      rows = []
      refused = []
      places = new Map()
      bytes = 0
      return part
    })
    const takeAll = Effect.fnUntraced(function*(given: Chunk.Chunk<SourceRow<unknown>>) {
      for (const row of given) {
        const one = of(row)
        places.set(row.at, places.size)
        if (one._tag === "row") {
          rows.push(one.row)
          bytes += one.row.input.length + (one.row.error?.message.length ?? 0)
        } else {
          refused.push({ at: one.at, error: one.error })
          bytes += one.error.message.length
        }
        if (rows.length + refused.length === mostRows || bytes >= mostBytes) yield* taken
      }
    })
    // rows before one that cannot be read are rows of the batch
    return Stream.runForEachChunk(source.rows, takeAll).pipe(
      Effect.tapError(() => taken),
      Effect.zipRight(taken)
    )
  })

const planOf = (batch: string, absent: number, { known, met: _, ...found }: Planning.Found): BatchPlan => ({
  batch,
  ...found,
  absent,
  known
})

/** Plans the rows of a source into the ledger, once no other process does; the batch is made if it is new. */
export const kept = <E, R>(
  ledger: Ledger,
  definition: Definition,
  source: BatchSource<unknown, E, R>,
  given: Defined,
  settings: Batches.Settings,
  isSelected: IsSelected
): Effect.Effect<
  readonly [Batches.BatchRecord, BatchPlan],
  BatchConflictError | BatchSourceError | BatchStoreError | E,
  R
> =>
  Effect.scoped(Effect.gen(function*() {
    const planner = yield* alone(ledger, given.name)
    const now = yield* Clock.currentTimeMillis
    const record = yield* planner(Batches.planned(ledger, given, settings, now))
    const { id } = record
    yield* planner(Settling.keepNumbers(ledger, id))
    const pass = yield* planner(Planning.begun(ledger, id, record.pass, isSelected))
    let first: { readonly at: string; readonly error: RowError } | undefined
    let [isUsable, isEmpty] = [false, true]
    const { add, hash } = hashing(definition, given)
    yield* eachPart(definition, given, source, (rows, refused, places) =>
      planner(Effect.gen(function*() {
        isEmpty &&= places.size === 0
        for (const row of rows) {
          if (row.error !== undefined) continue
          isUsable = true
          add(row)
        }
        const invalid = rows.flatMap(({ at, error }) => error === undefined ? [] : [{ at, error }])
        first ??= Planning.inPlace(places, [...refused, ...invalid])[0]
        yield* Planning.add(ledger, pass, rows, refused, places)
      })))
    yield* planner(Planning.forgetRefused(ledger, id, pass.no))
    yield* planner(Settling.settleInvalid(ledger, id, yield* Clock.currentTimeMillis))
    if (first !== undefined && !isUsable) {
      return yield* new BatchSourceError({
        source: first.at,
        reason: `${first.error.message}; no other row of the source can be run either`
      })
    }
    if (isEmpty && source.name !== undefined) {
      return yield* new BatchSourceError({ source: source.name, reason: "it has no rows" })
    }
    if (record.pass > 1) yield* planner(Planning.leaveAbsent(ledger, pass))
    yield* planner(Batches.definedAs(ledger, id, hash(), now))
    const { absent } = yield* planner(Reading.counts(ledger, id))
    return [record, planOf(record.name, absent, pass.found)] as const
  }))

/** A temporary ledger, because the keys of a source may not fit into memory. */
const scratch: Effect.Effect<Ledger, BatchStoreError, Scope.Scope> = Effect.flatMap(
  temporaryFolder(failed("made a temporary folder")),
  (folder) => File.open(join(folder, "plan.ledger"))
)

const noSettings: Batches.Settings = { concurrency: 1, lanes: 1, cost: false, grace: 0, adopt: true }

/** Compares a source with the ledger. */
export const dry = <E, R>(
  definition: Definition,
  source: BatchSource<unknown, E, R>,
  options: PlanOptions = {}
): Effect.Effect<BatchPlan, BatchError | E, BatchStore | R> =>
  Effect.scoped(Effect.gen(function*() {
    const given = yield* defined("Batch.plan", definition)
    yield* isSource("Batch.plan", source)
    yield* named("Batch.plan", options, planNames)
    const isSelected = yield* selecting("Batch.plan", options.select, true)
    const ledger = yield* BatchStore
    const stored = yield* Batches.find(ledger, given.name)
    if (Option.isSome(stored)) yield* Batches.agrees(ledger, stored.value, given)
    const own = yield* scratch
    const { id } = yield* Batches.planned(own, given, noSettings, yield* Clock.currentTimeMillis)
    const pass = Option.isSome(stored)
      ? yield* Planning.begun(ledger, stored.value.id, 0, isSelected)
      : yield* Planning.begun(own, id, 0, isSelected)
    yield* eachPart(definition, given, source, (rows, keyless, places) =>
      Effect.gen(function*() {
        const fresh = yield* Planning.knownRows(own, id, rows.map(({ key }) => ({ key, input: "" })))
        const known = Option.isSome(stored) ? yield* Planning.knownRows(ledger, stored.value.id, rows) : []
        const { added, refused } = Planning.sort(pass, rows, new Map([...fresh, ...known]))
        Planning.refuse(pass.found, Planning.inPlace(places, [...keyless, ...refused]))
        // only the keys of new rows, to find a second row of a key
        yield* Planning.insert(own, id, pass, added.map((row) => ({ ...row, input: "" })))
      }))
    const counts = Option.isSome(stored) ? yield* Reading.counts(ledger, stored.value.id) : undefined
    const open = counts === undefined ? 0 : counts.pending + counts.absent + counts.unselected + counts.waiting
    return planOf(given.name, open - pass.found.met, pass.found)
  }))
