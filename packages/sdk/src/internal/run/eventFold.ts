/**
 * Turns the events of a response into those that the caller sees: they move the cursor, are delivered or dropped, and
 * end the response.
 *
 * @see contract 7.3–7.6
 */
import * as Chunk from "effect/Chunk"
import * as Predicate from "effect/Predicate"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { CallError, ErrorCode } from "../../NoukaiError.js"
import { isOfRun, otherRun } from "../core/runProblem.js"
import { hasResultSchema } from "../options/flowCodec.js"
import type { StreamSpans } from "../telemetry/spans.js"
import * as Delivered from "./deliveredEvent.js"
import { closingOf } from "./deliveredEvent.js"
import { failedStepIn, type KnownResult, noResult, resultOf, StepOutputs } from "./stepOutputs.js"
import type { StreamCursor } from "./streamCursor.js"
import { RepeatedEvents, type StreamFailures, type StreamSettings } from "./streamHealing.js"
import { unanswered } from "./toolAnswering.js"

/**
 * The continuation after a response: the next request, the answer to a pause, a result to decode, or the end of the
 * stream.
 */
export type Continuation =
  | { readonly _tag: "open" }
  | { readonly _tag: "answer" }
  | { readonly _tag: "complete"; readonly event: WireEventOf<"flow_completed">; readonly result: KnownResult }
  | { readonly _tag: "fail"; readonly error: CallError }
  | { readonly _tag: "done" }

/**
 * The limit of pauses in a row without progress: a step may be skipped, and several in a row, but a server that only
 * pauses would be sent a request for each.
 */
const maxIdlePauses = 16

const textIn = (u: unknown, field: string): string | undefined => {
  const value = Predicate.isRecord(u) ? u[field] : undefined
  return typeof value === "string" ? value : undefined
}

/** The ids of an event that name its run. */
interface RunIds {
  readonly executionId?: string | null | undefined
  readonly runId?: string | null | undefined
}

export class EventFold {
  /** The events that have not been delivered. */
  out: Array<Delivered.DeliveredRunEvent> = []
  /** Set once the response has ended. */
  ending: Continuation | undefined
  /** The status with which the run ended. */
  status: string | undefined
  /** Whether the caller goes on with another stream, and may never read the end of this one. */
  handedOver = false
  /** The step that the request in flight began with. */
  private requested = -1
  /** A pause that a cut swallowed; it is delivered once the server goes on from there. */
  private owed: Delivered.StepPaused | undefined
  private completedHere = false
  /**
   * The step that completed last in this response, until an event of another step: a loop may complete once per
   * iteration.
   */
  private justCompleted: string | undefined
  private readonly repeated: RepeatedEvents | undefined
  private readonly outputs = new StepOutputs()
  /** The progress of the run at the last pause, and the number of pauses since it changed. */
  private paused: { readonly progress: number; readonly times: number }

  constructor(
    private readonly settings: StreamSettings<unknown, unknown>,
    private readonly cursor: StreamCursor,
    private readonly failures: StreamFailures,
    private readonly spans: StreamSpans | undefined,
    private begun: boolean,
    private readonly resume: Delivered.ResumeStream
  ) {
    this.paused = { progress: cursor.progress, times: 0 }
    this.repeated = settings.heal === undefined ? undefined : new RepeatedEvents()
  }

  /** Begins another response. */
  begin(): void {
    const { cursor } = this
    this.requested = cursor.stepToRun
    this.completedHere = false
    this.justCompleted = undefined
    this.outputs.begin()
    this.repeated?.begin()
    if (cursor.again) this.owed = undefined
  }

  /** Ends a response that broke off; the run goes on from its cursor. */
  interrupted(): void {
    const { cursor } = this
    if (this.completedHere && !this.settings.everyRequest.runRemaining) {
      this.owed = new Delivered.StepPaused(undefined, cursor.executionId, cursor.stepIndex, cursor.mark())
    }
  }

  /** Goes on after the answer to a pause: its step is another attempt. */
  answered(): void {
    this.repeated?.forget()
  }

  accept(events: Chunk.Chunk<WireEvent>): void {
    for (const event of Chunk.toReadonlyArray(events)) {
      this.take(event)
      // events after the end of a response have no meaning
      if (this.ending !== undefined) return
    }
  }

  /** Delivers the end of the run, with its decoded result. */
  deliverCompleted(event: WireEventOf<"flow_completed">, result: KnownResult | undefined): void {
    this.emit(new Delivered.FlowCompleted(event, event.executionId ?? this.cursor.executionId, result))
    this.ending = { _tag: "done" }
  }

  /** Ends the response with the pause that the cursor holds. */
  pauseForTools(event?: WireEventOf<"tool_calls_required">): void {
    const { cursor, settings } = this
    const { stepId, toolCalls = [] } = cursor.pending ?? {}
    switch (settings.answering._tag) {
      case "none":
        return this.failUnexpected("the run is paused for tool calls; this call has no tools", unanswered)
      case "manual":
        if (settings.only === "steps") {
          return this.failUnexpected(
            "the run paused for tool calls, which steps cannot hand over: use events, or tools with a handler",
            unanswered
          )
        }
        this.emit(
          new Delivered.ToolCallsRequired(
            event,
            cursor.executionId ?? "",
            stepId,
            cursor.stepToRun,
            toolCalls,
            cursor.mark(),
            this.resume
          )
        )
        this.handedOver = true
        this.ending = { _tag: "done" }
        return
      case "handled":
        this.ending = { _tag: "answer" }
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
        this.outputs.started(event.stepId)
        this.spans?.stepStarted(event.stepId)
        if (this.isNew(event.type, event.stepId)) {
          this.emit(new Delivered.StepStarted(event, this.indexOf(event.stepId)))
        }
        return
      case "step_input":
        if (this.isNew(event.type, event.stepId)) this.emit(new Delivered.StepInput(event))
        return
      case "step_output":
        return this.stepOutput(event)
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
        if (this.isNew(event.name, textIn(event.data, "stepId") ?? "")) {
          this.emit(new Delivered.Unknown(event))
        }
        return
    }
  }

  private leaveCompleted(event: WireEvent): void {
    if (this.justCompleted === undefined) return
    const stepId = event.type === "unknown" ? event.data.stepId : "stepId" in event ? event.stepId : undefined
    if (typeof stepId !== "string" || stepId === this.justCompleted) return
    this.justCompleted = undefined
    this.cursor.again = false
  }

  private emit(event: Delivered.DeliveredRunEvent): void {
    if (this.settings.only === "events" || event.type === "step_completed") this.out.push(event)
  }

  private fail(error: CallError): void {
    this.ending = { _tag: "fail", error: this.failures.of(error) }
  }

  private failUnexpected(reason: string, code?: ErrorCode): void {
    this.fail(this.failures.unexpected(reason, code))
  }

  /** Whether an event of the step in progress was not delivered before a cut. */
  private isNew(type: string, stepId: string): boolean {
    return !this.cursor.again && (this.repeated === undefined || this.repeated.isNew(type, stepId))
  }

  /**
   * Takes the id of the run from an event; another id than before is that of another run, whose events are refused.
   * Older servers name a run that begins in `runId` alone.
   */
  private isOfThisRun({ executionId, runId }: RunIds): boolean {
    const { cursor } = this
    if (cursor.executionId === undefined) {
      cursor.executionId = executionId || runId || undefined
      return true
    }
    if (isOfRun(cursor.executionId, executionId)) return true
    this.failUnexpected(otherRun(executionId))
    return false
  }

  private runStarted(event: WireEventOf<"run_started">): void {
    if (!this.isOfThisRun(event)) return
    this.cursor.stepCount = event.stepCount ?? this.cursor.stepCount
    if (this.begun) return
    this.begun = true
    this.emit(new Delivered.RunStarted(event, this.cursor.executionId ?? "", this.cursor.mark()))
  }

  private stepOutput(event: WireEventOf<"step_output">): void {
    const late = this.outputs.arrived(event)
    if (late !== undefined) this.cursor.add(event.stepId, late.value)
    if (this.isNew(event.type, event.stepId)) this.emit(new Delivered.StepOutput(event))
  }

  /** The place of a step in the flow: one that completed just now begins again, in a loop. */
  private indexOf(stepId: string): number {
    return this.justCompleted === stepId ? this.cursor.stepIndex - 1 : this.cursor.stepIndex
  }

  private stepCompleted(event: WireEventOf<"step_completed">): void {
    const { cursor } = this
    this.repeated?.forget()
    const repeats = this.justCompleted === event.stepId
    const index = this.indexOf(event.stepId)
    this.justCompleted = event.stepId
    const output = this.outputs.complete(event)
    if (cursor.again) {
      if (output !== undefined) cursor.completeAgain(event.stepId, output)
      this.spans?.stepCompleted({ durationMs: undefined, costUsd: undefined, tokens: undefined })
      return
    }
    if (repeats) cursor.completeAgain(event.stepId, output)
    else cursor.complete(event.stepId, output)
    this.completedHere = true
    const completed = new Delivered.StepCompleted(event, index, output, cursor.mark())
    this.spans?.stepCompleted(completed)
    this.emit(completed)
  }

  private stepPaused(event: WireEventOf<"step_paused">): void {
    const { cursor } = this
    if (!this.isOfThisRun(event)) return
    const index = event.nextStepIndex ?? cursor.stepIndex
    if (index <= this.requested) {
      return this.failUnexpected(`the server paused without having completed step ${this.requested}`)
    }
    if (cursor.stepCount !== undefined && index > cursor.stepCount) {
      return this.failUnexpected(`the server paused before step ${index} of a flow of ${cursor.stepCount}`)
    }
    if (this.comesNoFurther()) {
      return this.failUnexpected(
        `the server paused ${maxIdlePauses} times in a row without having completed a new step`
      )
    }
    cursor.stepIndex = index
    cursor.mayBeOver = false
    cursor.again = false
    this.repeated?.forget()
    this.emit(new Delivered.StepPaused(event, cursor.executionId, index, cursor.mark()))
    this.ending = { _tag: "open" }
  }

  /** Whether there were too many pauses since the last new step, each of which costs a request. */
  private comesNoFurther(): boolean {
    const { progress, stepCount } = this.cursor
    // a loop may complete the same step repeatedly, within the number of steps that the flow is known to have
    const hasCome = progress > this.paused.progress || (this.completedHere && stepCount !== undefined)
    this.paused = { progress, times: hasCome ? 0 : this.paused.times + 1 }
    return this.paused.times >= maxIdlePauses
  }

  private stepFailed(event: WireEventOf<"step_error">): void {
    const code = textIn(event.error, "code")
    const message = typeof event.error === "string" ? event.error : textIn(event.error, "message")
    const error = this.failures.runFailed({ code, detail: message, stepId: event.stepId, result: event.error })
    this.spans?.stepFailed(error)
    if (this.settings.only === "steps") return this.fail(error)
    this.emit(new Delivered.StepError(event, code, message))
    const closing = closingOf(event)
    if (closing !== undefined) {
      this.emit(new Delivered.FlowCompleted(closing, this.cursor.executionId, { value: null, from: "completed" }))
    }
    this.status = "failed"
    this.ending = { _tag: "done" }
  }

  private flowCompleted(event: WireEventOf<"flow_completed">): void {
    if (!this.isOfThisRun(event)) return
    const failedStep = failedStepIn(event)
    if (failedStep !== undefined) {
      return this.fail(this.failures.runFailed({ stepId: failedStep, result: event.result }))
    }
    const result = resultOf(event, this.cursor.lastOutput)
    if (this.settings.only === "events" && hasResultSchema(this.settings.flow)) {
      if (result === undefined) return this.failUnexpected(noResult)
      this.status = "completed"
      this.ending = { _tag: "complete", event, result }
      return
    }
    this.status = "completed"
    this.deliverCompleted(event, result)
  }

  private toolsRequired(event: WireEventOf<"tool_calls_required">): void {
    if (!this.isOfThisRun(event)) return
    const { cursor } = this
    const { pending } = cursor
    if (cursor.pause(event).length === 0) {
      cursor.pending = pending
      return this.failUnexpected("the run paused for tool calls and names none", unanswered)
    }
    this.pauseForTools(event)
  }
}
