/**
 * A walk through one run on `/step`: requests it, reads the responses, answers the pauses and goes on after cuts, one
 * pull at a time.
 *
 * @see contract 7.4–7.6
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { APITimeoutError, CallError, CostLimitError } from "../../NoukaiError.js"
import { setCursor } from "../core/errorClass.js"
import { Background, type Pull, type Source, toSource } from "../core/streamPull.js"
import { pauseOf } from "../core/time.js"
import { decodeResult } from "../options/flowCodec.js"
import * as Metrics from "../telemetry/metrics.js"
import type { StreamSpans } from "../telemetry/spans.js"
import type { DeliveredRunEvent, ResumeStream } from "./deliveredEvent.js"
import { type Continuation, EventFold } from "./eventFold.js"
import { type CallEnd, isOpen, type RunCosts } from "./runCosts.js"
import type { KnownResult } from "./stepOutputs.js"
import { StreamCursor } from "./streamCursor.js"
import {
  isAddressed,
  isBeyondLastStep,
  type Origin,
  stepBody,
  StreamFailures,
  StreamHealing,
  type StreamSettings
} from "./streamHealing.js"
import { answer, warnOfConversation } from "./toolAnswering.js"
import { answeredPause } from "./toolRound.js"

type ResponsePull = Pull<WireEvent, CallError>

export type EventPull<E, R> = Pull<DeliveredRunEvent, E | CallError | CostLimitError, R>

/** The action of the walk at its next pull. */
type Next<E> =
  | Continuation
  | { readonly _tag: "read"; readonly pull: ResponsePull }
  | { readonly _tag: "broken"; readonly failure: Option.Option<CallError> }
  | { readonly _tag: "afford"; readonly then: Continuation }
  | { readonly _tag: "fail"; readonly error: E | CallError | CostLimitError }

const manyOutputs = 256

const toOpen = { _tag: "open" } as const

const isDone = { _tag: "done" } as const

const ended = Effect.fail(Option.none())

/** Sets the parent span, and hides `ParentSpan` from the requirements that callers see. */
const withParent = <A, E, R>(self: Effect.Effect<A, E, R>, parent: Tracer.AnySpan): Effect.Effect<A, E, R> =>
  Effect.mapInputContext(self, (context: Context.Context<R>) => Context.add(context, Tracer.ParentSpan, parent))

export class StreamWalk<E, R> implements Source<DeliveredRunEvent, E | CallError | CostLimitError, R> {
  private readonly cursor: StreamCursor
  private readonly failures: StreamFailures
  private readonly healing: StreamHealing
  private readonly fold: EventFold
  private next: Next<E> = toOpen
  private response: Source<WireEvent, CallError> | undefined
  /** The work in a fiber of its own, and the pull that waits for it. */
  private background: Background | undefined
  private underWay: Effect.Effect<void, never, R> | undefined
  /** The end of the call for its costs, once it is closed. */
  callEnd: CallEnd | undefined

  constructor(
    private readonly settings: StreamSettings<E, R>,
    origin: Origin,
    private readonly costs: RunCosts | undefined,
    private readonly spans: StreamSpans | undefined,
    /** Counts the run with its outcome. */
    private readonly count: (outcome: string) => void,
    resume: ResumeStream
  ) {
    this.cursor = new StreamCursor(origin.cursor, origin.mayBeOver)
    this.failures = new StreamFailures(settings.method, settings.addressText, this.cursor, origin.progress)
    this.healing = new StreamHealing(settings.heal, this.cursor)
    this.fold = new EventFold(settings, this.cursor, this.failures, spans, origin.begun, resume)
    if (this.cursor.pending?.toolCalls !== undefined) {
      this.cursor.again = this.cursor.isOver
      this.fold.pauseForTools()
      this.endResponse()
    } else if (this.cursor.executionId !== undefined && origin.isAfforded !== true) {
      this.goOn(toOpen)
    }
  }

  readonly pull: EventPull<E, R> = Effect.suspend((): EventPull<E, R> => {
    if (this.underWay !== undefined) return this.waiting(this.underWay)
    if (this.fold.out.length > 0) return this.emitted
    const { next } = this
    switch (next._tag) {
      case "open":
        return this.open()
      case "read":
        return Effect.matchEffect(next.pull, this.onResponse)
      case "broken":
        return this.once(this.broken(next.failure))
      case "afford":
        return this.once(this.afford(next.then))
      case "answer":
        return this.once(this.answer)
      case "complete":
        return Effect.zipRight(this.complete(next.event, next.result), this.pull)
      case "fail":
        return Effect.fail(Option.some(next.error))
      case "done":
        return this.afterResponse(ended)
    }
  })

  private readonly onResponse = {
    onFailure: (failure: Option.Option<CallError>): EventPull<E, R> => {
      this.next = { _tag: "broken", failure }
      return this.pull
    },
    onSuccess: (events: Chunk.Chunk<WireEvent>): EventPull<E, R> => {
      this.failures.eventsCame()
      this.fold.accept(events)
      const { costs } = this
      if (costs !== undefined) {
        for (const event of this.fold.out) if (event.type === "step_completed") costs.add(event.costUsd)
      }
      this.endResponse()
      return this.fold.out.length > 0 ? this.emitted : this.pull
    }
  }

  /**
   * Runs an effect once, in a fiber of its own: a pull that is interrupted while it waits, and repeated, waits for the
   * same fiber.
   */
  private once(effect: Effect.Effect<void, never, R>): EventPull<E, R> {
    this.background ??= new Background()
    this.underWay = this.background.once(effect)
    return this.waiting(this.underWay)
  }

  private waiting(underWay: Effect.Effect<void, never, R>): EventPull<E, R> {
    return Effect.flatMap(underWay, () => {
      this.underWay = undefined
      return this.pull
    })
  }

  private readonly emitted: EventPull<E, R> = Effect.suspend(() => {
    const { fold } = this
    const events = fold.out
    fold.out = this.isEndOfMany(events) ? events.splice(-1) : []
    const chunk = Chunk.unsafeFromArray(events)
    return fold.handedOver ? this.afterResponse(Effect.succeed(chunk)) : Effect.succeed(chunk)
  })

  /**
   * Whether the end of the run comes apart from the events before it. Effect's streams hold their last chunk for long
   * after they are read, and the cursors of events hold every output before them.
   */
  private isEndOfMany(events: ReadonlyArray<DeliveredRunEvent>): boolean {
    return this.next._tag === "done" && events.length > 1 && this.cursor.length > manyOutputs &&
      events.at(-1)?.type === "flow_completed"
  }

  /** The error of the total timeout. */
  timedOut(ms: number): APITimeoutError {
    const error = this.failures.timedOut(ms)
    this.next = { _tag: "fail", error }
    return error
  }

  readonly close = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
    const end = Effect.suspend(() => {
      const { executionId } = this.cursor
      const isOver = this.fold.status !== undefined || this.fold.handedOver
      if (executionId !== undefined && !isOver && Exit.isInterrupted(exit)) {
        this.settings.http.defaults.interrupted?.(executionId)
      }
      this.count(this.end(exit))
      this.callEnd = this.endOf(exit)
      this.next = isDone
      this.fold.out = []
      this.cursor.release()
      return Effect.void
    })
    const closed = this.afterResponse(end)
    return this.background === undefined ? closed : Effect.zipRight(this.background.interrupt, closed)
  }

  /** Ends the telemetry of the run, and gives its outcome. */
  private end(exit: Exit.Exit<unknown, unknown>): string {
    const { fold, next, spans } = this
    const failure = next._tag === "fail" ? Exit.fail(next.error) : exit
    const status = next._tag === "done" && Exit.isSuccess(failure) ? fold.status : undefined
    spans?.end(failure, { executionId: this.cursor.executionId, status })
    return Exit.isFailure(failure)
      ? Metrics.failureOutcome(failure.cause)
      : status ?? (fold.handedOver ? "paused" : "stopped")
  }

  /** The end of the call for its costs; none of one that was left while a step ran. */
  private endOf(exit: Exit.Exit<unknown, unknown>): CallEnd | undefined {
    const { cursor: { executionId }, failures: { sent }, next } = this
    switch (next._tag) {
      case "fail":
        return { executionId, sent, goesOn: isOpen(next.error) }
      case "done":
        return { executionId, sent, goesOn: false }
      case "read":
      case "broken":
        return undefined
      default:
        return Exit.isInterrupted(exit) ? undefined : { executionId, sent, goesOn: false }
    }
  }

  private fail(error: CallError): void {
    this.next = { _tag: "fail", error: this.failures.of(error) }
  }

  /** Goes on with the continuation of a response that has ended. */
  private endResponse(): void {
    const { ending } = this.fold
    if (ending === undefined) return
    this.fold.ending = undefined
    this.goOn(ending)
  }

  /** Goes on; before another step or tool round of a run with a limit of cost, once it is known to be within it. */
  private goOn(next: Continuation): void {
    const limited = this.costs !== undefined && (next._tag === "open" || next._tag === "answer")
    this.next = limited ? { _tag: "afford", then: next } : next
  }

  private afford(then: Continuation): Effect.Effect<void> {
    const { costs, cursor } = this
    if (costs === undefined) return Effect.dieMessage("nothing limits the costs")
    return this.afterResponse(
      Effect.map(costs.check(cursor.executionId), (error) => {
        if (error !== undefined) setCursor(error, cursor.mark())
        this.next = error === undefined ? then : { _tag: "fail", error }
      })
    )
  }

  private open(): EventPull<E, R> {
    const { cursor, settings } = this
    if (cursor.isOver && cursor.mayBeOver) cursor.again = true
    const body = stepBody(cursor, settings.everyRequest)
    if (!isAddressed(body)) {
      this.fail(this.failures.unexpected("the server never named the run, which therefore cannot go on"))
      return this.pull
    }
    const closed = this.closeResponse()
    this.fold.begin()
    this.response = toSource(settings.http.stream("step", {
      method: settings.method,
      flow: settings.address,
      version: settings.version,
      sessionId: settings.sessionId,
      options: settings.options,
      progress: this.failures.begin(),
      body,
      asExecute: settings.asExecute,
      reserve: this.costs?.reserve(cursor.executionId)
    }))
    this.next = { _tag: "read", pull: this.traced(this.response.pull) }
    const opened = closed === undefined ? this.pull : Effect.zipRight(closed, this.pull)
    return body.toolCallMessages === undefined
      ? opened
      : Effect.zipRight(warnOfConversation(settings.method, settings.addressText, body.toolCallMessages), opened)
  }

  private traced<A, E2, R2>(self: Effect.Effect<A, E2, R2>): Effect.Effect<A, E2, R2> {
    return this.spans === undefined ? self : withParent(self, this.spans.stream)
  }

  /** Closes the response, if there is one. */
  private closeResponse(): Effect.Effect<void> | undefined {
    const { response } = this
    this.response = undefined
    return response?.close(Exit.void)
  }

  private afterResponse<A, E2, R2>(then: Effect.Effect<A, E2, R2>): Effect.Effect<A, E2, R2> {
    return Effect.suspend(() => {
      const closed = this.closeResponse()
      return closed === undefined ? then : Effect.zipRight(closed, then)
    })
  }

  private broken(failure: Option.Option<CallError>): Effect.Effect<void> {
    const error = Option.getOrElse(failure, () => this.failures.endedEarly())
    return this.afterResponse(Effect.suspend(() => this.recover(error)))
  }

  private recover(error: CallError): Effect.Effect<void> {
    const { cursor } = this
    if (isBeyondLastStep(error, cursor)) {
      cursor.stepCount = cursor.stepIndex
      cursor.again = true
      this.next = toOpen
      return Effect.void
    }
    this.failures.requestFailed(error)
    return Effect.flatMap(this.healing.delayAfter(error), (delay) => {
      if (delay === undefined) return Effect.sync(() => this.fail(error))
      cursor.mayBeOver = true
      this.fold.interrupted()
      this.goOn(toOpen)
      return Effect.asVoid(pauseOf(this.settings.http)(delay))
    })
  }

  private complete(
    event: WireEventOf<"flow_completed">,
    { from, value }: KnownResult
  ): Effect.Effect<void> {
    const { cursor, settings } = this
    const facts = {
      method: settings.method,
      address: settings.addressText,
      executionId: cursor.executionId,
      requestId: undefined
    }
    return this.afterResponse(
      Effect.match(decodeResult(settings.flow, facts, value), {
        onFailure: (error) => this.fail(error),
        onSuccess: (result) => {
          this.fold.deliverCompleted(event, { value: result, from })
          this.endResponse()
        }
      })
    )
  }

  private readonly answer: Effect.Effect<void, never, R> = Effect.suspend(() => {
    const { cursor, settings: { addressText, answering, method } } = this
    const { pending } = cursor
    if (answering._tag !== "handled" || pending?.toolCalls === undefined) {
      return Effect.dieMessage("nothing to answer")
    }
    const answered = answer(answering, {
      method,
      addressText,
      executionId: cursor.executionId ?? "",
      toolCalls: pending.toolCalls,
      rounds: cursor.rounds
    })
    const traced = this.spans === undefined ? answered : withParent(answered, this.spans.innermost())
    return this.afterResponse(
      Effect.match(traced, {
        onFailure: (error) => {
          this.next = { _tag: "fail", error: this.failures.ofHandler(error) }
        },
        onSuccess: (results) => {
          this.failures.handlerRan()
          cursor.rounds++
          cursor.answer(answeredPause(pending, results))
          this.fold.answered()
          this.next = toOpen
        }
      })
    )
  })
}
