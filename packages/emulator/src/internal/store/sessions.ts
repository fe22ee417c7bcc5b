/**
 * Sessions: the runs that were tagged with one id (contract 10.9), and which of them have expired.
 *
 * @internal
 */
import type { Run, Runs } from "./runs.js"

/** @internal */
export interface Sessions {
  /** In the order of recording. */
  readonly runsOf: (sessionId: string) => ReadonlyArray<Run>
  readonly expire: (sessionId: string) => void
  readonly hasExpired: (sessionId: string) => boolean
  readonly reset: () => void
}

/** @internal */
export const make = (runs: Runs): Sessions => {
  const expired = new Set<string>()
  return {
    runsOf: (sessionId) => runs.list().filter((run) => run.sessionId === sessionId).reverse(),
    expire: (sessionId) => {
      expired.add(sessionId.toLowerCase())
    },
    hasExpired: (sessionId) => expired.has(sessionId),
    reset: () => expired.clear()
  }
}
