/**
 * A ledger of many rows without a run: they are planned, then settled by the statements of a batch. To make one in a file:
 *
 *     node --conditions=@effect-noukai/source --import tsx packages/studio/test/support/largeLedger.ts <path> <rows>
 */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Noukai } from "@effect-noukai/sdk"
import { Effect, Layer, Redacted } from "effect"
import { fileURLToPath } from "node:url"

export const largeBatch = "large"

const batch = Batch.make({
  id: largeBatch,
  flow: "acme/spelling/grade-3",
  key: (row: { readonly no: number }) => `pupil-${row.no}`,
  input: ({ no }) => ({ message: `Essay ${no}` })
})

function* generated(rows: number): Generator<{ readonly no: number }> {
  for (let no = 1; no <= rows; no++) yield { no }
}

/** How row `no` ended: one in 20 failed, one in 1,000 was reported, the last 1 % are pending. */
export const endOf = (no: number, rows: number) => {
  const state = no > rows * 0.99 ? "pending" : no % 1_000 === 0 ? "reported" : no % 20 === 0 ? "failed" : "done"
  return {
    state,
    durationMs: 100 + (no * 7_919) % 3_000,
    costUsd: `0.00${String((no * 104_729) % 900 + 100)}`,
    error: state === "failed"
      ? {
        kind: "FlowExecutionError",
        code: no % 40 === 0 ? "RATE_LIMITED" : "BAD_INPUT",
        message: `Essay ${no} failed.`
      }
      : state === "reported"
      ? { kind: "ResultNotStored", message: `The result of essay ${no} is not stored.` }
      : undefined
  }
}

/** Plans and settles so many rows in the ledger. */
export const fill = (rows: number) =>
  Effect.gen(function*() {
    // a budget of nothing: rows are planned, and none is sent
    yield* Batch.run(batch, BatchSource.fromIterable(generated(rows)), { budgetUsd: 0, maxCostPerRow: 1 })
    const { sql } = yield* BatchStore
    for (let from = 0; from < rows; from += 1_000) {
      // the same as `endOf`
      yield* sql`
        update noukai_batch_row set
          state = case when no % 1000 = 0 then 'reported' when no % 20 = 0 then 'failed' else 'done' end,
          result = case when no % 20 <> 0 then '{"grade":"A","words":' || (no % 300) || '}' end,
          error = case
            when no % 1000 = 0 then
              '{"kind":"ResultNotStored","message":"The result of essay ' || no || ' is not stored."}'
            when no % 20 = 0 then '{"kind":"FlowExecutionError","code":"' ||
              case when no % 40 = 0 then 'RATE_LIMITED' else 'BAD_INPUT' end || '","message":"Essay ' || no || ' failed."}'
          end,
          duration_ms = 100 + (no * 7919) % 3000, cost_usd = '0.00' || ((no * 104729) % 900 + 100),
          settled_at = 1780000000000 + no, settled_no = no, sent = 1
        where batch = 1 and no > ${from} and no <= ${Math.min(from + 1_000, Math.floor(rows * 0.99))}`
    }
  }).pipe(Effect.provide(Layer.merge(
    BatchEngine.layerLocal,
    Noukai.layer({ apiKey: Redacted.make("nk_large"), baseUrl: "http://127.0.0.1:9" })
  )))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , path, rows] = process.argv
  await Effect.runPromise(Effect.provide(fill(Number(rows)), BatchStore.layerFile(path!)))
}
