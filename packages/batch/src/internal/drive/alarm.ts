/** Something to wait for, that may also happen before anyone waits. */

export interface Alarm {
  readonly ring: () => void
  /** Forgets that it rang. */
  readonly reset: () => void
  /** Calls once, when it rings; at once, when it has rung since it was reset. */
  readonly wait: (rung: () => void) => void
}

export const make = (): Alarm => {
  let isRung = false
  let waiting: (() => void) | undefined
  return {
    ring: () => {
      isRung = true
      const rung = waiting
      waiting = undefined
      rung?.()
    },
    reset: () => {
      isRung = false
    },
    wait: (rung) => {
      if (isRung) rung()
      else waiting = rung
    }
  }
}
