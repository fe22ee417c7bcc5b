/** The programs of the README, against an emulator. */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator, startEmulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { assert, it } from "@effect/vitest"
import { Console, Effect, Fiber, Layer, Redacted } from "effect"
import { spawn } from "node:child_process"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { vi } from "vitest"
import { bundledProgram } from "../../../sdk/test/support/bundledProgram.js"
import { size } from "../../../sdk/test/support/size.js"
import { temporaryFolder } from "../support/temporaryFolder.js"
import { patiently } from "./attempts.js"
import { gradeEssays, grading } from "./gradeEssays.js"
import { limited } from "./limits.js"
import { dryRun } from "./plan.js"
import { gradeAll } from "./promises.js"
import { failedAgain } from "./retry.js"
import { tail } from "./tail.js"
import { both } from "./targets.js"

const world = Layer.provideMerge(Noukai.layerServices, Emulator.layer({ jobs: { workers: 32 } }))

const runs = Effect.flatMap(Emulator, ({ ledger }) => Effect.map(ledger, ({ runsStarted }) => runsStarted))

const essays = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `${n + 1}`, text: "The cat sat." }))

/** A folder with essays and the ledger of an earlier or later run. */
const folderWith = (count: number) =>
  Effect.tap(
    temporaryFolder,
    (folder) =>
      Effect.promise(() =>
        Fs.writeFile(join(folder, "essays.jsonl"), essays(count).map((essay) => `${JSON.stringify(essay)}\n`).join(""))
      )
  )

const onLedger = (folder: string) =>
  Layer.fresh(Layer.merge(BatchStore.layerFile(join(folder, "grades.ledger")), BatchEngine.layerLocal))

/** The lines that an effect prints, and its value. */
const printed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const console = yield* Console.consoleWith(Effect.succeed)
    const value = yield* Effect.withConsole(effect, {
      ...console,
      log: (line: unknown) => Effect.sync(() => void lines.push(String(line)))
    })
    return { lines, value }
  })

it.scopedLive("rows of two versions in one batch", () =>
  Effect.gen(function*() {
    const folder = yield* folderWith(0)
    const rows = essays(2).flatMap((essay) =>
      (["production", "draft"] as const).map((version) => ({ ...essay, version }))
    )
    const run = Batch.run(both, BatchSource.fromIterable(rows))
    const { states, targets } = yield* Effect.provide(run, onLedger(folder))
    assert.deepStrictEqual([states.done, targets?.map(({ states, version }) => [version, states])], [4, [
      ["production", { done: 2 }],
      ["draft", { done: 2 }]
    ]])
  }).pipe(Effect.provide(world)))

it.scopedLive("from a file to results, twice: each row is run once", () =>
  Effect.gen(function*() {
    const folder = yield* folderWith(12)
    const summary = yield* gradeEssays(folder)
    assert.deepStrictEqual([summary.status, summary.states.done, yield* runs], ["completed", 12, 12])
    assert.strictEqual((yield* gradeEssays(folder)).states.done, 12)
    assert.strictEqual(yield* runs, 12)
    const lines = yield* Effect.promise(() => Fs.readFile(join(folder, "report/results.jsonl"), "utf8"))
    assert.deepStrictEqual(lines.trim().split("\n").map((line) => JSON.parse(line).key), essays(12).map(({ id }) => id))
  }).pipe(Effect.provide(world)))

/** Runs a program of the guide in a process, with a signal once a row runs; its exit code. */
const exitCodeOf = (url: URL, folder: string, signal?: NodeJS.Signals) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    // the port of `dev` may be another program's
    const program = yield* Effect.promise(() => bundledProgram(url))
    const text = yield* Effect.promise(() => Fs.readFile(program, "utf8"))
    const here = join(folder, "main.mjs")
    yield* Effect.promise(async () => {
      await Fs.writeFile(here, text.replaceAll("8080", new URL(emulator.baseUrl).port))
      await Fs.symlink(join(dirname(program), "../../../../node_modules"), join(folder, "node_modules"))
    })
    const child = spawn(process.execPath, [here], {
      cwd: folder,
      env: { ...process.env, NOUKAI_ENV: "dev", NOUKAI_API_KEY: Redacted.value(emulator.apiKey) },
      stdio: "ignore"
    })
    const ended = yield* Effect.fork(Effect.async<number | null>((resume) => {
      child.on("close", (code) => resume(Effect.succeed(code)))
    }))
    if (signal !== undefined) {
      yield* emulator.awaitEvent(({ type }) => type === "RunStarted")
      child.kill(signal)
    }
    return yield* Fiber.join(ended)
  })

it.scopedLive("as a program, which ends by itself", () =>
  Effect.gen(function*() {
    const code = yield* exitCodeOf(new URL("./main.ts", import.meta.url), yield* folderWith(3))
    assert.deepStrictEqual([code, yield* runs], [0, 3])
  }).pipe(Effect.provide(Emulator.layer())), { concurrent: true })

const programs = [new URL("./main.ts", import.meta.url), new URL("./promiseMain.ts", import.meta.url)]

for (const program of programs.slice(0, size(2, 1))) {
  it.scopedLive(
    `as a program, which ends with 130 after Ctrl-C with rows left: ${basename(program.pathname)}`,
    () =>
      Effect.gen(function*() {
        const folder = yield* folderWith(200)
        assert.strictEqual(yield* exitCodeOf(program, folder, "SIGINT"), 130)
        const { states, stop } = yield* Effect.provide(Batch.status("grades-2026-11"), onLedger(folder))
        assert.deepStrictEqual([stop?.reason, states.done], ["interrupted", yield* runs])
        assert.isAbove(states.pending, 0)
      }).pipe(Effect.provide(Emulator.layer())),
    { concurrent: true }
  )
}

it.scopedLive("a dry run", () =>
  Effect.gen(function*() {
    const folder = yield* folderWith(2)
    const path = join(folder, "essays.jsonl")
    yield* Effect.promise(() => Fs.appendFile(path, "{\"id\":\"1\",\"text\":\"again\"}\n{\"id\":\"3\"}\n"))
    const { lines } = yield* printed(Effect.provide(dryRun(path), onLedger(folder)))
    assert.strictEqual(lines[0], "3 new, 0 done, 1 invalid, 1 refused")
    assert.match(lines[1]!, /^essays\.jsonl:3: /)
    assert.strictEqual(yield* runs, 0)
  }).pipe(Effect.provide(world)))

it.scopedLive("some rows, and their attempts", () =>
  Effect.gen(function*() {
    const folder = yield* folderWith(12)
    const { first, retries, unselected } = yield* Effect.provide(
      patiently(join(folder, "essays.jsonl")),
      onLedger(folder)
    )
    assert.deepStrictEqual([retries, unselected, yield* runs], [0, 8, 4])
    assert.deepStrictEqual(first.map(({ attempt, state }) => [attempt, state]), [[1, "done"]])
  }).pipe(Effect.provide(world)))

it.scopedLive("limits, and how far it is", () =>
  Effect.gen(function*() {
    const folder = yield* folderWith(6)
    const { lines, value } = yield* printed(
      Effect.provide(limited(join(folder, "essays.jsonl")), onLedger(folder))
    )
    assert.strictEqual(value, "completed")
    assert.match(lines[lines.length - 1]!, /^6 of 6, [\d.]+ a second, [\d.]+ US dollars$/)
  }).pipe(Effect.provide(world)))

it.scopedLive("failed rows once more, and their lines in a file", () =>
  Effect.gen(function*() {
    const folder = yield* folderWith(4)
    const path = join(folder, "essays.jsonl")
    const { addFaults, clearFaults } = yield* Emulator
    yield* Effect.gen(function*() {
      yield* addFaults({ match: { endpoint: "submitJob" }, script: ["422"], repeat: true })
      yield* Batch.run(grading, BatchSource.fromJsonl(path))
      yield* clearFaults
      const writing = yield* Effect.fork(tail(join(folder, "rows.jsonl")))
      yield* Fiber.join(writing)
      assert.strictEqual(yield* failedAgain(path), "4 were run again, 0 failed again")
      yield* tail(join(folder, "rows.jsonl"))
    }).pipe(Effect.provide(onLedger(folder)))
    const lines = yield* Effect.promise(() => Fs.readFile(join(folder, "rows.jsonl"), "utf8"))
    const states = lines.trim().split("\n").map((line) => JSON.parse(line).state)
    assert.deepStrictEqual(states, [...Array(4).fill("failed"), ...Array(4).fill("done")])
  }).pipe(Effect.provide(world)))

it("with Promises", async () => {
  const emulator = await startEmulator()
  const folder = await Fs.mkdtemp(join(tmpdir(), "noukai-batch-"))
  const log = vi.spyOn(console, "log").mockReturnValue(undefined)
  try {
    const { apiKey, port } = emulator
    const where = { id: "grades", ledger: join(folder, "grades.ledger"), apiKey, env: "dev", port }
    await gradeAll(essays(3), new AbortController().signal, where)
    assert.deepStrictEqual(log.mock.calls.slice(-3).map(([key]) => key), ["1", "2", "3"])
    assert.include(log.mock.calls.map(([line]) => line), "3 of 3")
  } finally {
    log.mockRestore()
    await Fs.rm(folder, { recursive: true, force: true })
    await emulator.close()
  }
})
