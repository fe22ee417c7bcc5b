/** A batch in a process that is killed (SIGKILL) at a random request and started again until it ends by itself. */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import type { Step } from "@effect-noukai/emulator/Flow"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { bundledProgram } from "../../../sdk/test/support/bundledProgram.js"
import { ended, received } from "../../../sdk/test/support/killing.js"
import { size } from "../../../sdk/test/support/size.js"
import { rowSession } from "../../src/internal/drive/jobRuns.js"

export const rows = size(200, 12)

/** After so many kills a batch is left to end. */
const mostKills = size(Infinity, 1)

export const started = (program: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.map(Emulator, ({ apiKey, baseUrl }) =>
      spawn(process.execPath, [program, baseUrl, ...args], {
        env: { ...process.env, NOUKAI_API_KEY: Redacted.value(apiKey) },
        stdio: ["ignore", "pipe", "pipe"]
      })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

export interface Summary {
  readonly status: string
  readonly rows: number
  readonly states: { readonly [state: string]: number }
}

/** Kills and starts the batch of a ledger, a file or the URL of a PostgreSQL database, until it ends by itself. */
export const killedAndStarted = (
  ledger: string,
  below: (n: number) => number,
  operation: "jobs" | "execute",
  options: object = {}
) =>
  Effect.gen(function*() {
    const program = yield* Effect.promise(() => bundledProgram(new URL("./batchProcess.ts", import.meta.url)))
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

export const setup = (seed: number, capture: "full" | "metadata_only", failures = 0) =>
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
export const counted = Effect.gen(function*() {
  const { runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
  const ran = new Set(runs.map(({ sessionId }) => rowOf.get(sessionId!) ?? sessionId))
  return { ran: ran.size, doubled: runs.length - ran.size }
})
