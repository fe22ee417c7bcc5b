/**
 * The events of a run, kept for its live trace (contract 9.3).
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { WireEvent } from "../engine/wireEvent.js"

/** @internal */
export interface EventLog {
  readonly append: (event: WireEvent) => void
  readonly get: (index: number) => WireEvent | undefined
  /** Waits until there is an event at that index. */
  readonly awaitAt: (index: number) => Effect.Effect<void>
}

/** How many partial outputs of one run a live trace can replay. */
const keptPartials = 100

/** @internal */
export const make = (): EventLog => {
  const events: Array<WireEvent> = []
  let partials = 0
  let arrival = Deferred.unsafeMake<void>(FiberId.none)
  return {
    append: (event) => {
      if (event.event === "step_output" && ++partials > keptPartials) return
      events.push(event)
      const arrived = arrival
      arrival = Deferred.unsafeMake<void>(FiberId.none)
      Deferred.unsafeDone(arrived, Effect.void)
    },
    get: (index) => events[index],
    awaitAt: (index) => Effect.suspend(() => index < events.length ? Effect.void : Deferred.await(arrival))
  }
}
