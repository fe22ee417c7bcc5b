/**
 * The limits of a client: how many requests of runs are under way at once, and how many requests leave in a time. Who is
 * over a limit waits here, first come, first served.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { clockOf } from "../core/fiber.js"
import * as timers from "../core/time.js"

export interface Limits {
  /** Requests of runs that are under way at once; `Infinity`: no limit. */
  readonly slots: number
  /** Requests that leave within any `interval` milliseconds; `undefined`: no limit. */
  readonly rate: { readonly limit: number; readonly interval: number } | undefined
}

export interface Time extends timers.Timers {
  /** Milliseconds of a clock that goes on evenly. */
  readonly now: () => number
}

/** A request that waits for its turn, or has had it. */
export class Ticket {
  holdsSlot = false

  constructor(readonly needsSlot: boolean, readonly go: () => void, readonly refuse: () => void) {}
}

export class Limiter {
  private readonly waitingForSlot = new Set<Ticket>()
  private readonly waitingToLeave = new Set<Ticket>()
  private free: number
  /** The times of the last departures; the oldest is overwritten. */
  private readonly departures: Array<number> = []
  private departed = 0
  private cancelTimer: timers.Cancel | undefined
  private isClosed = false

  constructor(private readonly limits: Limits, private readonly time: Time) {
    this.free = limits.slots
  }

  /** Calls `go` of the ticket when its turn comes, or `refuse` when the limiter is closed. */
  enter(ticket: Ticket): void {
    if (this.isClosed) return ticket.refuse()
    if (!ticket.needsSlot) return this.queue(ticket)
    if (this.free === 0) {
      this.waitingForSlot.add(ticket)
      return
    }
    this.free--
    this.give(ticket)
  }

  /** Ends a request, or its waiting. The slot goes to the one that has waited longest. Leaving twice is harmless. */
  leave(ticket: Ticket): void {
    this.waitingForSlot.delete(ticket)
    if (this.waitingToLeave.delete(ticket) && this.waitingToLeave.size === 0) this.disarm()
    if (!ticket.holdsSlot) return
    ticket.holdsSlot = false
    for (const next of this.waitingForSlot) {
      this.waitingForSlot.delete(next)
      return this.give(next)
    }
    this.free++
  }

  /** Refuses all that wait, and all that come. */
  close(): void {
    this.isClosed = true
    this.disarm()
    const waiting = [...this.waitingForSlot, ...this.waitingToLeave]
    this.waitingForSlot.clear()
    this.waitingToLeave.clear()
    for (const ticket of waiting) ticket.refuse()
  }

  private give(ticket: Ticket): void {
    ticket.holdsSlot = true
    this.queue(ticket)
  }

  private queue(ticket: Ticket): void {
    this.waitingToLeave.add(ticket)
    // those before it wait for the timer
    if (this.cancelTimer === undefined) this.depart()
  }

  private depart(): void {
    for (const ticket of this.waitingToLeave) {
      const wait = this.delay()
      if (wait > 0) {
        // a timer that is early would fire again and again
        this.cancelTimer = this.time.after(Math.ceil(wait), () => {
          this.cancelTimer = undefined
          this.depart()
        })
        return
      }
      this.waitingToLeave.delete(ticket)
      ticket.go()
    }
  }

  /** Notes a departure at this time; if it is too early for one, the milliseconds until it is not. */
  private delay(): number {
    const { rate } = this.limits
    if (rate === undefined) return 0
    const now = this.time.now()
    const place = this.departed % rate.limit
    const oldest = this.departures[place]
    const wait = oldest === undefined ? 0 : oldest + rate.interval - now
    if (wait > 0) return wait
    this.departures[place] = now
    this.departed++
    return 0
  }

  private disarm(): void {
    this.cancelTimer?.()
    this.cancelTimer = undefined
  }

  /**
   * Runs one request when its turn comes, or fails with `closed`. The interruption of one that waits takes it out of the
   * queue.
   */
  within<A, E, E2, R>(
    needsSlot: boolean,
    self: Effect.Effect<A, E, R>,
    closed: Effect.Effect<never, E2>
  ): Effect.Effect<A, E | E2, R> {
    return this.ticketed(needsSlot, closed, (turn, leave) => Effect.ensuring(Effect.zipRight(turn, self), leave))
  }

  /** Waits for a place and the rate, and gives the effect that frees the place; for code that ends with the limiter. */
  readonly turn: Effect.Effect<Effect.Effect<void>> = this.ticketed(
    true,
    Effect.never,
    (turn, leave) => Effect.as(turn, leave)
  )

  /** Opens a response when its turn comes. It is under way until it has failed or its scope is closed. */
  opening<A, E, E2, R>(
    needsSlot: boolean,
    self: Effect.Effect<A, E, R>,
    closed: Effect.Effect<never, E2>
  ): Effect.Effect<A, E | E2, R | Scope.Scope> {
    return this.ticketed(
      needsSlot,
      closed,
      (turn, leave) =>
        Effect.zipRight(Effect.addFinalizer(() => leave), Effect.onError(Effect.zipRight(turn, self), () => leave))
    )
  }

  /** The end of a ticket is sure before its beginning: there is no moment at which an interruption could lose a slot. */
  private ticketed<A, E, E2, R>(
    needsSlot: boolean,
    closed: Effect.Effect<never, E2>,
    use: (turn: Effect.Effect<void, E2>, leave: Effect.Effect<void>) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      let ticket: Ticket | undefined
      return use(
        Effect.async((resume) => {
          ticket = new Ticket(needsSlot, () => resume(Effect.void), () => resume(closed))
          this.enter(ticket)
        }),
        Effect.sync(() => {
          if (ticket !== undefined) this.leave(ticket)
        })
      )
    })
  }
}

/** The limits of a configuration. */
interface LimiterSettings {
  readonly maxConcurrency: number | undefined
  readonly rate: RateSetting | undefined
}

/** Whether a client has limits. */
export const isLimited = ({ maxConcurrency, rate }: LimiterSettings): boolean =>
  maxConcurrency !== undefined || rate !== undefined

/** Makes the limiter of a client, on the clock of the fiber that builds it. It is closed with the scope. */
export const make = ({ maxConcurrency, rate }: LimiterSettings): Effect.Effect<Limiter, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.withFiberRuntime<Limiter>((fiber) => {
      const clock = clockOf(fiber)
      return Effect.succeed(
        new Limiter(
          {
            slots: maxConcurrency ?? Infinity,
            rate: rate === undefined ? undefined : { limit: rate.limit, interval: Duration.toMillis(rate.interval) }
          },
          { now: () => timers.unsafeMonotonic(clock), after: timers.ofFiber(fiber).after }
        )
      )
    }),
    (limiter) => Effect.sync(() => limiter.close())
  )

/** A limit on the requests of a time: no more than `limit` leave within any `interval`. */
export interface Rate {
  /** An integer of at least 1. */
  readonly limit: number
  /** Longer than 0, and finite. */
  readonly interval: Duration.DurationInput
}

/** A rate that was checked. */
export interface RateSetting {
  readonly limit: number
  readonly interval: Duration.Duration
}

export const resolveRate = (rate: number | Rate): RateSetting =>
  typeof rate === "number"
    ? { limit: rate, interval: Duration.seconds(1) }
    : { limit: rate.limit, interval: Duration.decode(rate.interval) }
