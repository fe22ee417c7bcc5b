/**
 * One-shot timers on the fiber's clock. On the live clock they are the runtime's own, because an Effect timeout costs
 * more than a whole call; on any other clock (`TestClock`) they sleep on that clock.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import { isNegativeTime } from "../kit/names.js"
import { type AnyFiber, clockOf, liveClock, withFiber } from "./fiber.js"

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
  /** Milliseconds since 1970, also while the machine sleeps. */
  readonly now: () => number
  /** Calls `fire` once after `ms` milliseconds. */
  readonly after: (ms: number, fire: () => void) => Cancel
}

/** The longest delay that the runtime's timers take; longer ones would fire at once. */
const maxDelay = 2_147_483_647

const native: Timers["after"] = (ms, fire) => {
  const handle = setTimeout(fire, Math.min(ms, maxDelay))
  return () => clearTimeout(handle)
}

const onClock = (clock: Clock.Clock): Timers["after"] => (ms, fire) => {
  const fiber = Effect.runFork(Effect.andThen(clock.sleep(Duration.millis(ms)), Effect.sync(fire)))
  return () => fiber.unsafeInterruptAsFork(FiberId.none)
}

/** The timers of the running fiber's clock. */
export const ofFiber = (fiber: AnyFiber): Timers => {
  const clock = clockOf(fiber)
  return { now: () => clock.unsafeCurrentTimeMillis(), after: clock === liveClock ? native : onClock(clock) }
}

/**
 * Milliseconds of a duration of any form, which may be infinite; `undefined` for a value that is none, or is negative.
 */
export const toMillis = (input: unknown): number | undefined => {
  if (typeof input === "number") return input >= 0 ? input : undefined
  try {
    if (isNegativeTime(input)) return undefined
    const millis = Option.map(Duration.decodeUnknown(input), Duration.toMillis)
    return Option.isSome(millis) && millis.value >= 0 ? millis.value : undefined
  } catch {
    return undefined
  }
}

export const durationReason =
  "must be a duration of at least 0: milliseconds as a number, or text such as \"30 seconds\""

/** Milliseconds of a limit that was checked; `undefined` when it is infinite. */
export const limitOf = (input: Duration.DurationInput): number | undefined => {
  const millis = toMillis(input)
  return millis === Infinity ? undefined : millis
}

/** Fails with the defects of finalizers, which an interruption must not hide. */
const defectsOf = <A, E>(exit: Exit.Exit<A, E>): Effect.Effect<void> =>
  Exit.isFailure(exit) ? Effect.failCause(Cause.stripFailures(exit.cause)) : Effect.void

/** Ends an effect early, in a fiber of its own: `watch` receives the end, and returns the effect that stops watching. */
const watched = <A, E, R, B, E2, R2, R3>(
  self: Effect.Effect<A, E, R>,
  watch: (end: () => void, fiber: AnyFiber) => Effect.Effect<Effect.Effect<unknown>, never, R3>,
  onEnd: Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E | E2, R | R2 | R3> =>
  withFiber((fiber) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDaemon(Effect.interruptible(self)), (call) => {
        let isOver = false
        const end = () => {
          isOver = true
          call.unsafeInterruptAsFork(fiber.id())
        }
        return Effect.flatMap(watch(end, fiber), (unwatch) =>
          restore(Fiber.await(call)).pipe(
            Effect.onInterrupt(() => Effect.flatMap(Fiber.interrupt(call), defectsOf)),
            Effect.ensuring(Effect.zipRight(unwatch, Fiber.inheritAll(call))),
            Effect.flatMap((exit): Effect.Effect<A | B, E | E2, R2> =>
              isOver && Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause) ? restore(onEnd) : exit
            )
          ))
      })
    )
  )

/**
 * Runs an effect until `limit` has ended, then interrupts it and continues with `onLimit`.
 *
 * `Effect.timeout` of Effect 3 neither ends when a sibling in `Effect.all` fails, nor in an uninterruptible region. This
 * form ends in both. The effect runs in a daemon fiber, because Effect interrupts the children of an interrupted fiber
 * even in an uninterruptible region. So a caller that is interrupted there still receives the result.
 *
 * Otherwise the effect behaves as in the fiber of the caller: its changes of fiber refs are visible. The fibers that it
 * forks end with it.
 */
export const endedBy = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  limit: Effect.Effect<unknown>,
  onLimit: Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E | E2, R | R2> =>
  watched(
    self,
    (end) =>
      Effect.map(Effect.forkDaemon(Effect.interruptible(Effect.zipRight(limit, Effect.sync(end)))), Fiber.interrupt),
    onLimit
  )

/**
 * Runs an effect for at most `ms` milliseconds, then interrupts it and continues with `onTimeout`.
 *
 * @see endedBy
 */
export const timeLimit = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  ms: number,
  onTimeout: Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E | E2, R | R2> =>
  watched(self, (end, fiber) => Effect.succeed(Effect.sync(ofFiber(fiber).after(ms, end))), onTimeout)
