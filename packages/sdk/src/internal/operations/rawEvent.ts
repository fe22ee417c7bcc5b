/**
 * The JSON behind events. A wire event is the JSON itself under this package's name of its type, so that the original
 * is kept only for the few that had to be changed.
 */
import type { WireEvent } from "../../FlowEvent.js"

const originals = new WeakMap<object, unknown>()

/** Keeps the original of an event that reading changes; `undefined` for an event that no server sent. */
export const keepOriginal = (event: object, original: unknown): void => {
  if (!originals.has(event)) originals.set(event, original)
}

/** The JSON of an event as it was received; `undefined` for one that no server sent. */
export const rawOf = (event: WireEvent): unknown => {
  if (originals.has(event)) return originals.get(event)
  if (event.type === "unknown") return event.data
  const { type: _, ...received } = event
  return received
}
