/**
 * Batches on runners in processes of their own, on the ledger of an emulator. `FLEET_SEEDS` is the number of random
 * moments of a kill, 5 by default.
 */
import { Batch, BatchStore } from "@effect-noukai/batch"
import type { FaultRule } from "@effect-noukai/emulator/Fault"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random, Redacted } from "effect"
import { echo } from "./support/echo.js"
import { type Fleet, outcome, startFleet, summaryOf } from "./support/fleet.js"
import type { Program } from "./support/programs.js"

const seeds = Array.from({ length: Number(process.env.FLEET_SEEDS ?? "5") }, (_, n) => n + 1)

const few = 240
const options = { concurrency: 8 }

/** Each row is settled, no row ran twice, and no run is unknown to the ledger. */
const assertEachOnce = (fleet: Fleet, batch: Program, rows = few) =>
  Effect.gen(function*() {
    yield* batch.ended
    assert.strictEqual(summaryOf(batch).status, "completed")
    const found = yield* outcome(fleet, rows)
    assert.deepStrictEqual(
      { states: found.states, twice: found.twice, neverRan: found.neverRan, runs: found.runs },
      { states: { done: rows }, twice: [], neverRan: [], runs: rows }
    )
    return found
  })

/** A fleet with two runners that have begun with a batch. */
const running = (rows = few, faults: ReadonlyArray<FaultRule> = [], given: object = options, failing = 0) =>
  Effect.gen(function*() {
    const fleet = yield* startFleet({ duration: 300, faults, failing })
    const [one, other] = yield* Effect.all([fleet.runner, fleet.runner], { concurrency: 2 })
    yield* fleet.awaitRunners(2)
    const batch = yield* fleet.coordinator(rows, given)
    yield* fleet.awaitRows(1)
    return { fleet, one, other, batch }
  })

/** Waits for a random moment of the first seconds of a batch. */
const randomMoment = (seed: number) =>
  Effect.gen(function*() {
    const millis = yield* Random.nextIntBetween(0, 4000)
    yield* Effect.sleep(millis)
    return millis
  }).pipe(Effect.withRandom(Random.make(seed)))

it.scopedLive("two runners share the rows of a batch", () =>
  Effect.gen(function*() {
    const { batch, fleet } = yield* running()
    yield* assertEachOnce(fleet, batch)
    const owners = yield* fleet.query("SELECT owner FROM noukai_batch_row GROUP BY owner")
    assert.lengthOf(owners, 2)
  }))

describe("a process is killed at a random moment", () => {
  it.scopedLive.each(seeds)("seed %i", (seed) =>
    Effect.gen(function*() {
      const { batch, fleet, one, other } = yield* running()
      const moment = yield* randomMoment(seed)
      const victims = [[one], [batch], [one, other], [one, batch]][seed % 4]!
      for (const victim of victims) yield* victim.signal("SIGKILL")
      // a fleet of nobody does nothing
      if (victims.includes(other)) yield* fleet.runner
      const last = victims.includes(batch) ? yield* fleet.coordinator(few, options) : batch
      const { millis } = yield* assertEachOnce(fleet, last)
      yield* Effect.log(`seed ${seed}: ${victims.length} killed after ${moment} ms, settled after ${millis} ms`)
    }))
})

describe("the rows are run once", () => {
  it.scopedLive("when a runner is stopped for longer than its lease, and goes on", () =>
    Effect.gen(function*() {
      const many = 640
      const { batch, fleet, one } = yield* running(many)
      yield* Effect.sleep("1 second")
      yield* one.signal("SIGSTOP")
      yield* Effect.sleep("13 seconds")
      yield* one.signal("SIGCONT")
      const { millis } = yield* assertEachOnce(fleet, batch, many)
      yield* Effect.log(`settled after ${millis} ms`)
    }))

  it.scopedLive(
    "and once more where their first runs fail, when a runner and who runs the batch are killed",
    () =>
      Effect.gen(function*() {
        const given = { ...options, attempts: 2, backoff: 500 }
        const { batch, fleet, one } = yield* running(few, [], given, 1)
        yield* Effect.sleep("2 seconds")
        yield* one.signal("SIGKILL")
        yield* batch.signal("SIGKILL")
        const last = yield* fleet.coordinator(few, given)
        yield* last.ended
        assert.strictEqual(summaryOf(last).status, "completed")
        const { runs } = yield* fleet.emulator.ledger
        assert.strictEqual(new Set(runs.map(({ sessionId }) => sessionId)).size, 2 * few)
        const { neverRan, runs: count, states, twice } = yield* outcome(fleet, few)
        assert.deepStrictEqual({ states, neverRan, count, twice: twice.length }, {
          states: { done: few },
          neverRan: [],
          count: 2 * few,
          twice: few
        })
        const kept = yield* fleet.query("SELECT DISTINCT row_id FROM noukai_batch_attempt WHERE state = 'failed'")
        assert.lengthOf(kept, few)
      })
  )

  it.scopedLive("when a runner is stopped for a moment", () =>
    Effect.gen(function*() {
      const { batch, fleet, one } = yield* running()
      for (let times = 0; times < 3; times++) {
        yield* Effect.sleep("500 millis")
        yield* one.signal("SIGSTOP")
        yield* Effect.sleep("2600 millis")
        yield* one.signal("SIGCONT")
      }
      yield* assertEachOnce(fleet, batch)
    }))

  it.scopedLive("when a runner is asked to end, and another one comes", () =>
    Effect.gen(function*() {
      const { batch, fleet, one } = yield* running()
      yield* Effect.sleep("1 second")
      yield* one.signal("SIGTERM")
      assert.deepStrictEqual(yield* one.ended, { code: 0, signal: null })
      yield* fleet.runner
      const { millis } = yield* assertEachOnce(fleet, batch)
      yield* Effect.log(`settled after ${millis} ms`)
    }))

  it.scopedLive("when the batch is stopped, and run again", () =>
    Effect.gen(function*() {
      const { batch, fleet } = yield* running()
      yield* Effect.sleep("1 second")
      yield* batch.signal("SIGINT")
      yield* batch.ended
      const live = yield* fleet.query(
        "SELECT 1 FROM noukai_batch_row WHERE state IN ('intent', 'uncertain', 'submitted')"
      )
      assert.lengthOf(live, 0, "what was in flight goes on to its end")
      const [stopped] = yield* fleet.query<{ state: string; pending: string }>(
        "SELECT b.state, (SELECT count(*) FROM noukai_batch_row WHERE state = 'pending') AS pending FROM noukai_batch b"
      )
      assert.strictEqual(stopped?.state, "stopped")
      assert.isAbove(Number(stopped?.pending), 0)
      yield* assertEachOnce(fleet, yield* fleet.coordinator(few, options))
    }))

  it.scopedLive("when the batch is paused, resumed and run again", () =>
    Effect.gen(function*() {
      const { batch, fleet } = yield* running()
      const store = Layer.provide(BatchStore.layerSql, PgClient.layer({ url: Redacted.make(fleet.postgres.url) }))
      yield* Effect.sleep("1 second")
      yield* Effect.provide(Batch.pause(echo.id), store)
      yield* batch.ended
      const { states, status } = summaryOf(batch)
      assert.strictEqual(status, "paused")
      assert.deepStrictEqual([states.done! + states.pending!, states.pending! > 0], [few, true])
      const again = yield* fleet.coordinator(few, options)
      yield* again.ended
      assert.deepStrictEqual(summaryOf(again).states, states)
      yield* Effect.provide(Batch.resume(echo.id), store)
      yield* assertEachOnce(fleet, yield* fleet.coordinator(few, options))
    }))

  it.scopedLive("when PostgreSQL is restarted", () =>
    Effect.gen(function*() {
      const { batch, fleet } = yield* running()
      yield* Effect.sleep("1 second")
      yield* fleet.postgres.restart
      yield* Effect.sleep("1 second")
      yield* fleet.postgres.crash
      yield* Effect.sleep("4 seconds")
      yield* fleet.postgres.start
      const { millis } = yield* assertEachOnce(fleet, batch)
      yield* Effect.log(`settled after ${millis} ms`)
    }))

  // the lease cannot be renewed: lanes are given up, and mostly come back
  it.scopedLive("when PostgreSQL does not answer for a while", () =>
    Effect.gen(function*() {
      const { batch, fleet } = yield* running(
        few,
        [{ match: { endpoint: "submitJob" }, rate: 0.5, faults: ["stall:1500"] }],
        { concurrency: 16, adopt: false }
      )
      for (const millis of [4000, 5000]) {
        yield* Effect.sleep("1500 millis")
        yield* fleet.postgres.stall(millis)
      }
      const { millis } = yield* assertEachOnce(fleet, batch)
      yield* Effect.log(`settled after ${millis} ms`)
    }))

  it.scopedLive("when a fifth of the submissions go wrong", () =>
    Effect.gen(function*() {
      const faults: readonly [string, ...Array<string>] = [
        "503",
        "429:retry=1",
        "reset",
        "reset:late",
        "cut:b20",
        "500:html",
        "delay:3000"
      ]
      const { batch, fleet } = yield* running(few, [{ match: { endpoint: "submitJob" }, rate: 0.2, faults }])
      yield* batch.ended
      assert.strictEqual(summaryOf(batch).status, "completed")
      const { neverRan, states, twice } = yield* outcome(fleet, few)
      const { done = 0, failed = 0, reported = 0, ...others } = states
      yield* Effect.log(`done ${done}, failed ${failed}, reported ${reported}`)
      assert.deepStrictEqual({ others, twice, neverRan }, { others: {}, twice: [], neverRan: [] })
      assert.strictEqual(done + failed + reported, few)
    }))
})
