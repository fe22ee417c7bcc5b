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
import type { StepPaused, WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { APITimeoutError, CallError, ErrorCode } from "../../NoukaiError.js"
import { setCursor } from "../core/errorClass.js"
import { problemOf } from "../core/runProblem.js"
import { Background, type Pull, type Source, toSource } from "../core/streamPull.js"
import { pauseOf } from "../core/time.js"
import { decodeResult, hasResultSchema } from "../options/flowCodec.js"
import * as Metrics from "../telemetry/metrics.js"
import type { StreamSpans } from "../telemetry/spans.js"
import * as Delivered from "./deliveredEvent.js"
import type { DeliveredRunEvent, ResumeStream } from "./deliveredEvent.js"
import { type CallEnd, isOpen, type RunCosts } from "./runCosts.js"
import * as RunFold from "./runFold.js"
import type { KnownResult, RunState } from "./runFold.js"
import { warnOfConversation } from "./runInput.js"
import {
  isAddressed,
  isBeyondLastStep,
  type Origin,
  RepeatedEvents,
  stepBody,
  StreamFailures,
  StreamHealing,
  type StreamSettings
} from "./streamHealing.js"
import { answer, answeredPause, unanswered } from "./toolRound.js"

type ResponsePull = Pull<WireEvent, CallError>

export type EventPull<E, R> = Pull<DeliveredRunEvent, E | CallError, R>

/**
 * The continuation after a response: the next request, the answer to a pause, a result to decode, or the end of the
 * stream.
 */
type Continuation =
  | { readonly _tag: "open" }
  | { readonly _tag: "answer" }
  | { readonly _tag: "complete"; readonly event: WireEventOf<"flow_completed">; readonly result: KnownResult }
  | { readonly _tag: "fail"; readonly error: CallError }
  | { readonly _tag: "done" }

/** The action of the walk at its next pull. */
type Next<E> =
  | Continuation
  | { readonly _tag: "read"; readonly pull: ResponsePull }
  | { readonly _tag: "broken"; readonly failure: Option.Option<CallError> }
  | { readonly _tag: "afford"; readonly then: Continuation }
  | { readonly _tag: "fail"; readonly error: E | CallError }

const manyOutputs = 256

const toOpen = { _tag: "open" } as const

const isDone = { _tag: "done" } as const

const ended = Effect.fail(Option.none())

const unknownFacts = { durationMs: undefined, costUsd: undefined, tokens: undefined }

/** Sets the parent span, and hides `ParentSpan` from the requirements that callers see. */
const withParent = <A, E, R>(self: Effect.Effect<A, E, R>, parent: Tracer.AnySpan): Effect.Effect<A, E, R> =>
  Effect.mapInputContext(self, (context: Context.Context<R>) => Context.add(context, Tracer.ParentSpan, parent))

export class StreamWalk<E, R> implements Source<DeliveredRunEvent, E | CallError, R> {
  private state: RunState
  private readonly failures: StreamFailures
  private readonly healing: StreamHealing
  private readonly repeated: RepeatedEvents | undefined
  /** The events that have not been delivered. */
  private out: Array<DeliveredRunEvent> = []
  /** The status with which the run ended. */
  private status: string | undefined
  /** Whether the caller goes on with another stream, and may never read the end of this one. */
  private handedOver = false
  /** A pause that a cut swallowed. It is delivered once the server goes on from there. */
  private owed: StepPaused | undefined
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
    private readonly resume: ResumeStream
  ) {
    this.state = RunFold.changed(RunFold.stateAt(origin.cursor, origin.mayBeOver), { begun: origin.begun })
    this.failures = new StreamFailures(settings.method, settings.addressText, () => this.state, origin.progress)
    this.healing = new StreamHealing(settings.heal)
    this.repeated = settings.heal === undefined ? undefined : new RepeatedEvents()
    if (this.state.pending?.toolCalls !== undefined) {
      this.state = RunFold.changed(this.state, { again: RunFold.isOver(this.state) })
      this.goOn(this.pauseForTools(undefined))
    } else if (this.state.executionId !== undefined && origin.isAfforded !== true) {
      this.goOn(toOpen)
    }
  }

  readonly pull: EventPull<E, R> = Effect.suspend((): EventPull<E, R> => {
    if (this.underWay !== undefined) return this.waiting(this.underWay)
    if (this.out.length > 0) return this.emitted
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
      for (const event of Chunk.toReadonlyArray(events)) {
        const then = this.take(event)
        if (then === undefined) continue
        // events after the end of a response have no meaning
        this.goOn(then)
        break
      }
      return this.out.length > 0 ? this.emitted : this.pull
    }
  }

  /** Takes an event of a response. Returns the continuation, if it ends the response. */
  private take(event: WireEvent): Continuation | undefined {
    const { owed, spans, state: before } = this
    const after = RunFold.fold(before, event)
    this.state = after
    this.owed = undefined
    if (owed !== undefined) this.emit(owed)
    if (after.end?._tag === "unexpected") return this.unexpected(after.end.reason, after.end.code)
    if (event.type === "step_completed" || event.type === "step_paused") this.repeated?.forget()
    if (event.type === "step_started") spans?.stepStarted(event.stepId)
    const delivered = this.isRepeated(event) ? undefined : Delivered.deliveredOf(before, event, after)
    if (event.type === "step_completed") {
      spans?.stepCompleted(delivered?.type === "step_completed" ? delivered : unknownFacts)
      if (delivered !== undefined) this.costs?.add(event.costUsd ?? undefined)
    }
    if (delivered !== undefined) this.emit(delivered)
    return after.end === undefined ? undefined : this.endOfResponse(event, after.end)
  }

  private endOfResponse(
    event: WireEvent,
    end: Exclude<RunFold.RunEnd, { readonly _tag: "unexpected" }>
  ): Continuation {
    const { settings: { flow, only }, state } = this
    switch (end._tag) {
      case "paused":
        return toOpen
      case "tools":
        return this.pauseForTools(end.event)
      case "failed": {
        const { result, stepId } = end
        if (event.type !== "step_error") return this.failed(this.failures.runFailed({ stepId, result }))
        const error = this.failures.runFailed({ ...problemOf(result), stepId, result })
        this.spans?.stepFailed(error)
        if (only === "steps") return this.failed(error)
        const closing = Delivered.closingOf(event)
        if (closing !== undefined) {
          this.emit(Delivered.flowCompleted(closing, state, { value: null, from: "completed" }))
        }
        this.status = "failed"
        return isDone
      }
      case "completed": {
        const { result } = end
        const isDecoded = only === "events" && hasResultSchema(flow)
        if (isDecoded && result === undefined) return this.unexpected(RunFold.noResult)
        this.status = "completed"
        if (isDecoded && result !== undefined) return { _tag: "complete", event: end.event, result }
        this.emit(Delivered.flowCompleted(end.event, state, result))
        return isDone
      }
    }
  }

  /** The continuation of a response that ends with the pause in the state of the run. */
  private pauseForTools(event: WireEventOf<"tool_calls_required"> | undefined): Continuation {
    const { answering, only } = this.settings
    switch (answering._tag) {
      case "none":
        return this.unexpected("the run is paused for tool calls; this call has no tools", unanswered)
      case "manual":
        if (only === "steps") {
          return this.unexpected(
            "the run paused for tool calls, which steps cannot hand over: use events, or tools with a handler",
            unanswered
          )
        }
        this.emit(Delivered.toolCallsRequired(event, this.state, this.resume))
        this.handedOver = true
        return isDone
      case "handled":
        return { _tag: "answer" }
    }
  }

  /** Whether an event of the step in progress was delivered before a cut. */
  private isRepeated(event: WireEvent): boolean {
    switch (event.type) {
      case "step_started":
      case "step_input":
      case "step_output":
        return this.state.again || this.repeated?.isNew(event.type, event.stepId) === false
      case "unknown": {
        const { data: { stepId }, name } = event
        return this.state.again || this.repeated?.isNew(name, typeof stepId === "string" ? stepId : "") === false
      }
      default:
        return event.type === "step_completed" && this.state.again
    }
  }

  private emit(event: DeliveredRunEvent): void {
    if (this.settings.only === "events" || event.type === "step_completed") this.out.push(event)
  }

  private failed(error: CallError): Continuation {
    return { _tag: "fail", error: this.failures.of(error) }
  }

  private unexpected(reason: string, code?: ErrorCode): Continuation {
    return this.failed(this.failures.unexpected(reason, code))
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
    const events = this.out
    this.out = this.isEndOfMany(events) ? events.splice(-1) : []
    const chunk = Chunk.unsafeFromArray(events)
    return this.handedOver ? this.afterResponse(Effect.succeed(chunk)) : Effect.succeed(chunk)
  })

  /**
   * Whether the end of the run comes apart from the events before it. Effect's streams hold their last chunk for long
   * after they are read, and the cursors of events hold every output before them.
   */
  private isEndOfMany(events: ReadonlyArray<DeliveredRunEvent>): boolean {
    return this.next._tag === "done" && events.length > 1 && (this.state.last?.length ?? 0) > manyOutputs &&
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
      const { executionId } = this.state
      const isOver = this.status !== undefined || this.handedOver
      if (executionId !== undefined && !isOver && Exit.isInterrupted(exit)) {
        this.settings.http.defaults.interrupted?.(executionId)
      }
      this.count(this.end(exit))
      this.callEnd = this.endOf(exit)
      this.next = isDone
      this.out = []
      // V8 keeps streams longer than they are read, and the outputs with them
      this.state = RunFold.changed(this.state, { last: undefined, kept: [] })
      return Effect.void
    })
    const closed = this.afterResponse(end)
    return this.background === undefined ? closed : Effect.zipRight(this.background.interrupt, closed)
  }

  /** Ends the telemetry of the run, and gives its outcome. */
  private end(exit: Exit.Exit<unknown, unknown>): string {
    const { next, spans } = this
    const failure = next._tag === "fail" ? Exit.fail(next.error) : exit
    const status = next._tag === "done" && Exit.isSuccess(failure) ? this.status : undefined
    spans?.end(failure, { executionId: this.state.executionId, status })
    return Exit.isFailure(failure)
      ? Metrics.failureOutcome(failure.cause)
      : status ?? (this.handedOver ? "paused" : "stopped")
  }

  /** The end of the call for its costs; none of one that was left while a step ran. */
  private endOf(exit: Exit.Exit<unknown, unknown>): CallEnd | undefined {
    const { failures: { sent }, next, state: { executionId } } = this
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

  /** Goes on; before another step or tool round of a run with a limit of cost, once it is known to be within it. */
  private goOn(next: Continuation): void {
    const limited = this.costs !== undefined && (next._tag === "open" || next._tag === "answer")
    this.next = limited ? { _tag: "afford", then: next } : next
  }

  private afford(then: Continuation): Effect.Effect<void> {
    const { costs, state } = this
    if (costs === undefined) return Effect.dieMessage("nothing limits the costs")
    return this.afterResponse(
      Effect.map(costs.check(state.executionId), (error) => {
        if (error !== undefined) setCursor(error, () => RunFold.cursorAt(state))
        this.next = error === undefined ? then : { _tag: "fail", error }
      })
    )
  }

  private open(): EventPull<E, R> {
    const { settings } = this
    if (RunFold.isOver(this.state) && this.state.mayBeOver) this.state = RunFold.changed(this.state, { again: true })
    const { executionId } = this.state
    const body = stepBody(this.state, settings.everyRequest)
    if (!isAddressed(body)) {
      this.next = this.unexpected("the server never named the run, which therefore cannot go on")
      return this.pull
    }
    const closed = this.closeResponse()
    this.state = RunFold.begin(this.state)
    this.repeated?.begin()
    if (this.state.again) this.owed = undefined
    this.response = toSource(settings.http.stream("step", {
      method: settings.method,
      flow: settings.address,
      version: settings.version,
      sessionId: settings.sessionId,
      options: settings.options,
      progress: this.failures.begin(),
      body,
      asExecute: settings.asExecute,
      reserve: this.costs?.reserve(executionId)
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
    const { state } = this
    if (isBeyondLastStep(error, state)) {
      this.state = RunFold.changed(state, { stepCount: state.stepIndex, again: true })
      this.next = toOpen
      return Effect.void
    }
    this.failures.requestFailed(error)
    return Effect.flatMap(this.healing.delayAfter(error, state), (delay) => {
      if (delay === undefined) return Effect.sync(() => this.goOn(this.failed(error)))
      this.state = RunFold.changed(state, { mayBeOver: true })
      if (state.completedHere && !this.settings.everyRequest.runRemaining) {
        this.owed = Delivered.stepPaused(undefined, this.state)
      }
      this.goOn(toOpen)
      return Effect.asVoid(pauseOf(this.settings.http)(delay))
    })
  }

  private complete(
    event: WireEventOf<"flow_completed">,
    { from, value }: KnownResult
  ): Effect.Effect<void> {
    const { settings, state } = this
    const facts = {
      method: settings.method,
      address: settings.addressText,
      executionId: state.executionId,
      requestId: undefined
    }
    return this.afterResponse(
      Effect.match(decodeResult(settings.flow, facts, value), {
        onFailure: (error) => this.goOn(this.failed(error)),
        onSuccess: (result) => {
          this.emit(Delivered.flowCompleted(event, state, { value: result, from }))
          this.next = isDone
        }
      })
    )
  }

  private readonly answer: Effect.Effect<void, never, R> = Effect.suspend(() => {
    const { settings: { addressText, answering, method }, state } = this
    const { pending } = state
    if (answering._tag !== "handled" || pending?.toolCalls === undefined) {
      return Effect.dieMessage("nothing to answer")
    }
    const answered = answer(answering, {
      method,
      addressText,
      executionId: state.executionId ?? "",
      toolCalls: pending.toolCalls,
      rounds: state.rounds
    })
    const traced = this.spans === undefined ? answered : withParent(answered, this.spans.innermost())
    return this.afterResponse(
      Effect.match(traced, {
        onFailure: (error) => {
          this.next = { _tag: "fail", error: this.failures.ofHandler(error) }
        },
        onSuccess: (results) => {
          this.failures.handlerRan()
          this.state = RunFold.answered(state, answeredPause(pending, results))
          this.repeated?.forget()
          this.next = toOpen
        }
      })
    )
  })
}
