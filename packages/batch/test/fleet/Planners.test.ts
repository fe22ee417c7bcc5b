/** Processes that plan one batch at the same time. */
import { SqlClient } from "@effect/sql"
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Layer, Redacted } from "effect"
import { startPostgres } from "./support/postgres.js"
import * as Programs from "./support/programs.js"

interface Plan {
  readonly added: number
  readonly known: { readonly [state: string]: number }
  readonly refusedCount: number
}

const planOf = (planner: Programs.Program): Plan => {
  const [, text] = /^summary (.*)$/m.exec(planner.output()) ?? []
  assert.isDefined(text, planner.output())
  return (JSON.parse(text!) as { readonly plan: Plan }).plan
}

const waits = "another process is planning it"

const planners = Effect.gen(function*() {
  const { url } = yield* startPostgres
  const program = yield* Programs.bundled(new URL("./support/batchPlanner.ts", import.meta.url))
  const client = yield* Layer.build(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
  return {
    planner: (order: "up" | "down", rows: number, connections: number, most?: number) =>
      Programs.start(program, [url, order, ...[rows, connections, ...most === undefined ? [] : [most]].map(String)]),
    numbers: Effect.flatMap(
      SqlClient.SqlClient,
      (sql) => sql<{ no: string }>`select no from noukai_batch_row order by no`
    )
      .pipe(Effect.map((rows) => rows.map(({ no }) => Number(no))), Effect.provide(client), Effect.orDie)
  }
})

describe("processes that plan one batch", () => {
  it.scopedLive(
    "in opposite orders number each row once, and the second one says that it waits",
    () =>
      Effect.gen(function*() {
        const { numbers, planner } = yield* planners
        const count = 20_000
        const both = yield* Effect.all([planner("up", count, 10), planner("down", count, 10)])
        for (const one of both) assert.deepStrictEqual(yield* one.ended, { code: 0, signal: null }, one.output())
        const plans = both.map(planOf)
        assert.deepStrictEqual(plans.map(({ added }) => added).sort(), [0, count])
        assert.deepStrictEqual(plans.map(({ refusedCount }) => refusedCount), [0, 0])
        assert.deepStrictEqual(yield* numbers, Arr.range(1, count))
        assert.lengthOf(both.filter((one) => one.output().includes(waits)), 1)
      })
  )

  it.scopedLive("go on when the one that plans is killed, over a single connection each", () =>
    Effect.gen(function*() {
      const { numbers, planner } = yield* planners
      const first = yield* planner("up", 3000, 1, 2000)
      yield* first.awaitOutput("has begun")
      const second = yield* planner("down", 3000, 1)
      yield* second.awaitOutput(waits)
      yield* first.signal("SIGKILL")
      assert.deepStrictEqual(yield* second.ended, { code: 0, signal: null }, second.output())
      const { added, known, refusedCount } = planOf(second)
      assert.deepStrictEqual([added, known, refusedCount], [1000, { pending: 2000 }, 0])
      assert.deepStrictEqual(yield* numbers, Arr.range(1, 3000))
    }))
})
