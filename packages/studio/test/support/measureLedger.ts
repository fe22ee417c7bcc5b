/**
 * Measures the reads of a studio of one large batch, made by `largeLedger.ts`: how long each takes, and the longest turn of the
 * event loop, as processor time: the machine may do much else.
 *
 *     node --conditions=@effect-noukai/source --import tsx packages/studio/test/support/measureLedger.ts <folder> <ledger>
 */
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { Chunk, Effect, Layer, Stream } from "effect"
import { largeBatch } from "./largeLedger.js"

const [, , folder, ledger] = process.argv

/** The longest stretch of processor time in milliseconds between two turns of the event loop, until it is stopped. */
const longestTurn = () => {
  let [longest, isOver, last] = [0, false, process.cpuUsage()]
  const turn = () => {
    const { system, user } = process.cpuUsage(last)
    longest = Math.max(longest, (user + system) / 1_000)
    last = process.cpuUsage()
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    isOver = true
    turn()
    return longest
  }
}

const measured = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const stop = longestTurn()
    const [before, cpu] = [performance.now(), process.cpuUsage()]
    const value = yield* effect
    const took = performance.now() - before
    const { system, user } = process.cpuUsage(cpu)
    const processor = `${((user + system) / 1_000).toFixed(0)} ms of the processor, ${
      stop().toFixed(0)
    } ms in the longest turn`
    console.log(`${name}: ${took.toFixed(0)} ms; ${processor}`)
    return value
  })

await Effect.runPromise(
  Effect.gen(function*() {
    const ledgers = yield* StudioLedgers
    const address = { ledger: ledger!, batch: largeBatch }
    const { batches } = yield* measured("the list of batches", ledgers.batches)
    yield* measured("the list again", ledgers.batches)
    const { rows } = batches.find((one) => one.ledger === ledger)!
    yield* measured("the first detail", ledgers.batch(address))
    const details = yield* measured("until all rows are counted", Stream.runCollect(ledgers.watch(address)))
    const last = Chunk.unsafeLast(details)
    console.log(`  ${last.counted} rows are counted, in ${details.length} parts`)
    yield* measured("the detail again", ledgers.batch(address))
    const half = Math.floor(rows / 2)
    const error = last.errors[0]!.error
    const filters = [
      {},
      { after: half },
      { before: 999_999_999 },
      { state: "failed", after: half },
      { state: "done", before: half },
      { state: "doubtful" },
      { state: "pending", before: 999_999_999 },
      { error },
      { error, after: half },
      { key: `pupil-${half}` },
      { key: `*${half}*` },
      { key: `*${half}*`, state: "failed" },
      { key: "pupil-*", after: half },
      { key: "pupil-*", after: half + 50 },
      { key: "pupil-*", error, after: half }
    ]
    for (const filter of filters) {
      const page = yield* measured(`rows ${JSON.stringify(filter)}`, ledgers.rows(address, { limit: 50, ...filter }))
      console.log(`  ${page.rows.length} rows`)
    }
    yield* measured("one row", ledgers.row(address, `pupil-${half}`))
  }).pipe(Effect.provide(Layer.orDie(LedgerSource.layer({ folder: folder! }))))
)
