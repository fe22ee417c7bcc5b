/**
 * The limits of a client: the number of requests of runs in flight, and the number of requests that leave in a time.
 * Requests over a limit wait here, first come, first served.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { clockOf, readFiber } from "../core/fiber.js"
import * as timers from "../core/time.js"
import type { Rate } from "../options/callOptions.js"

export type { Rate } from "../options/callOptions.js"

export interface Limits {
  /** The most requests of runs in flight; `Infinity`: no limit. */
  readonly slots: number
  /** Requests that leave within any `interval` milliseconds; `undefined`: no limit. */
  readonly rate: { readonly limit: number; readonly interval: number } | undefined
}

/** A request that waits for its turn, or has had it. */
export class Ticket {
  holdsSlot = false

  constructor(readonly needsSlot: boolean, readonly go: () => void, readonly refuse: () => void) {}
}

/**
 * A line of requests, first come, first served. A semaphore of Effect is not one: a fiber that frees a permit and takes
 * another passes all that wait, and each release wakes all of them.
 */
class Line extends Set<Ticket> {
  constructor(private readonly admits: () => boolean, private readonly admitted: (ticket: Ticket) => void) {
    super()
  }

  advance(): void {
    for (const ticket of this) {
      if (!this.admits()) return
      this.delete(ticket)
      this.admitted(ticket)
    }
  }
}

export class Limiter {
  private readonly toStart = new Line(() => this.free > 0, (ticket) => {
    this.free--
    ticket.holdsSlot = true
    this.enterLine(this.toLeave, ticket)
  })
  private readonly toLeave = new Line(() => this.departs(), (ticket) => ticket.go())
  private free: number
  /** The times of the last departures. The oldest is overwritten. */
  private readonly departures: Array<number> = []
  private departed = 0
  private cancelTimer: timers.Cancel | undefined
  private isClosed = false

  /** @param time its `now` goes on evenly */
  constructor(private readonly limits: Limits, private readonly time: timers.Timers) {
    this.free = limits.slots
  }

  /** Calls `go` of the ticket when its turn comes, or `refuse` when the limiter is closed. */
  enter(ticket: Ticket): void {
    if (this.isClosed) ticket.refuse()
    else this.enterLine(ticket.needsSlot ? this.toStart : this.toLeave, ticket)
  }

  private enterLine(line: Line, ticket: Ticket): void {
    line.add(ticket)
    line.advance()
  }

  /** Ends a request, or its waiting. The slot goes to the one that has waited longest. Leaving twice is harmless. */
  leave(ticket: Ticket): void {
    this.toStart.delete(ticket)
    if (this.toLeave.delete(ticket) && this.toLeave.size === 0) this.disarm()
    if (!ticket.holdsSlot) return
    ticket.holdsSlot = false
    this.free++
    this.toStart.advance()
  }

  /** Refuses all that wait, and all that come. */
  close(): void {
    this.isClosed = true
    this.disarm()
    const waiting = [...this.toStart, ...this.toLeave]
    this.toStart.clear()
    this.toLeave.clear()
    for (const ticket of waiting) ticket.refuse()
  }

  /** Notes a departure, unless it is too early for one: then a timer lets those that wait leave. */
  private departs(): boolean {
    const { rate } = this.limits
    if (rate === undefined) return true
    if (this.cancelTimer !== undefined) return false
    const now = this.time.now()
    const place = this.departed % rate.limit
    const wait = (this.departures[place] ?? -Infinity) + rate.interval - now
    if (wait > 0) {
      // a timer that is early would fire again and again
      this.cancelTimer = this.time.after(Math.ceil(wait), () => {
        this.cancelTimer = undefined
        this.toLeave.advance()
      })
      return false
    }
    this.departures[place] = now
    this.departed++
    return true
  }

  private disarm(): void {
    this.cancelTimer?.()
    this.cancelTimer = undefined
  }

  /**
   * A request on its way through the limiter: `turn` waits, or fails with `closed`; `leave` ends it at any moment, and
   * must be run, also if `turn` is interrupted.
   */
  request<E>(
    needsSlot: boolean,
    closed: Effect.Effect<never, E>
  ): { readonly turn: Effect.Effect<void, E>; readonly leave: () => void } {
    let ticket: Ticket | undefined
    return {
      turn: Effect.async((resume) => {
        ticket = new Ticket(needsSlot, () => resume(Effect.void), () => resume(closed))
        this.enter(ticket)
      }),
      leave: () => {
        if (ticket !== undefined) this.leave(ticket)
      }
    }
  }
}

/** The limits of a configuration. */
interface LimiterSettings {
  readonly maxConcurrency?: number | undefined
  readonly rate: RateSetting | undefined
}

/** Whether a client has limits. */
export const isLimited = ({ maxConcurrency, rate }: LimiterSettings): boolean =>
  maxConcurrency !== undefined || rate !== undefined

/** Makes the limiter of a client, on the clock of the fiber that builds it. It is closed with the scope. */
export const make = ({ maxConcurrency, rate }: LimiterSettings): Effect.Effect<Limiter, never, Scope.Scope> =>
  Effect.acquireRelease(
    readFiber((fiber) => {
      const time = { now: () => timers.unsafeMonotonic(clockOf(fiber)), after: timers.ofFiber(fiber).after }
      const limits = {
        slots: maxConcurrency ?? Infinity,
        rate: rate && { limit: rate.limit, interval: Duration.toMillis(rate.interval) }
      }
      return new Limiter(limits, time)
    }),
    (limiter) => Effect.sync(() => limiter.close())
  )

/** A rate that was checked. */
export interface RateSetting {
  readonly limit: number
  readonly interval: Duration.Duration
}

export const resolveRate = (rate: number | Rate): RateSetting =>
  typeof rate === "number"
    ? { limit: rate, interval: Duration.seconds(1) }
    : { limit: rate.limit, interval: Duration.decode(rate.interval) }
