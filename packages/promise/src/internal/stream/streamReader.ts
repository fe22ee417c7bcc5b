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

type Pull<E> = Effect.Effect<Chunk.Chunk<E>, Option.Option<unknown>, Services>

/** @internal */
export class StreamReader<E> {
  private readonly scope = Effect.runSync(Scope.make())
  private pull: Pull<E>
  private running: Running<Chunk.Chunk<E>, Services> | undefined
  private closing: Promise<void> | undefined

  constructor(
    private readonly lifetime: Lifetime,
    private readonly inScope: InScope,
    stream: Stream.Stream<E, unknown, Services>
  ) {
    this.pull = Effect.flatMap(Scope.extend(Stream.toPull(stream), this.scope), (pull) => {
      this.pull = pull
      return pull
    })
  }

  /** The next events; fails with `None` at the end. One call at a time. */
  async read(): Promise<Exit.Exit<ReadonlyArray<E>, unknown>> {
    const running = this.lifetime.running(this.inScope(this.pull))
    this.running = running
    const exit = await running.start()
    this.running = undefined
    return Exit.map(exit, Chunk.toReadonlyArray)
  }

  /** Stops what is being read, and closes the connection. */
  close(): Promise<void> {
    this.closing ??= this.stop()
    return this.closing
  }

  private async stop(): Promise<void> {
    await this.running?.stop()
    valueOrThrow(await Effect.runPromiseExit(Scope.close(this.scope, Exit.void)))
  }
}
