/**
 * A batch is killed (SIGKILL) at a random request and started again until it ends by itself, while some requests are
 * reset, cut, stalled and refused. The emulator's ledger says what ran.
 *
 * `npm run test:faults` does it for 50 seeds, `npm test` for one and kills it once; a failure names its seed.
 */
import { Batch, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { ChildProcess } from "node:child_process"
import { join } from "node:path"
import { bundledProgram } from "../../sdk/test/support/bundledProgram.js"
import { folder } from "../../sdk/test/support/folder.js"
import { ended, numbers } from "../../sdk/test/support/killing.js"
import { isWhole, size } from "../../sdk/test/support/size.js"
import { counted, killedAndStarted, rows, setup, started, type Summary } from "./support/killed.js"

const seeds = size(50, 1)

const slowRows = size(40, 8)

describe.concurrent("a batch that gets a signal", () => {
  /** Runs a slow batch in a process, and gives it signals once its first rows run. */
  const signalled = (...signals: ReadonlyArray<NodeJS.Signals>) =>
    Effect.gen(function*() {
      const program = yield* Effect.promise(() => bundledProgram(new URL("./support/batchProcess.ts", import.meta.url)))
      const ledger = join(yield* folder, "batch.ledger")
      const emulator = yield* Emulator
      const child = yield* started(
        program,
        ledger,
        `${slowRows}`,
        "jobs",
        JSON.stringify({ grace: 1000, concurrency: 4 })
      )
      const end = yield* Effect.fork(gone(child))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const status = Effect.provide(Batch.status("killed"), BatchStore.layerFile(ledger))
      assert.strictEqual((yield* status).status, "running")
      for (const signal of signals) {
        const heard = yield* Effect.fork(said(child, signal))
        child.kill(signal)
        yield* Effect.raceFirst(Fiber.join(heard), Fiber.join(end))
      }
      yield* Fiber.join(end)
      const left = yield* status
      assert.strictEqual(left.status, "incomplete")
      return { states: left.states, stop: left.stop, ledger, program }
    })

  /** That a process has heard of its signal: one that comes with another is lost with it. */
  const said = (child: ChildProcess, signal: NodeJS.Signals) =>
    Effect.async<void>((resume) => {
      let text = ""
      child.stderr!.on("data", (chunk) => {
        text += String(chunk)
        if (text.includes(signal)) resume(Effect.void)
      })
    })

  const gone = (child: ChildProcess) =>
    Effect.async<void>((resume) => {
      child.on("close", () => resume(Effect.void))
    })

  const slow = (duration: string) =>
    Emulators.layer({
      flows: [{
        ref: "acme/test/echo",
        steps: [{ kind: "template", id: "a", output: { said: "{{message}}" }, duration }]
      }],
      jobs: { workers: 64 }
    })

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.live(`${signal} finishes what is in flight, and begins nothing more`, () =>
      Effect.gen(function*() {
        const { states: { done, pending }, stop } = yield* signalled(signal)
        assert.strictEqual(stop?.reason, "interrupted")
        const { runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
        assert.deepStrictEqual([done + pending, done], [slowRows, runs.length])
        assert.isAbove(pending, 0)
      }).pipe(Effect.scoped, Effect.provide(slow("300 millis"))))
  }

  it.live("two of them end it at once, and it goes on where it was", () =>
    Effect.gen(function*() {
      const { ledger, program, states, stop } = yield* signalled("SIGINT", "SIGTERM")
      assert.include(["killed", "interrupted"], stop?.reason)
      assert.isAbove(states.submitted + states.intent + states.uncertain, 0)
      const child = yield* started(program, ledger, `${slowRows}`, "jobs", JSON.stringify({ grace: 1000 }))
      const summary = JSON.parse((yield* ended(child))!) as Summary
      assert.deepStrictEqual([summary.status, summary.states.done], ["completed", slowRows])
      const { runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
      assert.strictEqual(runs.length, slowRows)
    }).pipe(Effect.scoped, Effect.provide(slow("3 seconds"))))
})

describe("a batch that is killed and started again", { concurrent: !isWhole }, () => {
  for (let seed = 1; seed <= size(50, 0); seed++) {
    it.live(
      `between attempts that fail, seed ${seed}: none is lost, and none is made twice`,
      () =>
        Effect.gen(function*() {
          const summary = yield* killedAndStarted(join(yield* folder, "batch.ledger"), numbers(seed + 2000), "jobs", {
            attempts: 4,
            backoff: 100
          })
          assert.deepStrictEqual([summary.status, summary.states.done], ["completed", rows])
          const { runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
          assert.deepStrictEqual([runs.length, new Set(runs.map(({ sessionId }) => sessionId)).size], [
            3 * rows,
            3 * rows
          ])
        }).pipe(Effect.scoped, Effect.provide(setup(seed, "metadata_only", 2))),
      300_000
    )
  }

  for (let seed = 1; seed <= seeds; seed++) {
    it.live(
      `through the queue, seed ${seed}: no row runs twice, and none is lost`,
      () =>
        Effect.gen(function*() {
          const summary = yield* killedAndStarted(join(yield* folder, "batch.ledger"), numbers(seed), "jobs")
          assert.deepStrictEqual([summary.status, summary.states.done, summary.rows], ["completed", rows, rows])
          assert.deepStrictEqual(yield* counted, { ran: rows, doubled: 0 })
        }).pipe(Effect.scoped, Effect.provide(setup(seed, "metadata_only"))),
      300_000
    )

    it.live(
      `in requests, seed ${seed}: no row runs twice, and none is lost`,
      () =>
        Effect.gen(function*() {
          const summary = yield* killedAndStarted(join(yield* folder, "batch.ledger"), numbers(seed + 1000), "execute")
          const { done = 0, reported = 0 } = summary.states
          assert.deepStrictEqual([summary.status, done + reported, summary.rows], ["completed", rows, rows])
          const { doubled, ran } = yield* counted
          assert.strictEqual(doubled, 0)
          assert.isAtLeast(ran, done)
        }).pipe(Effect.scoped, Effect.provide(setup(seed, "full"))),
      300_000
    )
  }
})
