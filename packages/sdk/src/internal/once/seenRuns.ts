/** The number of sessions that are remembered; the oldest are forgotten. */
const capacity = 10_000

/** The sessions in which a client has begun or found a run: that one of them is absent later is no evidence. */
export interface SeenRuns {
  /** Remembers a run, with its id where it is known. */
  readonly add: (sessionId: string, executionId: string | undefined) => void
  readonly has: (sessionId: string) => boolean
  readonly executionId: (sessionId: string) => string | undefined
}

export const make = (): SeenRuns => {
  const seen = new Map<string, string | undefined>()
  return {
    add: (sessionId, executionId) => {
      const known = executionId ?? seen.get(sessionId)
      seen.delete(sessionId)
      seen.set(sessionId, known)
      const [oldest] = seen.keys()
      if (seen.size > capacity && oldest !== undefined) seen.delete(oldest)
    },
    has: (sessionId) => seen.has(sessionId),
    executionId: (sessionId) => seen.get(sessionId)
  }
}
