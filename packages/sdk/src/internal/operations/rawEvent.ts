/**
 * The JSON behind events. A wire event is the JSON itself under this package's name of its type, so that the original
 * is kept only for the few that had to be changed, as a property that is not listed.
 */
import * as Predicate from "effect/Predicate"
import type { WireEvent } from "../../FlowEvent.js"

const original: unique symbol = Symbol("@effect-noukai/sdk/original")

/** Keeps the original of an event that reading changes; `undefined` for an event that no server sent. */
export const keepOriginal = (event: object, value: unknown): void => {
  if (!(original in event)) Object.defineProperty(event, original, { value })
}

/** The JSON of an event as it was received; `undefined` for one that no server sent. */
export const rawOf = (event: WireEvent): unknown => {
  if (Predicate.hasProperty(event, original)) return event[original]
  if (event.type === "unknown") return event.data
  const { type: _, ...received } = event
  return received
}
