/** Rows that are large: what is in memory at once does not depend on how many there are. */
import { Batch, BatchSource } from "@effect-noukai/batch"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import { echo, layer, requestsTo } from "./support/batches.js"
import { statementsOf } from "./support/statements.js"

const mebibyte = 1024 * 1024

interface Row {
  readonly id: string
  readonly bytes: number
}

const echoing = (id: string, maxInputBytes?: number) =>
  Batch.make({
    id,
    flow: echo,
    key: (row: Row) => row.id,
    input: ({ bytes, id }) => ({ message: id.padEnd(bytes, "x") }),
    maxInputBytes
  })

const documents = (count: number, bytes: number) =>
  BatchSource.fromIterable(Array.from({ length: count }, (_, n): Row => ({ id: `row ${n}`, bytes })))

describe("a batch of large rows", () => {
  it.live("plans, runs and reads them in parts of about 1 MiB", () =>
    Effect.gen(function*() {
      const [count, bytes] = [12, 400_000]
      const batch = echoing("documents")
      const statements = yield* statementsOf(Effect.gen(function*() {
        const source = documents(count, bytes)
        yield* Batch.plan(batch, source)
        const { states } = yield* Batch.run(batch, source, { grace: 300 })
        assert.strictEqual(states.done, count)
        assert.deepStrictEqual((yield* Batch.plan(batch, source)).known, { done: count })
        for (const order of ["input", "done"] as const) {
          const pages = yield* Stream.runCollect(Stream.chunks(Batch.results(batch, { order })))
          assert.deepStrictEqual(Chunk.toReadonlyArray(pages).map(Chunk.size), [2, 2, 2, 2, 2, 2])
        }
      }))
      const longest = Math.max(...[...statements.values()].map(({ length }) => length))
      assert.isAbove(longest, mebibyte)
      assert.isBelow(longest, mebibyte + 1.2 * bytes)
    }).pipe(Effect.provide(layer())))

  it.live("has a limit, over which a row is invalid and names its size", () =>
    Effect.gen(function*() {
      const source = BatchSource.fromIterable<Row>([{ id: "a", bytes: 986 }, { id: "b", bytes: 990 }, {
        id: "字",
        bytes: 985
      }])
      const { plan, states } = yield* Batch.run(echoing("limited", 1000), source, { grace: 300 })
      assert.deepStrictEqual([plan.ready, plan.invalid, states.done], [1, 2, 1])
      const rows = yield* Stream.runCollect(Batch.results("limited"))
      assert.deepStrictEqual(Array.from(rows, ({ error, key }) => [key, error?.message]), [
        ["a", undefined],
        ["b", "its input has 1004 bytes, and may have 1000: shorten it, or raise maxInputBytes"],
        ["字", "its input has 1001 bytes, and may have 1000: shorten it, or raise maxInputBytes"]
      ])
      assert.lengthOf((yield* requestsTo("submitJob")).filter(({ method }) => method === "POST"), 1)
    }).pipe(Effect.provide(layer())))

  it.live("takes no limit that is none, and none that a text would not hold", () =>
    Effect.gen(function*() {
      for (const limit of [0, -1, 1.5, Number.NaN, 64 * mebibyte + 1]) {
        const error = yield* Effect.flip(Batch.plan(echoing("wrong", limit), documents(1, 10)))
        assert.deepStrictEqual([error._tag, "field" in error && error.field], ["InvalidBatchError", "maxInputBytes"])
      }
    }).pipe(Effect.provide(layer())))
})
