/**
 * Events as they were received. A wire event is the JSON itself with our name of its type, so that nothing is kept beside
 * it but for the few that had to be changed.
 *
 * @internal
 */
import type { WireEvent } from "../../FlowEvent.js"

const originals = new WeakMap<object, unknown>()

/**
 * Keeps what was received where reading changes it; `undefined` for an event that nobody sent.
 *
 * @internal
 */
export const keepOriginal = (event: object, original: unknown): void => {
  if (!originals.has(event)) originals.set(event, original)
}

/**
 * The JSON of an event as it was received; `undefined` for one that nobody sent.
 *
 * @internal
 */
export const rawOf = (event: WireEvent): unknown => {
  if (originals.has(event)) return originals.get(event)
  if (event.type === "unknown") return event.data
  const { type: _, ...received } = event
  return received
}
