/** A batch over a cassette: it runs again where there is no server. */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import {
  NoukaiHttp,
  NoukaiRecord,
  NoukaiReplay,
  ReplayDisabledError,
  ReplayForbiddenError,
  ReplayInvalidSessionError,
  ReplayLeftoverError,
  ReplayMissError,
  ReplayNoSnapshotsError,
  ReplaySessionExpiredError
} from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { newError } from "../../sdk/src/internal/core/makeError.js"
import { folder } from "../../sdk/test/support/folder.js"
import { mayPass, ofFollowing, ofReading, ofSending } from "../src/internal/drive/verdict.js"
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

const inRequests = Batch.make({
  id: "requests",
  flow: echo,
  operation: "execute",
  key: (row: Row) => row.id,
  input: (row) => ({ messages: [{ role: "user", content: row.text ?? row.id }] })
})

const emulated = Effect.flatMap(Emulator, ({ ledger }) => ledger)

describe("a batch over a cassette", () => {
  for (
    const [name, batch, options] of [
      ["through the queue", echoing("jobs"), {}],
      ["with costs", echoing("costs", "acme/test/priced"), { budgetUsd: 1, maxCostPerRow: 0.1 }],
      ["in requests", inRequests, {}]
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

  for (const [name, batch] of [["through the queue", echoing("jobs")], ["in requests", inRequests]] as const) {
    for (
      const [what, row, rows] of [
        ["a row that it lacks", "row 3", numbered(3)],
        ["a changed input", "row 2", BatchSource.fromIterable([{ id: "row 1" }, { id: "row 2", text: "other" }])]
      ] as const
    ) {
      it.live(`stops at ${what}, ${name}`, () =>
        Effect.gen(function*() {
          const path = join(yield* folder, "batch.json")
          const http = yield* NoukaiHttp
          const run = (rows: BatchSource.BatchSource<Row>) => Batch.run(batch, rows, { concurrency: 1 })
          const recording = NoukaiRecord.toFile(path, { mode: "all", live: Layer.succeed(NoukaiHttp, http) })
          yield* run(numbered(2)).pipe(Effect.provide(recording), Effect.provide(ledger()))
          const { requestsReceived } = yield* emulated
          yield* Effect.gen(function*() {
            const { states, status, stop } = yield* Effect.provide(run(rows), NoukaiReplay.fromFile(path))
            assert.deepStrictEqual([status, stop?.reason], ["incomplete", "refused"])
            assert.match(stop!.message, new RegExp(`^the row "${row}" cannot go on: .*no recording for this call`))
            assert.deepInclude(states, { done: Number(row.slice(4)) - 1, pending: 1, failed: 0, reported: 0 })
            assert.strictEqual((yield* emulated).requestsReceived, requestsReceived)
            // with a server, it goes on
            const completed = yield* run(rows)
            assert.deepInclude(completed, { status: "completed", isClean: true })
          }).pipe(Effect.provide(ledger()))
        }).pipe(Effect.scoped, Effect.provide(client())))
    }
  }

  it.live("stops at a poll that the cassette lacks, and polls the run again", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "batch.json")
      const http = yield* NoukaiHttp
      const run = Batch.run(echoing("polls"), numbered(1))
      const recording = NoukaiRecord.toFile(path, { mode: "all", live: Layer.succeed(NoukaiHttp, http) })
      yield* run.pipe(Effect.provide(recording), Effect.provide(ledger()))
      yield* Effect.promise(async () => {
        const cassette = JSON.parse(await readFile(path, "utf8")) as { entries: ReadonlyArray<{ endpoint: string }> }
        const entries = cassette.entries.filter(({ endpoint }) => endpoint !== "pollJob")
        assert.isBelow(entries.length, cassette.entries.length)
        await writeFile(path, JSON.stringify({ ...cassette, entries }))
      })
      yield* Effect.gen(function*() {
        const { states, stop } = yield* Effect.provide(run, NoukaiReplay.fromFile(path))
        assert.match(stop!.message, /^the row "row 1" cannot go on: Job.poll .*no recording for this call/)
        assert.deepInclude(states, { submitted: 1, reported: 0 })
        assert.deepInclude(yield* run, { status: "completed", isClean: true })
      }).pipe(Effect.provide(ledger()))
    }).pipe(Effect.scoped, Effect.provide(client())))

  it("is stopped by each error of a replay", () => {
    for (
      const error of [
        newError(ReplayMissError, { method: "m" }),
        newError(ReplayLeftoverError, { method: "m" }),
        newError(ReplayForbiddenError, { method: "m" }),
        newError(ReplaySessionExpiredError, { method: "m" }),
        newError(ReplayInvalidSessionError, { method: "m" }),
        newError(ReplayNoSnapshotsError, { method: "m" }),
        newError(ReplayDisabledError, { method: "m" })
      ]
    ) {
      for (const verdict of [ofSending, ofReading, ofFollowing]) {
        assert.deepInclude(verdict(error, "a"), { _tag: "stop" }, error._tag)
      }
      assert.isFalse(mayPass(error), error._tag)
    }
  })
})
