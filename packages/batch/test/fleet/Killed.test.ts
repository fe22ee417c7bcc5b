/**
 * A batch of the local engine in PostgreSQL is killed (SIGKILL) at a random request and started again until it ends by
 * itself, while some requests fail. `FLEET_SEEDS` is the number of seeds, 5 by default.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { numbers } from "../../../sdk/test/support/killing.js"
import { counted, killedAndStarted, rows, setup } from "../support/killed.js"
import { startPostgres } from "./support/postgres.js"

const seeds = Array.from({ length: Number(process.env.FLEET_SEEDS ?? "5") }, (_, n) => n + 1)

describe("a batch that is killed and started again", () => {
  it.live.each(seeds)(
    "through the queue, seed %i: no row runs twice, and none is lost",
    (seed) =>
      Effect.gen(function*() {
        const { url } = yield* startPostgres
        const summary = yield* killedAndStarted(url, numbers(seed), "jobs")
        assert.deepStrictEqual([summary.status, summary.states.done, summary.rows], ["completed", rows, rows])
        assert.deepStrictEqual(yield* counted, { ran: rows, doubled: 0 })
      }).pipe(Effect.scoped, Effect.provide(setup(seed, "metadata_only")))
  )

  it.live.each(seeds)("in requests, seed %i: no row runs twice, and none is lost", (seed) =>
    Effect.gen(function*() {
      const { url } = yield* startPostgres
      const summary = yield* killedAndStarted(url, numbers(seed + 1000), "execute")
      const { done = 0, reported = 0 } = summary.states
      assert.deepStrictEqual([summary.status, done + reported, summary.rows], ["completed", rows, rows])
      const { doubled, ran } = yield* counted
      assert.strictEqual(doubled, 0)
      assert.isAtLeast(ran, done)
    }).pipe(Effect.scoped, Effect.provide(setup(seed, "full"))))
})
