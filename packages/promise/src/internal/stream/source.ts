/** Readings of streams. */
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** One reading of a stream: its next elements, `None` at the end, and what closes it. */
export interface Source<A, E, R> {
  readonly pull: Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>
  readonly close: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

const makeSource: unique symbol = Symbol.for("@effect-noukai/sdk/makeSource")

/** The streams of the SDK can be read without channels and scopes, which cost as much as a short stream. */
interface SourcedStream<A, E, R> extends Stream.Stream<A, E, R> {
  readonly [makeSource]?: () => Source<A, E, R>
}

const scoped = <A, E, R>(stream: Stream.Stream<A, E, R>): Source<A, E, R> => {
  const scope = Effect.runSync(Scope.make())
  let pull: Source<A, E, R>["pull"] = Effect.flatMap(Scope.extend(Stream.toPull(stream), scope), (opened) => {
    pull = opened
    return opened
  })
  return { pull: Effect.suspend(() => pull), close: (exit) => Scope.close(scope, exit) }
}

/** A reading of any stream. */
export const toSource = <A, E, R>(stream: SourcedStream<A, E, R>): Source<A, E, R> =>
  stream[makeSource]?.() ?? scoped(stream)
