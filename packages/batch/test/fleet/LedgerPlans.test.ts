/** How PostgreSQL finds the rows of a ledger: no statement looks at all rows of a batch for each of them. */
import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { client } from "../support/batches.js"
import { everyOperation } from "../support/everyOperation.js"
import { growing, statementsOf } from "../support/statements.js"
import { startPostgres } from "./support/postgres.js"

it.scopedLive("look at a whole batch no more often when it has more rows", () =>
  Effect.gen(function*() {
    const layer = Effect.map(startPostgres, ({ url }) =>
      Layer.mergeAll(
        Layer.provide(BatchStore.layerSql, PgClient.layer({ url: Redacted.make(url) })),
        BatchEngine.layerLocal,
        client()
      ))
    const few = yield* Effect.provide(statementsOf(everyOperation(20)), yield* layer)
    yield* Effect.gen(function*() {
      const many = yield* statementsOf(everyOperation(80))
      assert.isAbove(many.size, 40)
      assert.deepStrictEqual(yield* growing(few, many), [])
    }).pipe(Effect.provide(yield* layer))
  }), 120_000)
