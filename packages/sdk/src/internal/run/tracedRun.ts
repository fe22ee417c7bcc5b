/**
 * Reads the stored events of a run for callers.
 *
 * @see docs/wire.md#live-traces
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { CallError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { fromProgram, fromSource, toSource } from "../core/streamPull.js"
import type { HttpService } from "../operations/operations.js"
import type { Progress } from "../options/callOptions.js"
import { decodeResult, hasResultSchema } from "../options/flowCodec.js"
import * as Spans from "../telemetry/spans.js"
import * as Delivered from "./deliveredEvent.js"
import { fold, type KnownResult, noResult, type RunState, traceState } from "./runFold.js"
import { StreamFailures, type StreamSettings } from "./streamHealing.js"

/** An event between the states of its run before and after it. */
type Folded = readonly [before: RunState, event: WireEvent, after: RunState]

/** A run whose stored events are read. */
export interface TracedRun
  extends Pick<StreamSettings<never, never>, "address" | "addressText" | "flow" | "http" | "method" | "options">
{
  /** The cursor before the first event of the run, with its id. */
  readonly start: FlowCursor
  readonly resume: Delivered.ResumeStream
  /** Is called with the state of the run after each event. */
  readonly reached?: (state: RunState) => void
}

/** The id by which events name a run, if it is known: an id of `/flow-runs` is not the one in events. */
const namedIn = (http: HttpService, executionId: string): string | undefined =>
  http.defaults.runPaths === "flow-runs" || executionId.startsWith("fr_") ? undefined : executionId

/** The stored events of one run, for callers. */
const delivered = (
  { address, addressText, flow, http, method, reached, resume, start: cursor }: TracedRun,
  stored: Stream.Stream<WireEvent, CallError>
): Stream.Stream<Delivered.DeliveredRunEvent, CallError> => {
  const start = traceState(cursor, namedIn(http, cursor.executionId ?? ""))
  const { executionId = "" } = cursor
  const failures = new StreamFailures(method, addressText, () => start)

  const completed = (event: WireEventOf<"flow_completed">, result: KnownResult | undefined, state: RunState) => {
    if (result === undefined) {
      return hasResultSchema(flow)
        ? Effect.fail(failures.unexpected(noResult))
        : Effect.succeed(Delivered.flowCompleted(event, state, undefined))
    }
    return Effect.map(
      decodeResult(flow, { method, address: addressText, executionId, requestId: undefined }, result.value),
      (value) => Delivered.flowCompleted(event, state, { ...result, value })
    )
  }

  const read = ([before, event, after]: Folded): Effect.Effect<Delivered.DeliveredRunEvent | undefined, CallError> => {
    const { end } = after
    switch (end?._tag) {
      case "unexpected":
        return Effect.fail(failures.unexpected(end.reason))
      case "completed":
        return completed(end.event, end.result, after)
      case "tools":
        return Effect.succeed(Delivered.toolCallsRequired(end.event, after, resume))
      case "failed":
        if (event.type !== "step_error") return Effect.fail(failures.runFailed(end))
    }
    return Effect.succeed(Delivered.deliveredOf(before, event, after))
  }

  return fromSource(() => {
    let isLeft = false
    const source = fromProgram<Delivered.DeliveredRunEvent, CallError, never>((emit) => {
      const { close, pull } = toSource(stored)
      let state = start
      /** Takes a chunk of events, and delivers those before a failure. Returns whether the run has ended. */
      const take = Effect.fnUntraced(function*(events: Iterable<WireEvent>) {
        const out: Array<Delivered.DeliveredRunEvent> = []
        for (const event of events) {
          const before = state
          state = fold(before, event)
          reached?.(state)
          const given = yield* Effect.either(read([before, event, state]))
          if (Either.isLeft(given)) {
            if (out.length > 0) yield* emit(out)
            return yield* given.left
          }
          if (given.right !== undefined) out.push(given.right)
          const { end } = state
          if (end !== undefined && end._tag !== "paused" && end._tag !== "tools") {
            if (out.length > 0) yield* emit(out)
            return true
          }
        }
        if (out.length > 0) yield* emit(out)
        return false
      })
      const next: Effect.Effect<void, CallError> = Effect.flatMap(
        Effect.mapError(
          pull,
          Option.getOrElse(() => failures.endedEarly("the live trace ended before a terminal event", true))
        ),
        (events) => Effect.flatMap(take(events), (isOver) => isOver ? Effect.void : next)
      )
      const whole = Effect.onExit(next, () => close(Exit.void))
      // the program of a stream that is left is interrupted, and its span has no error
      return Effect.uninterruptibleMask((restore) =>
        Spans.readSpan(
          spanNames.traceStream,
          { address, executionId },
          () => ({}),
          Effect.catchAllCause(restore(whole), (cause) => isLeft ? Effect.void : Effect.failCause(cause))
        )
      )
    })
    return {
      ...source,
      close: (exit) => {
        isLeft = Exit.isSuccess(exit)
        return source.close(exit)
      }
    }
  })
}

/** Reads the events of a run once, from the first one. */
export const readTrace = (
  traced: TracedRun,
  progress: Progress
): Stream.Stream<Delivered.DeliveredRunEvent, CallError> => {
  const { address, http, method, options, start: { executionId = "" } } = traced
  const stored = http.stream("traceStream", { method, flow: address, executionId, options, progress })
  return delivered(traced, stored)
}
