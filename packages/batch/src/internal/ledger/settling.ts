/** Changes of many rows at once, on request. */
import * as Effect from "effect/Effect"
import * as Number_ from "effect/Number"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowError, SettledState } from "../../BatchRow.js"
import type { IsSelected } from "../selection.js"
import { change, doing, each, greatest, type Ledger, transaction } from "./ledger.js"
import { nextAttempts, type StoredState, transit } from "./rows.js"

/** The rows that one statement takes: the statements of others come between. */
const most = 1000

/** Keeps the numbers of settled rows from being given again to those that settle later. */
export const keepNumbers = ({ sql }: Ledger, batch: number): Effect.Effect<void, BatchStoreError> =>
  change("kept the numbers of rows")(sql`
    update noukai_batch set settled = ${greatest(sql)}(settled,
      (select coalesce(max(settled_no), 0) from noukai_batch_row where batch = ${batch} and settled_no is not null))
    where id = ${batch}`)

interface StoredRow {
  readonly id: number
  readonly attempt: number
  readonly key: string
  readonly isNumbered: boolean
}

/** Changes the rows of a state, so many at a time; gives how many it changed. */
const changedAll = (
  ledger: Ledger,
  batch: number,
  state: StoredState,
  isMeant: (row: StoredRow) => boolean,
  change: (rows: ReadonlyArray<StoredRow>) => Effect.Effect<unknown, BatchStoreError>
): Effect.Effect<number, BatchStoreError> =>
  Effect.gen(function*() {
    const { sql } = ledger
    let [sum, last, count] = [0, 0, most]
    while (count === most) {
      const rows = yield* doing("read rows")(sql<{ readonly [field in keyof StoredRow]: string }>`
        select id, attempt, key, case when settled_no is null then 0 else 1 end as "isNumbered" from noukai_batch_row
        where batch = ${batch} and state = ${state} and id > ${last} order by id limit ${most}`)
      const meant = rows.map(({ attempt, id, isNumbered, key }) => ({
        id: Number(id),
        attempt: Number(attempt),
        key,
        isNumbered: Number(isNumbered) === 1
      })).filter(isMeant)
      if (meant.length > 0) yield* change(meant)
      count = rows.length
      last = Number(rows[count - 1]?.id ?? 0)
      sum += meant.length
    }
    return sum
  })

/** Makes settled rows pending, each at its next attempt. */
export const retried = (ledger: Ledger, batch: number, state: SettledState, isSelected: IsSelected = () => true) =>
  Effect.zipRight(
    keepNumbers(ledger, batch),
    changedAll(
      ledger,
      batch,
      state,
      ({ key }) => isSelected({ key, state }),
      (rows) => transaction(ledger.sql, "began attempts")(nextAttempts(ledger, rows))
    )
  )

/** Removes rows that could not be sent: their source is asked for them again. */
export const forgetInvalid = (ledger: Ledger, batch: number, isSelected: IsSelected) =>
  Effect.zipRight(
    keepNumbers(ledger, batch),
    changedAll(ledger, batch, "invalid", ({ key }) =>
      isSelected({ key, state: "invalid" }), (rows) =>
      doing("forgot invalid rows")(ledger.sql`
        delete from noukai_batch_row where state = 'invalid' and
          id in (select cast(j.value->>'id' as bigint) from ${each(ledger.sql, rows)})`))
  )

/** Takes the rows of a state to one in which they stay, numbered as those that settle; gives how many. */
const settleAll = (ledger: Ledger, batch: number, from: StoredState, to: SettledState, now: number, error?: string) =>
  changedAll(ledger, batch, from, ({ isNumbered }) => !isNumbered, (rows) =>
    transit(
      ledger,
      batch,
      "",
      rows.map(({ attempt, id }) => ({
        id,
        attempt,
        from: [from],
        to,
        settledAt: now,
        ...(error !== undefined && { error })
      }))
    ))

const wanted: RowError = { kind: "Cancelled", message: "the batch was cancelled before it was sent" }

/** Cancels pending rows, also those that are absent or not selected. */
export const cancelPending = (ledger: Ledger, batch: number, now: number): Effect.Effect<number, BatchStoreError> =>
  Effect.map(
    Effect.forEach(
      ["pending", "absent", "unselected", "waiting"] as const,
      (state) => settleAll(ledger, batch, state, "cancelled", now, JSON.stringify(wanted))
    ),
    Number_.sumAll
  )

/** Numbers the rows that cannot be run among those that are settled. */
export const settleInvalid = (ledger: Ledger, batch: number, now: number): Effect.Effect<void, BatchStoreError> =>
  Effect.asVoid(settleAll(ledger, batch, "invalid", "invalid", now))

/** Removes a batch and all that is known of it. */
export const forgotten = (ledger: Ledger, batch: number): Effect.Effect<void, BatchStoreError> => {
  const { sql } = ledger
  const some = (table: string) =>
    sql`
    delete from ${sql(table)}
    where id in (select id from ${sql(table)} where batch = ${batch} limit ${most}) returning id`
  const all = (table: string) => Effect.repeat(some(table), { until: ({ length }) => length < most })
  return change("forgot a batch")(Effect.zipRight(
    Effect.forEach(["noukai_batch_refused", "noukai_batch_attempt", "noukai_batch_row"], all),
    // the batch last: a crash between leaves one that can be forgotten again
    sql`delete from noukai_batch where id = ${batch}`
  ))
}
