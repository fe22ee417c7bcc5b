/** Limits that all processes share: the rate, and the budget. */
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import { doing, greatest, type Ledger, microseconds } from "./ledger.js"

/** The first of some turns of a rate. @internal */
export interface FirstTurn {
  /** Its moment, on the clock of the database, in milliseconds since 1970. */
  readonly at: number
  /** The time of that clock. */
  readonly now: number
}

/**
 * Takes turns of a rate on the clock of the database: a first one, and others that follow it at intervals. A turn that is
 * not used is lost.
 *
 * @internal
 */
export const turns = (
  { sql }: Ledger,
  name: string,
  intervalMicros: number,
  count: number
): Effect.Effect<FirstTurn, BatchStoreError> => {
  const now = microseconds(sql)
  const taken = Math.round(intervalMicros * count)
  return Effect.map(
    doing("took turns of a rate")(sql<{ readonly at: number | string; readonly now: number | string }>`
      insert into noukai_batch_rate (name, next_at) values (${name}, ${now} + ${taken})
      on conflict (name) do update set next_at = ${greatest(sql)}(noukai_batch_rate.next_at, ${now}) + ${taken}
      returning next_at - ${taken} as at, ${now} as now`),
    ([row]) => ({ at: Number(row!.at) / 1000, now: Number(row!.now) / 1000 })
  )
}

/** Reserves money of a budget, all or nothing, in billionths of a US dollar. @internal */
export const reserve = (
  { sql }: Ledger,
  batch: number,
  amount: number,
  budget: number
): Effect.Effect<boolean, BatchStoreError> =>
  Effect.map(
    doing("reserved money")(sql`
      update noukai_batch set reserved = reserved + ${amount}
      where id = ${batch} and spent + reserved + ${amount} <= ${budget} returning id`),
    (rows) => rows.length > 0
  )

/** Gives back what was reserved and not used. @internal */
export const release = ({ sql }: Ledger, batch: number, amount: number): Effect.Effect<void, BatchStoreError> =>
  amount === 0
    ? Effect.void
    : Effect.asVoid(
      doing("gave back money")(sql`update noukai_batch set reserved = reserved - ${amount} where id = ${batch}`)
    )

/** Sums what was spent and is reserved, from the rows: after a crash the batch may say otherwise. @internal */
export const recount = ({ sql }: Ledger, batch: number): Effect.Effect<void, BatchStoreError> =>
  Effect.asVoid(
    doing("counted what was spent")(sql`
    update noukai_batch set
      reserved = (select coalesce(sum(reserved), 0) from noukai_batch_row
        where batch = ${batch} and state in ('intent', 'uncertain', 'submitted')),
      spent = (select coalesce(sum(spent), 0) from noukai_batch_row where batch = ${batch})
    where id = ${batch}`)
  )
