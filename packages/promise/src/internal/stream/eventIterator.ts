/**
 * A stream of the sdk as an asynchronous iterator: one loop through one run. Events come a chunk at a time and are
 * handed out without a fiber of their own.
 *
 * @internal
 */
import type { ToolCallsRequired as SdkPause } from "@effect-noukai/sdk/FlowEvent"
import * as Cause from "effect/Cause"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { InvalidRequestError } from "../../NoukaiError.js"
import type { ToolCallsRequired } from "../../StreamEvent.js"
import type { Client, InScope } from "../client/client.js"
import type { Rejection, Services } from "../client/lifetime.js"
import type { UnderWay } from "../client/running.js"
import { hear } from "../client/signals.js"
import { promiseError } from "../errors/promiseError.js"
import { rightOrThrow, type Taken } from "../options/reading.js"
import { answerOf } from "../tools/toolHandling.js"
import { StreamReader } from "./streamReader.js"

type Resume = ToolCallsRequired["resume"]

type Events<E> = Stream.Stream<E, unknown, Services>

/** A pause that was handed out: nothing follows until it has its answer. */
interface Pause<E> {
  readonly event: SdkPause
  answer: Events<E> | undefined
}

/**
 * What is handed out for an event, if anything. `pause` is to be told of a pause, and gives its `resume`.
 *
 * @internal
 */
export type Naming<E, A> = (event: E, pause: (event: SdkPause) => Resume) => A | undefined

const done = { done: true, value: undefined } as const

const wrongAnswer = ({ executionId }: SdkPause, reason: string): InvalidRequestError =>
  new InvalidRequestError(`flow.events: invalid toolResults: ${reason} (execution ${executionId})`, {
    field: "toolResults",
    reason,
    executionId
  })

/** @internal */
export class EventIterator<E, A> implements AsyncIterableIterator<A, undefined>, UnderWay {
  private readonly stream: Events<E>
  private readonly signals: ReadonlyArray<AbortSignal>
  private inScope: InScope | undefined
  private reader: StreamReader<E> | undefined
  private events: ReadonlyArray<E> = []
  private index = 0
  private paused: Pause<E> | undefined
  private over = false
  /** It hears of the signals no more. */
  private leave: () => void = () => {}
  /** Why it is over, until somebody has been told. */
  private failure: Rejection | undefined
  private asked = 0
  private last: Promise<unknown> = Promise.resolve()

  /** What cannot be asked for is refused to who asks for the first event. */
  constructor(
    private readonly client: Client,
    asked: Either.Either<Taken<Events<E>>, InvalidRequestError>,
    private readonly naming: Naming<E, A>
  ) {
    this.stream = Either.isRight(asked) ? asked.right.input : Stream.fail(asked.left)
    this.signals = client.signals(Either.isRight(asked) ? asked.right.signal : undefined)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<A, undefined>> {
    if (this.asked === 0) {
      const ready = this.take()
      if (ready !== undefined) return Promise.resolve(ready)
    }
    // who asks before an earlier answer has come is answered after it
    const answer = this.asked++ === 0 ? this.advance() : this.last.then(this.advance, this.advance)
    this.last = answer
    return answer
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.finish(undefined)
    return done
  }

  /** The client is closing. */
  readonly stop = (): Promise<void> => this.finish({ reason: this.client.lifetime.interruption([]) })

  private readonly abort = (): void => {
    void this.finish({ reason: this.client.lifetime.interruption(this.signals) })
  }

  /** The next event that is here already. */
  private take(): IteratorYieldResult<A> | undefined {
    while (this.index < this.events.length) {
      const value = this.naming(this.events[this.index++]!, this.pause)
      if (value !== undefined) return { done: false, value }
    }
    return undefined
  }

  private readonly pause = (event: SdkPause): Resume => {
    const paused: Pause<E> = { event, answer: undefined }
    this.paused = paused
    return async (given) => {
      const results = rightOrThrow(answerOf("flow.events", given, event.executionId))
      if (this.paused !== paused || paused.answer !== undefined) {
        throw wrongAnswer(event, "the pause was answered already, or the loop has ended")
      }
      const answer: Events<unknown> = event.resume(results)
      paused.answer = answer as Events<E>
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

  /** What is to be read next; `undefined` if it is over. */
  private async open(): Promise<StreamReader<E> | undefined> {
    if (this.inScope === undefined) return this.begin()
    const { paused, reader } = this
    if (paused === undefined) return reader
    if (paused.answer === undefined) {
      await this.finish({
        reason: wrongAnswer(
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
    this.leave = hear(this.signals, this.abort)
    client.lifetime.begin(this)
    this.inScope = client.inScopeOfNow()
    this.reader = new StreamReader(client.lifetime, this.inScope, this.stream)
    return this.reader
  }

  /** It is over: the next who asks is told why, unless it simply ended. */
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
    await this.reader?.close()
  }
}
