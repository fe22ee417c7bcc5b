/**
 * The events of a run, past and future. They are those of the run itself, but reading them does not move the run.
 *
 * @see contract 9.3
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { APIConnectionError, CallError, NoukaiError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { invalid } from "../core/makeError.js"
import { isOfRun, otherRun, problemOf } from "../core/runProblem.js"
import { fromSource, toSource } from "../core/streamPull.js"
import { type Pause, pauseOf } from "../core/time.js"
import { backoffDriver } from "../http/retry.js"
import type { HttpService } from "../operations/operations.js"
import * as Address from "../options/address.js"
import type { FlowRef } from "../options/address.js"
import type { Progress } from "../options/callOptions.js"
import { decodeResult, hasResultSchema } from "../options/flowCodec.js"
import { type LiveTraceOptions, liveTraceOptions } from "../options/readOptions.js"
import * as Spans from "../telemetry/spans.js"
import * as Delivered from "./deliveredEvent.js"
import type { DeliveredRunEvent } from "./deliveredEvent.js"
import { resolveRead } from "./runRead.js"
import { failedStepIn, noResult, resultOf, StepOutputs } from "./stepOutputs.js"
import { StreamCursor } from "./streamCursor.js"
import { canHeal, RepeatedEvents, StreamFailures } from "./streamHealing.js"

type TracePull<A> = Effect.Effect<Chunk.Chunk<A>, Option.Option<CallError>>

const method = "RunService.liveTrace"

const namesRun = (
  event: WireEvent
): event is WireEventOf<"run_started" | "step_paused" | "tool_calls_required" | "flow_completed"> =>
  event.type === "run_started" || event.type === "step_paused" || event.type === "tool_calls_required" ||
  event.type === "flow_completed"

/** A reader of the events of one run. */
class TraceReader {
  private readonly cursor: StreamCursor
  private readonly failures: StreamFailures
  private readonly outputs = new StepOutputs()
  private begun = false
  /** The index of each step in the flow: one that runs again, in a loop or after a cut, keeps its index. */
  private readonly places = new Map<string, number>()
  private out: Array<DeliveredRunEvent> = []
  /** The end of the stream, once the events in `out` have been delivered. */
  private end: Effect.Effect<DeliveredRunEvent | void, CallError> | undefined = undefined
  private over = false

  constructor(
    private readonly flow: FlowRef<never>,
    private readonly addressText: string,
    private readonly executionId: string,
    /** The id of the run in the events; `undefined` until one has it. */
    private named: string | undefined
  ) {
    this.cursor = new StreamCursor({
      version: 1,
      flow: this.addressText,
      flowVersion: "production",
      executionId,
      stepIndex: 0,
      outputs: {},
      rounds: 0
    })
    this.failures = new StreamFailures(method, addressText, this.cursor)
  }

  readonly pull = (source: TracePull<WireEvent>): TracePull<DeliveredRunEvent> => {
    const next: TracePull<DeliveredRunEvent> = Effect.suspend(() => {
      if (this.out.length > 0) {
        const chunk = Chunk.unsafeFromArray(this.out)
        this.out = []
        return Effect.succeed(chunk)
      }
      if (this.end !== undefined) return this.ending(this.end)
      return Effect.matchEffect(source, {
        onFailure: (failure) => Effect.fail(Option.orElseSome(failure, () => this.cut())),
        onSuccess: (events) => {
          for (const event of events) {
            this.take(event)
            if (this.end !== undefined) break
          }
          return next
        }
      })
    })
    return next
  }

  private ending(end: Effect.Effect<DeliveredRunEvent | void, CallError>): TracePull<DeliveredRunEvent> {
    if (this.over) return Effect.fail(Option.none())
    this.over = true
    return Effect.matchEffect(end, {
      onFailure: (error) => Effect.fail(Option.some(error)),
      onSuccess: (event) => event === undefined ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(event))
    })
  }

  private cut(): APIConnectionError {
    return this.failures.endedEarly("the live trace ended before a terminal event", true)
  }

  private placeOf(stepId: string): number {
    return this.places.get(stepId) ?? this.cursor.stepIndex
  }

  private isOfThisRun(named: string | null | undefined): boolean {
    this.named ??= named || undefined
    return this.named === undefined || isOfRun(this.named, named)
  }

  private take(event: WireEvent): void {
    const { cursor } = this
    if (namesRun(event) && !this.isOfThisRun(event.executionId)) {
      this.end = Effect.fail(this.failures.unexpected(otherRun(event.executionId)))
      return
    }
    switch (event.type) {
      case "run_started":
        return this.runStarted(event)
      case "step_started":
        this.outputs.started(event.stepId)
        this.out.push(new Delivered.StepStarted(event, this.placeOf(event.stepId)))
        return
      case "step_input":
        this.out.push(new Delivered.StepInput(event))
        return
      case "step_output": {
        const late = this.outputs.arrived(event)
        if (late !== undefined) cursor.add(event.stepId, late.value)
        this.out.push(new Delivered.StepOutput(event))
        return
      }
      case "step_completed":
        return this.stepCompleted(event)
      case "step_paused":
        cursor.stepIndex = event.nextStepIndex ?? cursor.stepIndex
        this.out.push(new Delivered.StepPaused(event, this.executionId, cursor.stepIndex, cursor.mark()))
        return
      case "tool_calls_required":
        return this.toolsRequired(event)
      case "step_error":
        return this.stepFailed(event)
      case "flow_completed":
        this.end = this.completed(event)
        return
      case "unknown":
        this.out.push(new Delivered.Unknown(event))
        return
    }
  }

  private runStarted(event: WireEventOf<"run_started">): void {
    this.cursor.stepCount = event.stepCount ?? this.cursor.stepCount
    // each request of a run that is stepped through may begin with one
    if (this.begun) return
    this.begun = true
    this.out.push(new Delivered.RunStarted(event, event.executionId || event.runId || "", this.cursor.mark()))
  }

  private stepCompleted(event: WireEventOf<"step_completed">): void {
    const { cursor } = this
    const place = this.placeOf(event.stepId)
    const output = this.outputs.complete(event)
    if (this.places.has(event.stepId)) cursor.completeAgain(event.stepId, output)
    else cursor.complete(event.stepId, output)
    this.places.set(event.stepId, place)
    cursor.pending = undefined
    this.out.push(new Delivered.StepCompleted(event, place, output, cursor.mark()))
  }

  private toolsRequired(event: WireEventOf<"tool_calls_required">): void {
    const { cursor } = this
    const toolCalls = cursor.pause(event)
    this.out.push(
      new Delivered.ToolCallsRequired(
        event,
        event.executionId,
        event.stepId ?? undefined,
        cursor.stepIndex,
        toolCalls,
        cursor.mark(),
        () =>
          Stream.fail(invalid(method, "resume", "is not for a live trace, which only watches", {
            flow: this.addressText,
            executionId: this.executionId
          }))
      )
    )
  }

  private stepFailed(event: WireEventOf<"step_error">): void {
    const { code, detail } = problemOf(event.error)
    this.out.push(new Delivered.StepError(event, code, detail))
    this.end = Effect.void
  }

  private completed(event: WireEventOf<"flow_completed">): Effect.Effect<DeliveredRunEvent, CallError> {
    const stepId = failedStepIn(event)
    if (stepId !== undefined) {
      return Effect.fail(this.failures.runFailed({ stepId, result: event.result }))
    }
    const facts = { method, address: this.addressText, executionId: this.executionId, requestId: undefined }
    const known = resultOf(event, this.cursor.lastOutput)
    const executionId = event.executionId ?? this.executionId
    if (known === undefined) {
      return hasResultSchema(this.flow)
        ? Effect.fail(this.failures.unexpected(noResult))
        : Effect.succeed(new Delivered.FlowCompleted(event, executionId, undefined))
    }
    return Effect.map(
      decodeResult(this.flow, facts, known.value),
      (value) => new Delivered.FlowCompleted(event, executionId, { value, from: known.from })
    )
  }
}

/** Each reading begins with the first event of the run: gives those that no reading before has given. */
const healed = (
  reading: Stream.Stream<DeliveredRunEvent, CallError>,
  schedule: Schedule.Schedule<unknown, NoukaiError>,
  pause: Pause
): Stream.Stream<DeliveredRunEvent, CallError> =>
  Stream.suspend(() => {
    const repeated = new RepeatedEvents()
    let isNew = false
    let delayAfter = backoffDriver(schedule)
    const next: Stream.Stream<DeliveredRunEvent, CallError> = Stream.suspend(() => {
      repeated.begin()
      isNew = false
      return Stream.filter(reading, (event) => {
        const fits = repeated.isNew(event.type, "stepId" in event ? event.stepId ?? "" : "")
        isNew ||= fits
        return fits
      })
    }).pipe(Stream.catchAll((error) => {
      if (!error.isRetryable || !canHeal(error)) return Stream.fail(error)
      if (isNew) delayAfter = backoffDriver(schedule)
      return Stream.unwrap(
        Effect.flatMap(delayAfter(error), (delay) =>
          delay === undefined ? Effect.succeed(Stream.fail(error)) : Effect.as(pause(delay), next))
      )
    }))
    return next
  })

export const liveTrace = (http: HttpService) =>
(
  flow: FlowRef<never>,
  executionId: string,
  given: LiveTraceOptions = {}
): Stream.Stream<DeliveredRunEvent, CallError> =>
  Stream.suspend(() => {
    const resolved = resolveRead(http, method, flow, executionId, liveTraceOptions, given)
    if (Either.isLeft(resolved)) return Stream.fail(resolved.left)
    const [run, options] = resolved.right
    // an id of `/flow-runs` is not the one that events name
    const named = http.defaults.runPaths === "flow-runs" || executionId.startsWith("fr_") ? undefined : executionId
    const addressText = Address.format(run.flow)
    const reading = Stream.suspend(() => {
      const progress: Progress = { sent: "no" }
      const events = http.stream("traceStream", { ...run, method, options, progress })
      return Spans.readStreamSpan(
        spanNames.runLiveTrace,
        { address: run.flow, executionId },
        fromSource(() => {
          const { close, pull } = toSource(events)
          return { pull: new TraceReader(flow, addressText, executionId, named).pull(pull), close }
        })
      )
    })
    return options.heal === undefined ? reading : healed(reading, options.heal, pauseOf(http))
  })
