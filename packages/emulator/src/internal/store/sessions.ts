/**
 * Sessions: the runs that were tagged with one id, and the ids that have expired.
 *
 * @see contract 10.9
 */
import type { Run, Runs } from "./runs.js"

export interface SessionIndex {
  /** The runs that the list shows by now, in the order of recording. */
  readonly runsOf: (sessionId: string, now: number) => ReadonlyArray<Run>
  /** Expires a session; ignores text that is no UUID. */
  readonly expire: (sessionId: string) => void
  readonly hasExpired: (sessionId: string) => boolean
  readonly reset: () => void
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const isUuid = (text: string): boolean => uuid.test(text)

export const make = (
  runs: Runs,
  /** ms before the list of a session shows a run. */
  lag: number
): SessionIndex => {
  const expired = new Set<string>()
  return {
    runsOf: (sessionId, now) => {
      const all = runs.ofSession(sessionId)
      return lag === 0 ? all : all.filter(({ createdAt }) => createdAt + lag <= now)
    },
    expire: (sessionId) => {
      if (isUuid(sessionId)) expired.add(sessionId.toLowerCase())
    },
    hasExpired: (sessionId) => expired.has(sessionId.toLowerCase()),
    reset: () => expired.clear()
  }
}
