/**
 * The key is in no file of a batch (ledger, lock, results, failures, manifest), no error, no log line and no metric, also
 * where the server repeats it.
 */
import { Batch, BatchReport, BatchSource } from "@effect-noukai/batch"
import { startEmulator, type Step } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Logger, LogLevel, Metric, Redacted } from "effect"
import * as Fs from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { inspect } from "node:util"
import { folder } from "../../sdk/test/support/folder.js"
import { collect, onFile, type Row } from "./support/batches.js"

const plantedKey = "nk_planted4f1c9ab27d6e8035"

/** The forms in which a program may keep it. */
const forms = [
  plantedKey,
  plantedKey.slice(8),
  Buffer.from(plantedKey).toString("base64").replace(/=+$/, ""),
  Buffer.from(plantedKey).toString("hex")
]

const found = (text: string): ReadonlyArray<string> => forms.filter((form) => text.includes(form))

const printed = (value: unknown): string =>
  [String(value), JSON.stringify(value), inspect(value, { depth: 20, showHidden: true })].join("\n")

const assertClean = (name: string, text: string) => assert.deepStrictEqual(found(text), [], name)

/** Every file of a folder, byte by byte. */
const assertCleanFolder = (path: string) =>
  Effect.promise(async () => {
    const names = await Fs.readdir(path, { recursive: true })
    for (const name of names) {
      // the database removes a file of its own when it closes
      const found = await Fs.stat(join(path, name)).catch(() => undefined)
      if (found === undefined || found.isDirectory()) continue
      assertClean(name, (await Fs.readFile(join(path, name))).toString("latin1"))
    }
    return names
  })

const flow = "acme/test/secret"

const batch = Batch.make({ id: "secret", flow, key: (row: Row) => row.id, input: (row) => ({ message: row.id }) })

const rows = BatchSource.fromIterable([{ id: "a" }, { id: "b" }])

/**
 * Runs a batch and writes its results, twice, and looks at all that came of it: at its files also while they are open,
 * with what has not been moved from the log of the ledger to its database.
 */
const examined = (path: string) =>
  Effect.gen(function*() {
    const seen: Array<unknown> = []
    const logger = Logger.make((entry) => seen.push(entry.message, Cause.pretty(entry.cause), [...entry.annotations]))
    const ledger = join(path, "secret.ledger")
    const program = Effect.gen(function*() {
      const summary = yield* Batch.run(batch, rows, { grace: 200, adopt: false })
      const files = yield* assertCleanFolder(path)
      for (const name of ["secret.ledger", "secret.ledger-wal", "secret.ledger.lock"]) assert.include(files, name)
      const results = yield* collect(Batch.results(batch))
      yield* BatchReport.append(join(path, "rows.jsonl"), {
        after: (after) => Batch.results("secret", { order: "done", after })
      })
      yield* BatchReport.toFolder(join(path, "report"), {
        rows: Batch.results("secret"),
        refused: Batch.refused("secret"),
        summary
      })
      yield* Effect.logInfo("the batch", summary, results)
      seen.push(summary, results, yield* Metric.snapshot)
      return { results, summary }
    })
    const exit = yield* Effect.exit(Effect.provide(program, onFile(ledger))).pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
    seen.push(exit)
    for (const value of seen) assertClean("what is printed", printed(value))
    yield* assertCleanFolder(path)
    assert(Exit.isSuccess(exit), String(exit))
    return exit.value
  })

const client = (port: number) => Noukai.layer({ apiKey: Redacted.make(plantedKey), env: "dev", port })

const overEmulator = (...steps: ReadonlyArray<Step>) =>
  Effect.gen(function*() {
    const emulator = yield* Effect.acquireRelease(
      Effect.promise(() => startEmulator({ flows: [{ ref: flow, steps }] })),
      (running) => Effect.promise(() => running.close())
    )
    return yield* Effect.provide(examined(yield* folder), client(emulator.port))
  })

/** A server that answers all requests with one status and body. */
const answering = (status: number, body: object) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<Server>((resume) => {
        const server = createServer((_, response) => {
          response.writeHead(status, { "content-type": "application/json", "x-request-id": plantedKey })
          response.end(JSON.stringify(body))
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
    ),
    (server) => client((server.address() as AddressInfo).port)
  )

describe("the key of a batch", () => {
  it.scopedLive("is nowhere", () =>
    Effect.gen(function*() {
      const { summary } = yield* overEmulator({ kind: "template", id: "a", output: { said: "{{message}}" } })
      assert.strictEqual(summary.states.done, 2)
    }))

  it.scopedLive("is not in the error of a run that failed with it", () =>
    Effect.gen(function*() {
      const message = `the key ${plantedKey} was refused`
      const { results } = yield* overEmulator({ kind: "fail", id: "a", code: plantedKey, message })
      assert.deepStrictEqual(results.map(({ state }) => state), ["failed", "failed"])
      assert.include(results[0]!.error!.message, "was refused")
    }))

  it.scopedLive("is not in a result that has it", () =>
    Effect.gen(function*() {
      const output = { said: `Bearer ${plantedKey}`, [plantedKey]: [plantedKey] }
      const { results } = yield* overEmulator({ kind: "template", id: "a", output })
      assert.deepStrictEqual(results.map(({ state }) => state), ["done", "done"])
      assert.match(JSON.stringify(results[0]!.result), /^\{"said":"Bearer /)
    }))

  const problem = { code: plantedKey, message: plantedKey, executionId: plantedKey }
  for (
    const [status, detail] of [[400, problem], [401, problem], [422, [{
      loc: ["body", plantedKey],
      msg: plantedKey
    }]]] as const
  ) {
    it.scopedLive(`is not in a refusal (${status}) that repeats it`, () =>
      Effect.gen(function*() {
        const layer = yield* answering(status, { detail })
        const { summary } = yield* Effect.provide(examined(yield* folder), layer)
        assert.strictEqual(summary.states.done, 0)
      }))
  }
})
