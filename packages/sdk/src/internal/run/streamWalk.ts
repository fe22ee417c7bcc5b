/**
 * A walk through one run on `/step`: requests it, reads the responses, answers the pauses and goes on after cuts.
 *
 * @see docs/wire.md#order-of-events
 * @see docs/wire.md#cursor
 * @see docs/wire.md#pauses
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { FlowEvent, StepPaused, WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { CallError, ErrorCode } from "../../NoukaiError.js"
import { setCursor } from "../core/makeError.js"
import { problemOf } from "../core/runProblem.js"
import { toSource } from "../core/streamPull.js"
import { endedBy, pauseOf } from "../core/time.js"
import { hasResultSchema } from "../options/flowCodec.js"
import { errorType, failureType } from "../telemetry/attributes.js"
import * as Metrics from "../telemetry/metrics.js"
import type { StreamSpans } from "../telemetry/spans.js"
import * as Delivered from "./deliveredEvent.js"
import type { RunCosts } from "./runCosts.js"
import * as RunFold from "./runFold.js"
import * as Healing from "./streamHealing.js"
import { answer, answeredPause, type HandlerStrategy, warnOfConversation } from "./toolRound.js"

/** Gives events to the reader, and returns when it wants more. */
type Emit = (events: ReadonlyArray<FlowEvent>) => Effect.Effect<void>

/**
 * The continuation after a response: the next request, the answer to a pause, a result to decode, the end of the stream,
 * or its failure.
 */
type Continuation<E, R> =
  | { readonly _tag: "open"; readonly isAfforded?: boolean }
  | { readonly _tag: "answer"; readonly answering: HandlerStrategy<E, R> }
  | { readonly _tag: "complete"; readonly event: WireEventOf<"flow_completed">; readonly result: RunFold.KnownResult }
  | { readonly _tag: "fail"; readonly error: E | CallError }
  | {
    readonly _tag: "done"
    /** The end of the run, or its pause for the caller, who goes on with another stream. */
    readonly outcome: "completed" | "failed" | "paused"
    /** The `error.type` of a run whose failure is an event. */
    readonly errorType?: string | undefined
  }

/** The end of a run comes apart from more events than these: Effect keeps the last chunk of a stream for long. */
const manyOutputs = 256

const toOpen = { _tag: "open" } as const

const hasCompleted = { _tag: "done", outcome: "completed" } as const

const unknownFacts = { durationMs: undefined, costUsd: undefined, tokens: undefined }

/** Sets the parent span, and hides `ParentSpan` from the requirements that callers see. */
const withParent = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  parent: Tracer.AnySpan | undefined
): Effect.Effect<A, E, R> =>
  parent === undefined
    ? self
    : Effect.mapInputContext(self, (context: Context.Context<R>) => Context.add(context, Tracer.ParentSpan, parent))

export class StreamWalk<E, R> {
  private state: RunFold.RunState
  private readonly failures: Healing.StreamFailures
  private readonly healing: Healing.StreamHealing
  private readonly repeated: Healing.RepeatedEvents | undefined
  /** The events that have not been delivered. One list, since V8 makes the lists of `[]` old, which keep what they held. */
  private readonly out: Array<FlowEvent> = []
  /** A pause that a cut swallowed. It is delivered once the server goes on from there. */
  private owed: StepPaused | undefined
  /** Whether the end of a response is open, so that a step may still run. */
  private isReading = false
  private next: Continuation<E, R> = toOpen

  constructor(
    private readonly settings: Healing.StreamSettings<E, R>,
    private readonly origin: Healing.Origin,
    private readonly costs: RunCosts | undefined,
    private readonly spans: StreamSpans | undefined,
    /** Counts the run with its outcome. */
    private readonly count: (...outcome: Metrics.Outcome) => void,
    private readonly resume: Delivered.ResumeStream
  ) {
    const { begun, cursor, mayBeOver } = origin
    this.state = RunFold.changed(RunFold.stateAt(cursor), { begun, mayBeOver })
    this.failures = new Healing.StreamFailures(settings.method, settings.addressText, () => this.state, origin.progress)
    this.healing = new Healing.StreamHealing(settings.heal)
    this.repeated = settings.heal === undefined ? undefined : new Healing.RepeatedEvents()
  }

  /** Walks to the end of the run or its next pause for the caller, within the total timeout. */
  run(emit: Emit): Effect.Effect<void, E | CallError, R> {
    return Effect.tapError(this.timed(this.walk(emit)), (error) =>
      Effect.sync(() => {
        this.next = { _tag: "fail", error }
      }))
  }

  private timed(self: Effect.Effect<void, E | CallError, R>): Effect.Effect<void, E | CallError, R> {
    const { failures, settings: { total } } = this
    if (total === undefined) return self
    let error: CallError | undefined
    const fail = Effect.failSync(() => error ??= failures.timedOut(total))
    // with a limit of 0 nothing may be sent; a recording learns of the error before the response is closed
    return total === 0 ? fail : endedBy(self, Effect.zipRight(Effect.sleep(total), Effect.ignore(fail)), fail)
  }

  private walk(emit: Emit): Effect.Effect<void, E | CallError, R> {
    return Effect.gen(this, function*() {
      this.next = this.first()
      while (true) {
        const { next } = this
        if (this.out.length > 0) yield* this.deliver(emit)
        if ((next._tag === "open" && next.isAfforded !== true) || next._tag === "answer") yield* this.afford
        switch (next._tag) {
          case "open":
            this.next = yield* this.request(emit)
            break
          case "answer":
            yield* this.answer(next.answering)
            this.next = { _tag: "open", isAfforded: true }
            break
          case "complete":
            yield* this.complete(next.event, next.result)
            this.next = hasCompleted
            break
          case "fail":
            return yield* Effect.fail(next.error)
          case "done":
            return
        }
      }
    })
  }

  private first(): Continuation<E, R> {
    const { origin, state } = this
    if (state.pending?.toolCalls === undefined) {
      return { _tag: "open", isAfforded: state.executionId === undefined || origin.isAfforded === true }
    }
    this.state = RunFold.changed(state, { again: RunFold.isOver(state) })
    return this.pauseForTools(undefined)
  }

  private deliver(emit: Emit): Effect.Effect<void> {
    const events = this.out.splice(0)
    const isLong = this.next._tag === "done" && events.length > 1 && this.state.completions > manyOutputs
    return isLong ? Effect.zipRight(emit(events.slice(0, -1)), emit(events.slice(-1))) : emit(events)
  }

  /** Fails before another step or tool round of a run that has cost too much. */
  private readonly afford: Effect.Effect<void, CallError> = Effect.suspend(() => {
    const { costs, state } = this
    if (costs === undefined) return Effect.void
    return Effect.flatMap(costs.check(state.executionId), (error) => {
      if (error === undefined) return Effect.void
      setCursor(error, () => RunFold.cursorAt(state))
      return Effect.fail(error)
    })
  })

  /** Requests the next step, and reads the response. */
  private request(emit: Emit): Effect.Effect<Continuation<E, R>> {
    return Effect.gen(this, function*() {
      const { costs, settings, spans } = this
      if (RunFold.isOver(this.state) && this.state.mayBeOver) this.state = RunFold.changed(this.state, { again: true })
      const { executionId } = this.state
      const body = Healing.stepBody(this.state, settings.everyRequest)
      if (!Healing.isAddressed(body, this.origin.cursor)) {
        return this.unexpected("the server never named the run, which therefore cannot go on")
      }
      this.state = RunFold.begin(this.state, !settings.everyRequest.runRemaining)
      this.repeated?.begin()
      if (this.state.again) this.owed = undefined
      if (body.toolCallMessages !== undefined) {
        yield* warnOfConversation(settings.method, settings.addressText, body.toolCallMessages)
      }
      const response = toSource(settings.http.stream("step", {
        method: settings.method,
        flow: settings.address,
        version: settings.version,
        sessionId: settings.sessionId,
        options: settings.options,
        progress: this.failures.begin(),
        body,
        asExecute: settings.asExecute,
        reserve: costs?.reserve(executionId)
      }))
      this.isReading = true
      const pull = withParent(response.pull, spans?.stream)
      const next: Effect.Effect<Continuation<E, R>, Option.Option<CallError>> = Effect.flatMap(pull, (events) => {
        this.failures.eventsCame()
        for (const event of events) {
          const then = this.take(event)
          // events after the end of a response have no meaning
          if (then !== undefined) return Effect.succeed(then)
        }
        return this.out.length > 0 ? Effect.zipRight(this.deliver(emit), next) : next
      })
      const then = yield* Effect.catchAll(
        Effect.onExit(next, () => response.close(Exit.void)),
        (failure) => this.recover(Option.getOrElse(failure, () => this.failures.endedEarly()))
      )
      this.isReading = false
      return then
    })
  }

  /** Takes an event of a response. Returns the continuation, if the event ends the response. */
  private take(event: WireEvent): Continuation<E, R> | undefined {
    const { owed, spans, state: before } = this
    const after = RunFold.fold(before, event)
    this.state = after
    this.owed = undefined
    if (owed !== undefined) this.emit(owed)
    if (after.end?._tag === "unexpected") {
      const result = event.type === "flow_completed" ? event.result : undefined
      return this.failed(this.failures.unexpected(after.end.reason, after.end.code, result))
    }
    if (event.type === "step_completed" || event.type === "step_paused") this.repeated?.forget()
    if (event.type === "step_started") spans?.stepStarted(event.stepId)
    const delivered = this.isRepeated(event) ? undefined : Delivered.deliveredOf(before, event, after)
    if (event.type === "step_completed") {
      spans?.stepCompleted(delivered?.type === "step_completed" ? delivered : unknownFacts)
      if (delivered !== undefined) this.costs?.add(event.costUsd ?? undefined)
    }
    if (event.type === "flow_completed") this.costs?.total(event.summary?.costUsd)
    if (delivered !== undefined) this.emit(delivered)
    return after.end === undefined ? undefined : this.endOfResponse(event, after.end)
  }

  private endOfResponse(
    event: WireEvent,
    end: Exclude<RunFold.RunEnd, { readonly _tag: "unexpected" }>
  ): Continuation<E, R> {
    const { settings: { flow, only }, state } = this
    switch (end._tag) {
      case "paused":
        return toOpen
      case "tools":
        return this.pauseForTools(end.event)
      case "failed": {
        const { stepId, value: result } = end
        if (event.type !== "step_error") return this.failed(this.failures.runFailed({ stepId, result }))
        const error = this.failures.runFailed({ ...problemOf(result), stepId, result })
        this.spans?.stepFailed(error)
        if (only === "steps") return this.failed(error)
        const closing = Delivered.closingOf(event)
        if (closing !== undefined) {
          this.emit(Delivered.flowCompleted(closing, state, { value: null, digits: undefined, from: "completed" }))
        }
        return { _tag: "done", outcome: "failed", errorType: errorType(error) }
      }
      case "completed": {
        const { result } = end
        const isDecoded = only === "events" && hasResultSchema(flow)
        if (isDecoded && result === undefined) return this.unexpected(RunFold.noResult)
        if (isDecoded && result !== undefined) return { _tag: "complete", event: end.event, result }
        this.emit(Delivered.flowCompleted(end.event, state, result))
        return hasCompleted
      }
    }
  }

  /** The continuation of a response that ends with the pause in the state of the run. */
  private pauseForTools(event: WireEventOf<"tool_calls_required"> | undefined): Continuation<E, R> {
    const { answering, only } = this.settings
    switch (answering?._tag) {
      case undefined:
        return this.unexpected("the run is paused for tool calls; this call has no tools", RunFold.unanswered)
      case "manual":
        if (only === "steps") {
          return this.unexpected(
            "the run paused for tool calls, which steps cannot hand over: use events, or tools with a handler",
            RunFold.unanswered
          )
        }
        this.emit(Delivered.toolCallsRequired(event, this.state, this.resume))
        return { _tag: "done", outcome: "paused" }
      case "handled":
        return { _tag: "answer", answering }
    }
  }

  /** Whether an event of the step in progress was delivered before a cut. */
  private isRepeated(event: WireEvent): boolean {
    switch (event.type) {
      case "step_started":
      case "step_input":
      case "step_output":
        return this.state.again || this.repeated?.isNew(event) === false
      case "unknown": {
        const { data: { stepId }, name } = event
        return this.state.again ||
          this.repeated?.isNew({ type: name, stepId: typeof stepId === "string" ? stepId : "" }) === false
      }
      default:
        return event.type === "step_completed" && this.state.again
    }
  }

  private emit(event: FlowEvent): void {
    if (this.settings.only === "events" || event.type === "step_completed") this.out.push(event)
  }

  private failed(error: CallError): Continuation<E, R> {
    return { _tag: "fail", error: this.failures.of(error) }
  }

  private unexpected(reason: string, code?: ErrorCode): Continuation<E, R> {
    return this.failed(this.failures.unexpected(reason, code))
  }

  /** The continuation after a response that broke off. */
  private recover(error: CallError): Effect.Effect<Continuation<E, R>> {
    const { state } = this
    if (Healing.isBeyondLastStep(error, state)) {
      this.state = RunFold.changed(state, { stepCount: state.stepIndex, again: true })
      return Effect.succeed({ _tag: "open", isAfforded: true })
    }
    this.failures.mayHaveRun ||= !error.isRetryable
    return Effect.flatMap(this.healing.delayAfter(error, state), (delay): Effect.Effect<Continuation<E, R>> => {
      if (delay === undefined) return Effect.succeed(this.failed(error))
      this.state = RunFold.changed(state, { mayBeOver: true })
      if (state.completedHere && !this.settings.everyRequest.runRemaining) {
        this.owed = Delivered.stepPaused(undefined, this.state)
      }
      return Effect.as(pauseOf(this.settings.http)(delay), toOpen)
    })
  }

  private complete(event: WireEventOf<"flow_completed">, result: RunFold.KnownResult): Effect.Effect<void, CallError> {
    return Effect.mapBoth(Delivered.decodedCompleted(this.settings, event, this.state, result), {
      onFailure: (error) => this.failures.of(error),
      onSuccess: (completed) => this.emit(completed)
    })
  }

  /** Runs the handler for the pause in the state of the run. */
  private answer(answering: HandlerStrategy<E, R>): Effect.Effect<void, E | CallError, R> {
    return Effect.gen(this, function*() {
      const {
        settings: { addressText, http, method },
        spans,
        state: { completions, executionId = "", pending, rounds }
      } = this
      if (pending?.toolCalls === undefined) return
      const { iterationsUsed, stepId, toolCallMessages, toolCalls } = pending
      // a loop completes a step several times
      const place = [completions, stepId, iterationsUsed, toolCallMessages]
      const answered = Effect.mapError(
        answer(answering, { http, method, addressText, executionId, toolCalls, place, rounds }),
        (error) => this.failures.ofHandler(error)
      )
      const results = yield* withParent(answered, spans?.innermost())
      this.failures.mayHaveRun = true
      this.state = RunFold.answered(this.state, answeredPause(pending, results))
      this.repeated?.forget()
    })
  }

  /** Ends the telemetry of the walk, once nothing of it runs any more. */
  readonly close = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.sync(() => {
      const { next, settings, spans, state: { executionId } } = this
      const isOver = next._tag === "done" || next._tag === "complete"
      if (executionId !== undefined && !isOver && Exit.isInterrupted(exit)) {
        settings.http.defaults.interrupted?.(executionId)
      }
      const end = next._tag === "fail" ? Exit.fail(next.error) : exit
      const done = next._tag === "done" && Exit.isSuccess(end) ? next : undefined
      const status = done?.outcome === "paused" ? undefined : done?.outcome
      const type = Exit.isFailure(end) ? failureType(end.cause) : done?.errorType
      spans?.end(end, { executionId, status, errorType: type })
      this.count(Exit.isFailure(end) ? Metrics.failureOutcome(end.cause) : done?.outcome ?? "stopped", type)
      // V8 keeps streams longer than they are read, and the outputs with them
      this.out.splice(0)
      this.state = RunFold.withoutOutputs(this.state)
    })

  /** Settles the costs of the walk, unless it was left after the request of a step. */
  settle(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { costs, failures: { sent }, next, state: { executionId } } = this
    const hasEnded = next._tag === "fail" || next._tag === "done"
    if (costs === undefined) return Effect.void
    if (!hasEnded && sent !== "no" && (this.isReading || Exit.isInterrupted(exit))) return Effect.void
    return costs.settle({ executionId, sent, error: next._tag === "fail" ? next.error : undefined })
  }
}
