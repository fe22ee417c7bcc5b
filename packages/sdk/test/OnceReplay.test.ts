/** Runs once per key over recordings, replays, fakes and scripts, where nothing is looked up. */
import { Emulator } from "@effect-noukai/emulator"
import { completed } from "@effect-noukai/report/testing"
import { JobService, Noukai, NoukaiRecord, NoukaiReplay, ReplayCassette } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { join } from "node:path"
import { folder } from "./support/folder.js"
import { echo, executeOnce, runs, setup } from "./support/once.js"

describe("replays and fakes", () => {
  const program = Effect.gen(function*() {
    const jobs = yield* JobService
    const done = yield* executeOnce("row 1", echo, { message: "hi" })
    const job = yield* jobs.submitOnce("row 2", echo, { message: "ho" })
    return [done.status === "completed" ? done.result : undefined, yield* job.result({ schedule: Schedule.spaced(0) })]
  })

  it.scoped("a recording holds the runs and no look-up, also of runs that were found", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "cassette.json")
      const emulator = yield* Emulator
      yield* executeOnce("row 1", echo, { message: "hi" })
      const record = NoukaiRecord.toFile(path, { mode: "all", live: Noukai.layerServices })
      const live = yield* Effect.provide(program, record)
      assert.deepStrictEqual(live, [{ said: "hi" }, { said: "ho" }])
      assert.lengthOf(yield* runs, 2)
      const before = (yield* emulator.ledger).requests.length
      const replayed = yield* program.pipe(
        Effect.zipLeft(ReplayCassette.verify),
        Effect.provide(NoukaiReplay.fromFile(path))
      )
      assert.deepStrictEqual(replayed, live)
      assert.lengthOf((yield* emulator.ledger).requests, before)
    }).pipe(Effect.provide(setup())))

  it.scoped("a failure to run once is recorded, and replayed", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "cassette.json")
      yield* executeOnce("row 1", "acme/test/redacted")
      const record = NoukaiRecord.toFile(path, { mode: "all", live: Noukai.layerServices })
      const call = Effect.flip(executeOnce("row 1", "acme/test/redacted"))
      const live = yield* Effect.provide(call, record)
      const replayed = yield* Effect.provide(call, NoukaiReplay.fromFile(path))
      assert.strictEqual(live._tag, "ResultNotStoredError")
      assert.strictEqual(replayed.message, live.message)
      assert.deepInclude({ ...replayed }, { _tag: "ResultNotStoredError", reason: "redacted" })
    }).pipe(Effect.provide(setup())))

  it.scoped("a recording that lacks a run asks the server, which looks it up", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "cassette.json")
      const record = NoukaiRecord.toFile(path, { mode: "new", live: Noukai.layerServices })
      const one = executeOnce("row 1", echo, { message: "hi" })
      const two = executeOnce("row 2", echo, { message: "ho" })
      const first = yield* Effect.provide(one, record)
      const both = yield* Effect.provide(Effect.all([one, two]), record)
      const all = yield* Effect.provide(Effect.all([one, two]), record)
      assert.deepStrictEqual(
        [first, ...both, ...all].map(({ reused }) => reused),
        [false, false, false, false, false]
      )
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scoped("the replay of a session matches it as execute does", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const done = yield* executeOnce("row 1", echo, { message: "hi" })
      const before = (yield* emulator.ledger).requests.length
      const replay = Layer.fresh(NoukaiReplay.fromSession(done.sessionId!).pipe(Layer.provide(Noukai.layerServices)))
      const replayed = yield* executeOnce("any other key", echo, { message: "hi" }).pipe(
        Effect.zipLeft(ReplayCassette.verify),
        Effect.provide(replay)
      )
      assert.deepInclude(replayed, { result: { said: "hi" }, reused: false, sessionId: done.sessionId! })
      assert.lengthOf((yield* emulator.ledger).requests, before + 1)
    }).pipe(Effect.provide(setup())))

  it.effect("a fake and a script answer it as they answer execute", () =>
    Effect.gen(function*() {
      const fake = Noukai.layerTest((slug) => Effect.succeed(`from ${slug}`))
      const call = executeOnce("k", echo, { message: "hi" })
      assert.deepInclude(yield* Effect.provide(call, fake), { result: "from echo", reused: false })
      const script = Layer.provideMerge(Noukai.layerOverHttp, layerScripted({ execute: [completed(7)] }))
      assert.deepInclude(yield* Effect.provide(call, script), { result: 7, reused: false })
    }))
})
