/**
 * Durations in milliseconds, and waiting for them on the clock.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

/** For values that their types or the flow schema have checked; anything else is no time at all. @internal */
export const millis = (value: Duration.DurationInput | string | undefined): number =>
  value === undefined
    ? 0
    : Option.match(Duration.decodeUnknown(value), { onNone: () => 0, onSome: Duration.toMillis })

/** After so many rounds without a wait a loop gives way. @internal */
export const turn = 100

const live = Clock.make()

/** Lets everything else that is ready go first: sockets, timers, other runs. Not on the emulator's clock. @internal */
export const giveWay: Effect.Effect<void> = Effect.withClock(Effect.sleep(0), live)

/**
 * Waits on the clock. The timer is set before `announce`, so whoever hears of it may move a test clock at once.
 *
 * @internal
 */
export const takeTime = (ms: number, announce: () => void): Effect.Effect<void> =>
  ms <= 0
    ? Effect.sync(announce)
    : Effect.gen(function*() {
      const timer = yield* Effect.fork(Effect.sleep(ms))
      yield* Effect.yieldNow()
      announce()
      yield* Fiber.join(timer)
    })
