/**
 * A program that runs a batch: `<baseUrl> <ledger> <rows> <operation> <options as JSON>`. The ledger is a file, or the URL of a
 * PostgreSQL database. It runs the batch until no row is left that may still be run, prints its last summary, and ends. The key comes from the environment.
 */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Noukai } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"

const [baseUrl, ledger, rows, operation, options] = process.argv.slice(2)

interface Row {
  readonly id: string
}

const common = {
  id: "killed",
  flow: "acme/test/echo",
  key: (row: Row) => row.id,
  input: (row: Row) => ({ message: row.id })
}

const batch = operation === "execute" ? Batch.make({ ...common, operation }) : Batch.make(common)

const source = BatchSource.fromIterable(Array.from({ length: Number(rows) }, (_, n) => ({ id: `row ${n}` })))

const program = Batch.run(batch, source, JSON.parse(options!)).pipe(
  Effect.tap(({ status }) => status === "incomplete" ? Effect.sleep("100 millis") : Effect.void),
  Effect.repeat({ while: ({ status }) => status === "incomplete" }),
  Effect.tap((summary) => Effect.sync(() => process.stdout.write(JSON.stringify(summary))))
)

const heard = (signal: string) => {
  process.off("SIGINT", heard).off("SIGTERM", heard)
  // once nobody handles a second one any more: it would be dropped
  setImmediate(() => process.stderr.write(`${signal}\n`))
}
process.on("SIGINT", heard).on("SIGTERM", heard)

const store = ledger!.startsWith("postgres://")
  ? Layer.provide(BatchStore.layerSql, PgClient.layer({ url: Redacted.make(ledger!) }))
  : BatchStore.layerFile(ledger!)

// interrupted by a signal, and ended by a second one
NodeRuntime.runMain(
  Effect.provide(
    program,
    Layer.mergeAll(store, BatchEngine.layerLocal, Noukai.layer({ baseUrl: baseUrl! }))
  )
)
