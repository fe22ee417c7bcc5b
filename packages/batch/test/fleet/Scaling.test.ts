/**
 * How a batch goes faster with more runners, and how its rate holds for all of them. Measured and told, never asserted
 * where a busy machine would be at fault. `FLEET_ROWS` is the number of rows, 240 by default.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { outcome, startFleet, summaryOf } from "./support/fleet.js"

const rows = Number(process.env.FLEET_ROWS ?? "240")

/** Seconds that a batch of flows of two seconds takes, 32 at once on each runner. */
const secondsWith = (runners: number) =>
  Effect.scoped(Effect.gen(function*() {
    const fleet = yield* startFleet({ duration: 2000 })
    yield* Effect.replicateEffect(fleet.runner, runners, { concurrency: 2 })
    yield* fleet.awaitRunners(runners)
    const batch = yield* fleet.coordinator(rows, { concurrency: 32 })
    yield* batch.ended
    assert.strictEqual(summaryOf(batch).status, "completed")
    const { millis, neverRan, runs, states, twice } = yield* outcome(fleet, rows)
    assert.deepStrictEqual({ states, twice, neverRan, runs }, {
      states: { done: rows },
      twice: [],
      neverRan: [],
      runs: rows
    })
    return millis / 1000
  }))

describe("more runners", () => {
  it.live("take less time", () =>
    Effect.gen(function*() {
      const [one, two, four] = [yield* secondsWith(1), yield* secondsWith(2), yield* secondsWith(4)]
      yield* Effect.log(
        `${rows} rows: ${one} s with 1 runner, ${two} s with 2 (×${(one / two).toFixed(2)}), ` +
          `${four} s with 4 (×${(one / four).toFixed(2)})`
      )
    }))
})

describe("a rate", () => {
  it.scopedLive("holds for all runners together", () =>
    Effect.gen(function*() {
      const [rate, seconds] = [100, 12]
      const fleet = yield* startFleet({ duration: 50 })
      yield* Effect.replicateEffect(fleet.runner, 4, { concurrency: 2 })
      yield* fleet.awaitRunners(4)
      const batch = yield* fleet.coordinator(rate * seconds, { concurrency: 64, rate, adopt: false })
      yield* batch.ended
      assert.strictEqual(summaryOf(batch).status, "completed")
      const { runs, twice } = yield* outcome(fleet, rate * seconds)
      assert.deepStrictEqual({ runs, twice }, { runs: rate * seconds, twice: [] })
      const starts = (yield* fleet.emulator.ledger).runs.map(({ startedAt }) => startedAt).sort((a, b) => a - b)
      const mean = (starts.length - 1) * 1000 / (starts.at(-1)! - starts[0]!)
      // of the seconds since the first run, and of any second, wherever it begins
      const counts: Array<number> = []
      let most = 0
      for (let first = 0, next = 0; next < starts.length; next++) {
        while (starts[next]! - starts[first]! >= 1000) first++
        most = Math.max(most, next - first + 1)
        const second = Math.floor((starts[next]! - starts[0]!) / 1000)
        counts[second] = (counts[second] ?? 0) + 1
      }
      yield* Effect.log(
        `${mean.toFixed(1)} rows/s at a rate of ${rate}, at most ${Math.max(...counts)} in a second, ` +
          `and ${most} in any 1,000 ms: ${counts.join(" ")}`
      )
    }))
})
