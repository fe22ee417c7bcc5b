/**
 * From what the server sends to what the caller sees: events move the cursor, are delivered or not, and end the response
 * (contract 7.3–7.6).
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Predicate from "effect/Predicate"
import type { FlowEvent, WireEvent } from "../../FlowEvent.js"
import type { EventsError } from "../../NoukaiError.js"
import { hasResultSchema } from "../flow/flowCodec.js"
import type { StreamSpans } from "../telemetry/spans.js"
import { callsOf } from "../tools/toolRound.js"
import * as Delivered from "./deliveredEvent.js"
import { RepeatedEvents } from "./repeatedEvents.js"
import type { StreamCursor } from "./streamCursor.js"
import type { StreamFailures } from "./streamFailures.js"
import type { Settings } from "./streamSettings.js"

type Wire<T extends WireEvent["type"]> = Extract<WireEvent, { readonly type: T }>

/**
 * What comes after a response: the next request, the answer to a pause, the result that is still to be decoded, or the
 * end of the stream.
 *
 * @internal
 */
export type Ending =
  | { readonly _tag: "open" }
  | { readonly _tag: "answer" }
  | { readonly _tag: "complete"; readonly event: Wire<"flow_completed"> }
  | { readonly _tag: "fail"; readonly error: EventsError }
  | { readonly _tag: "done" }

const textIn = (u: unknown, field: string): string | undefined => {
  const value = Predicate.isRecord(u) ? u[field] : undefined
  return typeof value === "string" ? value : undefined
}

const failedStepIn = (summary: unknown): string | undefined =>
  textIn(summary, "failedAtStep") ?? textIn(summary, "failed_at_step")

/** @internal */
export class EventFold {
  /** What the caller has not got yet. */
  out: Array<FlowEvent> = []
  /** Set once the response has ended. */
  ending: Ending | undefined
  /** How the run ended. */
  status: string | undefined
  /** The caller goes on elsewhere, and may never come back for the end. */
  handedOver = false
  /** The step that the request in flight began with. */
  private requested = -1
  /** A pause that a cut swallowed; it is delivered once the server goes on from there. */
  private owed: Delivered.StepPaused | undefined
  private completedHere = false
  /** The step that completed last in this response, until another one's event: a loop may complete once per iteration. */
  private justCompleted: string | undefined
  private readonly repeated: RepeatedEvents | undefined

  constructor(
    private readonly settings: Settings<unknown, unknown>,
    private readonly cursor: StreamCursor,
    private readonly failures: StreamFailures,
    private readonly spans: StreamSpans | undefined,
    private begun: boolean,
    private readonly resume: Delivered.Resume
  ) {
    this.repeated = settings.heal === undefined ? undefined : new RepeatedEvents()
  }

  /** Another response is asked for. */
  begin(): void {
    const { cursor } = this
    this.requested = cursor.stepToRun
    this.completedHere = false
    this.justCompleted = undefined
    this.repeated?.begin()
    if (cursor.again) this.owed = undefined
  }

  /** The response broke off, and the run goes on from where it stands. */
  interrupted(): void {
    const { cursor } = this
    if (this.completedHere && !this.settings.everyRequest.runRemaining) {
      this.owed = new Delivered.StepPaused(cursor.executionId, cursor.stepIndex, cursor.mark())
    }
  }

  /** A pause was answered: its step goes on as another attempt. */
  answered(): void {
    this.repeated?.forget()
  }

  accept(events: Chunk.Chunk<WireEvent>): void {
    for (const event of Chunk.toReadonlyArray(events)) {
      this.take(event)
      // what comes after the end of a response has no meaning
      if (this.ending !== undefined) return
    }
  }

  /** The result of the run, decoded. */
  deliverCompleted(event: Wire<"flow_completed">, result: unknown): void {
    this.emit({
      type: "flow_completed",
      executionId: event.executionId ?? this.cursor.executionId,
      runId: event.runId ?? undefined,
      result,
      summary: event.summary ?? undefined
    })
    this.ending = { _tag: "done" }
  }

  /** Hands the pause that the cursor holds to whoever answers it. */
  pauseForTools(): void {
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
    this.cursor.again = false
  }

  private emit(event: FlowEvent): void {
    if (this.settings.only === "events" || event.type === "step_completed") this.out.push(event)
  }

  private fail(error: EventsError): void {
    this.ending = { _tag: "fail", error: this.failures.of(error) }
  }

  private failUnexpected(reason: string): void {
    this.fail(this.failures.unexpected(reason))
  }

  /** Whether an event of the step in progress has not been delivered before a cut. */
  private isNew(type: string, stepId: string): boolean {
    return !this.cursor.again && (this.repeated === undefined || this.repeated.isNew(type, stepId))
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
    this.repeated?.forget()
    const repeats = this.justCompleted === event.stepId
    this.justCompleted = event.stepId
    if (cursor.again) {
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
    cursor.mayBeOver = false
    cursor.again = false
    this.repeated?.forget()
    this.emit(new Delivered.StepPaused(cursor.executionId, index, cursor.mark()))
    this.ending = { _tag: "open" }
  }

  private stepFailed(event: Wire<"step_error">): void {
    const code = textIn(event.error, "code")
    const message = typeof event.error === "string" ? event.error : textIn(event.error, "message")
    const error = this.failures.runFailed({ code, detail: message, stepId: event.stepId, result: event.error })
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
    this.ending = { _tag: "done" }
  }

  private flowCompleted(event: Wire<"flow_completed">): void {
    const failedStep = failedStepIn(event.summary)
    if (failedStep !== undefined) {
      return this.fail(this.failures.runFailed({ stepId: failedStep, result: event.result }))
    }
    this.status = "completed"
    if (this.settings.only === "events" && hasResultSchema(this.settings.flow)) {
      this.ending = { _tag: "complete", event }
      return
    }
    this.deliverCompleted(event, event.result)
  }

  private toolsRequired(event: Wire<"tool_calls_required">): void {
    const { cursor } = this
    if (!this.isSameRun(event.executionId)) return
    const toolCalls = callsOf(event.toolCalls, event.toolCallMessages)
    for (const [stepId, output] of Object.entries(event.accumulatedOutputs ?? {})) cursor.add(stepId, output)
    // A lower index than ours is one that the server counted from the start of this response.
    if (!cursor.again) cursor.stepIndex = Math.max(cursor.stepIndex, event.stepIndex ?? 0)
    const pending = {
      ...(typeof event.stepId === "string" ? { stepId: event.stepId } : undefined),
      iterationsUsed: event.iterationsUsed,
      toolCallMessages: event.toolCallMessages
    }
    if (toolCalls.length === 0) return this.failUnexpected("the run paused for tool calls and names none")
    cursor.pending = { ...pending, toolCalls }
    this.pauseForTools()
  }
}
