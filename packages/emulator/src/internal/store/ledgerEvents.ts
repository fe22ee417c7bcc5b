/** The ledger's events as effects and streams. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { LedgerEvent } from "../../EmulatorLedger.js"
import type { EmulatorService } from "../../EmulatorService.js"
import { capacity } from "./ledger.js"
import type { Ledger } from "./ledger.js"

const eventsOf = (ledger: Ledger): Stream.Stream<LedgerEvent> =>
  Stream.asyncPush<LedgerEvent>(
    (emit) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          for (const event of ledger.past()) emit.single(event)
          return ledger.listen((event) => {
            emit.single(event)
          })
        }),
        (stop) => Effect.sync(stop)
      ),
    // room for the whole past; a reader that falls further behind loses the oldest events
    { bufferSize: capacity * 2, strategy: "sliding" }
  )

const awaitCloseOf = (ledger: Ledger): Effect.Effect<void> =>
  Effect.async((resume) => {
    const isQuiet = () =>
      ledger.snapshot().connections.every(({ closedAt, requests }) => closedAt !== undefined || requests === 0)
    if (isQuiet()) return resume(Effect.void)
    const stop = ledger.listen((event) => {
      if (event.type !== "ConnectionClosed" || !isQuiet()) return
      stop()
      resume(Effect.void)
    })
    return Effect.sync(stop)
  })

export const make = (ledger: Ledger): Pick<EmulatorService, "events" | "awaitEvent" | "awaitClose"> => {
  function awaitEvent<E extends LedgerEvent>(predicate: (event: LedgerEvent) => event is E): Effect.Effect<E>
  function awaitEvent(predicate: (event: LedgerEvent) => boolean): Effect.Effect<LedgerEvent>
  function awaitEvent(predicate: (event: LedgerEvent) => boolean): Effect.Effect<LedgerEvent> {
    return Effect.async((resume) => {
      for (const past of ledger.past()) if (predicate(past)) return resume(Effect.succeed(past))
      const stop = ledger.listen((event) => {
        if (!predicate(event)) return
        stop()
        resume(Effect.succeed(event))
      })
      return Effect.sync(stop)
    })
  }
  return { events: eventsOf(ledger), awaitEvent, awaitClose: awaitCloseOf(ledger) }
}
