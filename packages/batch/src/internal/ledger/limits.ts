/** Limits that all processes share: the rate, and the budget. */
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import * as Money from "../money.js"
import type { Settings } from "./batches.js"
import { change, doing, forUpdate, greatest, type Ledger, microseconds, transaction } from "./ledger.js"

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

const amountOf = (rows: ReadonlyArray<{ readonly reserved_usd: string | null }>): BigDecimal.BigDecimal =>
  BigDecimal.sumAll(rows.map(({ reserved_usd }) => Money.parse(reserved_usd ?? "0")))

/** Reads the money of a batch and locks it: within a transaction alone. */
export const fundsOf = ({ sql }: Ledger, batch: number) =>
  Effect.map(
    sql<{ readonly reserved_usd: string; readonly spent_usd: string }>`
      select reserved_usd, spent_usd from noukai_batch where id = ${batch} ${forUpdate(sql)}`,
    (rows): Funds => ({ reserved: amountOf(rows), spent: Money.parse(rows[0]?.spent_usd ?? "0") })
  )

const keep = ({ sql }: Ledger, batch: number, { reserved, spent }: Funds) =>
  sql`update noukai_batch set reserved_usd = ${Money.print(reserved)}, spent_usd = ${Money.print(spent)}
    where id = ${batch}`

/** Adds a cost and releases its reservation. Requires a transaction. */
export const booked = (ledger: Ledger, batch: number, spent: BigDecimal.BigDecimal, released: BigDecimal.BigDecimal) =>
  change("booked money")(Effect.flatMap(fundsOf(ledger, batch), (funds) =>
    keep(ledger, batch, {
      reserved: BigDecimal.subtract(funds.reserved, released),
      spent: BigDecimal.sum(funds.spent, spent)
    })))

/** Reserves again what was booked for rows that are in flight again. Requires a transaction. */
export const reservedAgain = (ledger: Ledger, batch: number): Effect.Effect<void, BatchStoreError> =>
  doing("booked money")(ledger.sql<{ readonly reserved_usd: string | null }>`
    update noukai_batch_row set cost_usd = null
    where batch = ${batch} and state = 'timedOut' and cost_usd = ${Money.unknown} returning reserved_usd`).pipe(
    Effect.map((rows) => BigDecimal.negate(amountOf(rows))),
    Effect.flatMap((spent) => booked(ledger, batch, spent, spent))
  )

/** The kinds of errors that a run may end with, and a request too: then with a status of 4xx. */
export const runFailures = ["FlowExecutionError", "ToolCallLimitError", "UnexpectedResponseError"]

/**
 * Books costs that are unknown. Once costs are read, those of earlier runs that were not are unknown; with a budget, each
 * counts as the most that a row may cost. If no other process works, it also sums the reservations of rows in flight again,
 * since the sum of the batch may be wrong after a crash.
 */
export const recount = (
  ledger: Ledger,
  batch: number,
  { budgetUsd, cost, maxCostUsd }: Settings,
  isAlone: boolean
): Effect.Effect<void, BatchStoreError> =>
  transaction(ledger.sql, "counted the reservations")(
    change("counted the reservations")(Effect.gen(function*() {
      const { sql } = ledger
      // locked before its rows, as by those that settle rows
      const { reserved, spent } = yield* fundsOf(ledger, batch)
      const ofBatch = sql`batch = ${batch}`
      const isLive = sql.literal("state in ('intent', 'uncertain', 'submitted', 'timedOut')")
      const failed = runFailures.map((kind) => `error like '{"kind":"${kind}"%'`).join(" or ")
      const isUnread = "cost_usd is null and settled_at is not null and "
      const isUnbooked = sql.literal("coalesce(reserved_usd, '0') = '0'")
      const most = budgetUsd && maxCostUsd
      const counted = most === undefined ? null : Money.print(most)
      const unknowns = [
        // apart from those that call functions: SQLite would keep a copy of each changed page in memory
        sql.literal(`${isUnread} (execution_id is not null or state in ('done', 'reported'))`),
        sql.literal(`${isUnread} state = 'failed' and (${failed}) and error not like '%"statusCode":4%'`),
        ...counted === null ? [] : [sql`cost_usd = ${Money.unknown} and settled_at is not null and ${isUnbooked}`]
      ]
      let unknown = 0
      for (const table of cost || counted !== null ? ["noukai_batch_attempt", "noukai_batch_row"] : []) {
        for (const isUnknown of unknowns) {
          const [row] = yield* sql<{ readonly n: number | string }>`
          select count(*) as n from ${sql(table)} where ${ofBatch} and ${isUnbooked} and ${isUnknown}`
          unknown += Number(row!.n)
          yield* sql`update ${sql(table)} set cost_usd = ${Money.unknown},
          reserved_usd = case when ${isUnbooked} then ${counted} else reserved_usd end where ${ofBatch} and ${isUnknown}`
        }
      }
      if (most !== undefined && isAlone) {
        yield* sql`update noukai_batch_row set reserved_usd = ${Money.print(most)}
        where ${ofBatch} and ${isUnbooked} and ${isLive}`
      }
      const live = sql<{ readonly reserved_usd: string | null }>`
      select reserved_usd from noukai_batch_row where ${ofBatch} and ${isLive}`
      yield* keep(ledger, batch, {
        reserved: isAlone ? amountOf(yield* live) : reserved,
        spent: BigDecimal.sum(spent, Money.multiplied(most ?? Money.none, unknown))
      })
    }))
  )
