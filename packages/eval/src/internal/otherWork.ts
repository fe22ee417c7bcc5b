import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Lets this process answer requests. */
export const otherWork: Effect.Effect<void> = Effect.withClock(Effect.sleep("1 millis"), Clock.make())
