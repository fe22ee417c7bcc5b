/**
 * A program of one key whose run asks for tools is killed (SIGKILL) at a random moment and started again. The state of each pause is
 * stored before a tool runs. The emulator's ledger says what ran.
 */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
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

/** The emulator has some 28 events for one life of the program: at each of them it is killed. */
const moments = isWhole ? Array.from({ length: 30 }, (_, n) => n + 1) : [12, 16, 19, 25]

describe("a program that is killed while its run asks for tools, and started again", () => {
  for (const moment of moments) {
    it.live(`at event ${moment} goes on from the stored state, and pays each step once`, () =>
      Effect.gen(function*() {
        const program = yield* Effect.promise(() =>
          bundledProgram(new URL("./support/oncePausesProcess.ts", import.meta.url))
        )
        const emulator = yield* Emulator
        const path = yield* folder
        let left = moment
        yield* life(program, ["key", path], Effect.asVoid(emulator.awaitEvent(() => --left === 0)))
        const isStored = existsSync(join(path, "state.json"))
        const told = yield* life(program, ["key", path], Effect.never)
        const { runs } = yield* emulator.ledger
        // it was killed before it stored a state, and its run waits
        if (!isStored && runs[0]?.status === "running") return assert.strictEqual(told, "RunInProgressError")
        assert.strictEqual(told, "done \"sunny in Sines\"")
        assert.deepStrictEqual(runs.map(({ billedUsd, status }) => [status, billedUsd]), [["completed", "1.111"]])
      }).pipe(Effect.scoped, Effect.provide(layer)), 60_000)
  }
})
