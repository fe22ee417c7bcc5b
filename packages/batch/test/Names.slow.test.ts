/** A misspelt option of any input is refused before anything is sent or written. */
import { Batch, BatchReport, BatchSource, BatchStore } from "@effect-noukai/batch"
import { layerCluster, layerRunner } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { batchResults, runBatch } from "@effect-noukai/batch/promise"
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { Effect, Layer, Redacted, Stream } from "effect"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { client, echo, echoing, flows, numbered, type Row } from "./support/batches.js"

let folder: string
let emulator: RunningEmulator

beforeAll(async () => {
  folder = await Fs.mkdtemp(join(tmpdir(), "noukai-names-"))
  emulator = await startEmulator({ flows: flows!, jobs: { workers: 16 } })
})

afterAll(async () => {
  await emulator.close()
  await Fs.rm(folder, { recursive: true, force: true })
})

const any = (value: unknown) => value as never

const engine = Layer.suspend(() => {
  const store = BatchStore.layerFile(join(folder, "effects.ledger"))
  return Layer.mergeAll(store, Layer.provide(layerLocal, store), client())
})

const layerLocal = Layer.unwrapEffect(
  Effect.map(Effect.promise(() => import("@effect-noukai/batch")), ({ BatchEngine }) => BatchEngine.layerLocal)
)

const refusal = (effect: Effect.Effect<unknown, unknown, unknown>): Promise<unknown> =>
  Effect.runPromise(Effect.flip(Effect.scoped(Effect.provide(effect as Effect.Effect<unknown, unknown>, engine))))

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => assert.fail("it did not reject"), (error: unknown) => error)

const batch = echoing("names")

const rows = Stream.empty

const store = BatchStore.layerFile("none.ledger")

const side = { ledger: store }

const effects: ReadonlyArray<
  readonly [name: string, call: () => Effect.Effect<unknown, unknown, unknown>, field: string, meant: string]
> = [
  ["make", () => Batch.run(Batch.make(any({ ...batch, operaton: "execute" })), numbered(2)), "operaton", "operation"],
  ["make, planned", () => Batch.plan(Batch.make(any({ ...batch, verson: 2 })), numbered(2)), "verson", "version"],
  ["plan", () => Batch.plan(batch, numbered(2), any({ selct: {} })), "selct", "select"],
  ["plan", () => Batch.plan(batch, numbered(2), any({ select: { keys: "a" } })), "select.keys", "key"],
  ["run", () => Batch.run(batch, numbered(2), any({ budgetUSD: 1 })), "budgetUSD", "budgetUsd"],
  ["run", () => Batch.run(batch, numbered(2), any({ maxFailure: 1 })), "maxFailure", "maxFailures"],
  ["run", () => Batch.run(batch, numbered(2), any({ concurency: 1 })), "concurency", "concurrency"],
  ["run", () => Batch.run(batch, numbered(2), any({ max_cost_per_row: 1 })), "max_cost_per_row", "maxCostPerRow"],
  ["run", () => Batch.run(batch, numbered(2), any({ select: { stat: "failed" } })), "select.stat", "state"],
  ["results", () => Stream.runDrain(Batch.results("names", any({ folow: true }))), "folow", "follow"],
  ["page", () => Batch.page("names", any({ limits: 2 })), "limits", "limit"],
  ["retry", () => Batch.retry("names", any({ only: "failed", selekt: {} })), "selekt", "select"],
  ["diff", () => Stream.runDrain(Batch.diff(any({ ...side, bach: "a" }), side)), "bach", "batch"],
  ["diff", () => Stream.runDrain(Batch.diff(side, any({ ...side, bach: "a" }))), "bach", "batch"],
  ["csv", () => Stream.runDrain(BatchReport.csv(rows, any({ spreadsheets: true }))), "spreadsheets", "spreadsheet"],
  [
    "append",
    () => BatchReport.append(join(folder, "new.jsonl"), any({ after: () => rows, syncIntervall: 1 })),
    "syncIntervall",
    "syncInterval"
  ],
  ["toFolder", () => BatchReport.toFolder(join(folder, "new"), any({ rows, refusd: rows })), "refusd", "refused"],
  [
    "fromJsonl",
    () => Batch.run(batch, BatchSource.fromJsonl("a", any({ maxLineByte: 1 }))),
    "maxLineByte",
    "maxLineBytes"
  ],
  ["fromCsv", () => Batch.run(batch, any(BatchSource.fromCsv("a", any({ delimeter: ";" })))), "delimeter", "delimiter"],
  [
    "fromJsonlBytes",
    () => Batch.run(batch, BatchSource.fromJsonlBytes(Stream.empty, "a", any({ maxLineByte: 1 }))),
    "maxLineByte",
    "maxLineBytes"
  ],
  [
    "fromCsvBytes",
    () => Batch.run(batch, any(BatchSource.fromCsvBytes(Stream.empty, "a", any({ colums: [] })))),
    "colums",
    "columns"
  ],
  ["layerCluster", () => Layer.build(layerCluster(any({ lane: 2 }))), "lane", "lanes"],
  ["layerRunner", () => Layer.build(layerRunner(any({ host: "a", prot: 2 }))), "prot", "port"],
  [
    "postgres",
    () => Layer.build(Postgres.layer(any({ url: Redacted.make("postgres://127.0.0.1:1/a"), maxConnection: 1 }))),
    "maxConnection",
    "maxConnections"
  ],
  [
    "postgres client",
    () => Layer.build(Postgres.client(any({ url: Redacted.make("postgres://127.0.0.1:1/a"), maxConnection: 1 }))),
    "maxConnection",
    "maxConnections"
  ]
]

const list = [{ id: "1" }, { id: "2" }]

/** Values of another kind than the one of an argument, and the argument that the error names. */
const others: ReadonlyArray<
  readonly [name: string, call: () => Effect.Effect<unknown, unknown, unknown>, words: string]
> = [
  ...[undefined, null, list, {}, "rows.jsonl", Stream.make(...list), Promise.resolve(list)].flatMap((value) => [
    ["the source of run", () => Batch.run(batch, any(value)), "source must be made by BatchSource"] as const,
    ["the source of plan", () => Batch.plan(batch, any(value)), "source must be made by BatchSource"] as const
  ]),
  ...[undefined, null, {}, { id: "a" }, "names"].flatMap((value) => [
    ["the batch of run", () => Batch.run(any(value), numbered(2)), "batch must be made by Batch.make"] as const,
    ["the batch of plan", () => Batch.plan(any(value), numbered(2)), "batch must be made by Batch.make"] as const
  ]),
  ...["failed", ["failed"], 1, new Map()].flatMap((select) => [
    ["the selection of run", () => Batch.run(batch, numbered(2), any({ select })), "select must be an object"] as const,
    [
      "the selection of retry",
      () => Batch.retry("names", any({ only: "done", acceptDoubleRuns: true, select })),
      "select must be an object"
    ] as const
  ]),
  ...["names", [undefined], [{ id: "names" }]].map((batches) =>
    [
      "the batches of layerRunner",
      () => Effect.scoped(Layer.build(layerRunner({ host: "127.0.0.1", batches: any(batches) }))),
      "batches must be a list of batches"
    ] as const
  ),
  ["the options of layerCluster", () => Effect.scoped(Layer.build(layerCluster(any(null)))), "must be an object"],
  ...[undefined, null, "names", [], new Map()].flatMap((value) => [
    [
      "the options of make",
      () => Batch.run(Batch.make(any(value)), numbered(2)),
      "options must be an object"
    ] as const,
    [
      "the options of make, planned",
      () => Batch.plan(Batch.make(any(value)), numbered(2)),
      "options must be an object"
    ] as const,
    [
      "the options of make, read",
      () => Stream.runDrain(Batch.results(Batch.make(any(value)))),
      "must be an object"
    ] as const,
    ["the options of retry", () => Batch.retry("names", any(value)), "options must be an object"] as const,
    [
      "the options of layerRunner",
      () => Effect.scoped(Layer.build(layerRunner(any(value)))),
      "must be an object"
    ] as const,
    [
      "the options of postgres",
      () => Effect.scoped(Layer.build(Postgres.client(any(value)))),
      "must be an object"
    ] as const,
    [
      "the options of runBatch",
      () => Effect.tryPromise({ try: () => runBatch(any(value)), catch: (error) => error }),
      "must be an object"
    ] as const,
    [
      "the options of batchResults",
      () => Effect.tryPromise({ try: () => batchResults(any(value)).next(), catch: (error) => error }),
      "must be an object"
    ] as const
  ]),
  ["options that cannot be read", () =>
    Batch.run(
      Batch.make(any({
        get id() {
          throw new Error("no")
        }
      })),
      numbered(2)
    ), "id cannot be read"],
  ["rows", () => Batch.plan(batch, BatchSource.fromIterable(any(Promise.resolve([])))), "must be an iterable"],
  ["a stream", () => Batch.plan(batch, BatchSource.fromStream(any(list))), "must be a stream"],
  ["a path", () => Batch.plan(batch, any(BatchSource.fromJsonl(any(undefined)))), "path must be a text"],
  ["a path", () => Batch.plan(batch, any(BatchSource.fromCsv(any(new URL("file:///a.csv"))))), "path must be a text"],
  [
    "columns",
    () => Batch.plan(batch, any(BatchSource.fromCsv("a.csv", any({ columns: "id" })))),
    "columns must be a list of names"
  ],
  [
    "columns",
    () => Batch.plan(batch, any(BatchSource.fromCsv("a.csv", any({ columns: [1] })))),
    "columns must be a list of names"
  ],
  [
    "a delimiter",
    () => Batch.plan(batch, any(BatchSource.fromCsv("a.csv", any({ delimiter: /;/ })))),
    "delimiter must be a text"
  ],
  ["a ledger", () => Effect.provide(Batch.list(), BatchStore.layerFile(any(undefined))), "it is not a file"],
  ["the batch of results", () => Stream.runDrain(Batch.results(any({ id: "names" }))), "made by Batch.make"],
  ["the batch of resultsOf", () => Batch.resultsOf(any(undefined), []), "made by Batch.make"],
  ["keys", () => Batch.resultsOf("names", any("a")), "keys must be a list of texts"],
  ["keys", () => Batch.resultsOf("names", any([1])), "keys must be a list of texts"],
  ["a row", () => Batch.session("names", any("a")), "row must be a row of Batch.results"],
  ["a pattern", () => Stream.runDrain(Batch.numbers("names", any(/a/))), "pattern must be a text"],
  ["a state", () => Stream.runDrain(Batch.numbers("names", "*", any("faild"))), "state must be the state of a row"],
  ["a prefix", () => Batch.list(any(1)), "prefix must be a text"],
  ["a side", () => Stream.runDrain(Batch.diff(any(undefined), { ledger: store })), "options must be an object"],
  [
    "a side",
    () => Stream.runDrain(Batch.diff({ ledger: any("a.ledger") }, { ledger: store })),
    "ledger must be a layer"
  ],
  ["evidence", () => Batch.settle("names", any("a")), "evidence must be a list of evidence"],
  ["evidence", () => Batch.settle("names", any([{}])), "evidence must be a list of evidence"]
]

const promised = () => ({
  id: "promised",
  flow: echo,
  ledger: join(folder, "promised.ledger"),
  apiKey: emulator.apiKey,
  env: "dev" as const,
  port: emulator.port,
  key: (row: Row) => row.id,
  input: (row: Row) => ({ message: row.id }),
  source: [{ id: "1" }, { id: "2" }]
})

describe("a misspelt option", () => {
  for (const [name, call, field, meant] of effects) {
    it(`of ${name} is refused: ${field}`, async () => {
      const error = await refusal(call())
      assert.include(String(error), `${field} is not an option: did you mean ${meant}?`)
      assert.notInclude(String(error), "Defect")
    })
  }

  for (
    const [field, meant] of [
      ["budgetUSD", "budgetUsd"],
      ["maxFailure", "maxFailures"],
      ["operaton", "operation"],
      ["concurency", "concurrency"],
      ["apikey", "apiKey"],
      ["onProgres", "onProgress"]
    ]
  ) {
    it(`of runBatch is refused, and nothing is sent: ${field}`, async () => {
      const error = await rejection(runBatch(any({ ...promised(), [field!]: 1 })))
      assert.strictEqual(
        String(error).replace(/^InvalidBatchError: /, ""),
        `runBatch: ${field} is not an option: did you mean ${meant}?`
      )
      assert.deepStrictEqual(emulator.ledger().requests, [])
    })
  }

  for (const field of ["limit", "maxCostUsd"]) {
    it(`of runBatch that is like none is refused with all names: ${field}`, async () => {
      const error = await rejection(runBatch(any({ ...promised(), [field]: 1 })))
      assert.include(String(error), `runBatch: ${field} is not an option: `)
      assert.deepStrictEqual(emulator.ledger().requests, [])
    })
  }

  it("of batchResults is refused", async () => {
    const error = await rejection(batchResults(any({ id: "a", ledger: "a.ledger", withInputs: true })).next())
    assert.include(String(error), "batchResults: withInputs is not an option: did you mean withInput?")
  })

  it("of a row's input or target makes the row invalid", async () => {
    const options = promised()
    const inputs = await runBatch(any({ ...options, input: (row: Row) => row.id === "1" ? { mesage: "a" } : {} }))
    assert.include(
      inputs.plan.invalidRows[0]?.error.message,
      "its input has mesage, which is not an option: did you mean message?"
    )
    const targets = await runBatch(any({
      ...options,
      id: "targets",
      ledger: join(folder, "targets.ledger"),
      target: (row: Row) => row.id === "1" ? { verson: 2 } : {}
    }))
    assert.include(
      targets.plan.invalidRows[0]?.error.message,
      "its target has verson, which is not an option: did you mean version?"
    )
  })
})

describe("a value of another kind", () => {
  for (const [name, call, words] of others) {
    it(`for ${name} is refused before anything is sent: ${words}`, async () => {
      emulator.reset()
      const exit = await Effect.runPromiseExit(
        Effect.provide(call() as Effect.Effect<unknown, unknown>, engine)
      )
      if (exit._tag !== "Failure" || exit.cause._tag !== "Fail") return assert.fail(String(exit))
      assert.include(String(exit.cause.error), words)
      assert.deepStrictEqual(emulator.ledger().requests, [])
    })
  }
})
