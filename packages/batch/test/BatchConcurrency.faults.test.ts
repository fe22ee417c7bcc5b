/** How many runs of a batch are in flight at the server: no more than its concurrency, also where answers are lost. */
import { Batch, BatchSource } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { bundledProgram } from "../../sdk/test/support/bundledProgram.js"
import { folder } from "../../sdk/test/support/folder.js"
import { isWhole, size } from "../../sdk/test/support/size.js"
import { echo, ledgerFile, numbered, onFile, type Row } from "./support/batches.js"

const seeds = size(20, 1)

const rows = size(80, 12)

const concurrency = 5

const options = { grace: 400, concurrency } as const

const faulty = (seed: number) =>
  Emulators.layer({
    flows: [{
      ref: echo,
      steps: [{ kind: "template", id: "a", output: { said: "{{message}}" }, duration: "500 millis" }]
    }],
    jobs: { workers: 64 },
    capture: "full",
    seed,
    faults: [
      {
        match: { endpoint: "submitJob" },
        rate: 0.3,
        faults: ["reset", "reset:late", "cut:b20", "500", "503", "504:html", "stall:1500", "html", "empty"]
      },
      { match: { endpoint: "execute" }, rate: 0.3, faults: ["reset", "reset:late", "cut:b20", "500", "503", "html"] },
      { match: { endpoint: "session" }, rate: 0.1, faults: ["reset", "500", "503", "cut:b20"] }
    ]
  })

const ledger = Effect.flatMap(Emulator, (emulator) => emulator.ledger)

const batches = {
  jobs: (id: string) =>
    Batch.make({ id, flow: echo, key: (row: Row) => row.id, input: (row) => ({ message: row.id }) }),
  execute: (id: string) =>
    Batch.make({
      id,
      flow: echo,
      operation: "execute",
      key: (row: Row) => row.id,
      input: (row) => ({ message: row.id })
    })
}

describe("the runs in flight", () => {
  for (let seed = 1; seed <= seeds; seed++) {
    for (const operation of isWhole ? ["jobs", "execute"] as const : ["execute"] as const) {
      it.live(
        `${operation}, seed ${seed}: are no more than the concurrency where answers are lost`,
        () =>
          Effect.gen(function*() {
            const batch = batches[operation]("lost")
            // a 404 that is cut off stops a batch in requests
            const summary = yield* Batch.run(batch, numbered(rows), options).pipe(
              Effect.repeat({ while: ({ status }) => status === "incomplete" }),
              Effect.provide(onFile(yield* ledgerFile))
            )
            const { mostRunsAtOnce, runsStarted } = yield* ledger
            assert.strictEqual(summary.states.done + summary.states.reported, rows)
            assert.isAtMost(runsStarted, rows)
            assert.isAtLeast(runsStarted, summary.states.done)
            assert.isAtMost(mostRunsAtOnce, concurrency)
          }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Noukai.layerServices, faulty(seed)))),
        120_000
      )
    }
  }

  it.live("are no more than the concurrency after a kill", () =>
    Effect.gen(function*() {
      const program = yield* Effect.promise(() => bundledProgram(new URL("./support/batchProcess.ts", import.meta.url)))
      const file = join(yield* folder, "batch.ledger")
      const emulator = yield* Emulator
      const { apiKey, baseUrl } = emulator
      for (const kills of isWhole ? [30, 50] : [30]) {
        const env = { ...process.env, NOUKAI_API_KEY: Redacted.value(apiKey) }
        const child = spawn(process.execPath, [program, baseUrl, file, `${rows}`, "jobs", JSON.stringify(options)], {
          env
        })
        let left = kills
        yield* emulator.awaitEvent((event) => event.type === "RequestReceived" && --left === 0)
        child.kill("SIGKILL")
        yield* Effect.async<void>((resume) => void child.once("close", () => resume(Effect.void)))
      }
      const batch = batches.jobs("killed")
      const source = Array.from({ length: rows }, (_, n) => ({ id: `row ${n}` }))
      const summary = yield* Effect.provide(Batch.run(batch, BatchSource.fromIterable(source), options), onFile(file))
      assert.deepStrictEqual([summary.status, summary.states.done], ["completed", rows])
      const { mostRunsAtOnce, runsStarted } = yield* ledger
      assert.strictEqual(runsStarted, rows)
      assert.isAtMost(mostRunsAtOnce, concurrency)
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Noukai.layerServices, faulty(99)))), 120_000)
})
