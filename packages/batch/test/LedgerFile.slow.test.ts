/** A ledger in a file: what stands beside it, who may read it, and what names it. */
import { Batch, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Stream } from "effect"
import Libsql from "libsql"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { bundledProgram } from "../../sdk/test/support/bundledProgram.js"
import { isWhole, size } from "../../sdk/test/support/size.js"
import { client, collect, echoing, ledgerFile, numbered, onFile } from "./support/batches.js"

const reading: ReadonlyArray<readonly [string, Effect.Effect<unknown, { readonly _tag: string }, BatchStore>]> = [
  ["status", Batch.status("any")],
  ["results", collect(Batch.results("any"))],
  ["results as they settle", collect(Batch.results("any", { order: "done", follow: true }))],
  ["refused", collect(Batch.refused("any"))],
  ["progress", collect(Stream.take(Batch.progress("any"), 1))],
  ["retry", Batch.retry("any", { only: "failed" })],
  ["cancel", Batch.cancel("any")],
  ["forget", Batch.forget("any")]
]

const files = (path: string) => Fs.readdirSync(join(path, "..")).sort()

/** The files of a ledger with a batch `any` of three rows that are done. */
const endedFiles = Effect.gen(function*() {
  const path = yield* ledgerFile
  yield* Effect.provide(Batch.run(echoing("any"), numbered(3), { grace: 300 }), onFile(path))
  return files(path).map((name) => [name, Fs.readFileSync(join(path, "..", name))] as const)
}).pipe(Effect.provide(client()), Effect.scoped, Effect.cached, Effect.runSync)

/** A copy of such a ledger. */
const ended = Effect.gen(function*() {
  const path = yield* ledgerFile
  for (const [name, bytes] of yield* endedFiles) Fs.writeFileSync(join(path, "..", name), bytes)
  return path
})

describe("a ledger that is not there", () => {
  it.scopedLive("has no batch, and is not made by an operation on one", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      for (const [name, operation] of reading) {
        const error = yield* Effect.flip(Effect.provide(operation, BatchStore.layerFile(path)))
        assert.deepStrictEqual([name, error._tag], [name, "BatchNotFoundError"])
        assert.deepStrictEqual(files(path), [], name)
      }
    }))

  it.scopedLive("is not made by a plan, and is found once another process has made it", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      yield* Effect.gen(function*() {
        const plan = yield* Batch.plan(echoing("any"), numbered(3))
        assert.deepStrictEqual([plan.added, files(path)], [3, []])
        yield* Effect.provide(Batch.run(echoing("any"), numbered(3), { grace: 300 }), onFile(path))
        assert.strictEqual((yield* Batch.status("any")).states.done, 3)
      }).pipe(Effect.provide(BatchStore.layerFile(path)))
    }).pipe(Effect.provide(client())))

  it.scopedLive("is named by a path, and by nothing that a database has another meaning for", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      for (const name of ["", ":memory:", `file:${path}`, `FILE:${path}`, `file://${path}?mode=memory`]) {
        const error = yield* Effect.flip(Effect.provide(Batch.status("any"), BatchStore.layerFile(name)))
        assert.strictEqual(error._tag, "BatchStoreError")
        assert.include(error.message, JSON.stringify(name))
        assert.deepStrictEqual(files(path), [], name)
      }
    }))
})

describe("a ledger that is read", () => {
  it.scopedLive("is as it was, with nothing beside it", () =>
    Effect.gen(function*() {
      const path = yield* ended
      const before = [files(path), Fs.readFileSync(path)]
      assert.deepStrictEqual(files(path), ["batch.ledger", "batch.ledger.lock"])
      yield* Effect.gen(function*() {
        yield* Batch.status("any")
        assert.lengthOf(yield* collect(Batch.results("any")), 3)
        assert.deepStrictEqual(files(path), before[0])
      }).pipe(Effect.provide(BatchStore.layerFile(path)))
      assert.deepStrictEqual([files(path), Fs.readFileSync(path)], before)
    }))

  it.scopedLive("is left alone by the last one that has it open", () =>
    Effect.gen(function*() {
      const path = yield* ended
      const batch = echoing("any")
      yield* Effect.gen(function*() {
        // beside one that writes
        yield* Effect.provide(
          Effect.gen(function*() {
            yield* Batch.retry("any", { only: "failed" })
            yield* Batch.run(batch, numbered(4), { grace: 300 })
            assert.include(files(path), "batch.ledger-wal")
          }),
          onFile(path)
        )
        assert.strictEqual((yield* Batch.status("any")).states.done, 4)
      }).pipe(Effect.provide(BatchStore.layerFile(path)))
      assert.deepStrictEqual(files(path), ["batch.ledger", "batch.ledger.lock"])
    }).pipe(Effect.provide(client())))
})

describe("a ledger that several processes begin at once", () => {
  it.scopedLive("is opened by each of them, or locked", () =>
    Effect.gen(function*() {
      const folder = join(yield* ledgerFile, "..")
      const program = yield* Effect.promise(() =>
        bundledProgram(new URL("./support/ledgerBeginner.ts", import.meta.url))
      )
      const begun = Effect.async<string>((resume) => {
        execFile(
          process.execPath,
          [program, folder, String(size(200, 4))],
          { env: { ...process.env, NOUKAI_API_KEY: "nk_any" } },
          (_, stdout, stderr) => resume(Effect.succeed(stdout + stderr))
        )
      })
      const said = yield* Effect.all(Array.from({ length: size(4, 2) }, () => begun), { concurrency: "unbounded" })
      assert.deepStrictEqual(said, said.map(() => ""))
    }))
})

/** Starts a process that reads ledgers and may not write them. */
const startReader = async () => {
  const program = await bundledProgram(new URL("./support/batchReader.ts", import.meta.url))
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] })
  const waiting = new Map<string, (said: unknown) => void>()
  createInterface(child.stdout).on("line", (line) => {
    const { ledger, said } = JSON.parse(line)
    waiting.get(ledger)!(said)
  })
  return {
    read: (ledger: string) =>
      Effect.async<unknown>((resume) => {
        waiting.set(ledger, (said) => resume(Effect.succeed(said)))
        child.stdin.write(`${ledger}\n`)
      }),
    end: () => child.stdin.end()
  }
}

/** Copies the files of a ledger to a folder where nobody may write. */
const readOnly = (path: string, ...names: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const place = join(path, "../read only")
      Fs.mkdirSync(place)
      for (const name of names) {
        Fs.copyFileSync(join(path, "..", name), join(place, name))
        Fs.chmodSync(join(place, name), 0o444)
      }
      Fs.chmodSync(place, 0o555)
      Fs.chmodSync(join(path, ".."), 0o755)
      return join(place, names[0]!)
    }),
    (copy) => Effect.sync(() => Fs.chmodSync(join(copy, ".."), 0o755))
  )

describe.concurrent("a ledger that can only be read", () => {
  let reader: Awaited<ReturnType<typeof startReader>>

  beforeAll(async () => {
    reader = await startReader()
  })

  afterAll(() => reader.end())

  const found = { status: "completed", done: 3, results: 3 }

  it.scopedLive("is read", () =>
    Effect.gen(function*() {
      const copy = yield* readOnly(yield* ended, "batch.ledger")
      assert.deepStrictEqual(yield* reader.read(copy), found)
      assert.deepStrictEqual(files(copy), ["batch.ledger"])
    }))

  it.scopedLive("is read where a process was killed that wrote it", () =>
    Effect.gen(function*() {
      const path = yield* ended
      const database = new Libsql(path)
      database.exec("pragma journal_mode = wal")
      database.exec("update noukai_batch_row set state = 'failed' where no = 3")
      const copy = yield* readOnly(path, "batch.ledger", "batch.ledger-wal", "batch.ledger-shm")
      assert.deepStrictEqual(yield* reader.read(copy), { ...found, done: 2 })
    }))

  for (const [pid, status] of [[process.pid, "running"], [2 ** 22 + 1, "incomplete"]] as const) {
    it.scopedLive(`is ${status} where it was, by the process ${pid} that its lock names`, () =>
      Effect.gen(function*() {
        const path = yield* ended
        const database = new Libsql(path)
        database.exec("update noukai_batch set state = 'running'")
        database.exec("update noukai_batch_row set state = 'pending' where no = 3")
        database.close()
        const lock = new Libsql(`${path}.lock`)
        lock.exec(`update holder set pid = ${pid}`)
        lock.close()
        const copy = yield* readOnly(path, "batch.ledger", "batch.ledger.lock")
        assert.deepStrictEqual(yield* reader.read(copy), { ...found, done: 2, status })
        assert.deepStrictEqual(files(copy), ["batch.ledger", "batch.ledger.lock"])
      }))
  }

  it.scopedLive("is read where it is the copy of one that was open", () =>
    Effect.gen(function*() {
      const path = yield* ended
      const database = new Libsql(path)
      database.exec("pragma journal_mode = wal")
      database.exec("update noukai_batch_row set state = 'failed' where no = 3")
      database.prepare("pragma wal_checkpoint(truncate)").all()
      const copy = yield* readOnly(path, "batch.ledger")
      assert.deepStrictEqual(yield* reader.read(copy), { ...found, done: 2 })
    }))
})

describe("a ledger of a newer schema", () => {
  it.scopedLive("is refused by the versions, and left as it is", () =>
    Effect.gen(function*() {
      const path = yield* ended
      const database = new Libsql(path)
      database.exec("insert into noukai_batch_migration (migration_id, name) values (999, 'later')")
      database.close()
      const before = Fs.readFileSync(path)
      for (const operation of [Effect.asVoid(Batch.status("any")), Batch.cancel("any")]) {
        const error = yield* Effect.flip(Effect.provide(operation, BatchStore.layerFile(path)))
        assert.strictEqual(error._tag, "BatchStoreError")
        assert.match(
          error.message,
          /schema version 999, and this version of @effect-noukai\/batch has \d+: use the newer/
        )
      }
      assert.deepStrictEqual(Fs.readFileSync(path), before)
    }))
})

describe.concurrent("a process that ends", () => {
  const slow = Emulators.layer({
    flows: [{
      ref: "acme/test/echo",
      steps: [{ kind: "template", id: "a", output: { said: "{{message}}" }, duration: "150 millis" }]
    }],
    jobs: { workers: 64 }
  })

  /** Starts a program that runs a batch, ends it once a row runs, and returns its end and the files that it leaves. */
  const run = (
    name: string,
    argsOf: (emulator: Emulator["Type"]) => ReadonlyArray<string>,
    end: (child: ChildProcess) => void
  ) =>
    Effect.gen(function*() {
      const program = yield* Effect.promise(() => bundledProgram(new URL(`./support/${name}.ts`, import.meta.url)))
      const path = yield* ledgerFile
      const emulator = yield* Emulator
      const [first, ...others] = argsOf(emulator)
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, [program, first!, path, "40", ...others], {
            env: { ...process.env, NOUKAI_API_KEY: Redacted.value(emulator.apiKey) },
            stdio: ["ignore", "ignore", "pipe"]
          })
        ),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const ending = yield* Effect.fork(Effect.async<string | number>((resume) => {
        child.on("close", (code, signal) => resume(Effect.succeed(code ?? signal!)))
      }))
      yield* Effect.raceFirst(emulator.awaitEvent((event) => event.type === "StepStarted"), Fiber.join(ending))
      end(child)
      const ended = yield* Fiber.join(ending)
      const { rows } = yield* Effect.provide(
        Batch.status(name === "batchPromise" ? "promised" : "killed"),
        BatchStore.layerFile(path)
      )
      return [ended, files(path), rows] as const
    })

  const left = ["batch.ledger", "batch.ledger.lock"]

  for (const signal of isWhole ? ["SIGINT", "SIGTERM", "SIGHUP"] as const : ["SIGTERM"] as const) {
    it.scopedLive(`by ${signal}, which it does not listen for, leaves the ledger alone`, () =>
      Effect.gen(function*() {
        const end = yield* run("batchPromise", ({ port }) => [String(port)], (child) => child.kill(signal))
        assert.deepStrictEqual(end, [signal, left, 40])
      }).pipe(Effect.provide(slow)))
  }

  it.scopedLive("by itself in the middle of a batch leaves the ledger alone", () =>
    Effect.gen(function*() {
      const end = yield* run("batchPromise", ({ port }) => [String(port), "exit"], () => {})
      assert.deepStrictEqual(end, [3, left, 40])
    }).pipe(Effect.provide(slow)))

  it.scopedLive("by a second signal leaves the ledger alone", () =>
    Effect.gen(function*() {
      const end = yield* run(
        "batchProcess",
        ({ baseUrl }) => [baseUrl, "jobs", JSON.stringify({ grace: 300 })],
        (child) => {
          child.stderr!.once("data", () => child.kill("SIGTERM"))
          child.kill("SIGINT")
        }
      )
      assert.deepStrictEqual(end, ["SIGTERM", left, 40])
    }).pipe(Effect.provide(slow)))
})
