/**
 * Reads a stream a chunk at a time.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { InScope } from "../client/client.js"
import type { Lifetime, Services } from "../client/lifetime.js"
import type { Running } from "../client/running.js"
import { valueOrThrow } from "../errors/promiseError.js"

type Read<E> = Exit.Exit<ReadonlyArray<E>, unknown>

/**
 * One fiber reads the whole stream and waits between the reads: to fork one for each costs as much as to decode some
 * events.
 *
 * @internal
 */
export class StreamReader<E> {
  private readonly scope = Effect.runSync(Scope.make())
  private readonly reading: Effect.Effect<void, Option.Option<unknown>, Services>
  private running: Running<void, Services> | undefined
  /** Who waits for the next events. */
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

  /** The next events; fails with `None` at the end, and from then on. One call at a time. */
  read(): Promise<Read<E>> {
    if (this.end !== undefined) return Promise.resolve(this.end)
    return new Promise((resolve) => {
      this.answer = resolve
      if (this.running === undefined) this.start()
      else this.wake?.()
    })
  }

  /** Stops what is being read, and closes the connection. */
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
