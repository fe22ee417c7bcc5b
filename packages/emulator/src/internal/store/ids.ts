/**
 * Ids drawn from a seed: the same seed and the same requests give the same ids.
 *
 * @internal
 */
import { PCGRandom } from "effect/Utils"

/** @internal */
export interface Ids {
  /** A version 4 UUID. */
  readonly uuid: () => string
  readonly request: () => string
  readonly reset: () => void
}

/** @internal */
export const make = (seed: number): Ids => {
  let random = new PCGRandom(seed)
  let requests = 0
  const hex = (length: number) => Array.from({ length }, () => random.integer(16).toString(16)).join("")
  return {
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${"89ab"[random.integer(4)]}${hex(3)}-${hex(12)}`,
    request: () => `req-${String(++requests).padStart(6, "0")}`,
    reset: () => {
      random = new PCGRandom(seed)
      requests = 0
    }
  }
}
