/**
 * A program that reads the batch `any` of each ledger that a line of stdin names. Prints a line of JSON for each: the
 * ledger, and its status with the number of its results, or its error. Gives up the rights of root, which may write
 * anything.
 */
import { Batch, BatchStore } from "@effect-noukai/batch"
import { Effect, Either, Stream } from "effect"
import { createInterface } from "node:readline"

if (process.getuid?.() === 0) {
  process.setgid!(65_534)
  process.setuid!(65_534)
}

const read = (ledger: string) =>
  Effect.all([Batch.status("any"), Stream.runCount(Batch.results("any"))]).pipe(
    Effect.map(([{ states, status }, results]) => ({ status, done: states.done, results })),
    Effect.provide(BatchStore.layerFile(ledger)),
    Effect.either
  )

for await (const ledger of createInterface(process.stdin)) {
  const found = await Effect.runPromise(read(ledger))
  const said = Either.isRight(found) ? found.right : { error: found.left._tag, message: found.left.message }
  process.stdout.write(`${JSON.stringify({ ledger, said })}\n`)
}
