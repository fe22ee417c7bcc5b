/** Durations in milliseconds, and waits on the clock. */
import { isNegativeTime } from "@effect-noukai/sdk/kit/names"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

/** The milliseconds of a checked duration; 0 for any other value. */
export const millis = (value: Duration.DurationInput | string | undefined): number =>
  value === undefined
    ? 0
    : Option.match(Duration.decodeUnknown(value), { onNone: () => 0, onSome: Duration.toMillis })

/** Whether a value is a finite duration of at least 0. */
export const isTime = (value: unknown): boolean =>
  !isNegativeTime(value) && Option.exists(Duration.decodeUnknown(value), Duration.isFinite)

/** The number of loop rounds before other fibers run. */
export const turn = 100

const live = Clock.make()

/** Lets other ready work run first: sockets, timers, other runs. Does not use the emulator's clock. */
export const giveWay: Effect.Effect<void> = Effect.withClock(Effect.sleep(0), live)

/**
 * Waits on the clock, and runs the parts at even distances within the wait. The timer is set before `announce`, so that
 * its listener may move a test clock at once.
 */
export const takeTime = <E = never>(
  ms: number,
  announce: () => void,
  parts: ReadonlyArray<Effect.Effect<void, E>> = []
): Effect.Effect<void, E> =>
  ms <= 0
    ? Effect.sync(announce)
    : Effect.gen(function*() {
      const from = yield* Clock.currentTimeMillis
      // instants of the whole wait, so that late timers do not add up
      const until = (part: number) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.sleep(Math.max(0, from + ms * part / (parts.length + 1) - now)))
      const timer = yield* Effect.fork(until(1))
      yield* Effect.yieldNow()
      announce()
      yield* Fiber.join(timer)
      for (const [index, part] of parts.entries()) {
        yield* Effect.zipRight(part, until(index + 2))
      }
    })
