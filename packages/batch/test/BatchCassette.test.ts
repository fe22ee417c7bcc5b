/** A batch over a cassette: it runs again where there is no server. */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { NoukaiHttp, NoukaiRecord, NoukaiReplay } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { folder } from "../../sdk/test/support/folder.js"
import { client, collect, echo, echoing, ledgerFile, numbered, type Row } from "./support/batches.js"

/** A ledger of its own, each time. */
const ledger = () => {
  const store = Layer.unwrapScoped(Effect.map(ledgerFile, (path) => BatchStore.layerFile(path)))
  return Layer.merge(store, BatchEngine.layerLocal)
}

const priced = [{
  ref: "acme/test/priced",
  steps: [{ kind: "template" as const, id: "a", output: { said: "{{message}}" }, costUsd: "0.01" }]
}]

describe("a batch over a cassette", () => {
  for (
    const [name, batch, options] of [
      ["through the queue", echoing("jobs"), {}],
      ["with costs", echoing("costs", "acme/test/priced"), { budgetUsd: 1, maxCostPerRow: 0.1 }],
      [
        "in requests",
        Batch.make({
          id: "requests",
          flow: echo,
          operation: "execute",
          key: (row: Row) => row.id,
          input: (row) => ({ messages: [{ role: "user", content: row.id }] })
        }),
        {}
      ]
    ] as const
  ) {
    it.live(`runs offline as it ran, ${name}`, () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "batch.json")
        const http = yield* NoukaiHttp
        const emulator = yield* Emulator
        if (name === "with costs") yield* emulator.putFlows(...priced)
        const run = (concurrency: number) =>
          Effect.gen(function*() {
            const summary = yield* Batch.run(batch, numbered(8), { ...options, concurrency })
            const rows = yield* collect(Batch.results(batch))
            // without a trace, a duration is the time that this process waited
            return { summary, rows: rows.map(({ durationMs: _, settledAt: __, settledNo: ___, ...row }) => row) }
          }).pipe(Effect.provide(ledger()))
        const recorded = yield* Effect.provide(
          run(8),
          NoukaiRecord.toFile(path, { mode: "all", live: Layer.succeed(NoukaiHttp, http) })
        )
        assert.deepStrictEqual([recorded.summary.status, recorded.summary.states.done], ["completed", 8])
        const { requestsReceived } = yield* emulator.ledger
        const replayed = yield* Effect.provide(run(3), NoukaiReplay.fromFile(path))
        assert.deepStrictEqual(replayed, recorded)
        assert.strictEqual((yield* emulator.ledger).requestsReceived, requestsReceived)
      }).pipe(Effect.scoped, Effect.provide(client())))
  }
})
