/**
 * One act on a ledger: `<act> <ledger> <rows> <bytes of a row>`. The ledger is a file, or a PostgreSQL if it is a URL. Prints
 * how long the act took, in milliseconds, and the peak memory of the process, in MiB, as JSON.
 *
 * `finish` plans rows and marks them as done, `plan` plans them again, `results` reads all results in the
 * order of the input, `forget` removes the batch.
 */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import * as Postgres from "@effect-noukai/batch/postgres"
import { Noukai } from "@effect-noukai/sdk"
import { Effect, Layer, Redacted, Stream } from "effect"

const [act, ledger, count, bytes] = process.argv.slice(2)
const rows = Number(count)
const text = "x".repeat(Number(bytes))

const batch = Batch.make({
  id: "bench",
  flow: "noukai/samples/echo",
  key: (row: { readonly no: number }) => `row-${row.no}`,
  input: ({ no }) => ({ message: `${no} ${text}` })
})

function* generated(): Generator<{ readonly no: number }> {
  for (let no = 1; no <= rows; no++) yield { no }
}

// a budget of nothing: rows are planned, and none is sent
const planned = Batch.run(batch, BatchSource.fromIterable(generated()), { budgetUsd: 0, maxCostPerRow: 1 })

const finish = Effect.gen(function*() {
  yield* planned
  const { sql } = yield* BatchStore
  for (let no = 0; no < rows; no += 1000) {
    yield* sql`
      update noukai_batch_row set state = 'done', result = ${
      JSON.stringify({ said: text })
    }, settled_at = 1, settled_no = no
      where batch in (select id from noukai_batch) and no > ${no} and no <= ${no + 1000}`
  }
})

const acts: { readonly [act: string]: Effect.Effect<unknown, unknown, Effect.Effect.Context<typeof planned>> } = {
  finish,
  plan: planned,
  results: Stream.runCount(Batch.results("bench")),
  forget: Batch.forget("bench")
}

const store = /^postgres/.test(ledger!)
  ? Postgres.layer({ url: Redacted.make(ledger!) })
  : BatchStore.layerFile(ledger!)

await Effect.runPromise(Effect.provide(
  Effect.gen(function*() {
    const began = performance.now()
    yield* acts[act!]!
    const took = performance.now() - began
    process.stdout.write(JSON.stringify({ took, peak: process.resourceUsage().maxRSS / 1024 }))
  }),
  Layer.mergeAll(
    store,
    BatchEngine.layerLocal,
    Noukai.layer({ apiKey: Redacted.make("nk_bench"), baseUrl: "http://127.0.0.1:9" })
  )
))
