/**
 * Reads a stream chunk by chunk.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Stream from "effect/Stream"
import type { InScope } from "../client/client.js"
import type { Lifetime, Services } from "../client/lifetime.js"
import type { StoppableEffect } from "../client/stoppable.js"

/**
 * A stream that is found as its reading begins.
 *
 * @internal
 */
export type StreamToRead<E> = Effect.Effect<Stream.Stream<E, unknown, Services>, unknown, Services>

/** The next events; `undefined` at the end. */
type Read<E> = Exit.Exit<ReadonlyArray<E> | undefined, unknown>

const interrupted = Exit.interrupt(FiberId.none)

/**
 * Reads a whole stream in one fiber that waits between the reads.
 *
 * @internal
 */
export class StreamReader<E> {
  private readonly reading: Effect.Effect<void, unknown, Services>
  private running: StoppableEffect<void, Services> | undefined
  private ended: Promise<void> = Promise.resolve()
  /** Resolves the read that waits. */
  private answer: ((read: Read<E>) => void) | undefined
  /** Resumes the fiber between two reads: `false` ends the stream. */
  private wake: ((result: Effect.Effect<boolean>) => void) | undefined
  private end: Read<E> | undefined
  private closing: Promise<void> | undefined

  constructor(private readonly lifetime: Lifetime, inScope: InScope, stream: StreamToRead<E>) {
    this.reading = inScope(Effect.flatMap(stream, (found) =>
      Stream.runForEachWhile(Stream.chunks(found), (chunk) => {
        this.give(Exit.succeed(Chunk.toReadonlyArray(chunk)))
        return this.asked
      })))
  }

  /** Returns the next events; interrupted once closed. Reads must not overlap. */
  read(): Promise<Read<E>> {
    if (this.end !== undefined) return Promise.resolve(this.end)
    // nothing begins once it is closed
    if (this.closing !== undefined) return Promise.resolve(interrupted)
    return new Promise((resolve) => {
      this.answer = resolve
      if (this.running === undefined) this.start()
      else this.resume(true)
    })
  }

  /**
   * Ends the read under way and closes the connection. A reader that was not interrupted, and that waits for no read, ends
   * the stream as one that has read enough.
   */
  close(isInterrupted = false): Promise<void> {
    if (this.closing !== undefined) return this.closing
    if (!isInterrupted && this.wake !== undefined) {
      this.closing = this.ended
      this.resume(false)
    } else this.closing = this.running?.stop() ?? Promise.resolve()
    return this.closing
  }

  private readonly asked: Effect.Effect<boolean> = Effect.suspend(() =>
    this.answer === undefined
      ? Effect.async<boolean>((resume) => {
        this.wake = resume
      })
      : Effect.succeed(true)
  )

  private resume(goesOn: boolean): void {
    const { wake } = this
    this.wake = undefined
    wake?.(Effect.succeed(goesOn))
  }

  private start(): void {
    this.running = this.lifetime.running(this.reading)
    this.ended = this.running.start().then((exit) => {
      this.end = Exit.as(exit, undefined)
      this.give(this.end)
    })
  }

  private give(read: Read<E>): void {
    const { answer } = this
    this.answer = undefined
    answer?.(read)
  }
}
