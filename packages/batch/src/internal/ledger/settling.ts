/** Changes of many rows at once that someone asked for. */
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowError, SettledState } from "../../BatchRow.js"
import { doing, greatest, type Ledger } from "./ledger.js"
import { transit } from "./rows.js"

/** The rows that one statement takes: the statements of others come between. */
const most = 1000

/** Repeats a statement until it finds no more rows; gives how many there were. */
const allOf = (
  some: Effect.Effect<ReadonlyArray<unknown>, BatchStoreError>,
  sum = 0
): Effect.Effect<number, BatchStoreError> =>
  Effect.flatMap(some, ({ length }) => length < most ? Effect.succeed(sum + length) : allOf(some, sum + length))

/** Keeps the numbers of settled rows from being given again to those that settle later. @internal */
export const keepNumbers = ({ sql }: Ledger, batch: number): Effect.Effect<void, BatchStoreError> =>
  Effect.asVoid(
    doing("kept the numbers of rows")(sql`
    update noukai_batch set settled = ${greatest(sql)}(settled,
      (select coalesce(max(settled_no), 0) from noukai_batch_row where batch = ${batch} and settled_no is not null))
    where id = ${batch}`)
  )

/** Makes settled rows pending, each at its next attempt. @internal */
export const retried = (
  ledger: Ledger,
  batch: number,
  state: SettledState
): Effect.Effect<number, BatchStoreError> => {
  const { sql } = ledger
  return Effect.zipRight(
    keepNumbers(ledger, batch),
    allOf(
      doing("made rows pending again")(sql`
    update noukai_batch_row
    set state = 'pending', attempt = attempt + 1, execution_id = null, error = null, result = null, cost_usd = null,
      duration_ms = null, tokens = null, adopted = 0, settled_at = null, settled_no = null
    where id in (
      select id from noukai_batch_row where batch = ${batch} and state = ${state} order by id limit ${most})
      and state = ${state}
    returning id`)
    )
  )
}

/** Removes rows that could not be sent: their source is asked for them again. @internal */
export const forgetInvalid = (ledger: Ledger, batch: number): Effect.Effect<number, BatchStoreError> => {
  const { sql } = ledger
  return Effect.zipRight(
    keepNumbers(ledger, batch),
    allOf(
      doing("forgot invalid rows")(sql`
    delete from noukai_batch_row
    where id in (select id from noukai_batch_row where batch = ${batch} and state = 'invalid' order by id limit ${most})
      and state = 'invalid'
    returning id`)
    )
  )
}

interface SettlingRow {
  readonly id: number | string
  readonly attempt: number | string
}

/** Takes the rows of a state to one in which they stay, numbered as those that settle; gives how many. */
const settleAll = (
  ledger: Ledger,
  batch: number,
  [from, to]: readonly ["absent" | "pending", "cancelled"] | readonly ["invalid", "invalid"],
  now: number,
  error?: string
): Effect.Effect<number, BatchStoreError> => {
  const { sql } = ledger
  let last = 0
  const some = Effect.flatMap(
    Effect.suspend(() =>
      doing("read rows")(sql<SettlingRow>`
      select id, attempt from noukai_batch_row
      where batch = ${batch} and state = ${from} and id > ${last} and settled_no is null order by id limit ${most}`)
    ),
    (rows) => {
      if (rows.length === 0) return Effect.succeed([])
      last = Number(rows[rows.length - 1]!.id)
      return Effect.as(
        transit(
          ledger,
          batch,
          "",
          rows.map((row) => ({
            id: Number(row.id),
            attempt: Number(row.attempt),
            from: [from],
            to,
            settledAt: now,
            ...(error !== undefined && { error })
          }))
        ),
        rows
      )
    }
  )
  return allOf(some)
}

const wanted: RowError = { kind: "Cancelled", message: "the batch was cancelled before it was sent" }

/** Cancels what is pending or absent. @internal */
export const cancelPending = (ledger: Ledger, batch: number, now: number): Effect.Effect<number, BatchStoreError> =>
  Effect.zipWith(
    settleAll(ledger, batch, ["pending", "cancelled"], now, JSON.stringify(wanted)),
    settleAll(ledger, batch, ["absent", "cancelled"], now, JSON.stringify(wanted)),
    (pending, absent) => pending + absent
  )

/** Numbers the rows that cannot be run among those that are settled. @internal */
export const settleInvalid = (ledger: Ledger, batch: number, now: number): Effect.Effect<void, BatchStoreError> =>
  Effect.asVoid(settleAll(ledger, batch, ["invalid", "invalid"], now))

/** Removes a batch and all that is known of it. @internal */
export const forgotten = (ledger: Ledger, batch: number): Effect.Effect<void, BatchStoreError> => {
  const { sql } = ledger
  const some = (table: "noukai_batch_refused" | "noukai_batch_row") =>
    allOf(
      doing("forgot a batch")(sql`
      delete from ${sql(table)}
      where id in (select id from ${sql(table)} where batch = ${batch} limit ${most}) returning id`)
    )
  return some("noukai_batch_refused").pipe(
    Effect.zipRight(some("noukai_batch_row")),
    // the batch last: a crash between leaves one that can be forgotten again
    Effect.zipRight(doing("forgot a batch")(sql`delete from noukai_batch where id = ${batch}`)),
    Effect.asVoid
  )
}
