/** Passes over sources: a dry one, and one that keeps what it finds in the ledger. */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { type BatchError, type BatchSourceError, type BatchStoreError } from "../BatchError.js"
import type { RefusedRow, RowState } from "../BatchRow.js"
import type { BatchSource } from "../BatchSource.js"
import type { BatchPlan } from "../BatchStatus.js"
import { BatchStore } from "../BatchStore.js"
import { defined, type Definition, type Taken, taking } from "./definition.js"
import * as Batches from "./ledger/batches.js"
import * as File from "./ledger/file.js"
import { failed, type Ledger } from "./ledger/ledger.js"
import { migrate } from "./ledger/migrations.js"
import * as Planning from "./ledger/planning.js"
import * as Settling from "./ledger/settling.js"
import { temporaryFolder } from "./node/leftovers.js"

/** The rows that one statement takes. */
const chunk = 1000

const split = (taken: Chunk.Chunk<Taken>) => {
  const rows: Array<Planning.PlannedRow> = []
  const refused: Array<RefusedRow> = []
  for (const one of taken) {
    if (one._tag === "row") rows.push(one.row)
    else refused.push({ at: one.at, error: one.error })
  }
  return { rows, refused }
}

const eachChunk = <E, R, E1>(
  definition: Definition,
  source: BatchSource<unknown, E, R>,
  take: (rows: Array<Planning.PlannedRow>, refused: Array<RefusedRow>) => Effect.Effect<void, E1>
): Effect.Effect<void, BatchSourceError | E | E1, R> => {
  const of = taking(definition)
  return source.rows.pipe(
    Stream.mapChunks(Chunk.map(of)),
    Stream.rechunk(chunk),
    Stream.chunks,
    Stream.runForEach((taken) => {
      const { refused, rows } = split(taken)
      return take(rows, refused)
    })
  )
}

const planOf = (batch: string, { known, ...found }: Planning.Found): BatchPlan => ({
  batch,
  ...found,
  known: known as { readonly [state in RowState]?: number }
})

/** Plans the rows of a source into the ledger. @internal */
export const kept = <E, R>(
  ledger: Ledger,
  definition: Definition,
  source: BatchSource<unknown, E, R>,
  record: Batches.BatchRecord
): Effect.Effect<BatchPlan, BatchSourceError | BatchStoreError | E, R> =>
  Effect.gen(function*() {
    const { id, pass } = record
    const found = Planning.nothingFound()
    yield* Settling.keepNumbers(ledger, id)
    let next = yield* Planning.nextNo(ledger, id)
    yield* eachChunk(definition, source, (rows, refused) =>
      Effect.gen(function*() {
        for (const one of refused) Planning.refuse(found, one)
        yield* Planning.keepRefused(ledger, id, pass, refused)
        next = yield* Planning.add(ledger, id, pass, next, rows, found)
      }))
    yield* Planning.forgetRefused(ledger, id, pass)
    yield* Settling.settleInvalid(ledger, id, yield* Clock.currentTimeMillis)
    return planOf(record.name, found)
  })

/** A ledger that is forgotten at the end: what tells one key from another need not fit into memory. */
const scratch: Effect.Effect<Ledger, BatchStoreError, Scope.Scope> = Effect.gen(function*() {
  const folder = yield* temporaryFolder(failed("made a temporary folder"))
  const sql = yield* File.client(join(folder, "plan.ledger"))
  yield* Effect.mapError(
    Effect.provideService(migrate, SqlClient.SqlClient, sql),
    failed("made a temporary ledger")
  )
  return { sql }
})

const noSettings: Batches.Settings = { concurrency: 1, lanes: 1, cost: false, grace: 0, adopt: true }

/** The content of a source beside that of the ledger. @internal */
export const dry = <E, R>(
  definition: Definition,
  source: BatchSource<unknown, E, R>
): Effect.Effect<BatchPlan, BatchError | E, BatchStore | R> =>
  Effect.scoped(Effect.gen(function*() {
    const given = yield* defined("Batch.plan", definition)
    const ledger = yield* BatchStore
    const stored = yield* Batches.find(ledger, given.name)
    if (Option.isSome(stored)) yield* Batches.agrees(stored.value, given)
    const own = yield* scratch
    const { id } = yield* Batches.planned(own, given, noSettings, yield* Clock.currentTimeMillis)
    const [found, apart] = [Planning.nothingFound(), Planning.nothingFound()]
    let next = 1
    yield* eachChunk(definition, source, (rows, refused) =>
      Effect.gen(function*() {
        for (const one of refused) Planning.refuse(found, one)
        const before = apart.refused.length
        // what is twice in the source is told from the rest
        next = yield* Planning.add(own, id, 1, next, rows, apart)
        const again = new Set(apart.refused.slice(before).map(({ at }) => at))
        for (const one of apart.refused.splice(0)) Planning.refuse(found, one)
        const known = Option.isSome(stored)
          ? yield* Planning.knownRows(ledger, stored.value.id, rows.map(({ key }) => key))
          : new Map<string, never>()
        for (const row of rows) {
          if (again.has(row.at)) continue
          if (row.error !== undefined) found.invalid++
          const standing = known.get(row.key)
          if (standing === undefined) Planning.countAdded(found, [row])
          else {
            const refusal = Planning.compare(found, row, standing)
            if (refusal !== undefined) Planning.refuse(found, refusal)
          }
        }
      }))
    return planOf(given.name, found)
  }))
