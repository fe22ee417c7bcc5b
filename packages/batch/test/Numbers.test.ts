/** Numbers of options: a wrong one is refused before anything is sent, and is never taken for another one. */
import { Batch, BatchReport, BatchSource } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { collect, echoing, layer, numbered } from "./support/batches.js"

const negative = [NaN, -1, -Infinity] as const
const endless = [...negative, Infinity, Number("1e400")] as const
const uncounted = [...endless, 0.5] as const

const options: { readonly [field in keyof Batch.RunOptions]?: ReadonlyArray<number> } = {
  concurrency: [...uncounted, 0],
  fleetConcurrency: [...uncounted, 0],
  attempts: [...uncounted, 0],
  maxFailures: uncounted,
  rate: [...endless, 0],
  budgetUsd: endless,
  maxCostPerRow: [...endless, 0],
  backoff: endless,
  grace: [...endless, 0],
  stopWithin: endless,
  rowTimeout: [...negative, 0],
  pendingTimeout: [...negative, 0]
}

describe("flags of a batch", () => {
  it.live("are refused before anything is sent if they are texts, which would count as true", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      for (const value of ["no", 0, null] as const) {
        const wrong = value as never
        const errors = yield* Effect.all({
          adopt: Effect.flip(Batch.run(echoing("flags"), numbered(1), { adopt: wrong })),
          cost: Effect.flip(Batch.run(echoing("flags"), numbered(1), { cost: wrong })),
          acceptDoubleRuns: Effect.flip(Batch.retry("flags", { only: "reported", acceptDoubleRuns: wrong })),
          withInput: Effect.flip(collect(Batch.results("flags", { withInput: wrong }))),
          follow: Effect.flip(collect(Batch.results("flags", { order: "done", follow: wrong }))),
          withDocuments: Effect.flip(Batch.page("flags", { withDocuments: wrong })),
          spreadsheet: Effect.flip(collect(BatchReport.csv(Stream.empty, { spreadsheet: wrong })))
        })
        for (const [field, error] of Object.entries(errors)) {
          assert.include(error.message, `${field} must be true or false`)
        }
      }
      assert.deepStrictEqual((yield* emulator.ledger).requests, [])
    }).pipe(Effect.provide(layer())))
})

describe("numbers of a batch", () => {
  it.live("are refused before anything is sent", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      for (const [field, values] of Object.entries(options)) {
        for (const value of values) {
          const error = yield* Effect.flip(
            Batch.run(echoing("numbers"), numbered(1), { maxCostPerRow: 1, [field]: value })
          )
          assert.deepStrictEqual(
            [error._tag, "field" in error && error.field],
            ["InvalidBatchError", field],
            `${value}`
          )
        }
      }
      for (const maxInputBytes of [...uncounted, 0]) {
        const batch = Batch.make({ id: "bytes", flow: "a/b/c", key: String, input: () => ({}), maxInputBytes })
        assert.deepInclude(yield* Effect.flip(Batch.run(batch, BatchSource.fromIterable(["a"]))), {
          field: "maxInputBytes"
        })
      }
      for (const value of [...uncounted, 0]) {
        const bytes = BatchSource.fromJsonl("absent.jsonl", { maxLineBytes: value })
        assert.include(String(yield* Effect.flip(collect(bytes.rows))), "maxLineBytes must be a whole number")
        const csv = BatchSource.fromCsv("absent.csv", { maxRecordBytes: value })
        assert.include(String(yield* Effect.flip(collect(csv.rows))), "maxRecordBytes must be a whole number")
      }
      assert.deepStrictEqual((yield* emulator.ledger).requests, [])
      yield* Batch.run(echoing("numbers"), numbered(1), { grace: 300 })
      for (const field of ["after", "before", "limit"] as const) {
        for (const value of uncounted) {
          assert.deepInclude(yield* Effect.flip(Batch.page("numbers", { [field]: value })), { field })
        }
      }
      assert.deepInclude(yield* Effect.flip(Batch.page("numbers", { numbers: [0.5] })), { field: "numbers" })
      for (const value of uncounted) {
        assert.deepInclude(yield* Effect.flip(Batch.settled("numbers", value)), { field: "after" })
      }
      for (const value of endless) {
        const append = BatchReport.append("none/numbers.jsonl", { after: () => Stream.empty, syncInterval: value })
        assert.include(String(yield* Effect.flip(append)), "syncInterval must be a duration")
      }
      assert.deepInclude(yield* Effect.flip(collect(Batch.results("numbers", { order: "done", after: NaN }))), {
        field: "after"
      })
    }).pipe(Effect.provide(layer())))
})
