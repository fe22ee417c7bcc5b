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

/** How many partial outputs of one execution of a step a live trace can replay, beside the last one. */
const keptPartials = 100

interface Partials {
  kept: number
  /** The newest of those beyond {@link keptPartials}: kept after all when the step goes on to something else. */
  last: WireEvent | undefined
}

/** @internal */
export const make = (): EventLog => {
  const events: Array<WireEvent> = []
  const partials = new Map<unknown, Partials>()
  let arrival = Deferred.unsafeMake<void>(FiberId.none)

  const keep = (event: WireEvent): void => {
    events.push(event)
    const arrived = arrival
    arrival = Deferred.unsafeMake<void>(FiberId.none)
    Deferred.unsafeDone(arrived, Effect.void)
  }

  return {
    append: (event) => {
      const { stepId } = event.data
      const before = partials.get(stepId)
      if (event.event !== "step_output") {
        if (before?.last !== undefined) keep(before.last)
        partials.delete(stepId)
        return keep(event)
      }
      const { kept } = before ?? { kept: 0 }
      if (kept < keptPartials) {
        partials.set(stepId, { kept: kept + 1, last: undefined })
        keep(event)
      } else {
        partials.set(stepId, { kept, last: event })
      }
    },
    get: (index) => events[index],
    awaitAt: (index) => Effect.suspend(() => index < events.length ? Effect.void : Deferred.await(arrival))
  }
}
