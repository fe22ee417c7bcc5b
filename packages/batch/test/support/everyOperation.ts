/** All that is done with a batch, so that each statement of the ledger is sent. */
import { Batch, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Effect, Layer, Stream } from "effect"
import { collect, echo } from "./batches.js"

interface Row {
  readonly id: string
  readonly kind?: "invalid" | "refused" | "failing"
}

/** Rows that are planned and read in several parts. */
const text = "x".repeat(30_000)

const batchOf = (id: string, flow = echo) =>
  Batch.make({
    id,
    flow,
    key: (row: Row) => {
      if (row.kind === "refused") throw new Error("no key")
      return row.id
    },
    input: ({ id, kind }) => {
      if (kind === "invalid") throw new Error("no input")
      return { message: `${id} ${text}`, ...(kind === "failing" && { parameters: { fails: true } }) }
    }
  })

/** Runs, stops and reads batches of so many rows each. */
export const everyOperation = (count: number) =>
  Effect.gen(function*() {
    const rows = Array.from({ length: count }, (_, n): Row => ({ id: `row ${n}` }))
    const beside: ReadonlyArray<Row> = [{ id: "row 0" }, { id: "", kind: "refused" }]
    const source = BatchSource.fromIterable([...rows, { id: "bad", kind: "invalid" } as const, ...beside])
    const mended = BatchSource.fromIterable([...rows, { id: "bad" }, ...beside])
    const options = { grace: 200, concurrency: 8, budgetUsd: 1000, maxCostPerRow: 0.1, maxFailures: 10 }
    const batch = batchOf("all")
    yield* Batch.plan(batch, source)
    yield* Batch.run(batch, source, options)
    yield* Batch.plan(batch, mended)
    yield* Batch.run(batch, mended, options)
    yield* collect(Batch.results(batch))
    yield* collect(Batch.results(batch, { order: "done" }))
    yield* collect(Batch.refused("all"))
    yield* collect(Stream.take(Batch.progress("all"), 1))
    for (const only of ["failed", "cancelled", "invalid"] as const) yield* Batch.retry("all", { only })
    yield* Batch.retry("all", { only: "reported", acceptDoubleRuns: true })
    // one that is cancelled with all its rows pending
    const left = batchOf("left")
    yield* Batch.run(left, BatchSource.fromIterable(rows), { ...options, budgetUsd: 0 })
    yield* Batch.run(left, BatchSource.fromIterable(rows), { ...options, budgetUsd: 0 })
    // some rows with another input, and without others
    const edited = BatchSource.fromIterable(
      rows.slice(1).map(({ id }, n): Row => n % 2 === 0 ? { id, kind: "failing" } : { id })
    )
    yield* Batch.plan(left, edited)
    yield* Batch.run(left, edited, { ...options, budgetUsd: 0 })
    yield* Batch.run(left, BatchSource.fromIterable(rows), { ...options, budgetUsd: 0 })
    const ledger = Effect.map(BatchStore, (store) => Layer.succeed(BatchStore, store))
    yield* Stream.runDrain(
      Batch.diff({ batch: "all", ledger: yield* ledger }, { batch: "left", ledger: yield* ledger })
    )
    yield* collect(Batch.results("all", { withInput: true }))
    yield* Batch.run(left, BatchSource.fromIterable(rows), { ...options, select: { key: "* 1*" }, budgetUsd: 0 })
    yield* Batch.pause("left")
    yield* Batch.resume("left")
    const failing = batchOf("failing", "acme/test/fails")
    const short = BatchSource.fromIterable(rows)
    yield* Batch.run(failing, short, { ...options, maxFailures: count, attempts: 2, backoff: 1 })
    yield* Batch.retry("failing", { only: "failed" })
    yield* Batch.attempts("failing", "row 0")
    yield* Batch.settle(
      "failing",
      rows.map(({ id }) => ({ key: id, attempt: 1, executionId: `run of ${id}`, reason: "it is the only run" }))
    )
    yield* Batch.page("failing", { after: 3, limit: 2, state: ["pending", "failed"] })
    yield* Batch.settled("failing")
    yield* collect(Batch.numbers("failing", "row 1*"))
    yield* Batch.forget("failing")
    const target = ({ id }: Row) => id.endsWith("1") ? { flow: "acme/test/fails" } : {}
    const targeted = Batch.make({
      id: "targeted",
      flow: echo,
      target,
      key: ({ id }: Row) => id,
      input: () => ({ message: text })
    })
    yield* Batch.run(targeted, short, { ...options, maxFailures: count, steps: ["a"] })
    yield* Batch.run(targeted, short, { ...options, maxFailures: count, steps: ["a"] })
    yield* Batch.resultsOf("targeted", ["row 0", "row 1"])
    yield* Batch.list("target")
    yield* Batch.cancel("left")
    yield* Batch.retry("left", { only: "cancelled" })
    yield* Batch.forget("left")
  })
