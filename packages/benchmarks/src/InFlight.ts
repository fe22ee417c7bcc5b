/**
 * Ways to keep a number of calls in flight.
 */
import * as Effect from "effect/Effect"

/** Runs `call` `batch` times, `workers` at once. */
export const inFlight = (workers: number, batch: number, call: () => Promise<void>) => async (): Promise<number> => {
  let left = batch
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      await call()
    }
  }
  await Promise.all(Array.from({ length: workers }, worker))
  return batch
}

/** The same with Effects: `workers` fibers, one call after the other in each. */
export const inFibers = (workers: number, batch: number, call: Effect.Effect<void, unknown>) => (): Promise<number> => {
  const run = Effect.suspend(() => {
    let left = batch
    const worker = Effect.whileLoop({ while: () => left-- > 0, body: () => call, step: () => {} })
    return Effect.all(Array.from({ length: workers }, () => worker), { concurrency: workers, discard: true })
  })
  return Effect.runPromise(Effect.as(run, batch))
}
