/** A program that begins ledgers, `<folder> <count>`, as others do beside it. Prints each failure but a lock. */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Noukai } from "@effect-noukai/sdk"
import { Effect, Layer } from "effect"
import { join } from "node:path"

const [folder, count] = process.argv.slice(2)

const nothing = Batch.make({
  id: "any",
  flow: "acme/test/echo",
  key: String,
  input: (row) => ({ message: String(row) })
})

const begin = (number: number) =>
  Batch.run(nothing, BatchSource.fromIterable([])).pipe(
    Effect.provide(Layer.mergeAll(
      BatchStore.layerFile(join(folder!, `${number}.ledger`)),
      BatchEngine.layerLocal,
      Noukai.layer({ baseUrl: "http://localhost:1" })
    )),
    Effect.catchTag("BatchLockedError", () => Effect.void),
    Effect.catchAll((error) => Effect.sync(() => console.log(`${number}: ${error.message}`)))
  )

await Effect.runPromise(Effect.forEach(Array.from({ length: Number(count) }, (_, number) => number), begin))
