/** Limits that all processes share: the rate, and the budget. */
import type * as Statement from "@effect/sql/Statement"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import * as Money from "../money.js"
import type { Settings } from "./batches.js"
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

/**
 * Sums the reservations of rows in flight again, since the sum of the batch may be wrong after a crash. Once costs are read,
 * those of earlier runs that were not are unknown. With a budget, each counts as the most that a row may cost.
 */
export const recount = (
  ledger: Ledger,
  batch: number,
  { budgetUsd, cost, maxCostUsd }: Settings
): Effect.Effect<void, BatchStoreError> =>
  transaction(ledger.sql, "counted the reservations")(Effect.flatMap(
    doing("counted the reservations")(Effect.gen(function*() {
      const { sql } = ledger
      const ofBatch = sql`batch = ${batch}`
      const isLive = sql.literal("state in ('intent', 'uncertain', 'submitted', 'timedOut')")
      const isUnread = sql.literal(
        "cost_usd is null and settled_at is not null and (state in ('done', 'reported') or execution_id is not null)"
      )
      const isUnknown = sql`cost_usd = ${Money.unknown}`
      const isUnbooked = sql.literal("coalesce(reserved_usd, '0') = '0'")
      const most = budgetUsd && maxCostUsd
      const count = (table: string, where: Statement.Fragment) =>
        Effect.map(
          sql<{ readonly n: number | string }>`select count(*) as n from ${sql(table)} where ${ofBatch} and ${where}`,
          ([row]) => Number(row!.n)
        )
      const ofAttempts = yield* count("noukai_batch_attempt", isUnread)
      for (const table of cost || most !== undefined ? ["noukai_batch_attempt", "noukai_batch_row"] : []) {
        yield* sql`update ${sql(table)} set cost_usd = ${Money.unknown} where ${ofBatch} and ${isUnread}`
      }
      const ofRows = yield* count("noukai_batch_row", sql`${isUnknown} and ${isUnbooked}`)
      if (most !== undefined) {
        yield* sql`update noukai_batch_row set reserved_usd = ${Money.print(most)}
          where ${ofBatch} and ${isUnbooked} and (${isUnknown} or ${isLive})`
      }
      const rows = yield* sql<{ readonly reserved_usd: string | null }>`
        select reserved_usd from noukai_batch_row where ${ofBatch} and ${isLive}`
      const reserved = BigDecimal.sumAll(rows.map(({ reserved_usd }) => Money.parse(reserved_usd ?? "0")))
      return { reserved, more: Money.multiplied(most ?? Money.none, ofAttempts + ofRows) }
    })),
    ({ more, reserved }) =>
      Effect.asVoid(
        changed(ledger, batch, ({ spent }) => [{ reserved, spent: BigDecimal.sum(spent, more) }, undefined])
      )
  ))
