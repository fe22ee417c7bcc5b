/**
 * A program of one key whose run asks for tools is killed (SIGKILL) at an event of the emulator and started again, until it
 * ends by itself. It goes on from the stored state of the last pause, or takes the run over. The emulator's ledger says
 * what ran.
 */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { spawn } from "node:child_process"
import { bundledProgram } from "./support/bundledProgram.js"
import { folder } from "./support/folder.js"
import { isWhole } from "./support/size.js"

const call = (city: string) => ({ name: "weather", arguments: { city } })

const layer = Emulators.layer({
  capture: "full",
  flows: [{
    ref: "acme/test/asking",
    steps: [
      { kind: "template", id: "before", output: "?", duration: "10 millis", costUsd: "0.001" },
      {
        kind: "tool",
        id: "first",
        rounds: [[call("Lisbon"), call("Porto")], [call("Faro")]],
        output: "{{tools.weather}}",
        duration: "10 millis",
        costUsd: "0.01"
      },
      {
        kind: "tool",
        id: "second",
        rounds: [[call("Sines")]],
        output: "{{tools.weather}}",
        duration: "10 millis",
        costUsd: "0.1"
      },
      { kind: "template", id: "after", output: "{{input}}", duration: "10 millis", costUsd: "1" }
    ]
  }]
})

/** The number of events so far. */
const past = Effect.flatMap(Emulator, (emulator) =>
  Effect.suspend(() => {
    let count = 0
    const counting = emulator.awaitEvent(() => {
      count++
      return false
    })
    return Effect.map(Effect.raceFirst(counting, Effect.yieldNow()), () => count)
  }))

/** The end of one life of the program: its words, or `undefined` when it was killed. */
const life = (program: string, args: ReadonlyArray<string>, killed: Effect.Effect<void>) =>
  Effect.scoped(Effect.gen(function*() {
    const emulator = yield* Emulator
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [program, emulator.baseUrl, ...args], {
          env: { ...process.env, NOUKAI_API_KEY: Redacted.value(emulator.apiKey) },
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let words = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => words += text)
    const end = yield* Effect.fork(Effect.async<string | undefined>((resume) => {
      child.on("close", (code) => resume(Effect.succeed(code === 0 ? words : undefined)))
    }))
    yield* Effect.raceFirst(Effect.zipRight(killed, Effect.sync(() => child.kill("SIGKILL"))), Fiber.join(end))
    return yield* Fiber.join(end)
  }))

/** One life of the program has some 28 events, at each of which it is killed; and then at every other one in turn. */
const kills: ReadonlyArray<ReadonlyArray<number>> = [
  ...Array.from({ length: 30 }, (_, n) => [n + 1]),
  [4, 3, 2, 1, 5],
  [12, 9, 6, 3],
  [7, 7, 7, 7, 7, 7]
]

const modes = { stored: isWhole ? kills : [[19, 4]], taken: isWhole ? kills : [[12]] }

for (const [mode, killed] of Object.entries(modes)) {
  describe(`a program that is killed while its run asks for tools, and started again: ${mode}`, () => {
    for (const moments of killed) {
      it.live(
        `killed after ${moments.join(", ")} events it loses nothing, and pays each step once`,
        () =>
          Effect.gen(function*() {
            const program = yield* Effect.promise(() =>
              bundledProgram(new URL("./support/oncePausesProcess.ts", import.meta.url))
            )
            const emulator = yield* Emulator
            const args = [yield* folder, mode]
            for (const moment of moments) {
              // the events of earlier lives are counted too
              let left = moment + (yield* past)
              yield* life(program, args, Effect.asVoid(emulator.awaitEvent(() => --left === 0)))
            }
            assert.strictEqual(yield* life(program, args, Effect.never), "done \"sunny in Sines\"")
            const { runs } = yield* emulator.ledger
            assert.deepStrictEqual(runs.map(({ billedUsd, status }) => [status, billedUsd]), [["completed", "1.111"]])
          }).pipe(Effect.scoped, Effect.provide(layer)),
        120_000
      )
    }
  })
}
