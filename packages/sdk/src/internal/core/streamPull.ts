/**
 * Streams that can be read without the machinery of channels and scopes, which costs as much per stream as the request
 * and more than its first hundred events. To all other readers they are plain streams.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** The next elements; `None` at the end. */
export type Pull<A, E, R = never> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>

/** One reading of a stream. Nothing is opened before the first pull. */
export interface Source<A, E, R = never> {
  /** The next elements. One that is interrupted is not made again, unless the source is of a program. */
  readonly pull: Pull<A, E, R>
  /** Ends what the pulls began. No pull may follow. */
  readonly close: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

/** The Promise client finds it by this name. */
const makeSource: unique symbol = Symbol.for("@effect-noukai/sdk/makeSource")

/** A stream that knows its source. An entry in a `WeakMap` would outlive the stream by a collection. */
interface SourcedStream<A, E, R> extends Stream.Stream<A, E, R> {
  readonly [makeSource]?: () => Source<A, E, R>
}

/** Goes on until the end, which is not a failure. */
const toEnd = <A, E, R>(self: Effect.Effect<A, Option.Option<E>, R>): Effect.Effect<A | void, E, R> =>
  Effect.catchAll(self, (end) => Option.isSome(end) ? Effect.fail(end.value) : Effect.void)

/** The stream over sources. Its readers may interrupt a pull and make it again: they get what `forReaders` makes. */
export const fromSource = <A, E, R = never>(
  make: () => Source<A, E, R>,
  forReaders = make
): Stream.Stream<A, E, R> => {
  // one channel, where `Stream.unwrapScoped` and `Stream.repeatEffectChunkOption` are three with executors of their own
  const stream = Stream.fromChannel(Channel.suspend(() => {
    const { close, pull } = forReaders()
    const more: Channel.Channel<Chunk.Chunk<A>, unknown, E, unknown, unknown, unknown, R> = Channel.flatMap(
      Channel.fromEffect(toEnd(pull)),
      (chunk) => chunk === undefined ? Channel.void : Channel.flatMap(Channel.write(chunk), () => more)
    )
    return Channel.ensuringWith(more, close)
  }))
  return Object.assign(stream, { [makeSource]: make })
}

/** Takes what is to be done when a source is closed. */
export type OnClose = (release: () => void) => void

/**
 * The source of a response that the first pull opens. What it takes is released in the reverse order, without a scope, which
 * takes longer than a few events. One whose opening was interrupted stays interrupted: opening it again could run a step twice.
 */
const openedOnce = <A, E, R>(open: (onClose: OnClose) => Effect.Effect<Pull<A, E, R>, E, R>): Source<A, E, R> => {
  const releases: Array<() => void> = []
  let pull: Pull<A, E, R> = Effect.suspend(() => {
    pull = Effect.interrupt
    return Effect.flatMap(
      Effect.mapError(open((release) => releases.push(release)), Option.some),
      (opened) => pull = opened
    )
  })
  return {
    pull: Effect.suspend(() => pull),
    close: () =>
      Effect.sync(() => {
        while (releases.length > 0) releases.pop()?.()
      })
  }
}

/** The stream over sources whose readers read them through a program. */
export const readApart = <A, E, R = never>(make: () => Source<A, E, R>): Stream.Stream<A, E, R> =>
  fromSource(make, () =>
    fromProgram((emit) => {
      const { close, pull } = make()
      const next: Effect.Effect<void, Option.Option<E>, R> = Effect.flatMap(
        pull,
        (chunk) => Effect.zipRight(emit(Chunk.toReadonlyArray(chunk)), next)
      )
      return Effect.onExit(toEnd(next), close)
    }))

/** The stream of a response, which is opened when it is first pulled. */
export const fromResponse = <A, E, R = never>(
  open: (onClose: OnClose) => Effect.Effect<Pull<A, E, R>, E, R>
): Stream.Stream<A, E, R> => readApart(() => openedOnce(open))

/**
 * The source of a stream that is known only when it is first pulled. The stream may be chosen again until a pull of it
 * has begun.
 */
export const deferred = <A, E, R>(choose: Effect.Effect<Source<A, E, R>, E, R>): Source<A, E, R> => {
  let chosen: Source<A, E, R> | undefined
  const first = Effect.flatMap(Effect.mapError(choose, Option.some), (source) => {
    chosen = source
    return source.pull
  })
  return {
    pull: Effect.suspend(() => chosen === undefined ? first : chosen.pull),
    close: (exit) => chosen === undefined ? Effect.void : chosen.close(exit)
  }
}

/**
 * The source of a program that gives its elements to `emit`. It runs in a fiber of its own, and `emit` returns when the
 * reader wants more, so that the program does not run ahead. A pull that is interrupted leaves it running, and the next
 * one waits for the same elements.
 */
export const fromProgram = <A, E, R>(
  program: (emit: (elements: ReadonlyArray<A>) => Effect.Effect<void>) => Effect.Effect<void, E, R>
): Source<A, E, R> => {
  let fiber: Fiber.RuntimeFiber<void, E> | undefined
  let given: ReadonlyArray<A> | undefined
  let ended: Exit.Exit<void, E> | undefined
  let answer: (() => void) | undefined
  let goOn: (() => void) | undefined
  const emit = (elements: ReadonlyArray<A>) =>
    Effect.async<void>((resume) => {
      given = elements
      goOn = () => resume(Effect.void)
      answer?.()
    })
  const start = Effect.map(Effect.forkDaemon(Effect.interruptible(Effect.suspend(() => program(emit)))), (started) => {
    fiber = started
    started.addObserver((exit) => {
      ended = exit
      answer?.()
    })
  })
  const more = Effect.async<void>((resume) => {
    // a reader may have yielded to the program after it looked
    if (given !== undefined || ended !== undefined) {
      resume(Effect.void)
      return
    }
    answer = () => {
      answer = undefined
      resume(Effect.void)
    }
    const wake = goOn
    goOn = undefined
    wake?.()
  })
  const pull: Pull<A, E, R> = Effect.suspend(() => {
    if (given !== undefined) {
      const elements = Chunk.unsafeFromArray(given)
      given = undefined
      return Effect.succeed(elements)
    }
    if (ended !== undefined) {
      return Effect.zipRight(Effect.mapError(ended, Option.some), Exit.fail(Option.none()))
    }
    return Effect.zipRight(fiber === undefined ? Effect.zipRight(Effect.uninterruptible(start), more) : more, pull)
  })
  return {
    pull,
    close: () => {
      given = undefined
      return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
    }
  }
}

/** The source of any other stream. */
const foreign = <A, E, R>(stream: Stream.Stream<A, E, R>): Source<A, E, R> => {
  let scope: Scope.CloseableScope | undefined
  let pull: Pull<A, E, R> = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (made) => {
      scope = made
      return Effect.flatMap(Scope.extend(Stream.toPull(stream), made), (opened) => {
        pull = opened
        return restore(opened)
      })
    })
  )
  return {
    pull: Effect.suspend(() => pull),
    close: (exit) => Effect.suspend(() => scope === undefined ? Effect.void : Scope.close(scope, exit))
  }
}

/** A reading of a stream. */
export const toSource = <A, E, R>(stream: SourcedStream<A, E, R>): Source<A, E, R> =>
  stream[makeSource]?.() ?? foreign(stream)
