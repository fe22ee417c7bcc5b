/**
 * The events of a run, past and future. They are those of the run itself, but reading them does not move the run.
 *
 * @see docs/wire.md#live-traces
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type { FlowEvent, WireEvent } from "../../FlowEvent.js"
import type { CallError, NoukaiError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { invalid } from "../core/makeError.js"
import { type Pause, pauseOf } from "../core/time.js"
import { backoffDriver, mayPassSoon } from "../http/retry.js"
import type { HttpService } from "../operations/operations.js"
import * as Address from "../options/address.js"
import type { Progress, StreamOptions } from "../options/callOptions.js"
import * as CallOptions from "../options/callOptions.js"
import { hasResultSchema } from "../options/flowCodec.js"
import * as Spans from "../telemetry/spans.js"
import * as Delivered from "./deliveredEvent.js"
import { resume } from "./flowEvents.js"
import { fold, noResult, type RunState, startOf, traceState } from "./runFold.js"
import { declarations } from "./runInput.js"
import { resolveRead } from "./runRead.js"
import { everyRequest, RepeatedEvents, StreamFailures, type StreamSettings } from "./streamHealing.js"
import type { ToolDeclaration } from "./tool.js"

const method = "RunService.liveTrace"

/** The options of watching a run. There is no timeout for the whole stream. */
export interface LiveTraceOptions extends Omit<StreamOptions, "attemptTimeout" | "retryPost"> {
  /** The version of the run, which no event says: for the cursors of events, and for `resume`. Default: `"production"`. */
  readonly version?: Exclude<Address.FlowVersion, "draft"> | undefined
  /** The tools of the run, which `resume` declares again. Default: none. */
  readonly tools?: ReadonlyArray<ToolDeclaration> | undefined
  /** Whether `resume` asks the server to keep the inputs and outputs of the steps. Default: false. */
  readonly snapshots?: boolean | undefined
  /**
   * Reads again after a cut or a refusal that may pass, while the schedule lasts; the schedule begins anew with each new
   * event. Events that were given before are left out: of each kind and step, as many as there were. Default: off.
   */
  readonly heal?: Schedule.Schedule<unknown, NoukaiError> | undefined
}

const liveTraceOptions = CallOptions.decoder<LiveTraceOptions>("options", () => ({
  ...CallOptions.ofStream,
  version: CallOptions.version,
  tools: declarations,
  snapshots: CallOptions.flag,
  heal: CallOptions.schedule
}))

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

/** Reads the events of a run once, from the first one. */
export const readTrace = (
  run: TracedRun,
  progress: Progress
): Stream.Stream<FlowEvent, CallError> => {
  const { address, addressText, flow, http, method, options, reached, resume, start: cursor } = run
  const { executionId = "" } = cursor
  const start = traceState(cursor, namedIn(http, executionId))
  const failures = new StreamFailures(method, addressText, () => start)

  const read = (
    before: RunState,
    event: WireEvent,
    after: RunState
  ): Effect.Effect<FlowEvent | undefined, CallError> => {
    const { end } = after
    switch (end?._tag) {
      case "unexpected":
        return Effect.fail(failures.unexpected(end.reason))
      case "completed":
        if (end.result !== undefined) return Delivered.decodedCompleted(run, end.event, after, end.result)
        return hasResultSchema(flow)
          ? Effect.fail(failures.unexpected(noResult))
          : Effect.succeed(Delivered.flowCompleted(end.event, after, undefined))
      case "tools":
        return Effect.succeed(Delivered.toolCallsRequired(end.event, after, resume))
      case "failed":
        if (event.type !== "step_error") {
          return Effect.fail(failures.runFailed({ stepId: end.stepId, result: end.value }))
        }
    }
    return Effect.succeed(Delivered.deliveredOf(before, event, after))
  }

  const events = http.stream("traceStream", { method, flow: address, executionId, options, progress }).pipe(
    Stream.concat(
      Stream.failSync(() => failures.endedEarly("the live trace ended before a terminal event", true))
    ),
    Stream.mapAccumEffect(start, (before, event) =>
      Effect.suspend(() => {
        const after = fold(before, event)
        reached?.(after)
        const isLast = after.end !== undefined && after.end._tag !== "paused" && after.end._tag !== "tools"
        return Effect.map(read(before, event, after), (delivered) => [after, { delivered, isLast }] as const)
      })),
    Stream.takeUntil(({ isLast }) => isLast),
    Stream.filterMap(({ delivered }) => Option.fromNullable(delivered))
  )
  return Spans.readStreamSpan(spanNames.traceStream, { address, executionId }, events)
}

/** The settings of going on with a run that was read. */
const settingsOf = (
  http: HttpService,
  flow: Address.FlowRef<never>,
  address: Address.FlowAddress,
  { heal, snapshots = false, tools, version = "production", ...options }: LiveTraceOptions
): StreamSettings<never, never> => ({
  http,
  method,
  flow,
  address,
  addressText: Address.format(address),
  version,
  sessionId: undefined,
  options,
  answering: { _tag: "manual" },
  total: undefined,
  maxCostUsd: undefined,
  only: "events",
  everyRequest: everyRequest({ trace: snapshots, tools }, {}, false),
  heal
})

/** Each reading begins with the first event of the run: gives those that no reading before has given. */
const healed = (
  reading: Stream.Stream<FlowEvent, CallError>,
  schedule: Schedule.Schedule<unknown, NoukaiError>,
  pause: Pause
): Stream.Stream<FlowEvent, CallError> =>
  Stream.suspend(() => {
    const repeated = new RepeatedEvents()
    let isNew = false
    let delayAfter = backoffDriver(schedule)
    const next: Stream.Stream<FlowEvent, CallError> = Stream.suspend(() => {
      repeated.begin()
      isNew = false
      return Stream.filter(reading, (event) => {
        const fits = repeated.isNew(event)
        isNew ||= fits
        return fits
      })
    }).pipe(Stream.catchAll((error) => {
      if (!error.isRetryable || !mayPassSoon(error)) return Stream.fail(error)
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
  flow: Address.FlowRef<never>,
  executionId: string,
  given: LiveTraceOptions = {}
): Stream.Stream<FlowEvent, CallError> =>
  Stream.suspend(() => {
    const resolved = resolveRead(http, method, flow, executionId, liveTraceOptions, given)
    if (Either.isLeft(resolved)) return Stream.fail(resolved.left)
    const [run, options] = resolved.right
    const version = Address.versionOf(options.version)
    if (version === "draft") return Stream.fail(invalid(method, "version", "the draft cannot be streamed"))
    const settings = settingsOf(http, flow, run.flow, { ...options, version })
    const start = startOf(settings.addressText, version, { executionId })
    const traced: TracedRun = {
      ...settings,
      start,
      resume: (cursor, results) => resume(settings, undefined, cursor, results)
    }
    const reading = Stream.suspend(() => readTrace(traced, { sent: "no" }))
    return options.heal === undefined ? reading : healed(reading, options.heal, pauseOf(http))
  })
