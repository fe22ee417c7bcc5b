// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * Reads a stream of the SDK as an asynchronous iterator. Events arrive in chunks. An event of a chunk needs no fiber.
 */
import type * as FlowEvent from "@effect-noukai/sdk/FlowEvent"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import { InvalidRequestError } from "../../NoukaiError.js"
import type { CallSignal } from "../../NoukaiOptions.js"
import type { ToolCallsRequired } from "../../StreamEvent.js"
import type { Client, InScope } from "../client/client.js"
import type { Rejection, Stoppable } from "../client/lifetime.js"
import { onAbort } from "../client/signals.js"
import { promiseError } from "../errors/promiseError.js"
import { checkedAnswer } from "../tools/toolResults.js"
import { StreamReader, type StreamToRead } from "./streamReader.js"

type SdkPause = FlowEvent.ToolCallsRequired

type Resume = ToolCallsRequired["resume"]

/** A pause that the caller has. The next event requires its answer. */
interface PendingPause<E> {
  readonly event: SdkPause
  answer: StreamToRead<E> | undefined
}

/** Translates an event; `undefined` skips it. `pause` registers a pause and returns its `resume`. */
export type EventTranslation<E, A> = (event: E, pause: (event: SdkPause) => Resume) => A | undefined

const done = { done: true, value: undefined } as const

export class EventIterator<E, A> implements AsyncIterableIterator<A, undefined>, Stoppable {
  private readonly stream: StreamToRead<E>
  private readonly signals: ReadonlyArray<CallSignal>
  private inScope: InScope | undefined
  private reader: StreamReader<E> | undefined
  private events: ReadonlyArray<E> = []
  private index = 0
  private paused: PendingPause<E> | undefined
  private over = false
  /** Stops listening to the signals. */
  private leave: () => void = () => {}
  /** The reason of the end, until a call has rejected with it. */
  private failure: Rejection | undefined
  private asked = 0
  private last: Promise<unknown> = Promise.resolve()

  /** For wrong options, the first `next` rejects. */
  constructor(
    private readonly client: Client,
    private readonly operation: string,
    asked: () => { readonly input: StreamToRead<E>; readonly signal: CallSignal | undefined },
    private readonly translate: EventTranslation<E, A>
  ) {
    const taken = Either.try({ try: asked, catch: (refusal) => refusal })
    this.stream = Either.isRight(taken) ? taken.right.input : Effect.fail(taken.left)
    this.signals = client.signals(Either.isRight(taken) ? taken.right.signal : undefined)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<A, undefined>> {
    if (this.asked === 0) {
      const ready = this.take()
      if (ready !== undefined) return Promise.resolve(ready)
    }
    // overlapping calls are answered in order
    const answer = this.asked++ === 0 ? this.advance() : this.last.then(this.advance, this.advance)
    this.last = answer
    return answer
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.finish(undefined)
    return done
  }

  private wrongAnswer({ executionId }: SdkPause, reason: string): InvalidRequestError {
    return new InvalidRequestError(
      `${this.operation}: invalid toolResults: ${reason} (execution ${executionId})`,
      { field: "toolResults", reason, executionId }
    )
  }

  /** Ends the loop because the client is closed. */
  readonly stop = (): Promise<void> => this.finish({ reason: this.client.lifetime.interruption([]) })

  private readonly abort = (): void => {
    void this.finish({ reason: this.client.lifetime.interruption(this.signals) })
  }

  /** Returns the next event of the chunk. */
  private take(): IteratorYieldResult<A> | undefined {
    while (this.index < this.events.length) {
      const value = this.translate(this.events[this.index++]!, this.pause)
      if (value !== undefined) return { done: false, value }
    }
    return undefined
  }

  private readonly pause = (event: SdkPause): Resume => {
    const paused: PendingPause<E> = { event, answer: undefined }
    this.paused = paused
    return async (given) => {
      const results = checkedAnswer(this.operation, given, event.toolCalls, event.executionId)
      if (this.paused !== paused || paused.answer !== undefined) {
        throw this.wrongAnswer(event, "the pause was answered already, or the loop has ended")
      }
      const answer: Stream.Stream<unknown, unknown> = event.resume(results)
      paused.answer = Effect.succeed(answer as Stream.Stream<E, unknown>)
    }
  }

  private readonly advance = async (): Promise<IteratorResult<A, undefined>> => {
    try {
      while (true) {
        const ready = this.take()
        if (ready !== undefined) return ready
        if (this.over) return this.ending()
        await this.fill()
      }
    } finally {
      this.asked--
    }
  }

  private ending(): IteratorReturnResult<undefined> {
    const { failure } = this
    this.failure = undefined
    if (failure !== undefined) throw failure.reason
    return done
  }

  private async fill(): Promise<void> {
    const reader = await this.open()
    if (reader === undefined) return
    const exit = await reader.read()
    if (this.over) return
    if (Exit.isSuccess(exit)) {
      this.events = exit.value
      this.index = 0
      return
    }
    const error = Cause.squash(exit.cause)
    await this.finish(
      Option.isOption(error)
        ? Option.isSome(error) ? { reason: promiseError(error.value) } : undefined
        : { reason: promiseError(error) }
    )
  }

  /** Returns the reader of the next events, or `undefined` after the end of the loop. */
  private async open(): Promise<StreamReader<E> | undefined> {
    if (this.inScope === undefined) return this.begin()
    const { paused, reader } = this
    if (paused === undefined) return reader
    if (paused.answer === undefined) {
      await this.finish({
        reason: this.wrongAnswer(
          paused.event,
          "the run waits for tool results: call resume on the event before asking for the next one"
        )
      })
      return undefined
    }
    this.paused = undefined
    await reader?.close()
    if (this.over) return undefined
    this.reader = new StreamReader(this.client.lifetime, this.inScope, paused.answer)
    return this.reader
  }

  private begin(): StreamReader<E> | undefined {
    const { client } = this
    const refusal = client.lifetime.refusal(this.signals)
    if (refusal !== undefined) {
      this.over = true
      this.failure = refusal
      return undefined
    }
    this.leave = onAbort(this.signals, this.abort)
    client.lifetime.begin(this)
    this.inScope = client.inScopeOfNow(this.signals)
    this.reader = new StreamReader(client.lifetime, this.inScope, this.stream)
    return this.reader
  }

  /** Ends the loop. The next call of `next` rejects with the failure, if there is one. */
  private async finish(failure: Rejection | undefined): Promise<void> {
    if (!this.over) {
      this.over = true
      this.failure = failure
      this.events = []
      this.index = 0
      this.paused = undefined
      this.leave()
      this.client.lifetime.end(this)
    }
    await this.reader?.close(failure !== undefined)
  }
}
