/**
 * Turns within the rate of a fleet. The database hands them out by its clock; each process waits for them by its own.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import type { FirstTurn } from "../ledger/limits.js"
import type { LiveRow } from "../ledger/rows.js"

/**
 * The longest delay of a turn, in milliseconds. A later turn is lost, because its row would be sent together with later
 * ones. So no second has more turns than the rate allows for a second plus this delay.
 */
const lateness = 30

/**
 * The span of turns taken together, in milliseconds. It is short, so that the turns of all processes are spread evenly.
 */
const span = 25

/**
 * The time before its turn at which a row is claimed, in milliseconds: a first guess, then the measured time of
 * preparation.
 */
const firstLead = 100

const [shortestLead, longestLead] = [20, 2000]

/** The weight of the newest measurement in the average time of preparation. */
const leadShare = 0.05

/** The age, in milliseconds, at which a clock reading is as good as a new one that took 1 ms longer. */
const drift = 10_000

/** The first limit of rows on their way to the server: a process warms up before it sends more. */
const firstRoom = 2

/** Sends a row in its turn. */
export type Turn = <A, E>(sending: Effect.Effect<A, E>) => Effect.Effect<A, E | BatchStoreError>

/** Turns that follow one another. */
export interface Turns {
  readonly count: number
  /** The time to claim rows for them, in milliseconds since 1970. */
  readonly claimAt: number
  /** The nth turn, for a row that was just claimed. */
  readonly turn: (nth: number, row: LiveRow) => Turn
}

export interface Pace {
  /**
   * The number of rows that may be claimed now. Rows with slow responses would reach the server together, however
   * evenly they are sent. So a process sends more only as responses arrive.
   */
  readonly room: () => number
  /** Takes at most so many turns, at least one. */
  readonly take: (wanted: number) => Effect.Effect<Turns, BatchStoreError>
  /** The turn of a row that no turn was taken for. */
  readonly another: Turn
  /** Removes a row from those on their way. */
  readonly arrived: (row: number) => void
}

export interface Options {
  /** Turns in a second. */
  readonly rate: number
  /** Takes turns from the database and returns the first. */
  readonly turns: (count: number) => Effect.Effect<FirstTurn, BatchStoreError>
  /** Whether the response to a row shows when its request arrived. */
  readonly isAnsweredAtOnce: boolean
  /** Opened when more rows may be claimed. */
  readonly alarm: Effect.Latch
}

export const make = ({ alarm, isAnsweredAtOnce, rate, turns }: Options): Pace => {
  const interval = 1000 / rate
  /** The best reading of the clock of the database: how far it is ahead, how long the reading took, and when it was. */
  let reading = { ahead: 0, took: Infinity, answered: 0 }
  let lead = firstLead
  let most = isAnsweredAtOnce ? firstRoom : Infinity
  /** The claimed rows without a response. */
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
    // grows slowly, and only if it was the limit
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
