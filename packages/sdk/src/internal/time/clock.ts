/**
 * One-shot timers on the fiber's clock. On the live clock they are the runtime's own, because an Effect timeout costs
 * more than a whole call; on any other clock (`TestClock`) they sleep on that clock.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { clockOf, liveClock } from "../runtime/fiber.js"

/** How long after its loop an iteration may end by the clocks of a server, in milliseconds. */
export const iterationLateness = 10

/** Sleeps for some milliseconds, `Infinity` for ever; `false` when it was woken before. */
export type Pause = (ms: number) => Effect.Effect<boolean>

export const sleep: Pause = (ms) => Number.isFinite(ms) ? Effect.as(Effect.sleep(ms), true) : Effect.never

/** The sleep of a client between two requests, which the end of the client wakes. */
export const pauseOf = ({ defaults }: { readonly defaults: { readonly pause?: Pause | undefined } }): Pause =>
  defaults.pause ?? sleep

/** Milliseconds of a clock that goes on evenly when the wall clock is set, for differences alone. */
export const unsafeMonotonic = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1_000_000

/** `unsafeMonotonic` of the fiber's clock. */
export const monotonic: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(() => unsafeMonotonic(clock)))

/** Cancels a timer; safe to call after it fired. */
export type Cancel = () => void

export interface Timers {
  /** Calls `fire` once after `ms` milliseconds. */
  readonly after: (ms: number, fire: () => void) => Cancel
}

/** The longest delay that the runtime's timers take; longer ones would fire at once. */
const maxDelay = 2_147_483_647

const native: Timers = {
  after: (ms, fire) => {
    const handle = setTimeout(fire, Math.min(ms, maxDelay))
    return () => clearTimeout(handle)
  }
}

const onClock = (clock: Clock.Clock): Timers => ({
  after: (ms, fire) => {
    const fiber = Effect.runFork(Effect.andThen(clock.sleep(Duration.millis(ms)), Effect.sync(fire)))
    return () => fiber.unsafeInterruptAsFork(FiberId.none)
  }
})

/** The timers of the running fiber's clock. */
export const ofFiber = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Timers => {
  const clock = clockOf(fiber)
  return clock === liveClock ? native : onClock(clock)
}
