import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/**
 * Milliseconds of a clock that goes on evenly when the wall clock is set, for differences alone: when something began,
 * is over, or was last seen.
 *
 * @internal
 */
export const unsafeMonotonic = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1_000_000

/**
 * `unsafeMonotonic` of the fiber's clock.
 *
 * @internal
 */
export const monotonic: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(() => unsafeMonotonic(clock)))
