/** Numbers of options: a wrong one is refused before anything is sent, and is never taken for another one. */
import { Batch, BatchReport, BatchSource } from "@effect-noukai/batch"
import { layerCluster, layerRunner } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { batchResults, type BatchResultsOptions, runBatch, type RunBatchOptions } from "@effect-noukai/batch/promise"
import { Emulator } from "@effect-noukai/emulator"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Layer, Option, Redacted, type Scope, Stream } from "effect"
import { collect, echoing, layer, ledgerFile, numbered } from "./support/batches.js"

const any = (value: unknown) => value as never

/** Values that no number, amount or time has. */
const never = [NaN, -1, -Infinity, null, "", "many", true, {}, []] as const
const amounts = [...never, Infinity, Number("1e400"), "-1", "1e400", "NaN", 1e21] as const
const counts = [...never, Infinity, 0.5, 1e21, "5", 5n] as const
const times = [...never, "5", "-1 second", " -1 second", -1n, [-1, 0], [0, -1], [NaN, 0], "5 lightyears"] as const
const endless = [Infinity, "Infinity", Duration.infinity] as const

/** The wrong values of each option of a run. */
const options: { readonly [field in keyof Batch.RunOptions]?: ReadonlyArray<unknown> } = {
  concurrency: [...counts, 0, 10_001],
  fleetConcurrency: [...counts, 0],
  attempts: [...counts, 0, 101],
  maxFailures: counts,
  rate: [...never, Infinity, 0, 1e21, "5", [5], { limit: 1, interval: 1 }],
  budgetUsd: amounts,
  maxCostPerRow: [...amounts, 0, "0"],
  backoff: [...times, ...endless],
  grace: [...times, ...endless, 0, 99],
  stopWithin: [...times, ...endless],
  rowTimeout: [...times, 0, "0 seconds"],
  pendingTimeout: [...times, 0]
}

const client = { apiKey: "nk_test_unused", env: "dev", port: 9 } as const

const promised: Omit<RunBatchOptions<string>, "ledger"> = {
  ...client,
  id: "numbers",
  flow: "a/b/c",
  source: ["a"],
  key: (row) => row,
  input: () => ({}),
  maxCostPerRow: 1
}

/** Each other input with a number: the options, their wrong values, and a call with one of them. */
const inputs: ReadonlyArray<
  readonly [
    name: string,
    fields: { readonly [field: string]: ReadonlyArray<unknown> },
    call: (
      options: object
    ) => Effect.Effect<unknown, unknown, Layer.Layer.Success<ReturnType<typeof layer>> | Scope.Scope>
  ]
> = [
  ["Batch.run", options, (given) => Batch.run(echoing("numbers"), numbered(1), { maxCostPerRow: 1, ...given })],
  [
    "Batch.make",
    { maxInputBytes: [...counts, 0], version: [...counts.filter((value) => value !== "many"), "many"] },
    (given) =>
      Batch.run(
        Batch.make(any({ id: "bytes", flow: "a/b/c", key: String, input: () => ({}), ...given })),
        BatchSource.fromIterable(["a"])
      ) as never
  ],
  [
    "BatchSource.fromJsonl",
    { maxLineBytes: [...counts, 0] },
    (given) => collect(BatchSource.fromJsonl("absent.jsonl", given).rows)
  ],
  [
    "BatchSource.fromCsv",
    { maxRecordBytes: [...counts, 0] },
    (given) => collect(BatchSource.fromCsv("absent.csv", given).rows)
  ],
  [
    "Batch.page",
    { after: counts, before: counts, limit: counts, numbers: [null, 1, "1", [NaN], [0.5], [-1], ["5"], [null]] },
    (given) => Batch.page("known", given)
  ],
  ["Batch.results", { after: counts }, (given) => collect(Batch.results("known", { order: "done", ...given }))],
  ["Batch.settled", { after: counts }, (given) => Batch.settled("known", any(Object.values(given)[0]))],
  [
    "BatchReport.append",
    { syncInterval: [...times, ...endless] },
    (given) => BatchReport.append("none/numbers.jsonl", { after: () => Stream.empty, ...given })
  ],
  [
    "Postgres.client",
    { maxConnections: [...counts, 0], connectTimeout: times },
    (given) =>
      Effect.scoped(
        Layer.build(Postgres.client({ url: Redacted.make("postgres://nobody@127.0.0.1:9/none"), ...given }))
      )
  ],
  [
    "layerCluster",
    { lanes: [...counts, 0, 1025], lease: [...times, ...endless, 0, "2 seconds", 1e21] },
    (given) => built(layerCluster(given))
  ],
  [
    "layerRunner",
    { lanes: [...counts, 0, 1025], lease: [...times, ...endless, 0, 1e21], port: [...counts, 0, 65_536] },
    (given) => built(layerRunner({ host: "127.0.0.1", ...given }))
  ],
  [
    "runBatch",
    { ...options, port: [...counts, 65_536], maxRetries: counts, timeout: never, maxInputBytes: [...counts, 0] },
    (given) =>
      Effect.flatMap(ledgerFile, (ledger) =>
        Effect.tryPromise({
          try: () => runBatch(any({ ...promised, ledger, ...given })),
          catch: (error) => error
        }))
  ],
  [
    "batchResults",
    { after: counts },
    (given) =>
      Effect.flatMap(ledgerFile, (ledger) =>
        Effect.tryPromise({
          try: async () => {
            const read: BatchResultsOptions = { id: "known", ledger, order: "done", ...given }
            for await (const row of batchResults(read)) return row
            return undefined
          },
          catch: (error) => error
        }))
  ]
]

/** A database that nobody asks. */
const noDatabase = Layer.succeed(SqlClient, any({}))

const built = <E, R>(cluster: Layer.Layer<never, E, R>) =>
  Effect.scoped(Layer.build(Layer.provide(cluster, noDatabase) as Layer.Layer<never, E>))

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
          assert.include(error.message, `${field} must ${value === null ? "not be null" : "be true or false"}`)
        }
      }
      assert.deepStrictEqual((yield* emulator.ledger).requests, [])
    }).pipe(Effect.provide(layer())))
})

describe("numbers of a batch", () => {
  for (const [name, fields, call] of inputs) {
    it.live(
      `of ${name} are refused before anything is sent: ${Object.keys(fields).join(", ")}`,
      () =>
        Effect.gen(function*() {
          yield* Batch.run(echoing("known"), numbered(1), { grace: 300 })
          const emulator = yield* Emulator
          const before = (yield* emulator.ledger).requests.length
          const taken: Array<string> = []
          for (const [field, values] of Object.entries(fields)) {
            for (const value of values) {
              const exit = yield* Effect.exit(Effect.scoped(call({ [field]: value })))
              const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
              const { field: named, message } = (error ?? {}) as { readonly field?: string; readonly message?: string }
              if (named !== field && !String(message).includes(field)) {
                taken.push(`${field} = ${Array.isArray(value) ? `[${value.join()}]` : String(value)}: ${message}`)
              }
            }
          }
          assert.deepStrictEqual(taken, [])
          assert.strictEqual((yield* emulator.ledger).requests.length, before)
        }).pipe(Effect.provide(layer()))
    )
  }
})
