/** A program that reads a batch: `<ledger> <id>`. Prints its status, and the number of its results, as JSON. */
import { Batch, BatchStore } from "@effect-noukai/batch"
import { Effect, Either, Stream } from "effect"

const [ledger, id] = process.argv.slice(2)

const read = Effect.all([Batch.status(id!), Stream.runCount(Batch.results(id!))]).pipe(
  Effect.map(([{ states, status }, results]) => ({ status, done: states.done, results })),
  Effect.provide(BatchStore.layerFile(ledger!)),
  Effect.either
)

const found = await Effect.runPromise(read)
process.stdout.write(JSON.stringify(
  Either.isRight(found) ? found.right : { error: found.left._tag, message: found.left.message }
))
