/** What is done to many rows at once, because someone asked for it. */
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowError, SettledState } from "../../BatchRow.js"
import { doing, type Ledger } from "./ledger.js"

/** The rows that one statement takes: the statements of others come between. */
const most = 1000

/** Repeats a statement until it finds no more rows. */
const allOf = (
  some: Effect.Effect<ReadonlyArray<unknown>, BatchStoreError>,
  sum = 0
): Effect.Effect<number, BatchStoreError> =>
  Effect.flatMap(some, ({ length }) => length < most ? Effect.succeed(sum + length) : allOf(some, sum + length))

/** Makes settled rows pending, each at its next attempt. @internal */
export const retried = (
  { sql }: Ledger,
  batch: number,
  state: SettledState
): Effect.Effect<number, BatchStoreError> =>
  allOf(
    doing("made rows pending again")(sql`
    update noukai_batch_row
    set state = 'pending', attempt = attempt + 1, execution_id = null, error = null, result = null, cost_usd = null,
      adopted = 0, settled_at = null, settled_no = null
    where id in (
      select id from noukai_batch_row where batch = ${batch} and state = ${state} order by id limit ${most})
    returning id`)
  )

/** Removes rows that could not be sent: their source is asked for them again. @internal */
export const forgetInvalid = ({ sql }: Ledger, batch: number): Effect.Effect<number, BatchStoreError> =>
  allOf(
    doing("forgot invalid rows")(sql`
    delete from noukai_batch_row
    where id in (select id from noukai_batch_row where batch = ${batch} and state = 'invalid' order by id limit ${most})
    returning id`)
  )

const wanted: RowError = { kind: "Cancelled", message: "the batch was cancelled before it was sent" }

/** Cancels what is pending. @internal */
export const cancelPending = (
  { sql }: Ledger,
  batch: number,
  now: number
): Effect.Effect<number, BatchStoreError> =>
  allOf(
    doing("cancelled rows")(sql`
    update noukai_batch_row
    set state = 'cancelled', error = ${JSON.stringify(wanted)}, settled_at = ${now}
    where id in (select id from noukai_batch_row where batch = ${batch} and state = 'pending' order by id limit ${most})
    returning id`)
  )
