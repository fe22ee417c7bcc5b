/**
 * A program that plans so many rows and runs the first of them: `<rows> <run> <ledger> <baseUrl> <id>
 * <bytes of a row>`. It prints what it took as JSON.
 */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Noukai } from "@effect-noukai/sdk"
import { Effect, Fiber, Layer, Stream } from "effect"

const [rows, run, ledger, baseUrl, id, bytes] = process.argv.slice(2)

const batch = Batch.make({
  id: id!,
  flow: "noukai/samples/echo",
  key: (row: { readonly no: number }) => `row-${row.no}`,
  input: (row) => ({ message: `Grade the text of row ${row.no}, please.`.padEnd(Number(bytes), ".") })
})

function* generated(): Generator<{ readonly no: number }> {
  for (let no = 1; no <= Number(rows); no++) yield { no }
}

const cpu = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

const program = Effect.gen(function*() {
  const began = performance.now()
  let planned = began
  let cpuPlanned = cpu()
  const source = BatchSource.fromStream(Stream.concat(
    Stream.fromIterable(generated()),
    Stream.drain(Stream.fromEffect(Effect.sync(() => {
      planned = performance.now()
      cpuPlanned = cpu()
    })))
  ))
  const running = yield* Effect.fork(Batch.run(batch, source))
  const settled = Batch.results(id!, { order: "done", follow: true }).pipe(Stream.take(Number(run)), Stream.runCount)
  const isThere = Effect.repeat(Effect.delay(Effect.isSuccess(Batch.status(id!)), 50), { until: (found) => found })
  const done = Number(run) === Number(rows)
    ? (yield* Fiber.join(running)).states.done
    : yield* Effect.zipLeft(Effect.zipRight(isThere, settled), Fiber.interrupt(running))
  const ended = performance.now()
  process.stdout.write(JSON.stringify({
    done,
    planning: Number(rows) / (planned - began) * 1000,
    running: done / (ended - planned) * 1000,
    cpu: (cpu() - cpuPlanned) / done,
    peak: process.resourceUsage().maxRSS / 1024
  }))
})

await Effect.runPromise(Effect.provide(
  program,
  Layer.mergeAll(BatchStore.layerFile(ledger!), BatchEngine.layerLocal, Noukai.layer({ baseUrl: baseUrl! }))
))
