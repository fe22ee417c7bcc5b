/** When to ask for jobs of one flow, learnt from those that ended: most are asked for once or twice. */

/** The shortest and the longest time between two polls, in milliseconds. */
const [shortest, longest] = [20, 5000]

export interface PollTimes {
  /** The wait before the next poll of a job that has been polled so often and for so long. */
  readonly next: (polls: number, elapsed: number) => number
  /** Learns from a job that had ended at its last poll. */
  readonly ended: (polls: number, elapsed: number) => void
}

export const make = (): PollTimes => {
  let typical = 0
  return {
    next: (polls, elapsed) => {
      const wait = polls === 0 ? typical - elapsed : elapsed * 0.15
      return Math.min(longest, Math.max(shortest, wait))
    },
    ended: (polls, elapsed) => {
      // one that had ended at its first poll may have ended long before
      const seen = polls <= 1 ? typical * 0.97 : elapsed
      typical = typical === 0 ? seen : typical * 0.9 + seen * 0.1
    }
  }
}
