/** The programs of the README for many machines. */
import { startEmulator } from "@effect-noukai/emulator"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs/promises"
import { join } from "node:path"
import { temporaryFolder } from "../support/temporaryFolder.js"
import { freePort } from "./support/freePort.js"
import { startPostgres } from "./support/postgres.js"
import * as Programs from "./support/programs.js"

it.scopedLive("two runners, and the process that runs the batch", () =>
  Effect.gen(function*() {
    const { url } = yield* startPostgres
    const emulator = yield* Effect.acquireRelease(
      Effect.promise(() => startEmulator({ jobs: { workers: 32 } })),
      (running) => Effect.promise(() => running.close())
    )
    const environment = { DATABASE_URL: url, NOUKAI_ENV: "dev", NOUKAI_API_KEY: emulator.apiKey }
    const runner = yield* Programs.bundledAt(emulator.port, new URL("../examples/runner.ts", import.meta.url))
    const coordinator = yield* Programs.bundledAt(emulator.port, new URL("../examples/coordinator.ts", import.meta.url))
    const essays = join(yield* temporaryFolder, "essays.jsonl")
    const lines = Array.from({ length: 100 }, (_, n) => `${JSON.stringify({ id: `${n}`, text: "The cat sat." })}\n`)
    yield* Effect.promise(() => Fs.writeFile(essays, lines.join("")))
    for (const _ of [1, 2]) {
      yield* Programs.start(runner, [], { ...environment, HOST: "127.0.0.1", PORT: String(yield* freePort) })
    }
    const running = yield* Programs.start(coordinator, [essays], environment)
    yield* running.awaitOutput("completed: 100 done, 0 failed")
    assert.strictEqual((yield* running.ended).code, 0)
    assert.strictEqual(emulator.ledger().runsStarted, 100)
  }), 180_000)
