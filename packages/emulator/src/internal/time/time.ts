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

/** Waits on the clock. The timer is set before `announce`, so that its listener may move a test clock at once. */
export const takeTime = (ms: number, announce: () => void): Effect.Effect<void> =>
  ms <= 0
    ? Effect.sync(announce)
    : Effect.gen(function*() {
      const timer = yield* Effect.fork(Effect.sleep(ms))
      yield* Effect.yieldNow()
      announce()
      yield* Fiber.join(timer)
    })
