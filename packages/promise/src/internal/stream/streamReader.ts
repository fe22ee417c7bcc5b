/** Reads a stream chunk by chunk. */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { InScope } from "../client/client.js"
import type { Lifetime, Services, StoppableEffect } from "../client/lifetime.js"

/** One reading of a stream. `pull` returns the next elements, and fails with `None` at the end. */
export interface Source<A, E, R> {
  readonly pull: Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>
  readonly close: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

const makeSource: unique symbol = Symbol.for("@effect-noukai/sdk/makeSource")

/** A stream of the SDK. It can be read without channels and scopes, which cost as much as a short stream. */
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

/** Returns a reading of any stream. */
export const toSource = <A, E, R>(stream: SourcedStream<A, E, R>): Source<A, E, R> =>
  stream[makeSource]?.() ?? scoped(stream)

/** A stream that is created when its reading begins. `Stream.unwrap` would hide that it is a stream of the SDK. */
export type StreamToRead<E> = Effect.Effect<Stream.Stream<E, unknown, Services>, unknown, Services>

type Read<E> = Exit.Exit<ReadonlyArray<E>, unknown>

const interrupted = Exit.interrupt(FiberId.none)

/** Returns the end of the stream, or `stopped` if its reader stopped or was interrupted. */
const endOf = <E>(
  exit: Exit.Exit<void, Option.Option<E>>,
  stopped: Exit.Exit<unknown, unknown>
): Exit.Exit<unknown, unknown> => {
  if (Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) return stopped
  const failure = Cause.flipCauseOption(exit.cause)
  return Option.isNone(failure) ? Exit.void : Exit.failCause(failure.value)
}

/**
 * Reads a stream in one fiber that waits between reads. A fork for each read would cost as much as decoding several
 * events.
 */
export class StreamReader<E> {
  private readonly reading: Effect.Effect<void, Option.Option<unknown>, Services>
  private running: StoppableEffect<void, Services> | undefined
  /** Resolves the waiting read. */
  private answer: ((read: Read<E>) => void) | undefined
  private wake: ((result: Effect.Effect<void>) => void) | undefined
  private end: Read<E> | undefined
  private closing: Promise<void> | undefined
  private stopped: Exit.Exit<unknown, unknown> = Exit.void

  constructor(private readonly lifetime: Lifetime, inScope: InScope, stream: StreamToRead<E>) {
    this.reading = inScope(Effect.flatMap(Effect.mapError(stream, Option.some), (found) => {
      const { close, pull } = toSource(found)
      const next = Effect.zipRight(this.asked, pull)
      const reads = Effect.whileLoop({
        while: () => true,
        body: () => next,
        step: (chunk) => this.give(Exit.succeed(Chunk.toReadonlyArray(chunk)))
      })
      return Effect.onExit(reads, (exit) => close(endOf(exit, this.stopped)))
    }))
  }

  /**
   * Returns the next events. Fails with `None` after the end, and by interruption once closed. Reads must not overlap.
   */
  read(): Promise<Read<E>> {
    if (this.end !== undefined) return Promise.resolve(this.end)
    // a closed reader begins nothing
    if (this.closing !== undefined) return Promise.resolve(interrupted)
    return new Promise((resolve) => {
      this.answer = resolve
      if (this.running === undefined) this.start()
      else this.wake?.(Effect.void)
    })
  }

  /** Stops the current read and closes the connection. `isInterrupted`: the stream ends by interruption. */
  close(isInterrupted = false): Promise<void> {
    if (isInterrupted) this.stopped = interrupted
    this.closing ??= this.running?.stop() ?? Promise.resolve()
    return this.closing
  }

  private readonly asked: Effect.Effect<void> = Effect.suspend(() =>
    this.answer === undefined
      ? Effect.async<void>((resume) => {
        this.wake = resume
      })
      : Effect.void
  )

  private start(): void {
    this.running = this.lifetime.running(this.reading)
    void this.running.start().then((exit) => {
      this.end = Exit.as(exit, [])
      this.give(this.end)
    })
  }

  private give(read: Read<E>): void {
    const { answer } = this
    this.answer = undefined
    answer?.(read)
  }
}
