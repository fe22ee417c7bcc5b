/** Limits that all processes share: the rate, and the budget. */
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import * as Money from "../money.js"
import { doing, forUpdate, greatest, type Ledger, microseconds, transaction } from "./ledger.js"

/** The first of some turns of a rate. */
export interface FirstTurn {
  /** Its moment, on the clock of the database, in milliseconds since 1970. */
  readonly at: number
  /** The time of that clock. */
  readonly now: number
}

/**
 * Takes turns of a rate on the clock of the database: a first one, and others that follow it at intervals. A turn that is
 * not used is lost.
 */
export const turns = ({ sql }: Ledger, name: string, intervalMicros: number, count: number) => {
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

/** The money of a batch, in US dollars. */
interface Funds {
  readonly reserved: BigDecimal.BigDecimal
  readonly spent: BigDecimal.BigDecimal
}

/** Changes the money of a batch, which is read before: within a transaction alone. */
function changed<A>(
  { sql }: Ledger,
  batch: number,
  change: (funds: Funds) => readonly [Funds, A]
): Effect.Effect<A | undefined, BatchStoreError> {
  return doing("booked money")(Effect.gen(function*() {
    const [row] = yield* sql<{ readonly reserved_usd: string; readonly spent_usd: string }>`
      select reserved_usd, spent_usd from noukai_batch where id = ${batch} ${forUpdate(sql)}`
    if (row === undefined) return undefined
    const [{ reserved, spent }, value] = change({
      reserved: Money.parse(row.reserved_usd),
      spent: Money.parse(row.spent_usd)
    })
    yield* sql`
      update noukai_batch set reserved_usd = ${Money.print(reserved)}, spent_usd = ${Money.print(spent)}
      where id = ${batch}`
    return value
  }))
}

/** Adds a cost and releases its reservation. Requires a transaction. */
export const booked = (ledger: Ledger, batch: number, spent: BigDecimal.BigDecimal, released: BigDecimal.BigDecimal) =>
  Effect.asVoid(changed(ledger, batch, (funds) => [{
    reserved: BigDecimal.subtract(funds.reserved, released),
    spent: BigDecimal.sum(funds.spent, spent)
  }, undefined]))

/** Reserves an amount for as many rows as the budget allows, at most `count`; returns their number. */
export const reserve = (
  ledger: Ledger,
  batch: number,
  each: BigDecimal.BigDecimal,
  count: number,
  budget: BigDecimal.BigDecimal
): Effect.Effect<number, BatchStoreError> =>
  transaction(ledger.sql, "reserved money")(Effect.map(
    changed(ledger, batch, ({ reserved, spent }) => {
      const rows = Money.times(each, BigDecimal.subtract(budget, BigDecimal.sum(reserved, spent)), count)
      return [{ reserved: BigDecimal.sum(reserved, Money.multiplied(each, rows)), spent }, rows]
    }),
    (rows = 0) => rows
  ))

/** Gives back an amount that was reserved and not used, for so many rows. */
export const release = (ledger: Ledger, batch: number, each: BigDecimal.BigDecimal, count: number) =>
  count === 0
    ? Effect.void
    : transaction(ledger.sql, "gave back money")(booked(ledger, batch, Money.none, Money.multiplied(each, count)))

/** Sums the reservations of rows in flight again, since the sum of the batch may be wrong after a crash. */
export const recount = (ledger: Ledger, batch: number): Effect.Effect<void, BatchStoreError> =>
  transaction(ledger.sql, "counted the reservations")(Effect.gen(function*() {
    const rows = yield* doing("counted the reservations")(ledger.sql<{ readonly reserved_usd: string | null }>`
      select reserved_usd from noukai_batch_row
      where batch = ${batch} and state in ('intent', 'uncertain', 'submitted', 'timedOut')`)
    const reserved = rows.reduce(
      (sum, { reserved_usd }) => reserved_usd === null ? sum : BigDecimal.sum(sum, Money.parse(reserved_usd)),
      Money.none
    )
    yield* changed(ledger, batch, ({ spent }) => [{ reserved, spent }, undefined])
  }))
