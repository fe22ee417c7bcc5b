/** Batches of a ledger, and rows by their keys. */
import { Batch } from "@effect-noukai/batch"
import { Flow } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { echo, echoing, layer, numbered, type Row, rowsOf } from "./support/batches.js"

const quick = { grace: 300 } as const

const noted = (id: string, note: string) =>
  Batch.make({ id, flow: echo, note, key: (row: Row) => row.id, input: (row) => ({ message: row.id }) })

describe("the batches of a ledger", () => {
  it.live("are listed by the beginning of their ids, with the note of their first plan", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Batch.list(), [])
      yield* Batch.run(noted("group/%_a", "first"), rowsOf("a"), quick)
      yield* Batch.run(noted("group/%_a", "second"), rowsOf("a"), quick)
      yield* Batch.run(echoing("other"), rowsOf("a"), quick)
      const all = yield* Batch.list()
      assert.deepStrictEqual(all.map(({ batch, flow, note, version }) => [batch, flow, version, note]), [
        ["group/%_a", echo, "production", "first"],
        ["other", echo, "production", undefined]
      ])
      assert.deepStrictEqual(yield* Batch.list("group/%"), [all[0]!])
      assert.deepStrictEqual(yield* Batch.list("group/_"), [])
    }).pipe(Effect.provide(layer())))
})

describe("the rows of some keys", () => {
  it.live("have their results by the schema of the flow, and are absent where no row has the key", () =>
    Effect.gen(function*() {
      const Said = Schema.Struct({ said: Schema.Uppercase })
      const batch = Batch.make({
        id: "keys",
        flow: Flow.make(echo, { result: Said }),
        key: (row: Row) => row.id,
        input: (row) => ({ message: row.id })
      })
      yield* Batch.run(batch, numbered(3), quick)
      const found = yield* Batch.resultsOf(batch, ["row 3", "row 1", "row 9"])
      assert.deepStrictEqual(
        [...found].map(([key, { result }]) => [key, result?.said]).sort(),
        [["row 1", "ROW 1"], ["row 3", "ROW 3"]]
      )
      const raw = yield* Batch.resultsOf("keys", ["row 3"])
      assert.deepStrictEqual(raw.get("row 3")?.result, { said: "row 3" })
      assert.strictEqual((yield* Effect.flip(Batch.resultsOf("gone", ["a"])))._tag, "BatchNotFoundError")
    }).pipe(Effect.provide(layer())))
})
