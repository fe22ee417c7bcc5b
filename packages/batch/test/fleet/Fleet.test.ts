/** Batches on runners in processes of their own, on the ledger of an emulator. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { outcome, startFleet, summaryOf } from "./support/fleet.js"

it.scopedLive("two runners run each row once", () =>
  Effect.gen(function*() {
    const rows = 200
    const fleet = yield* startFleet({ duration: 200 })
    const runners = yield* Effect.all([fleet.runner, fleet.runner], { concurrency: 2 })
    const batch = yield* fleet.coordinator(rows, { concurrency: 8 })
    yield* batch.ended
    assert.strictEqual(summaryOf(batch).status, "completed")
    const { millis, neverRan, runs, states, twice } = yield* outcome(fleet, rows)
    assert.deepStrictEqual({ states, twice, neverRan, runs }, {
      states: { done: rows },
      twice: [],
      neverRan: [],
      runs: rows
    })
    const owners = yield* fleet.query("SELECT owner FROM noukai_batch_row GROUP BY owner")
    assert.lengthOf(owners, 2)
    yield* Effect.log(`${rows} rows in ${millis} ms`)
    for (const runner of runners) yield* Effect.log(runner.output())
  }), 60_000)
