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
import { fold, type KnownResult, noResult, type RunState, traceState } from "./runFold.js"
import { resolveRead } from "./runRead.js"
import { canHeal, RepeatedEvents, StreamFailures } from "./streamHealing.js"

type TracePull<A> = Effect.Effect<Chunk.Chunk<A>, Option.Option<CallError>>

const method = "RunService.liveTrace"

const over = Effect.fail(Option.none())

/** A reader of the stored events of one run. */
class TraceReader {
  private state: RunState
  private readonly failures: StreamFailures
  private out: Array<DeliveredRunEvent> = []
  /** The end of the stream, once the events in `out` have been delivered. */
  private end: TracePull<DeliveredRunEvent> | undefined

  constructor(
    private readonly flow: FlowRef<never>,
    private readonly addressText: string,
    private readonly executionId: string,
    /** The id of the run in the events; `undefined` until one has it. */
    named: string | undefined
  ) {
    this.state = traceState(addressText, executionId, named)
    this.failures = new StreamFailures(method, addressText, () => this.state)
  }

  readonly pull = (source: TracePull<WireEvent>): TracePull<DeliveredRunEvent> => {
    const next: TracePull<DeliveredRunEvent> = Effect.suspend(() => {
      if (this.out.length > 0) {
        const chunk = Chunk.unsafeFromArray(this.out)
        this.out = []
        return Effect.succeed(chunk)
      }
      const { end } = this
      if (end !== undefined) {
        this.end = over
        return end
      }
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

  private cut(): APIConnectionError {
    return this.failures.endedEarly("the live trace ended before a terminal event", true)
  }

  private take(event: WireEvent): void {
    const before = this.state
    const after = fold(before, event)
    this.state = after
    const { end } = after
    if (end?._tag === "unexpected") {
      this.end = Effect.fail(Option.some(this.failures.unexpected(end.reason)))
      return
    }
    const delivered = event.type === "tool_calls_required"
      ? Delivered.toolCallsRequired(event, after, this.resume)
      : Delivered.deliveredOf(before, event, after)
    if (delivered !== undefined) this.out.push(delivered)
    if (end?._tag === "completed") this.end = this.completed(end.event, end.result)
    if (end?._tag === "failed") {
      const { result, stepId } = end
      this.end = event.type === "step_error"
        ? over
        : Effect.fail(Option.some(this.failures.runFailed({ stepId, result })))
    }
  }

  private readonly resume: Delivered.ResumeStream = () =>
    Stream.fail(invalid(method, "resume", "is not for a live trace, which only watches", {
      flow: this.addressText,
      executionId: this.executionId
    }))

  private completed(
    event: WireEventOf<"flow_completed">,
    result: KnownResult | undefined
  ): TracePull<DeliveredRunEvent> {
    const { addressText, executionId, flow, state } = this
    if (result === undefined && hasResultSchema(flow)) {
      return Effect.fail(Option.some(this.failures.unexpected(noResult)))
    }
    const facts = { method, address: addressText, executionId, requestId: undefined }
    const decoded: Effect.Effect<KnownResult | undefined, CallError> = result === undefined
      ? Effect.succeed(result)
      : Effect.map(decodeResult(flow, facts, result.value), (value) => ({ ...result, value }))
    return Effect.mapBoth(decoded, {
      onFailure: Option.some,
      onSuccess: (known) => Chunk.of(Delivered.flowCompleted(event, state, known))
    })
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
