/**
 * One run on `/step`, from its first request through steps, pauses, tool rounds and cuts to its end (contract 7.4–7.6).
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { StreamOptions } from "../CallOptions.js"
import type { Flow, FlowAddress, FlowVersion } from "../Flow.js"
import type { FlowCursor } from "../FlowCursor.js"
import type { FlowEvent, WireEvent } from "../FlowEvent.js"
import type { EventsError, HttpError, NoukaiError, Sent } from "../NoukaiError.js"
import {
  APIConnectionError,
  APITimeoutError,
  FlowExecutionError,
  isNoukaiError,
  UnexpectedResponseError
} from "../NoukaiError.js"
import type { StepBody } from "../StepCall.js"
import { spanNames } from "../Telemetry.js"
import type { ToolResult } from "../Tool.js"
import { afterARunMayExist, CallProgress } from "./callProgress.js"
import * as Delivered from "./deliveredEvent.js"
import { decodeResult, hasResultSchema } from "./flowCodec.js"
import type { HttpService } from "./httpService.js"
import { invalid } from "./invalid.js"
import * as Metrics from "./metrics.js"
import { backoffDriver, shouldRetry } from "./retry.js"
import * as Spans from "./spans.js"
import { isOver, type Mark, StreamCursor } from "./streamCursor.js"
import { type Pull, toPull } from "./streamPull.js"
import { answer, type Answering, warnOfConversation } from "./toolAnswering.js"
import { callsOf, checkResults, resumeMessages } from "./toolRound.js"

type Wire<T extends WireEvent["type"]> = Extract<WireEvent, { readonly type: T }>

/**
 * What stays the same from the first request of a run to its last.
 *
 * @internal
 */
export interface Settings<E, R> {
  readonly http: HttpService
  readonly method: string
  readonly flow: Flow.Ref<never, unknown>
  readonly address: FlowAddress
  readonly addressText: string
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly options: StreamOptions
  readonly answering: Answering<E, R>
  /** Completed steps alone, or every event. */
  readonly only: "steps" | "events"
  readonly everyRequest: Pick<
    StepBody,
    "inputOverrides" | "blockOverrides" | "runRemaining" | "tools" | "toolChoice" | "trace"
  >
  readonly heal: Schedule.Schedule<unknown, NoukaiError> | undefined
  /** ms */
  readonly timeout: number | undefined
}

/**
 * Where a walk begins.
 *
 * @internal
 */
export interface Origin {
  readonly cursor: FlowCursor
  /** `run_started` has been delivered. */
  readonly begun: boolean
  /** The cursor may be one of a run whose last step has completed. */
  readonly mayBeOver: boolean
}

/** What the walk does when the next events are asked for. */
type Next<E> =
  | { readonly _tag: "open" }
  | { readonly _tag: "read"; readonly pull: ResponsePull; readonly scope: Scope.CloseableScope }
  | { readonly _tag: "answer" }
  | { readonly _tag: "complete"; readonly event: Wire<"flow_completed"> }
  | { readonly _tag: "fail"; readonly error: E | EventsError }
  | { readonly _tag: "done" }

type ResponsePull = Pull<WireEvent, HttpError>

type EventPull<E, R> = Pull<FlowEvent, E | EventsError, R>

const unchecked = { disableValidation: true }

const textIn = (u: unknown, field: string): string | undefined => {
  const value = Predicate.isRecord(u) ? u[field] : undefined
  return typeof value === "string" ? value : undefined
}

const failedStepIn = (summary: unknown): string | undefined =>
  textIn(summary, "failedAtStep") ?? textIn(summary, "failed_at_step")

const withCursor = <E extends NoukaiError>(error: E, mark: Mark): E =>
  Object.defineProperty(error, "cursor", { get: mark, enumerable: false, configurable: true })

const canHeal = (error: NoukaiError): boolean =>
  shouldRetry(error, false, false) || (error._tag === "APITimeoutError" && error.clock === "idle")

/** `ParentSpan` is not among the requirements that callers see. */
const withParent = <A, E, R>(self: Effect.Effect<A, E, R>, parent: Tracer.AnySpan): Effect.Effect<A, E, R> =>
  Effect.mapInputContext(self, (context: Context.Context<R>) => Context.add(context, Tracer.ParentSpan, parent))

class Walk<E, R> {
  private readonly cursor: StreamCursor
  private next: Next<E> = { _tag: "open" }
  private out: Array<FlowEvent> = []
  private begun: boolean
  private mayBeOver: boolean
  private readonly progress = new CallProgress()
  private received = false
  /** Something may have run because of this call: to make the whole call again could run it twice. */
  private mayHaveRun = false
  /** The step that the request in flight began with. */
  private requested = -1
  /** The last step is run once more, because what came after it was lost; it has been delivered. */
  private again = false
  /** A pause that a cut swallowed; it is delivered once the server goes on from there. */
  private owed: Delivered.StepPaused | undefined
  private completedHere = false
  /** The step that completed last in this response, until another one's event: a loop may complete once per iteration. */
  private justCompleted: string | undefined
  /** How many events of each kind and step: delivered since the last completed step, and seen in this response. */
  private readonly delivered = new Map<string, number>()
  private readonly seen = new Map<string, number>()
  private status: string | undefined
  /** The caller goes on elsewhere, and may never come back for the end. */
  private handedOver = false
  private response: Scope.CloseableScope | undefined
  private delay: ((error: NoukaiError) => Effect.Effect<number | undefined>) | undefined
  /** How far the run had come when healing began. */
  private healingSince = -1

  constructor(
    private readonly settings: Settings<E, R>,
    origin: Origin,
    private readonly scope: Scope.Scope,
    private readonly spans: Spans.StreamSpans | undefined
  ) {
    this.cursor = new StreamCursor(origin.cursor)
    this.begun = origin.begun
    this.mayBeOver = origin.mayBeOver
    if (this.cursor.pending?.toolCalls !== undefined) {
      this.again = this.cursor.isOver
      this.pauseForTools()
    }
  }

  readonly pull: EventPull<E, R> = Effect.suspend((): EventPull<E, R> => {
    const { next } = this
    if (this.out.length > 0) return this.emitted
    switch (next._tag) {
      case "open":
        return Effect.zipRight(this.open, this.pull)
      case "read":
        return Effect.matchEffect(next.pull, {
          onFailure: (failure) => Effect.zipRight(this.broken(next.scope, failure), this.pull),
          onSuccess: (events) => {
            this.accept(events)
            return this.out.length > 0 ? this.emitted : this.pull
          }
        })
      case "answer":
        return Effect.zipRight(this.answer, this.pull)
      case "complete":
        return Effect.zipRight(this.complete(next.event), this.pull)
      case "fail":
        return Effect.fail(Option.some(next.error))
      case "done":
        return Effect.zipRight(this.closeResponse, Effect.fail(Option.none()))
    }
  })

  private readonly emitted: EventPull<E, R> = Effect.suspend(() => {
    const chunk = Chunk.unsafeFromArray(this.out)
    this.out = []
    return this.handedOver ? Effect.as(this.closeResponse, chunk) : Effect.succeed(chunk)
  })

  /** What the total clock says when it runs out. */
  timedOut(ms: number): APITimeoutError {
    const { sent } = this
    const error = new APITimeoutError({
      method: this.settings.method,
      flow: this.settings.addressText,
      executionId: this.cursor.executionId,
      detail: `after ${ms} ms`,
      clock: "total",
      sent,
      isRetryable: sent === "no" && !this.mayHaveRun
    }, unchecked)
    this.next = { _tag: "fail", error }
    return withCursor(error, this.cursor.mark())
  }

  /** Ends what is observed of the run, and says how it ended. */
  end(exit: Exit.Exit<unknown, unknown>): string {
    const { next, spans } = this
    const failure = next._tag === "fail" ? Exit.fail(next.error) : exit
    const status = next._tag === "done" && Exit.isSuccess(failure) ? this.status : undefined
    spans?.end(failure, { executionId: this.cursor.executionId, status })
    return Exit.isFailure(failure)
      ? Metrics.failureOutcome(failure.cause)
      : status ?? (this.handedOver ? "paused" : "stopped")
  }

  /** How far this call has come: as far as any of its requests. */
  private get sent(): Sent {
    return this.received ? "yes" : this.progress.sent
  }

  private fail(error: EventsError): void {
    if (this.mayHaveRun) afterARunMayExist(error, this.sent)
    if (error.executionId === undefined && this.cursor.executionId !== undefined) {
      Object.defineProperty(error, "executionId", { value: this.cursor.executionId, enumerable: true })
    }
    this.next = { _tag: "fail", error: withCursor(error, this.cursor.mark()) }
  }

  /** An error of the handler is the caller's own, unless the round itself was at fault. */
  private failAnswering(error: E | EventsError): void {
    const { cursor } = this
    if (isNoukaiError(error) && error.executionId === cursor.executionId && !("cursor" in error)) {
      withCursor(error, cursor.mark())
    }
    this.next = { _tag: "fail", error }
  }

  private failUnexpected(reason: string): void {
    this.fail(
      new UnexpectedResponseError({
        method: this.settings.method,
        flow: this.settings.addressText,
        executionId: this.cursor.executionId,
        reason,
        isRetryable: false
      }, unchecked)
    )
  }

  // --- requests

  private get body(): StepBody {
    const { again, cursor, settings } = this
    const index = again ? cursor.stepIndex - 1 : cursor.stepIndex
    const pending = again ? cursor.answered : cursor.pending
    const fresh = index === 0 && pending === undefined
    return {
      executionId: cursor.executionId,
      stepIndex: index,
      accumulatedOutputs: index === 0 && again ? {} : cursor.outputs(again ? cursor.lastStepId : undefined),
      message: fresh ? cursor.first?.message : undefined,
      parameters: (fresh ? cursor.first?.parameters : undefined) ?? {},
      attachments: fresh ? cursor.first?.attachments : undefined,
      ...settings.everyRequest,
      toolCallMessages: pending?.toolCallMessages,
      iterationsUsed: pending?.iterationsUsed ?? 0
    }
  }

  private readonly open: Effect.Effect<void> = Effect.suspend(() => {
    const { cursor, settings } = this
    if (cursor.isOver && this.mayBeOver) this.runLastAgain()
    const { body } = this
    if (cursor.executionId === undefined && (body.stepIndex > 0 || body.toolCallMessages !== undefined)) {
      this.failUnexpected("the server never named the run, which therefore cannot go on")
      return Effect.void
    }
    this.requested = body.stepIndex
    this.completedHere = false
    this.justCompleted = undefined
    const events = settings.http.step({
      method: settings.method,
      flow: settings.address,
      version: settings.version,
      sessionId: settings.sessionId,
      options: settings.options,
      progress: this.progress.begin(),
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

  // --- ends that are none

  private broken(scope: Scope.CloseableScope, failure: Option.Option<HttpError>): Effect.Effect<void> {
    const error = Option.getOrElse(failure, () =>
      new APIConnectionError({
        method: this.settings.method,
        flow: this.settings.addressText,
        executionId: this.cursor.executionId,
        detail: "the stream ended before a terminal event",
        sent: "yes",
        isRetryable: false
      }, unchecked))
    this.response = undefined
    return Effect.zipRight(Scope.close(scope, Exit.void), Effect.suspend(() => this.recover(error)))
  }

  private recover(error: HttpError): Effect.Effect<void> {
    const { cursor, settings } = this
    // what carries the answer of a tool belongs to a step that has not completed
    const beyond = error._tag === "FlowExecutionError" && error.code === "INVALID_STEP_INDEX" &&
      cursor.stepIndex > 0 && cursor.pending === undefined
    if (beyond && this.mayBeOver && !this.again) {
      cursor.stepCount = cursor.stepIndex
      this.runLastAgain()
      this.next = { _tag: "open" }
      return Effect.void
    }
    this.mayHaveRun ||= !error.isRetryable
    if (settings.heal === undefined || cursor.executionId === undefined || !canHeal(error)) {
      return Effect.sync(() => this.fail(error))
    }
    return Effect.flatMap(this.nextDelay(settings.heal, error), (delay) => {
      if (delay === undefined) return Effect.sync(() => this.fail(error))
      this.mayBeOver = true
      this.seen.clear()
      if (this.completedHere && !settings.everyRequest.runRemaining) {
        this.owed = new Delivered.StepPaused(cursor.executionId, cursor.stepIndex, cursor.mark())
      }
      this.next = { _tag: "open" }
      return Effect.sleep(Duration.millis(delay))
    })
  }

  /** The schedule begins anew only when the run has come further: the events of a step that is cut off each time do not. */
  private nextDelay(
    heal: NonNullable<Settings<E, R>["heal"]>,
    error: NoukaiError
  ): Effect.Effect<number | undefined> {
    const reached = this.cursor.stepIndex + this.cursor.rounds
    if (this.delay === undefined || reached > this.healingSince) {
      this.delay = backoffDriver(heal)
      this.healingSince = reached
    }
    return this.delay(error)
  }

  private runLastAgain(): void {
    this.again = true
    this.owed = undefined
  }

  // --- events

  private accept(events: Chunk.Chunk<WireEvent>): void {
    const reading = this.next
    this.received = true
    this.mayHaveRun = true
    for (const event of Chunk.toReadonlyArray(events)) {
      this.take(event)
      // what comes after the end of a response has no meaning
      if (this.next !== reading) return
    }
  }

  private take(event: WireEvent): void {
    if (this.owed !== undefined) {
      this.emit(this.owed)
      this.owed = undefined
    }
    this.leaveCompleted(event)
    switch (event.type) {
      case "run_started":
        return this.runStarted(event)
      case "step_started":
        this.spans?.stepStarted(event.stepId)
        if (this.isNew(event.type, event.stepId)) {
          this.emit({
            type: "step_started",
            stepId: event.stepId,
            name: event.name ?? undefined,
            stepIndex: this.cursor.stepIndex
          })
        }
        return
      case "step_input":
        if (this.isNew(event.type, event.stepId)) {
          this.emit({ type: "step_input", stepId: event.stepId, inputData: event.inputData })
        }
        return
      case "step_output":
        if (this.isNew(event.type, event.stepId)) {
          this.emit({ type: "step_output", stepId: event.stepId, outputData: event.outputData })
        }
        return
      case "step_completed":
        return this.stepCompleted(event)
      case "step_paused":
        return this.stepPaused(event)
      case "step_error":
        return this.stepFailed(event)
      case "tool_calls_required":
        return this.toolsRequired(event)
      case "flow_completed":
        return this.flowCompleted(event)
      case "unknown":
        if (this.isNew(event.name, textIn(event.data, "stepId") ?? "")) this.emit(event)
        return
    }
  }

  private leaveCompleted(event: WireEvent): void {
    if (this.justCompleted === undefined) return
    const stepId = textIn(event.type === "unknown" ? event.data : event, "stepId")
    if (stepId === undefined || stepId === this.justCompleted) return
    this.justCompleted = undefined
    this.again = false
  }

  private emit(event: FlowEvent): void {
    if (this.settings.only === "events" || event.type === "step_completed") this.out.push(event)
  }

  /** Whether an event of the step in progress has not been delivered before a cut. */
  private isNew(type: string, stepId: string): boolean {
    if (this.again) return false
    if (this.settings.heal === undefined) return true
    const key = `${type} ${stepId}`
    const count = (this.seen.get(key) ?? 0) + 1
    this.seen.set(key, count)
    if (count <= (this.delivered.get(key) ?? 0)) return false
    this.delivered.set(key, count)
    return true
  }

  private forget(): void {
    if (this.settings.heal === undefined) return
    this.delivered.clear()
    this.seen.clear()
  }

  /** Takes the id of the run; another one than before means another run, which nobody asked for. */
  private isSameRun(executionId: string): boolean {
    const known = this.cursor.executionId
    if (executionId === "" || executionId === known) return true
    if (known !== undefined) {
      this.failUnexpected(`the server answered for another run, ${executionId}`)
      return false
    }
    this.cursor.executionId = executionId
    return true
  }

  private runStarted(event: Wire<"run_started">): void {
    if (!this.isSameRun(event.executionId)) return
    this.cursor.stepCount = event.stepCount ?? this.cursor.stepCount
    if (this.begun) return
    this.begun = true
    this.emit(new Delivered.RunStarted(event, this.cursor.mark()))
  }

  private stepCompleted(event: Wire<"step_completed">): void {
    const { cursor } = this
    this.forget()
    const repeats = this.justCompleted === event.stepId
    this.justCompleted = event.stepId
    if (this.again) {
      this.spans?.stepCompleted({ durationMs: undefined, costUsd: undefined, tokens: undefined })
      return
    }
    const index = repeats ? cursor.stepIndex - 1 : cursor.stepIndex
    const output = event.output ?? null
    if (repeats) cursor.add(event.stepId, output)
    else cursor.complete(event.stepId, output)
    this.completedHere = true
    const completed = new Delivered.StepCompleted(event, index, output, cursor.mark())
    this.spans?.stepCompleted(completed)
    this.emit(completed)
  }

  private stepPaused(event: Wire<"step_paused">): void {
    const { cursor } = this
    if (!this.isSameRun(event.executionId ?? "")) return
    const index = event.nextStepIndex ?? cursor.stepIndex
    if (index <= this.requested) {
      return this.failUnexpected(`the server paused without having completed step ${this.requested}`)
    }
    cursor.stepIndex = index
    this.mayBeOver = false
    this.again = false
    this.forget()
    this.emit(new Delivered.StepPaused(cursor.executionId, index, cursor.mark()))
    this.next = { _tag: "open" }
  }

  private stepFailed(event: Wire<"step_error">): void {
    const code = textIn(event.error, "code")
    const message = typeof event.error === "string" ? event.error : textIn(event.error, "message")
    const error = new FlowExecutionError({
      method: this.settings.method,
      flow: this.settings.addressText,
      executionId: this.cursor.executionId,
      code,
      detail: message,
      stepId: event.stepId,
      result: event.error,
      isRetryable: false
    }, unchecked)
    this.spans?.stepFailed(error)
    if (this.settings.only === "steps") return this.fail(error)
    this.emit({
      type: "step_error",
      stepId: event.stepId,
      name: event.name ?? undefined,
      error: event.error,
      code,
      message
    })
    this.status = "failed"
    this.next = { _tag: "done" }
  }

  private flowCompleted(event: Wire<"flow_completed">): void {
    const failedStep = failedStepIn(event.summary)
    if (failedStep !== undefined) {
      return this.fail(
        new FlowExecutionError({
          method: this.settings.method,
          flow: this.settings.addressText,
          executionId: this.cursor.executionId,
          stepId: failedStep,
          result: event.result,
          isRetryable: false
        }, unchecked)
      )
    }
    this.status = "completed"
    if (this.settings.only === "events" && hasResultSchema(this.settings.flow)) {
      this.next = { _tag: "complete", event }
      return
    }
    this.deliverCompleted(event, event.result)
  }

  private deliverCompleted(event: Wire<"flow_completed">, result: unknown): void {
    this.emit({
      type: "flow_completed",
      executionId: event.executionId ?? this.cursor.executionId,
      runId: event.runId ?? undefined,
      result,
      summary: event.summary ?? undefined
    })
    this.next = { _tag: "done" }
  }

  private complete(event: Wire<"flow_completed">): Effect.Effect<void> {
    const { cursor, settings } = this
    const facts = {
      method: settings.method,
      address: settings.addressText,
      executionId: cursor.executionId,
      requestId: undefined
    }
    return Effect.zipRight(
      this.closeResponse,
      Effect.match(decodeResult(settings.flow, facts, event.result), {
        onFailure: (error) => this.fail(error),
        onSuccess: (result) => this.deliverCompleted(event, result)
      })
    )
  }

  // --- tools

  private toolsRequired(event: Wire<"tool_calls_required">): void {
    const { cursor } = this
    if (!this.isSameRun(event.executionId)) return
    const toolCalls = callsOf(event.toolCalls, event.toolCallMessages)
    for (const [stepId, output] of Object.entries(event.accumulatedOutputs ?? {})) cursor.add(stepId, output)
    // A lower index than ours is one that the server counted from the start of this response.
    if (!this.again) cursor.stepIndex = Math.max(cursor.stepIndex, event.stepIndex ?? 0)
    const pending = {
      ...(typeof event.stepId === "string" ? { stepId: event.stepId } : undefined),
      iterationsUsed: event.iterationsUsed,
      toolCallMessages: event.toolCallMessages
    }
    if (toolCalls.length === 0) return this.failUnexpected("the run paused for tool calls and names none")
    cursor.pending = { ...pending, toolCalls }
    this.pauseForTools()
  }

  private pauseForTools(): void {
    const { cursor, settings } = this
    const { stepId, toolCalls = [] } = cursor.pending ?? {}
    switch (settings.answering._tag) {
      case "none":
        return this.failUnexpected("the run paused for tool calls, and no tools were sent")
      case "manual":
        if (settings.only === "steps") {
          return this.failUnexpected(
            "the run paused for tool calls, which steps cannot hand over: use events, or tools with a handler"
          )
        }
        this.emit(
          new Delivered.ToolCallsRequired(
            cursor.executionId ?? "",
            stepId,
            this.again ? cursor.stepIndex - 1 : cursor.stepIndex,
            toolCalls,
            cursor.mark(),
            (from, results) => resume(settings, from, results)
          )
        )
        this.handedOver = true
        this.next = { _tag: "done" }
        return
      case "handled":
        this.next = { _tag: "answer" }
    }
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
        onFailure: (error) => this.failAnswering(error),
        onSuccess: (results) => {
          this.mayHaveRun = true
          cursor.rounds++
          cursor.answer(withResults(pending, results))
          this.forget()
          this.next = { _tag: "open" }
        }
      })
    )
  })
}

const withResults = (
  pending: NonNullable<FlowCursor["pending"]>,
  results: ReadonlyArray<ToolResult>
): NonNullable<FlowCursor["pending"]> => ({
  ...(pending.stepId === undefined ? undefined : { stepId: pending.stepId }),
  iterationsUsed: pending.iterationsUsed,
  toolCallMessages: resumeMessages(pending.toolCallMessages, results)
})

const resume = <E, R>(
  settings: Settings<E, R>,
  cursor: FlowCursor,
  results: ReadonlyArray<ToolResult>
): Stream.Stream<FlowEvent, EventsError> => {
  const { pending } = cursor
  const problem = checkResults(pending?.toolCalls ?? [], results)
  if (problem !== undefined || pending === undefined) {
    return Stream.fail(
      invalid(settings.method, problem?.field ?? "results", problem?.reason ?? "answer no pause", {
        flow: settings.addressText,
        executionId: cursor.executionId
      })
    )
  }
  const answered = { ...cursor, pending: withResults(pending, results) }
  // only what is answered by hand is resumed, and then there is no handler
  const manual: Settings<never, never> = { ...settings, answering: { _tag: "manual" } }
  return run(manual, { cursor: answered, begun: true, mayBeOver: isOver(cursor) })
}

/** Each pull under what is left of the total clock. */
const timed = <E, R>(walk: Walk<E, R>, total: number): Effect.Effect<EventPull<E, R>> =>
  Effect.map(Clock.currentTimeMillis, (begin): EventPull<E, R> => {
    const onTimeout = () => Option.some(walk.timedOut(total))
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const left = begin + total - now
      return left > 0
        ? Effect.timeoutFail(walk.pull, { duration: Duration.millis(left), onTimeout })
        : Effect.failSync(onTimeout)
    })
  })

/**
 * What gives the events of a run, from an origin to its end or its next pause for the caller.
 *
 * @internal
 */
export const run = <E, R>(settings: Settings<E, R>, origin: Origin): Stream.Stream<FlowEvent, E | EventsError, R> =>
  Stream.unwrapScoped(
    Effect.withFiberRuntime<Stream.Stream<FlowEvent, E | EventsError, R>, never, Scope.Scope>((fiber) =>
      Effect.gen(function*() {
        const scope = yield* Effect.scope
        const name = settings.only === "steps" ? spanNames.steps : spanNames.events
        const walk = new Walk(
          settings,
          origin,
          scope,
          Spans.streamSpans(fiber, name, settings.address, settings.version)
        )
        const ended = Metrics.executionStarted(fiber, settings.only)
        yield* Effect.addFinalizer((exit) => Effect.sync(() => ended(walk.end(exit))))
        const pull = settings.timeout === undefined ? walk.pull : yield* timed(walk, settings.timeout)
        return Stream.repeatEffectChunkOption(pull)
      })
    )
  )
