/** Only plain files are read and replaced. */
import * as Scripted from "@effect-noukai/report/testing"
import { Cassette, CassetteError, FlowService, NoukaiHttp, NoukaiRecord, NoukaiReplay } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import * as Path from "node:path"
import { files } from "../src/internal/cassette/nodeFiles.js"
import { folder, list, write } from "./support/folder.js"
import { cassette, execution } from "./support/sessions.js"

const example = cassette(execution("a", "execute", "fine"))

/** Of each kind one, by its name in a folder. */
const odd = Effect.gen(function*() {
  const dir = yield* folder
  const at = (name: string) => Path.join(dir, name)
  execFileSync("mkfifo", [at("pipe")])
  const listening = (resume: (server: Effect.Effect<Net.Server>) => void) => {
    const server: Net.Server = Net.createServer().listen(at("socket"), () => resume(Effect.succeed(server)))
  }
  yield* Effect.acquireRelease(
    Effect.async<Net.Server>(listening),
    (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
  )
  yield* Effect.promise(() => Fs.mkdir(at("folder")))
  yield* Effect.promise(() => Fs.symlink("pipe", at("link")))
  return {
    dir,
    kinds: [
      ["a pipe", at("pipe")],
      ["a link to a pipe", at("link")],
      ["a device that never ends", "/dev/zero"],
      ["a device that is empty", "/dev/null"],
      ["a folder", at("folder")],
      ["a socket", at("socket")]
    ] as const
  }
})

const isFiles = (error: unknown, name: string, path: string): void => {
  assert.instanceOf(error, CassetteError, name)
  assert.strictEqual(error.reason, "Files", name)
  assert.include(error.message, path)
  assert.match(error.message, /no plain file/)
}

describe("what is no plain file", () => {
  it.scoped("is not read: a CassetteError, and no wait", () =>
    Effect.gen(function*() {
      for (const [name, path] of (yield* odd).kinds) {
        isFiles(yield* Effect.flip(Effect.provide(Effect.void, NoukaiReplay.fromFile(path))), name, path)
        isFiles(yield* Effect.flip(Cassette.load(path)), name, path)
      }
    }))

  it.scoped("is not recorded into, in any mode, before anything has run", () =>
    Effect.gen(function*() {
      const live = Layer.effect(NoukaiHttp, Effect.dieMessage("it was built"))
      const call = Effect.flatMap(FlowService, (flows) => flows.execute("acme/test/a", {}))
      for (const [name, path] of (yield* odd).kinds) {
        for (const mode of ["once", "new", "all", "none"] as const) {
          const error = yield* Effect.flip(Effect.provide(call, NoukaiRecord.toFile(path, { mode, live })))
          isFiles(error, `${name}, ${mode}`, path)
        }
      }
    }))

  it.scoped("is not replaced", () =>
    Effect.gen(function*() {
      const { dir, kinds } = yield* odd
      const before = yield* list(dir)
      for (const [name, path] of kinds) {
        if (path.startsWith("/dev/")) continue // would be lost to everybody
        const kind = (yield* Effect.promise(() => Fs.stat(path))).mode
        isFiles(yield* Effect.flip(Cassette.save(example, path)), name, path)
        assert.strictEqual((yield* Effect.promise(() => Fs.stat(path))).mode, kind, name)
      }
      assert.deepStrictEqual(yield* list(dir), before)
    }))

  it.scoped("nor when it came while a recording was made, of which a new file is told", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const path = Path.join(dir, "c.json")
      const live = layerScripted({ execute: [Scripted.completed("fine")] })
      const program = Effect.gen(function*() {
        yield* Effect.flatMap(FlowService, (flows) => flows.execute("acme/test/a", {}))
        execFileSync("mkfifo", [path])
        isFiles(yield* Effect.flip(NoukaiRecord.save), "save", path)
        yield* Effect.promise(() => Fs.rm(path))
      })
      yield* Effect.provide(program, NoukaiRecord.toFile(path, { mode: "all", live }))
      assert.strictEqual((yield* Cassette.load(path)).kind, "recording")
    }))
})

describe("a limit", () => {
  it.scoped("holds for a file that says that it is empty, and is not", () =>
    Effect.gen(function*() {
      const path = "/proc/self/status"
      assert.strictEqual((yield* Effect.promise(() => Fs.stat(path))).size, 0)
      assert.deepInclude(yield* Effect.flip(files.read(path, 20)), { reason: "TooLarge" })
      assert.match(yield* files.read(path, 1_000_000), /^Name:/)
    }))

  it.scoped("is met to the byte, whatever characters there are", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "text")
      const text = "é€😀".repeat(50_000)
      const bytes = new TextEncoder().encode(text).length
      yield* write(path, text)
      assert.strictEqual(yield* files.read(path, bytes), text)
      assert.deepInclude(yield* Effect.flip(files.read(path, bytes - 1)), { reason: "TooLarge" })
    }))
})
