/** Reads that several pages wait for. */
import type * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"

/** The time in milliseconds after which nobody joins a read that still goes on: it may hang. */
const standardPatience = 15_000

/**
 * Reads from a cache. A reader that is interrupted leaves at once, and its read goes on: others wait for it, and would be
 * interrupted, too. A reader that comes when the read has gone on for longer than `patience` begins another one.
 */
export const shared = <Key, A, E>(
  cache: Cache.Cache<Key, A, E>,
  patience = standardPatience
): (key: Key) => Effect.Effect<A, E> => {
  const begun = MutableHashMap.empty<Key, number>()
  return (key) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const known = Option.getOrUndefined(MutableHashMap.get(begun, key))
      const isHanging = known !== undefined && now - known > patience
      const since = known === undefined || isHanging ? now : known
      MutableHashMap.set(begun, key, since)
      const ended = Effect.sync(() => {
        if (Option.contains(MutableHashMap.get(begun, key), since)) MutableHashMap.remove(begun, key)
      })
      return Effect.zipRight(isHanging ? cache.invalidate(key) : Effect.void, cache.get(key)).pipe(
        Effect.ensuring(ended)
      )
    }).pipe(Effect.uninterruptible, Effect.disconnect)
}

/** Reads as {@link shared} does, and keeps no failure. A cache keeps it for the rest of its millisecond at least. */
export const sharedSuccess = <Key, A, E>(
  cache: Cache.Cache<Key, A, E>,
  patience?: number
): (key: Key) => Effect.Effect<A, E> => {
  const read = shared(cache, patience)
  return (key) =>
    Effect.disconnect(Effect.uninterruptible(Effect.tapErrorCause(read(key), () => cache.invalidate(key))))
}
