/** A job outlives the process that submitted it. */
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, TestClock } from "effect"
import { spawn } from "node:child_process"
import { bundledProgram } from "./support/bundledProgram.js"

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** Runs the program in a process of its own, to its end. */
const run = (program: string, apiKey: Redacted.Redacted<string>, ...args: ReadonlyArray<string>) =>
  Effect.async<Ended>((resume) => {
    const child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, NOUKAI_API_KEY: Redacted.value(apiKey) },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    let errors = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => output += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text)
    child.on("close", (code) => resume(Effect.succeed({ code, output: output.trim(), errors })))
    return Effect.sync(() => child.kill())
  })

it.scoped("process A submits and exits; process B attaches and gets the result", () =>
  Effect.gen(function*() {
    const program = yield* Effect.promise(() => bundledProgram(new URL("./support/jobProcess.ts", import.meta.url)))
    const emulator = yield* Emulator
    const submitted = yield* run(program, emulator.apiKey, "submit", emulator.baseUrl)
    assert.deepStrictEqual([submitted.code, submitted.errors], [0, ""])
    yield* emulator.awaitEvent((event) => event.type === "StepStarted")
    const [entry] = (yield* emulator.ledger).runs
    assert.strictEqual(submitted.output, entry!.executionId)
    assert.strictEqual(entry!.status, "running")

    const other = yield* Effect.fork(run(program, emulator.apiKey, "attach", emulator.baseUrl, submitted.output))
    yield* emulator.awaitEvent((event) => event.type === "RequestEnded" && event.endpoint === "pollJob")
    // The server's time is ours: the job ends only now.
    yield* TestClock.adjust("1 hour")
    const attached = yield* Fiber.join(other)
    assert.deepStrictEqual([attached.code, attached.errors, attached.output], [0, "", "late"])

    const { requests, runs } = yield* emulator.ledger
    assert.lengthOf(runs, 1)
    assert.lengthOf(requests.filter(({ method }) => method === "POST"), 1)
    const polls = requests.filter(({ endpoint }) => endpoint === "pollJob")
    assert.isAtLeast(polls.length, 2)
    assert.isTrue(polls.every(({ target }) => target.endsWith(`/acme/test/slow/jobs/${submitted.output}`)))
  }).pipe(Effect.provide(Emulators.layer({
    flows: [{
      ref: "acme/test/slow",
      steps: [{ kind: "template", id: "a", output: { late: true }, duration: "1 hour" }]
    }]
  }))))
