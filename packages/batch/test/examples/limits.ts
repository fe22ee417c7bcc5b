import { Batch, BatchSource } from "@effect-noukai/batch"
import { Console, Effect, Schedule, Stream } from "effect"
import { grading } from "./gradeEssays.js"

/** At most 16 rows at once, 50 a second, 20 dollars, and 100 failures; with a line a second about how far it is. */
export const limited = (path: string) =>
  Effect.gen(function*() {
    const running = yield* Effect.fork(Batch.run(grading, BatchSource.fromJsonl(path), {
      concurrency: 16,
      rate: 50,
      budgetUsd: 20,
      maxCostPerRow: 0.05,
      maxFailures: 100
    }))
    yield* Effect.retry(Batch.status(grading.id), {
      while: ({ _tag }) => _tag === "BatchNotFoundError",
      schedule: Schedule.spaced("100 millis")
    })
    yield* Stream.runForEach(
      Batch.progress(grading.id),
      ({ costUsd, rows, rowsPerSecond, settled }) =>
        Console.log(`${settled} of ${rows}, ${rowsPerSecond.toFixed(1)} a second, ${costUsd} US dollars`)
    )
    const { status, stop } = yield* running
    return status === "incomplete" ? `${stop?.reason}: ${stop?.message}` : status
  })
