/** Reads that several pages wait for. */
import type * as Cache from "effect/Cache"
import * as Effect from "effect/Effect"

/**
 * Reads from a cache. A reader that is interrupted leaves at once, and its read goes on: others wait for it, and would be
 * interrupted, too.
 */
export const shared = <Key, A, E>(cache: Cache.Cache<Key, A, E>) => (key: Key): Effect.Effect<A, E> =>
  Effect.disconnect(Effect.uninterruptible(cache.get(key)))

/** Reads as {@link shared} does, and keeps no failure. A cache keeps it for the rest of its millisecond at least. */
export const sharedSuccess = <Key, A, E>(cache: Cache.Cache<Key, A, E>) => (key: Key): Effect.Effect<A, E> =>
  Effect.disconnect(Effect.uninterruptible(Effect.tapErrorCause(cache.get(key), () => cache.invalidate(key))))
