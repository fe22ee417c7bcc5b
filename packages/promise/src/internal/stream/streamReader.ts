/**
 * Reads a stream chunk by chunk.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { InScope } from "../client/client.js"
import type { Lifetime, Services } from "../client/lifetime.js"
import type { StoppableEffect } from "../client/stoppable.js"
import { valueOrThrow } from "../errors/promiseError.js"

type Read<E> = Exit.Exit<ReadonlyArray<E>, unknown>

const interrupted = Exit.interrupt(FiberId.none)

/**
 * Reads a whole stream in one fiber that waits between the reads, because a fork for each read costs as much as
 * decoding several events.
 *
 * @internal
 */
export class StreamReader<E> {
  private readonly scope = Effect.runSync(Scope.make())
  private readonly reading: Effect.Effect<void, Option.Option<unknown>, Services>
  private running: StoppableEffect<void, Services> | undefined
  /** Resolves the read that waits. */
  private answer: ((read: Read<E>) => void) | undefined
  private wake: (() => void) | undefined
  private end: Read<E> | undefined
  private closing: Promise<void> | undefined

  constructor(private readonly lifetime: Lifetime, inScope: InScope, stream: Stream.Stream<E, unknown, Services>) {
    this.reading = inScope(
      Effect.flatMap(Scope.extend(Stream.toPull(stream), this.scope), (pull) =>
        Effect.whileLoop({
          while: () => true,
          body: () => Effect.zipRight(this.asked, pull),
          step: (chunk) => this.give(Exit.succeed(Chunk.toReadonlyArray(chunk)))
        }))
    )
  }

  /** The next events; fails with `None` at the end and from then on, by interruption once closed. Reads must not overlap. */
  read(): Promise<Read<E>> {
    if (this.end !== undefined) return Promise.resolve(this.end)
    // nothing may begin in the scope that is closed
    if (this.closing !== undefined) return Promise.resolve(interrupted)
    return new Promise((resolve) => {
      this.answer = resolve
      if (this.running === undefined) this.start()
      else this.wake?.()
    })
  }

  /** Stops the read under way and closes the connection. */
  close(): Promise<void> {
    this.closing ??= this.stop()
    return this.closing
  }

  private readonly asked: Effect.Effect<void> = Effect.suspend(() =>
    this.answer === undefined
      ? Effect.async<void>((resume) => {
        this.wake = () => resume(Effect.void)
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

  private async stop(): Promise<void> {
    await this.running?.stop()
    valueOrThrow(await Effect.runPromiseExit(Scope.close(this.scope, Exit.void)))
  }
}
