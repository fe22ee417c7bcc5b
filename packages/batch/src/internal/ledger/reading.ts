/** Reads rows from the ledger: counts, and rows page by page. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { BatchStoreError } from "../../BatchError.js"
import { type RefusedRow, RowError, type RowResult, type RowState } from "../../BatchRow.js"
import { doing, type Ledger } from "./ledger.js"
import { unknownCost } from "./rows.js"

/** How many rows are in each state. @internal */
export type Counts = { readonly [state in RowState]: number }

const none: Counts = {
  pending: 0,
  intent: 0,
  uncertain: 0,
  submitted: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
  reported: 0,
  invalid: 0
}

/** @internal */
export const counts = ({ sql }: Ledger, batch: number): Effect.Effect<Counts, BatchStoreError> =>
  Effect.map(
    doing("counted rows")(sql<{ readonly state: RowState; readonly n: number | string }>`
      select state, count(*) as n from noukai_batch_row where batch = ${batch} group by state`),
    (rows) => ({ ...none, ...Object.fromEntries(rows.map(({ n, state }) => [state, Number(n)])) })
  )

/** How many rows are not settled. @internal */
export const unsettled = ({ intent, pending, submitted, uncertain }: Counts): number =>
  pending + intent + uncertain + submitted

/** How many rows were found at the server. @internal */
export const adoptedCount = ({ sql }: Ledger, batch: number): Effect.Effect<number, BatchStoreError> =>
  Effect.map(
    doing("counted rows")(sql<{ readonly n: number | string }>`
      select count(*) as n from noukai_batch_row where batch = ${batch} and adopted = 1`),
    (rows) => Number(rows[0]?.n ?? 0)
  )

/** Of how many rows the cost could not be read. @internal */
export const unknownCosts = ({ sql }: Ledger, batch: number): Effect.Effect<number, BatchStoreError> =>
  Effect.map(
    doing("counted rows")(sql<{ readonly n: number | string }>`
      select count(*) as n from noukai_batch_row where batch = ${batch} and cost_usd = 'unknown'`),
    (rows) => Number(rows[0]?.n ?? 0)
  )

/** How many rows of the last source are no rows of the batch. @internal */
export const refusedCount = ({ sql }: Ledger, batch: number): Effect.Effect<number, BatchStoreError> =>
  Effect.map(
    doing("counted rows")(sql<{ readonly n: number | string }>`
      select count(*) as n from noukai_batch_refused where batch = ${batch}`),
    (rows) => Number(rows[0]?.n ?? 0)
  )

/** How many rows failed, or were reported, since a time. @internal */
export const failedSince = ({ sql }: Ledger, batch: number, since: number): Effect.Effect<number, BatchStoreError> =>
  Effect.map(
    doing("counted rows")(sql<{ readonly n: number | string }>`
      select count(*) as n from noukai_batch_row
      where batch = ${batch} and state in ('failed', 'reported') and settled_at >= ${since}`),
    (rows) => Number(rows[0]?.n ?? 0)
  )

interface StoredResult {
  readonly id: number | string
  readonly no: number | string
  readonly key: string
  readonly place: string
  readonly state: RowState
  readonly attempt: number | string
  readonly execution_id: string | null
  readonly adopted: number | string
  readonly result: string | null
  readonly error: string | null
  readonly cost_usd: string | null
  readonly settled_at: number | string | null
  readonly settled_no: number | string | null
}

const decodeError = Schema.decodeUnknownSync(Schema.parseJson(RowError))

const rowResult = (row: StoredResult): RowResult => ({
  no: Number(row.no),
  key: row.key,
  at: row.place,
  state: row.state,
  attempt: Number(row.attempt),
  ...(row.state === "done" && row.result !== null && { result: JSON.parse(row.result) as unknown }),
  ...(row.error !== null && { error: decodeError(row.error) }),
  ...(row.execution_id !== null && { executionId: row.execution_id }),
  adopted: Number(row.adopted) !== 0,
  ...(row.cost_usd === unknownCost
    ? { isCostUnknown: true as const }
    : row.cost_usd !== null && { costUsd: row.cost_usd }),
  ...(row.settled_at !== null && { settledAt: Number(row.settled_at) }),
  ...(row.settled_no !== null && { settledNo: Number(row.settled_no) })
})

const page = 500

/** Pages of rows after a place that the last row of a page names. */
const paged = (
  after: number,
  read: (after: number) => Effect.Effect<ReadonlyArray<StoredResult>, BatchStoreError>,
  placeOf: (row: StoredResult) => number
): Stream.Stream<RowResult, BatchStoreError> =>
  Stream.paginateChunkEffect(after, (place) =>
    Effect.map(read(place), (rows) => [
      Chunk.unsafeFromArray(rows.map(rowResult)),
      rows.length < page ? Option.none() : Option.some(placeOf(rows[rows.length - 1]!))
    ]))

/** All rows, in the order of the input. @internal */
export const inOrder = ({ sql }: Ledger, batch: number): Stream.Stream<RowResult, BatchStoreError> =>
  paged(
    0,
    (after) =>
      doing("read rows")(sql<StoredResult>`
        select * from noukai_batch_row where batch = ${batch} and no > ${after} order by no limit ${page}`),
    ({ no }) => Number(no)
  )

/** Settled rows, in the order in which they settled, after one of them. @internal */
export const settledAfter = (
  { sql }: Ledger,
  batch: number,
  settledNo: number
): Stream.Stream<RowResult, BatchStoreError> =>
  paged(
    settledNo,
    (after) =>
      doing("read rows")(sql<StoredResult>`
        select * from noukai_batch_row where batch = ${batch} and settled_no > ${after} order by settled_no limit ${page}`),
    (row) => Number(row.settled_no)
  )

/** The rows of the source that are no rows of the batch. @internal */
export const refused = ({ sql }: Ledger, batch: number): Stream.Stream<RefusedRow, BatchStoreError> =>
  Stream.paginateChunkEffect(0, (after) =>
    Effect.map(
      doing("read refused rows")(sql<
        { readonly id: number | string; readonly place: string; readonly key: string | null; readonly error: string }
      >`select * from noukai_batch_refused where batch = ${batch} and id > ${after} order by id limit ${page}`),
      (rows) => [
        Chunk.unsafeFromArray(rows.map(({ error, key, place }): RefusedRow => ({
          at: place,
          ...(key !== null && { key }),
          error: decodeError(error)
        }))),
        rows.length < page ? Option.none() : Option.some(Number(rows[rows.length - 1]!.id))
      ]
    ))
