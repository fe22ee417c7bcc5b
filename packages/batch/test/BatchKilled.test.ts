/**
 * A batch is killed (SIGKILL) at a random request and started again until it ends by itself, while some requests are
 * reset, cut, stalled and refused. The emulator's ledger says what ran.
 *
 * `npm run test:faults` does it for 50 seeds, `npm test` for one and kills it once; a failure names its seed.
 */
import { Batch, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import type { Step } from "@effect-noukai/emulator/Flow"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { bundledProgram } from "../../sdk/test/support/bundledProgram.js"
import { folder } from "../../sdk/test/support/folder.js"
import { isWhole, size } from "../../sdk/test/support/size.js"
import { rowSession } from "../src/internal/drive/jobRuns.js"

const seeds = size(50, 1)

const rows = size(200, 12)

/** After so many kills a batch is left to end. */
const mostKills = size(Infinity, 1)

const slowRows = size(40, 8)

const numbers = (seed: number) => {
  let state = (seed * 2654435761) % 2147483648
  return (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor(state / 2147483648 * below)
  }
}

const started = (program: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.map(Emulator, ({ apiKey, baseUrl }) =>
      spawn(process.execPath, [program, baseUrl, ...args], {
        env: { ...process.env, NOUKAI_API_KEY: Redacted.value(apiKey) },
        stdio: ["ignore", "pipe", "pipe"]
      })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** The output of a process that ended by itself; `null` when it was killed. */
const ended = (child: ChildProcess) =>
  Effect.async<string | null>((resume) => {
    let [output, errors] = ["", ""]
    child.stdout!.setEncoding("utf8").on("data", (text: string) => output += text)
    child.stderr!.setEncoding("utf8").on("data", (text: string) => errors += text)
    child.on("close", (code) => {
      resume(code === null ? Effect.succeed(null) : code === 0 ? Effect.succeed(output) : Effect.dieMessage(errors))
    })
  })

const received = (more: number) =>
  Effect.flatMap(Emulator, (emulator) =>
    Effect.flatMap(emulator.ledger, ({ requestsReceived }) => {
      let left = requestsReceived + more
      return emulator.awaitEvent((event) => event.type === "RequestReceived" && --left === 0)
    }))

interface Summary {
  readonly status: string
  readonly rows: number
  readonly states: { readonly [state: string]: number }
}

const killedAndStarted = (below: (n: number) => number, operation: "jobs" | "execute", options: object = {}) =>
  Effect.gen(function*() {
    const program = yield* Effect.promise(() => bundledProgram(new URL("./support/batchProcess.ts", import.meta.url)))
    const ledger = join(yield* folder, "batch.ledger")
    for (let kills = 0;; kills++) {
      const output = yield* Effect.scoped(Effect.gen(function*() {
        // clocks are real here: a grace of a second keeps the test short
        const child = yield* started(program, ledger, `${rows}`, operation, JSON.stringify({ grace: 1000, ...options }))
        const kill = Effect.zipRight(received(1 + below(3 * rows)), Effect.sync(() => child.kill("SIGKILL")))
        const end = yield* Effect.fork(ended(child))
        if (kills < mostKills) yield* Effect.raceFirst(kill, end)
        return yield* end
      }))
      if (output !== null) return JSON.parse(output) as Summary
    }
  })

/** Says what it is told once it has failed so many times for it. */
const echoAfter = (failures: number): Step => {
  const asked = new Map<string | null, number>()
  return {
    kind: "function",
    id: "a",
    duration: "50 millis",
    run: ({ message }) => {
      const count = (asked.get(message) ?? 0) + 1
      asked.set(message, count)
      return count > failures ? { said: message } : Effect.fail({ code: "PROVIDER_ERROR", message: "no luck" })
    }
  }
}

const setup = (seed: number, capture: "full" | "metadata_only", failures = 0) =>
  Emulators.layer({
    flows: [{ ref: "acme/test/echo", steps: [echoAfter(failures)] }],
    jobs: { workers: 64 },
    capture,
    seed,
    faults: [{ rate: 0.05, faults: ["reset", "reset:late", "cut:b20", "503", "stall:2000"] }]
  })

const batch = { name: "killed", flow: "acme/test/echo", version: "production" }

/** The sessions of the first attempts at each row, which say what a run of the queue is of. */
const rowOf = new Map(
  Array.from(
    { length: rows },
    (_, no) => [1, 2, 3, 4, 5, 6].map((attempt) => [rowSession(batch, `row ${no}`, attempt), `row ${no}`] as const)
  ).flat()
)

/** How many rows ran, and how many runs there were beside. */
const counted = Effect.gen(function*() {
  const { runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
  const ran = new Set(runs.map(({ sessionId }) => rowOf.get(sessionId!) ?? sessionId))
  return { ran: ran.size, doubled: runs.length - ran.size }
})

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
          const summary = yield* killedAndStarted(numbers(seed + 2000), "jobs", { attempts: 4, backoff: 100 })
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
          const summary = yield* killedAndStarted(numbers(seed), "jobs")
          assert.deepStrictEqual([summary.status, summary.states.done, summary.rows], ["completed", rows, rows])
          assert.deepStrictEqual(yield* counted, { ran: rows, doubled: 0 })
        }).pipe(Effect.scoped, Effect.provide(setup(seed, "metadata_only"))),
      300_000
    )

    it.live(
      `in requests, seed ${seed}: no row runs twice, and none is lost`,
      () =>
        Effect.gen(function*() {
          const summary = yield* killedAndStarted(numbers(seed + 1000), "execute")
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
