/** The runs that the batches of ledgers believe they ran. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { Expected } from "@effect-noukai/report/Reconcile"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Take from "effect/Take"
import type { Unavailable } from "../RunsApi.js"
import type { StudioLedgers } from "../StudioLedgers.js"
import { fromHere, type Ledger, type Stores, unavailable } from "./ledgerStores.js"

/** The number of runs that are read ahead. */
const ahead = 64

/** The ledger is open while the stream is read. */
const expectedIn = (stores: Stores, ledger: Ledger, batch: string): Stream.Stream<Expected, Unavailable> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const queue = yield* Queue.bounded<Take.Take<Expected, Unavailable>>(ahead)
    const expected = Stream.mapError(Batch.expected(batch), unavailable)
    yield* stores.reading(ledger, Stream.runIntoQueue(expected, queue)).pipe(
      Effect.catchAll((error) => Queue.offer(queue, Take.fail(unavailable(error)))),
      Effect.forkScoped
    )
    return Stream.flattenTake(Stream.fromQueue(queue, { maxChunkSize: 1 }))
  }))

/** Makes the reads of expected runs. */
export const make = (
  stores: Stores,
  batch: StudioLedgers.Service["batch"]
): StudioLedgers.Service["expected"] =>
  Effect.fnUntraced(function*(address) {
    const ledger = yield* stores.named(address.ledger)
    const { retries, rows, states: { invalid = 0, pending = 0 } } = yield* batch(address)
    const sessions = rows - invalid + retries
    return {
      ...ledger.path !== undefined && { file: fromHere(ledger.path) },
      rows,
      sessions,
      runs: sessions - pending,
      all: expectedIn(stores, ledger, address.batch)
    }
  })
