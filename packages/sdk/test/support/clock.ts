/** Time in tests that wait for real sockets. */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"

/** Lets the event loop go around. */
export const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Completes when something sleeps on the test clock until this instant, in milliseconds. */
export const sleepingUntil = (instant: number): Effect.Effect<void> =>
  Effect.flatMap(
    TestClock.sleeps(),
    (sleeps) => Chunk.contains(sleeps, instant) ? Effect.void : Effect.zipRight(turn, sleepingUntil(instant))
  )

/** A clock whose time of day can be set while its time goes on, as that of a machine can. */
export class SetClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  readonly currentTimeMillis: Effect.Effect<number>
  readonly currentTimeNanos: Effect.Effect<bigint>
  private offset = 0

  constructor(private readonly base: Clock.Clock) {
    this.currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
    this.currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())
  }

  /** Sets the time of day forwards, or backwards, in milliseconds. */
  set(by: number): void {
    this.offset += by
  }

  unsafeCurrentTimeMillis(): number {
    return this.base.unsafeCurrentTimeMillis() + this.offset
  }

  unsafeCurrentTimeNanos(): bigint {
    return this.base.unsafeCurrentTimeNanos()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return this.base.sleep(duration)
  }
}

/** A clock that goes so many times as fast as that of the machine. */
export class FastClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.unsafeCurrentTimeNanos())
  private readonly base = Clock.make()
  private readonly began = this.base.unsafeCurrentTimeMillis()

  constructor(private readonly speed: number) {}

  unsafeCurrentTimeMillis(): number {
    return Math.round(this.began + (this.base.unsafeCurrentTimeMillis() - this.began) * this.speed)
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(this.unsafeCurrentTimeMillis()) * 1_000_000n
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return this.base.sleep(Duration.millis(Duration.toMillis(duration) / this.speed))
  }
}

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

/** A clock that is moved by hand and wakes a thousand sleepers at once, which a test clock takes one by one. */
export class HandClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.now)
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.unsafeCurrentTimeNanos())
  private readonly sleepers = new Set<Sleeper>()
  private now = 0

  unsafeCurrentTimeMillis(): number {
    return this.now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.round(this.now * 1_000_000))
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper = { until: this.now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.sleepers.add(sleeper)
      return Effect.sync(() => void this.sleepers.delete(sleeper))
    })
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.sleepers.size
  }

  /** Goes on to the next instant at which somebody wakes. */
  wakeNext(): void {
    const all = [...this.sleepers]
    this.now = all.reduce((soonest, { until }) => Math.min(soonest, until), Infinity)
    for (const sleeper of all) {
      if (sleeper.until > this.now) continue
      this.sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}
