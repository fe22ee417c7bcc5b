/**
 * Streams that can be read without the machinery of channels, which costs as much per arrival of bytes as the decoding
 * of some events. To all other readers they are plain streams.
 *
 * @internal
 */
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** The next elements; `None` at the end. @internal */
export type Pull<A, E, R = never> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>

/** Opens the pull of a stream in a scope. */
type Open<A, E> = Effect.Effect<Pull<A, E>, E, Scope.Scope>

const opens = new WeakMap<object, unknown>()

/**
 * Runs an effect once, in a fiber of the scope: a caller that is interrupted while it waits, and comes back, waits for
 * the same fiber.
 */
const once = <A, E>(effect: Effect.Effect<A, E>, scope: Scope.Scope): Effect.Effect<A, E> => {
  let fiber: Fiber.RuntimeFiber<A, E> | undefined
  const start = Effect.uninterruptible(
    Effect.map(Effect.forkIn(Effect.interruptible(effect), scope), (started) => {
      fiber = started
    })
  )
  const wait = Effect.suspend(() => Effect.flatten(Fiber.await(fiber!)))
  return Effect.suspend(() => fiber === undefined ? Effect.zipRight(start, wait) : wait)
}

/** A pull that opens the stream once, however often the first pull is made; later pulls can be repeated as they are. */
const opening = <A, E>(open: Open<A, E>, scope: Scope.Scope): Pull<A, E> => {
  let opened: Pull<A, E> | undefined
  const first = Effect.flatMap(once(Effect.mapError(Scope.extend(open, scope), Option.some), scope), (pull) => {
    opened = pull
    return pull
  })
  return Effect.suspend(() => opened ?? first)
}

/** A pull that makes each pull of the stream once, whether or not the stream survives the interruption of one. */
const resumable = <A, E>(pull: Pull<A, E>, scope: Scope.Scope): Pull<A, E> => {
  let current: Pull<A, E> | undefined
  return Effect.suspend(() => {
    current ??= once(pull, scope)
    return Effect.onExit(current, (exit) =>
      Effect.sync(() => {
        if (!Exit.isInterrupted(exit)) current = undefined
      }))
  })
}

/** @internal */
export const fromPull = <A, E>(open: Open<A, E>): Stream.Stream<A, E> => {
  const stream = Stream.unwrapScoped(
    Effect.map(Effect.scope, (scope) => Stream.repeatEffectChunkOption(opening(open, scope)))
  )
  opens.set(stream, open)
  return stream
}

/** The `Stream.unwrap` of streams that can be read directly. @internal */
export const unwrap = <A, E>(effect: Effect.Effect<Stream.Stream<A, E>>): Stream.Stream<A, E> =>
  fromPull(Effect.flatMap(effect, toPull))

/** The `Stream.toPull` of streams that can be read directly: nothing is opened before the first pull. @internal */
export const toPull = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<Pull<A, E>, never, Scope.Scope> => {
  const open = opens.get(stream) as Open<A, E> | undefined
  return open === undefined
    ? Effect.zipWith(Stream.toPull(stream), Effect.scope, resumable)
    : Effect.map(Effect.scope, (scope) => opening(open, scope))
}
