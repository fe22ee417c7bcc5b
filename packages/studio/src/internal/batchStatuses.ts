/** The statuses of the batches of ledgers, and the totals of their settled rows, as they were read before. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { LedgerError } from "@effect-noukai/batch/BatchError"
import type { BatchInfo, BatchStatus } from "@effect-noukai/batch/BatchStatus"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { NotFound, Unavailable } from "../RunsApi.js"
import type { BatchAddress } from "../StudioLedgers.js"
import { BatchTotals } from "./batchTotals.js"
import { type Ledger, type Stores, unavailable } from "./ledgerStores.js"

/** The number of batches whose totals are kept. */
const keptBatches = 16

/** How long one answer counts settled rows, in milliseconds. The next one goes on. */
const counting = 250

/** How many times longer than a look at a batch that runs the time between two looks is at least. */
export const share = 10

/** Puts an entry last, and removes the first ones of a map that is too large. */
const keep = <A>(map: Map<string, A>, key: string, value: A): void => {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) if (map.size > keptBatches) map.delete(oldest)
}

type Failure = NotFound | Unavailable

const failure = (error: LedgerError | Failure | { readonly _tag: string; readonly message: string }): Failure =>
  Schema.is(NotFound)(error) || Schema.is(Unavailable)(error)
    ? error
    : error._tag === "BatchNotFoundError" || error._tag === "InvalidBatchError"
    ? new NotFound({ message: error.message })
    : unavailable(error)

/** Earlier reads of a batch. */
interface Known {
  readonly createdAt: number
  totals: BatchTotals
  /** When rows were counted last. */
  countedAt: number
  readonly mutex: Effect.Semaphore
}

/** A status, and when it was read. To count a million rows takes a while. */
export interface ReadStatus {
  readonly status: BatchStatus
  readonly signature: string | undefined
  readonly at: number
  readonly took: number
}

export type BatchStatuses = ReturnType<typeof make>

/** Makes the reads that remember. */
export const make = (stores: Stores) => {
  const known = new Map<string, Known>()
  const read = new Map<string, ReadStatus>()

  /** Runs reads of a batch of a ledger. */
  const about = <A, E extends { readonly _tag: string; readonly message: string }>(
    { ledger }: Pick<BatchAddress, "ledger">,
    read: (ledger: Ledger) => Effect.Effect<A, E, BatchStore>
  ): Effect.Effect<A, Failure> =>
    Effect.mapError(
      Effect.flatMap(stores.named(ledger), (found) => stores.reading(found, read(found))),
      (error) => failure(error)
    )

  const infoOf = (batch: string) =>
    Effect.flatMap(Batch.list(batch), (all) => {
      const info = all.find((one) => one.batch === batch)
      return info === undefined
        ? new NotFound({ message: `The ledger has no batch ${JSON.stringify(batch)}.` })
        : Effect.succeed(info)
    })

  const knownOf = ({ batch, ledger }: BatchAddress, { createdAt }: BatchInfo): Known => {
    const key = JSON.stringify([ledger, batch])
    const before = known.get(key)
    const one = before?.createdAt === createdAt
      ? before
      : { createdAt, totals: new BatchTotals(), countedAt: 0, mutex: Effect.unsafeMakeSemaphore(1) }
    keep(known, key, one)
    return one
  }

  /** The status of a batch: as it was, if its file is, or if it runs and was read a moment ago. */
  const statusOf = Effect.fnUntraced(function*({ name, signature }: Ledger, batch: string) {
    const key = JSON.stringify([name, batch])
    const before = read.get(key)
    const at = yield* Clock.currentTimeMillis
    if (before !== undefined) {
      const mayChange = signature === undefined || before.status.status === "running"
      if (mayChange ? at - before.at < before.took * share : signature === before.signature) return before
    }
    const status = yield* Batch.status(batch)
    const now = { status, signature, at, took: (yield* Clock.currentTimeMillis) - at }
    keep(read, key, now)
    return now
  })

  /** Counts rows that have settled since, for a while: the next answer goes on. */
  const counted = Effect.fnUntraced(
    function*(address: BatchAddress, info: BatchInfo, { at, status }: ReadStatus) {
      const one = knownOf(address, info)
      const count = Effect.gen(function*() {
        if (at >= one.countedAt && one.totals.isOutdated(status.states)) one.totals = new BatchTotals()
        const end = (yield* Clock.currentTimeMillis) + counting
        for (;;) {
          const rows = yield* Batch.settled(address.batch, one.totals.settledNo)
          one.countedAt = yield* Clock.currentTimeMillis
          one.totals.add(rows, one.countedAt)
          if (one.totals.hasTwice) one.totals = new BatchTotals()
          else if (rows.length === 0 || one.countedAt >= end) return one.totals
          yield* Effect.yieldNow()
        }
      })
      return yield* one.mutex.withPermits(1)(count)
    }
  )

  return { about, counted, infoOf, statusOf }
}
