/**
 * Streams that can be read without the machinery of channels, which costs as much per arrival of bytes as the decoding
 * of some events does. For everybody else they are plain streams.
 *
 * @internal
 */
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** The next elements; `None` at the end. @internal */
export type Pull<A, E, R = never> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>

/** Opens in a scope what is pulled from then on. */
type Open<A, E> = Effect.Effect<Pull<A, E>, E, Scope.Scope>

const opens = new WeakMap<object, unknown>()

/** @internal */
export const fromPull = <A, E>(open: Open<A, E>): Stream.Stream<A, E> => {
  const stream = Stream.unwrapScoped(Effect.map(open, Stream.repeatEffectChunkOption))
  opens.set(stream, open)
  return stream
}

/** What `Stream.unwrap` does. @internal */
export const unwrap = <A, E>(effect: Effect.Effect<Stream.Stream<A, E>>): Stream.Stream<A, E> =>
  fromPull(Effect.flatMap(effect, toPull))

/** What `Stream.toPull` does: nothing is opened before the first pull. @internal */
export const toPull = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<Pull<A, E>, never, Scope.Scope> => {
  const open = opens.get(stream) as Open<A, E> | undefined
  return open === undefined
    ? Stream.toPull(stream)
    : Effect.map(Effect.scope, (scope) => {
      let opened: Pull<A, E> | undefined
      const first = Effect.flatMap(Effect.mapError(Scope.extend(open, scope), Option.some), (pull) => {
        opened = pull
        return pull
      })
      return Effect.suspend(() => opened ?? first)
    })
}
