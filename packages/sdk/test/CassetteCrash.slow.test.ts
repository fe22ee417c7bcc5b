/**
 * A process that is killed while it writes a cassette leaves the old one, or the new one, and never a part. A cassette that
 * would be too large is not written.
 */
import * as Testing from "@effect-noukai/report/testing"
import { Cassette, FlowService, NoukaiRecord } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { existsSync, watch } from "node:fs"
import { join } from "node:path"
import { bundledProgram } from "./support/bundledProgram.js"
import { folder, list } from "./support/folder.js"
import { cassette, execution } from "./support/sessions.js"
import { size } from "./support/size.js"

/** Runs the program until the n-th file that it is about to put in place is there, and kills it then. */
const killedInMidWrite = (program: string, dir: string, path: string, n: number) =>
  Effect.async<string>((resume) => {
    const child = spawn(process.execPath, [program, path], { stdio: ["ignore", "ignore", "pipe"] })
    let errors = ""
    let seen = 0
    const written = new Set<string>()
    const watcher = watch(dir, (_, name) => {
      if (name === null || !name.endsWith(".tmp") || written.has(name) || !existsSync(join(dir, name))) return
      written.add(name)
      if (++seen === n) child.kill("SIGKILL")
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text)
    child.on("close", () => {
      watcher.close()
      resume(Effect.succeed(errors))
    })
    return Effect.sync(() => {
      watcher.close()
      child.kill("SIGKILL")
    })
  })

it.scopedLive("killed in mid-write", () =>
  Effect.gen(function*() {
    const program = yield* Effect.promise(() => bundledProgram(new URL("./support/saveProcess.ts", import.meta.url)))
    const dir = yield* folder
    const path = join(dir, "c.json")
    yield* Cassette.save(cassette(execution("a", "execute", "old")), path)
    const whole = new Set(["old", "x".repeat(8 * 1024 * 1024), "y".repeat(8 * 1024 * 1024)])
    let leftBehind = 0
    for (let round = 1; round <= size(4, 2); round++) {
      assert.strictEqual(yield* killedInMidWrite(program, dir, path, round), "")
      const loaded = yield* Cassette.load(path)
      const output = loaded.kind === "session" ? loaded.session.executions[0]?.steps[0]?.outputSnapshot : undefined
      assert.isString(output)
      const text = String(output)
      assert.isTrue(whole.has(text), text.slice(0, 20))
      leftBehind += (yield* list(dir)).filter((name) => name.endsWith(".tmp")).length
    }
    // The writes were under way when they were stopped.
    assert.isAbove(leftBehind, 0)
  }))

it.scoped("over the limit of a cassette: TooLarge, and nothing is written", () =>
  Effect.gen(function*() {
    const dir = yield* folder
    // each is recorded twice, as it was asked and as it was answered
    const large = "x".repeat(Cassette.maxBytes / 4)
    const live = layerScripted({ execute: [Testing.completed(`1${large}`), Testing.completed(`2${large}`)] })
    const error = yield* Effect.gen(function*() {
      const flows = yield* FlowService
      yield* flows.execute("acme/test/a", { message: `1${large}` })
      yield* flows.execute("acme/test/a", { message: `2${large}` })
      return yield* Effect.flip(NoukaiRecord.save)
    }).pipe(
      Effect.provide(NoukaiRecord.toFile(join(dir, "cassette.json"), { mode: "all", live })),
      Effect.catchAllDefect(Effect.succeed)
    )
    assert.deepInclude(error, { _tag: "CassetteError", reason: "TooLarge" })
    assert.notInclude(yield* list(dir), "cassette.json")
  }))
