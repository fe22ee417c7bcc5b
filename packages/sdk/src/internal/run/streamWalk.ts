/**
 * A walk through one run on `/step`: requests it, reads the responses, answers the pauses and goes on after cuts, one
 * pull at a time.
 *
 * @see contract 7.4–7.6
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { WireEvent } from "../../FlowEvent.js"
import type { APITimeoutError, CallError, CostLimitError } from "../../NoukaiError.js"
import { setCursor } from "../errors/errorClass.js"
import { decodeResult } from "../flow/flowCodec.js"
import { type Pull, toPull } from "../runtime/streamPull.js"
import * as Metrics from "../telemetry/metrics.js"
import type { StreamSpans } from "../telemetry/spans.js"
import { pauseOf } from "../time/clock.js"
import { answer, warnOfConversation } from "../tools/toolAnswering.js"
import { answeredPause } from "../tools/toolRound.js"
import { overLimit, ToldCosts } from "./costLimit.js"
import type { DeliveredRunEvent, ResumeStream } from "./deliveredEvent.js"
import { type Continuation, EventFold } from "./eventFold.js"
import type { KnownResult } from "./stepOutputs.js"
import { StreamCursor } from "./streamCursor.js"
import { StreamFailures } from "./streamFailures.js"
import { isBeyondLastStep, StreamHealing } from "./streamHealing.js"
import { isAddressed, type Origin, type Settings, stepBody } from "./streamSettings.js"

type ResponsePull = Pull<WireEvent, CallError>

/** @internal */
export type EventPull<E, R> = Pull<DeliveredRunEvent, E | CallError | CostLimitError, R>

/** The action of the walk at its next pull. */
type Next<E> =
  | Continuation
  | { readonly _tag: "read"; readonly pull: ResponsePull; readonly scope: Scope.CloseableScope }
  | { readonly _tag: "broken"; readonly scope: Scope.CloseableScope; readonly failure: Option.Option<CallError> }
  | { readonly _tag: "afford"; readonly then: Continuation }
  | { readonly _tag: "fail"; readonly error: E | CallError | CostLimitError }

const toOpen = { _tag: "open" } as const

/** Sets the parent span, and hides `ParentSpan` from the requirements that callers see. */
const withParent = <A, E, R>(self: Effect.Effect<A, E, R>, parent: Tracer.AnySpan): Effect.Effect<A, E, R> =>
  Effect.mapInputContext(self, (context: Context.Context<R>) => Context.add(context, Tracer.ParentSpan, parent))

/** @internal */
export class StreamWalk<E, R> {
  private readonly cursor: StreamCursor
  private readonly failures: StreamFailures
  private readonly healing: StreamHealing
  private readonly fold: EventFold
  private next: Next<E> = toOpen
  private response: Scope.CloseableScope | undefined
  private underWay: Fiber.RuntimeFiber<void> | undefined
  /** The costs that events have told, of a run with a limit. */
  private readonly told: ToldCosts | undefined

  constructor(
    private readonly settings: Settings<E, R>,
    origin: Origin,
    private readonly scope: Scope.Scope,
    private readonly spans: StreamSpans | undefined,
    resume: ResumeStream
  ) {
    this.cursor = new StreamCursor(origin.cursor, origin.mayBeOver)
    this.failures = new StreamFailures(settings.method, settings.addressText, this.cursor)
    this.healing = new StreamHealing(settings.heal, this.cursor)
    this.fold = new EventFold(settings, this.cursor, this.failures, spans, origin.begun, resume)
    if (settings.maxCostUsd !== undefined) this.told = new ToldCosts()
    if (this.cursor.pending?.toolCalls !== undefined) {
      this.cursor.again = this.cursor.isOver
      this.fold.pauseForTools()
      this.endResponse()
    } else if (this.cursor.executionId !== undefined) {
      this.goOn(toOpen)
    }
  }

  readonly pull: EventPull<E, R> = Effect.suspend((): EventPull<E, R> => {
    const { next } = this
    if (this.underWay !== undefined) return Effect.zipRight(this.waitFor(this.underWay), this.pull)
    if (this.fold.out.length > 0) return this.emitted
    switch (next._tag) {
      case "open":
        return Effect.zipRight(this.open, this.pull)
      case "read":
        return Effect.matchEffect(next.pull, {
          onFailure: (failure) => {
            this.next = { _tag: "broken", scope: next.scope, failure }
            return this.pull
          },
          onSuccess: (events) => {
            this.failures.eventsCame()
            this.fold.accept(events)
            if (this.told !== undefined) {
              for (const event of this.fold.out) if (event.type === "step_completed") this.told.add(event.costUsd)
            }
            this.endResponse()
            return this.fold.out.length > 0 ? this.emitted : this.pull
          }
        })
      case "broken":
        return Effect.zipRight(this.once(this.broken(next.scope, next.failure)), this.pull)
      case "afford":
        return Effect.zipRight(this.once(this.afford(next.then)), this.pull)
      case "answer":
        return Effect.zipRight(this.once(this.answer), this.pull)
      case "complete":
        return Effect.zipRight(this.complete(next.event, next.result), this.pull)
      case "fail":
        return Effect.fail(Option.some(next.error))
      case "done":
        return Effect.zipRight(this.closeResponse, Effect.fail(Option.none()))
    }
  })

  /**
   * Runs an effect once, in the scope of the stream: a pull that is interrupted while it waits, and repeated, waits for
   * the same fiber.
   */
  private once<R2>(effect: Effect.Effect<void, never, R2>): Effect.Effect<void, never, R2> {
    return Effect.uninterruptible(
      Effect.map(Effect.forkIn(Effect.interruptible(effect), this.scope), (fiber) => {
        this.underWay = fiber
      })
    )
  }

  private waitFor(fiber: Fiber.RuntimeFiber<void>): Effect.Effect<void> {
    return Effect.map(Effect.flatten(Fiber.await(fiber)), () => {
      this.underWay = undefined
    })
  }

  private readonly emitted: EventPull<E, R> = Effect.suspend(() => {
    const { fold } = this
    const chunk = Chunk.unsafeFromArray(fold.out)
    fold.out = []
    return fold.handedOver ? Effect.as(this.closeResponse, chunk) : Effect.succeed(chunk)
  })

  /** The error of the total timeout. */
  timedOut(ms: number): APITimeoutError {
    const error = this.failures.timedOut(ms)
    this.next = { _tag: "fail", error }
    return error
  }

  /** Ends the telemetry of the run, and gives its outcome. */
  end(exit: Exit.Exit<unknown, unknown>): string {
    const { fold, next, spans } = this
    const failure = next._tag === "fail" ? Exit.fail(next.error) : exit
    const status = next._tag === "done" && Exit.isSuccess(failure) ? fold.status : undefined
    spans?.end(failure, { executionId: this.cursor.executionId, status })
    return Exit.isFailure(failure)
      ? Metrics.failureOutcome(failure.cause)
      : status ?? (fold.handedOver ? "paused" : "stopped")
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
    const limited = this.told !== undefined && (next._tag === "open" || next._tag === "answer")
    this.next = limited ? { _tag: "afford", then: next } : next
  }

  private afford(then: Continuation): Effect.Effect<void> {
    const { cursor, settings, told } = this
    return Effect.zipRight(
      this.closeResponse,
      Effect.map(overLimit(settings, cursor.executionId, told?.sum), (error) => {
        if (error !== undefined) setCursor(error, cursor.mark())
        this.next = error === undefined ? then : { _tag: "fail", error }
      })
    )
  }

  private readonly open: Effect.Effect<void> = Effect.suspend(() => {
    const { cursor, settings } = this
    if (cursor.isOver && cursor.mayBeOver) cursor.again = true
    const body = stepBody(cursor, settings.everyRequest)
    if (!isAddressed(body)) {
      this.fail(this.failures.unexpected("the server never named the run, which therefore cannot go on"))
      return Effect.void
    }
    this.fold.begin()
    const events = settings.http.stream("step", {
      method: settings.method,
      flow: settings.address,
      version: settings.version,
      sessionId: settings.sessionId,
      options: settings.options,
      progress: this.failures.begin(),
      body
    })
    const opened = Effect.zipRight(
      this.closeResponse,
      Effect.flatMap(
        Scope.fork(this.scope, ExecutionStrategy.sequential),
        (scope) =>
          Effect.map(Scope.extend(toPull(events), scope), (pull) => {
            this.next = { _tag: "read", pull: this.traced(pull), scope }
            this.response = scope
          })
      )
    )
    return body.toolCallMessages === undefined
      ? opened
      : Effect.zipRight(warnOfConversation(settings.method, settings.addressText, body.toolCallMessages), opened)
  })

  private traced<A, E2, R2>(self: Effect.Effect<A, E2, R2>): Effect.Effect<A, E2, R2> {
    return this.spans === undefined ? self : withParent(self, this.spans.stream)
  }

  private readonly closeResponse: Effect.Effect<void> = Effect.suspend(() => {
    const { response } = this
    this.response = undefined
    return response === undefined ? Effect.void : Scope.close(response, Exit.void)
  })

  private broken(scope: Scope.CloseableScope, failure: Option.Option<CallError>): Effect.Effect<void> {
    const error = Option.getOrElse(failure, () => this.failures.endedEarly())
    this.response = undefined
    return Effect.zipRight(Scope.close(scope, Exit.void), Effect.suspend(() => this.recover(error)))
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
    event: Extract<WireEvent, { readonly type: "flow_completed" }>,
    { from, value }: KnownResult
  ): Effect.Effect<void> {
    const { cursor, settings } = this
    const facts = {
      method: settings.method,
      address: settings.addressText,
      executionId: cursor.executionId,
      requestId: undefined
    }
    return Effect.zipRight(
      this.closeResponse,
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
    return Effect.zipRight(
      this.closeResponse,
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
