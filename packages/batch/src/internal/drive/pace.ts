/** Turns of the rate of a fleet: they are given out by the database, on its clock, and kept by each process on its own. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import type { FirstTurn } from "../ledger/limits.js"
import type { LiveRow } from "../ledger/rows.js"

/**
 * How late a turn may be used, in milliseconds. One that is later is lost: used all the same, it would come together with
 * those of the next moment. No second has more turns than the rate allows for a second and this.
 */
const lateness = 30

/** The span of turns that are taken together, in milliseconds: so short that they come evenly from all processes. */
const span = 25

/** How long before their turn rows are claimed at first, in milliseconds; then, how long they take to be ready for it. */
const firstLead = 100

const [shortestLead, longestLead] = [20, 2000]

/** How much of what is known of the time that rows take to be ready comes from the last one. */
const leadShare = 0.05

/** How long a reading of the clock of the database is as good as one that took a millisecond less, in milliseconds. */
const drift = 10_000

/** How many rows a process first has on their way to the server at once: it warms up before it sends more. */
const firstRoom = 2

/** Sends a row in its turn. */
export type Turn = <A, E>(sending: Effect.Effect<A, E>) => Effect.Effect<A, E | BatchStoreError>

/** Turns that follow one another. */
export interface Turns {
  readonly count: number
  /** When to claim rows for them, in milliseconds since 1970. */
  readonly claimAt: number
  /** The nth turn, for a row that was just claimed. */
  readonly turn: (nth: number, row: LiveRow) => Turn
}

export interface Pace {
  /**
   * How many more rows may be claimed. Rows whose answers are slow to come would come to the server together, however
   * evenly they were sent: a process has more of them on their way only as answers come.
   */
  readonly room: () => number
  /** Takes at most so many turns, at least one. */
  readonly take: (wanted: number) => Effect.Effect<Turns, BatchStoreError>
  /** The turn of a row that no turn was taken for. */
  readonly another: Turn
  /** The row is not on its way any more. */
  readonly arrived: (row: number) => void
}

export interface Options {
  /** Turns in a second. */
  readonly rate: number
  /** Takes so many turns from the database, and tells the first. */
  readonly turns: (count: number) => Effect.Effect<FirstTurn, BatchStoreError>
  /** Whether the answer to what is sent tells when it arrived. */
  readonly isAnsweredAtOnce: boolean
  /** Opened when there is room again. */
  readonly alarm: Effect.Latch
}

export const make = ({ alarm, isAnsweredAtOnce, rate, turns }: Options): Pace => {
  const interval = 1000 / rate
  /** The best reading of the clock of the database: how far it is ahead, how long the reading took, and when it was. */
  let reading = { ahead: 0, took: Infinity, answered: 0 }
  let lead = firstLead
  let most = isAnsweredAtOnce ? firstRoom : Infinity
  /** The rows that were claimed, and whose answers have not come. */
  const onTheirWay = new Set<number>()

  /** The moment of the first of so many turns, on the clock of this process. */
  const ask = (count: number): Effect.Effect<number, BatchStoreError> =>
    Effect.gen(function*() {
      const asked = yield* Clock.currentTimeMillis
      const { at, now } = yield* turns(count)
      const answered = yield* Clock.currentTimeMillis
      const took = answered - asked
      if (took <= reading.took + (answered - reading.answered) / drift) {
        reading = { ahead: now - (asked + answered) / 2, took, answered }
      }
      return at - reading.ahead
    })

  /** Waits for a turn; for another one, when it is late for that. */
  const waitFor = (at: number): Effect.Effect<void, BatchStoreError> =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      if (at > now) yield* Effect.sleep(at - now)
      const then = yield* Clock.currentTimeMillis
      if (then - at > lateness) yield* Effect.flatMap(ask(1), waitFor)
    })

  const ready = (row: LiveRow): Effect.Effect<void> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const twice = 2 * (now - row.intentAt)
      lead = Math.max(shortestLead, Math.min(longestLead, lead + (twice - lead) * leadShare))
    })

  const room = () => Math.max(0, Math.floor(most) - onTheirWay.size)

  const arrived = (row: number) => {
    if (!onTheirWay.has(row)) return
    // only what was not enough grows, and slowly
    if (room() === 0) most += 1 / most
    onTheirWay.delete(row)
    alarm.unsafeOpen()
  }

  return {
    room,
    take: (wanted) =>
      Effect.suspend(() => {
        const count = Math.max(1, Math.min(wanted, Math.floor(span / interval)))
        return Effect.map(ask(count), (first) => ({
          count,
          claimAt: first - lead,
          turn: (nth, row) => {
            onTheirWay.add(row.id)
            return (sending) =>
              Effect.zipRight(
                Effect.zipRight(ready(row), waitFor(first + nth * interval)),
                Effect.ensuring(sending, Effect.sync(() => arrived(row.id)))
              )
          }
        }))
      }),
    another: (sending) => Effect.zipRight(Effect.flatMap(ask(1), waitFor), sending),
    arrived
  }
}
