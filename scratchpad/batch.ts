/**
 * A batch whose process is killed (SIGKILL) in the middle and that goes on in this one, over real HTTP against an emulator
 * that counts the runs.
 */
import { Emulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { Console, Effect, Layer, Redacted } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { run, status } from "./batchRun.js"

/** The program: with the packages from source in this repository, as they are installed elsewhere. */
const source = [
  ...process.execArgv.filter((argument) => argument.startsWith("--conditions=")),
  "--import",
  "tsx",
  fileURLToPath(new URL("./batchProcess.ts", import.meta.url))
]

const started = (program: ReadonlyArray<string>, ledger: string) =>
  Effect.acquireRelease(
    Effect.map(Emulator, ({ apiKey, baseUrl }) =>
      spawn(process.execPath, [...program, baseUrl, ledger], {
        env: { ...process.env, NOUKAI_API_KEY: Redacted.value(apiKey) },
        stdio: ["ignore", "ignore", "inherit"]
      })),
    (child) =>
      Effect.async<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) {
          return resume(Effect.void)
        }
        child.once("close", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )

/** Waits for so many runs. */
const begun = (runs: number) =>
  Effect.flatMap(Emulator, (emulator) => {
    let left = runs
    return emulator.awaitEvent(({ type }) => type === "RunStarted" && --left === 0)
  })

/** A process that ends by itself was not killed in the middle. */
const ended = (child: ChildProcess) =>
  Effect.async<never, Error>((resume) => {
    child.once("close", (code) => resume(Effect.fail(new Error(`it ended with ${code}`))))
  })

const runs = Effect.flatMap(Emulator, ({ ledger }) => Effect.map(ledger, ({ runsStarted }) => runsStarted))

export const crash = (program: ReadonlyArray<string> = source) =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "noukai-batch-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true }))
    )
    const ledger = join(folder, "grades.ledger")
    yield* Effect.scoped(
      Effect.flatMap(started(program, ledger), (child) => Effect.raceFirst(begun(100), ended(child)))
    )
    const { states } = yield* status(ledger)
    const inFlight = states.intent + states.uncertain + states.submitted
    yield* Console.log(`  killed    ${states.done} done, ${inFlight} in flight, ${states.pending} to be run`)

    const summary = yield* run(ledger)
    const ran = yield* runs
    yield* Console.log(`  resumed   ${summary.status}: ${summary.states.done} of ${summary.rows} done`)
    yield* Console.log(`  emulator  ${ran} runs, ${ran - summary.rows} twice`)
    return { summary, ran }
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(Noukai.layerServices, Emulator.layer({ jobs: { workers: 16 } })))
  )
