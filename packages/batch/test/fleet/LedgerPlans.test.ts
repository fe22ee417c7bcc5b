/** How PostgreSQL finds the rows of a ledger: no statement looks at all rows of a batch for each of them. */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { client, echo } from "../support/batches.js"
import { everyOperation } from "../support/everyOperation.js"
import { growing, scansOf, statementsOf } from "../support/statements.js"
import { startPostgres } from "./support/postgres.js"

// plans change with the statistics of the moment: here the database never makes any
const ledger = Effect.gen(function*() {
  const { url } = yield* startPostgres
  const database = PgClient.layer({ url: Redacted.make(url) })
  yield* Effect.flatMap(
    PgClient.PgClient,
    (sql) => Effect.zipRight(sql`alter system set autovacuum = off`, sql`select pg_reload_conf()`)
  ).pipe(
    Effect.provide(database)
  )
  return Layer.mergeAll(Layer.provideMerge(BatchStore.layerSql, database), BatchEngine.layerLocal, client())
})

describe("the statements of a ledger", () => {
  it.scopedLive("look at a whole batch no more often when it has more rows", () =>
    Effect.gen(function*() {
      const few = yield* Effect.provide(statementsOf(everyOperation(20)), yield* ledger)
      yield* Effect.gen(function*() {
        const many = yield* statementsOf(everyOperation(80))
        assert.isAbove(many.size, 40)
        assert.deepStrictEqual(yield* growing(few, many), [])
      }).pipe(Effect.provide(yield* ledger))
    }))

  it.scopedLive("find rows by their keys before the database has statistics", () =>
    Effect.gen(function*() {
      const of = (id: string) =>
        Batch.make({ id, flow: echo, key: String, input: (no: number) => ({ message: String(no) }) })
      const plan = (id: string) =>
        Batch.run(of(id), BatchSource.fromIterable(Array.from({ length: 5000 }, (_, no) => no)), {
          budgetUsd: 0,
          maxCostPerRow: 1
        })
      yield* plan("one")
      const sent = yield* statementsOf(Effect.gen(function*() {
        yield* plan("one")
        yield* plan("other")
        const store = Layer.succeed(BatchStore, yield* BatchStore)
        yield* Stream.runDrain(Batch.diff({ ledger: store, batch: "one" }, { ledger: store, batch: "other" }))
      }))
      const ofLists = [...sent.values()].filter(({ text }) => text.includes("json_array_elements"))
      assert.isAbove(ofLists.length, 3)
      assert.deepStrictEqual(
        yield* Effect.forEach(ofLists, (one) =>
          Effect.map(scansOf(one, ["seqscan"]), (scans) => ({ text: one.text, scans }))),
        ofLists.map(({ text }) => ({ text, scans: [] }))
      )
    }).pipe(Effect.provide(Layer.unwrapScoped(ledger))))
})
