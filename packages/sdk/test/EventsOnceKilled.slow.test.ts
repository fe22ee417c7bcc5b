/** Processes that stream the run of one key, and one that is killed (SIGKILL) within it. */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import { spawn } from "node:child_process"
import { bundledProgram } from "./support/bundledProgram.js"
import { ended } from "./support/killing.js"

const setup = (duration: string) =>
  Emulators.layer({
    capture: "full",
    flows: [{
      ref: "acme/test/three",
      steps: ["a", "b", "c"].map((id, place) => ({
        kind: "template" as const,
        id,
        output: { step: id },
        costUsd: `0.${place + 1}`,
        duration
      }))
    }]
  })

const started = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const emulator = yield* Emulator
  const program = yield* Effect.promise(() => bundledProgram(new URL("support/eventsOnceProcess.ts", import.meta.url)))
  return yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [program, emulator.baseUrl, ...args], {
        env: { ...process.env, NOUKAI_API_KEY: Redacted.value(emulator.apiKey) },
        stdio: ["ignore", "pipe", "pipe"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
})

const linesOf = (output: string | null) => (output ?? "").trim().split("\n")

const completed = (lines: ReadonlyArray<string>) => lines.filter((type) => type === "step_completed").length

const begun = (stepId: string) =>
  Effect.flatMap(
    Emulator,
    (emulator) => emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepId === stepId)
  )

describe("eventsOnce in several processes", () => {
  it.scopedLive("one process begins the run, and others see all its events", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const isBegun = yield* Effect.fork(begun("a"))
      const owner = yield* Effect.fork(Effect.flatMap(started("60000"), ended))
      yield* Fiber.join(isBegun)
      const others = yield* Effect.all([
        Effect.flatMap(started("60000"), ended),
        Effect.flatMap(started("60000"), ended)
      ], { concurrency: 2 })
      const own = linesOf(yield* Fiber.join(owner))
      for (const other of others) assert.deepStrictEqual(linesOf(other), own)
      assert.deepStrictEqual([completed(own), own.at(-1)], [3, "flow_completed"])
      const { billedUsd, runs } = yield* emulator.ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
    }).pipe(Effect.provide(setup("400 millis"))))

  it.scopedLive("a run whose process was killed is silent; who takes it over completes it, and pays no step twice", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const isInSecond = yield* Deferred.make<void>()
      yield* Effect.fork(Effect.zipRight(begun("b"), Deferred.succeed(isInSecond, undefined)))
      const owner = yield* started("60000")
      const end = yield* Effect.fork(ended(owner))
      yield* Deferred.await(isInSecond)
      owner.kill("SIGKILL")
      assert.isNull(yield* Fiber.join(end))
      assert.strictEqual(linesOf(yield* Effect.flatMap(started("300"), ended)).at(-1), "RunInProgressError")
      const taken = linesOf(yield* Effect.flatMap(started("300", "take"), ended))
      assert.deepStrictEqual([completed(taken), taken.at(-1)], [3, "flow_completed"])
      const { billedUsd, runs } = yield* emulator.ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
    }).pipe(Effect.provide(setup("200 millis"))))
})
