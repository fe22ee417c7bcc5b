/**
 * A failed step ends a live response. Of a run that is replayed it is known what comes after it (contract 10.7): that event
 * is kept with the failed step, so that it is delivered however the events are chunked.
 *
 * @internal
 */
import type { WireEvent } from "../../FlowEvent.js"

type Wire<T extends WireEvent["type"]> = Extract<WireEvent, { readonly type: T }>

const closings = new WeakMap<Wire<"step_error">, Wire<"flow_completed">>()

/** The same event, with the one that ends its run. @internal */
export const closedBy = (event: Wire<"step_error">, closing: Wire<"flow_completed">): Wire<"step_error"> => {
  closings.set(event, closing)
  return event
}

/** @internal */
export const closingOf = (event: Wire<"step_error">): Wire<"flow_completed"> | undefined => closings.get(event)
