/**
 * The events of a run, past and future. They are those of the run itself, but reading them does not move the run.
 *
 * @see contract 9.3
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Take from "effect/Take"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { CallError, NoukaiError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { invalid } from "../core/makeError.js"
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
import { fold, type KnownResult, noResult, traceState } from "./runFold.js"
import { resolveRead } from "./runRead.js"
import { canHeal, RepeatedEvents, StreamFailures } from "./streamHealing.js"

const method = "RunService.liveTrace"

/** The stored events of one run, for callers. `named`: the id of the run in the events, if it is known. */
const delivered = (
  flow: FlowRef<never>,
  address: string,
  executionId: string,
  named: string | undefined,
  stored: Stream.Stream<WireEvent, CallError>
): Stream.Stream<DeliveredRunEvent, CallError> =>
  Stream.suspend(() => {
    let state = traceState(address, executionId, named)
    const failures = new StreamFailures(method, address, () => state)
    const resume: Delivered.ResumeStream = () =>
      Stream.fail(invalid(method, "resume", "is not for a live trace, which only watches", {
        flow: address,
        executionId
      }))

    const completed = (event: WireEventOf<"flow_completed">, result: KnownResult | undefined) => {
      if (result !== undefined) {
        const facts = { method, address, executionId, requestId: undefined }
        return Effect.map(
          decodeResult(flow, facts, result.value),
          (value) => Delivered.flowCompleted(event, state, { ...result, value })
        )
      }
      return hasResultSchema(flow)
        ? Effect.fail(failures.unexpected(noResult))
        : Effect.succeed(Delivered.flowCompleted(event, state, result))
    }

    /** The events of a chunk, and the end of the stream if one of them is the last. */
    const take = Effect.fnUntraced(function*(events: Chunk.Chunk<WireEvent>) {
      const out: Array<DeliveredRunEvent> = []
      const ending = (end: Take.Take<DeliveredRunEvent, CallError>) =>
        Chunk.make(Take.chunk(Chunk.fromIterable(out)), end)
      for (const event of events) {
        const before = state
        state = fold(before, event)
        const { end } = state
        if (end?._tag === "unexpected") return ending(Take.fail(failures.unexpected(end.reason)))
        if (end?._tag === "completed") {
          const last = yield* Effect.either(completed(end.event, end.result))
          if (Either.isLeft(last)) return ending(Take.fail(last.left))
          out.push(last.right)
          return ending(Take.end)
        }
        const delivered = event.type === "tool_calls_required"
          ? Delivered.toolCallsRequired(event, state, resume)
          : Delivered.deliveredOf(before, event, state)
        if (delivered !== undefined) out.push(delivered)
        if (end?._tag === "failed") {
          const { result, stepId } = end
          return ending(event.type === "step_error" ? Take.end : Take.fail(failures.runFailed({ stepId, result })))
        }
      }
      return Chunk.of(Take.chunk(Chunk.unsafeFromArray(out)))
    })

    return stored.pipe(
      Stream.concat(
        Stream.failSync(() => failures.endedEarly("the live trace ended before a terminal event", true))
      ),
      Stream.mapChunksEffect(take),
      Stream.flattenTake
    )
  })

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
      const stored = http.stream("traceStream", { ...run, method, options, progress })
      return Spans.readStreamSpan(
        spanNames.runLiveTrace,
        { address: run.flow, executionId },
        delivered(flow, addressText, executionId, named, stored)
      )
    })
    return options.heal === undefined ? reading : healed(reading, options.heal, pauseOf(http))
  })
